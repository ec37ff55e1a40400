# Copyright (c) 2026 FOSS Data Platform contributors
# SPDX-License-Identifier: MIT
"""credentials: the error about a missing key is one sentence; every other error stays as it is."""

import os
import re

import pytest
from ansible.errors import AnsibleParserError
from ansible_collections.foss_data.platform.plugins.vars import credentials

RECIPIENT = "age1" + "q" * 58
NO_KEY = f"""error with file /site/secrets.sops.yaml: CouldNotRetrieveKey exited with code 128: Failed to get the data key

Group 0: FAILED
  {RECIPIENT}: FAILED
    - | failed to load age identities
"""


@pytest.fixture
def read(monkeypatch):
    """The error of the plugin when that of community.sops ends with ``text``."""

    def run(text: str) -> str:
        def fail(*_):
            raise AnsibleParserError(text)

        monkeypatch.setattr(credentials.SopsVars, "get_vars", fail)
        with pytest.raises(AnsibleParserError) as caught:
            credentials.VarsModule().get_vars(None, "", [])
        return str(caught.value)

    return run


def test_a_missing_key_is_one_line_that_says_what_to_do(read):
    said = read(NO_KEY)
    assert "\n" not in said
    for part in ("/site/secrets.sops.yaml", RECIPIENT, "SOPS_AGE_KEY_FILE", "Nothing was changed"):
        assert part in said


@pytest.mark.parametrize(
    "text", ["SOPS vars plugin: file /site/x.sops.yaml is not encrypted", "CouldNotRetrieveKey of no file", "other"]
)
def test_other_errors_stay(read, text):
    assert read(text) == text


@pytest.mark.parametrize(
    "text",
    [
        "error with file /site/x.sops.yaml: MacMismatch exited with code 51: MAC mismatch. File has A, computed B",
        "error with file /site/x.sops.yaml: CouldNotReadInputFile exited with code 2: Error unmarshalling input yaml\nline 3",
    ],
)
def test_a_file_that_is_not_whole_is_one_line(read, text):
    said = read(text)
    assert "\n" not in said
    assert re.match(
        r"The credentials in /site/x.sops.yaml can't be decrypted \((MAC mismatch|Error unmarshalling input yaml)\): ", said
    )
    assert "Nothing was changed" in said


def test_a_file_that_is_written_meanwhile_is_read_again(tmp_path, monkeypatch):
    file = tmp_path / "x.sops.yaml"
    file.write_text("first")
    cache = {str(file): "decrypted"}
    monkeypatch.setattr(credentials, "DECRYPTED", cache)
    monkeypatch.setattr(credentials.SopsVars, "get_vars", lambda *_: dict(cache))
    plugin = credentials.VarsModule()
    for _again in range(2):
        assert plugin.get_vars(None, "", []) == {str(file): "decrypted"}
    partial = tmp_path / "partial"
    partial.write_text("other")
    os.utime(partial, ns=(0, file.stat().st_mtime_ns + 1))
    partial.replace(file)
    assert plugin.get_vars(None, "", []) == {}
