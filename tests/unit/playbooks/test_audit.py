"""playbooks/audit.yml: what the modules are told, what is written, and how the play ends."""

import copy
import html.parser
import json
import stat

import pytest
from ansible_collections.foss_data.platform.tests.unit.plugins.module_utils.audit.test_report import (
    FACTS,
    file,
    user,
    with_backup,
)

BACKUPS = [{"path": "/var/backups/done", "hours": 30}]
LOCAL = [{"port": 8090, "unit": "generated-feed"}]


@pytest.fixture(scope="module")
def audit(play, tmp_path_factory):
    """Runs the playbook on a host that is as it should be but for ``weaken``; what it did, and the folder of its reports."""

    def run(*weaken, **more):
        facts = with_backup(copy.deepcopy(FACTS))
        for change in weaken:
            change(facts)
        folder = tmp_path_factory.mktemp("reports") / "new"
        answers = {"audit_outside": {"facts": facts.pop("outside")}, "audit_host": {"facts": facts}}
        known = {"audit_folder": str(folder), "audit_backups": BACKUPS, "audit_local_ports": LOCAL, "ansible_user": "debian"}
        return play("audit.yml", answers=answers, **known | more), folder

    return run


@pytest.fixture(scope="module")
def clean(audit):
    return audit()


def test_a_host_that_is_as_it_should_be_passes(clean):
    done, folder = clean
    assert done.code == 0, done.said
    assert f"server fails none of 48 checks with severity high: see {folder}/security-report.html" in " ".join(done.said.split())
    report = json.loads((folder / "security-report.json").read_text())
    assert (report["host"], report["failing"]) == ("server", [])
    assert report["counts"]["fail"] == {"high": 0, "medium": 0, "low": 0}


def test_nobody_else_reads_where_the_host_is_weak(clean):
    _done, folder = clean
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()}
    assert modes == {f"security-report.{kind}": 0o600 for kind in ("json", "md", "html")}
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_the_plan_is_that_of_the_other_roles(clean):
    done, _folder = clean
    [inside], [outside] = done.asked("audit_host"), done.asked("audit_outside")
    # All but the authority's certificate, which is for everybody to see.
    assert inside["secrets"]["secret_minio_root"] == "the secret_minio_root"
    assert "secret_ca_key" in inside["secrets"]
    assert "secret_ca_certificate" not in inside["secrets"]
    tried = {login["service"]: login for login in inside["logins"]}
    assert tried["PostgreSQL"]["users"] == ["postgres", "dagster", "hive", "trino"]
    assert (tried["MinIO"]["users"], tried["MinIO"]["buckets"]) == (["platform-root", "trino", "trino-reader"], ["lakehouse"])
    assert tried["Trino"]["tls"]
    assert inside["authority"] == outside["authority"] == "the secret_ca_certificate"
    assert (outside["address"], outside["name"], outside["not_http"]) == ("server", "server", [22])


PATH = "/tmp/<script src=//x>`|<b>&{{ 7 * 7 }}"


@pytest.fixture(scope="module")
def weak(audit):
    # Of one kind two, as they are shown in another way.
    files = [file("writable", path=path, mode="0666") for path in (PATH, "/tmp/x")] + [file("sensitive", path=PATH)]
    return audit(user(name="toor", uid=0), user(name="mallory", uid=1500, shell="/bin/sh"), *files)


def test_a_weak_host_ends_the_play_with_one_line(weak):
    done, folder = weak
    assert done.code != 0
    [error] = done.errors()
    # What is less grave does not end it.
    assert "server fails 3 of 48 checks with severity high (users.uid0, files.secrets, files.writable)" in error
    assert f"{folder}/security-report.html" in error
    report = json.loads((folder / "security-report.json").read_text())
    assert report["failing"] == ["users.uid0", "files.secrets", "files.writable"]
    assert report["counts"]["fail"] == {"high": 3, "medium": 1, "low": 0}


def test_the_site_says_from_which_severity_on(audit):
    done, _folder = audit(user(name="mallory", uid=1500, shell="/bin/sh"), audit_fails_from="medium")
    assert done.code != 0
    assert "1 of 48 checks with severity medium or graver (users.accounts)" in done.errors()[0]


def test_a_severity_that_there_is_not_is_refused(audit):
    done, folder = audit(audit_fails_from="grave")
    assert done.code != 0
    assert "value of audit_fails_from must be one of: high, medium, low, got: grave" in done.said
    assert not folder.exists()


def test_an_inventory_without_credentials_is_refused_in_one_line(audit):
    done, folder = audit(secrets_names=["secret_minio_root", "secret_of_tomorrow"])
    assert done.code != 0
    [error] = done.errors()
    assert "Credentials are missing in this inventory: secret_of_tomorrow. The audit has to know them" in error
    assert not folder.exists()


class Page(html.parser.HTMLParser):
    """What a page consists of."""

    def __init__(self, text: str):
        super().__init__()
        self.tags, self.attributes, self.text = [], [], ""
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs

    def handle_data(self, data):
        self.text += data


def test_a_name_on_the_host_is_no_markup(weak):
    _done, folder = weak
    page = Page((folder / "security-report.html").read_text())
    assert "script" not in page.tags
    assert page.text.count(PATH) == 2
    assert "- `" + PATH.replace("`", "'") + " has mode 0666`" in (folder / "security-report.md").read_text()


def test_the_page_stands_by_itself(clean):
    _done, folder = clean
    text = (folder / "security-report.html").read_text()
    page = Page(text)
    assert not {"script", "link", "img", "iframe"} & set(page.tags)
    assert "url(" not in text
    assert "@import" not in text
    for wish in ("prefers-color-scheme: dark", "@media print"):
        assert wish in text
    assert len([value for name, value in page.attributes if name == "id"]) == 48


def test_the_reports_tell_the_same(weak):
    _done, folder = weak
    report = json.loads((folder / "security-report.json").read_text())
    markdown = (folder / "security-report.md").read_text()
    page = Page((folder / "security-report.html").read_text()).text
    for finding in report["findings"]:
        assert finding["id"] in markdown
        assert finding["id"] in page
    assert "### users.uid0 (high)" in markdown
    assert "userdel --force NAME" in markdown
