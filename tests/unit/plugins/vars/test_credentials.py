# Copyright (c) 2026 FOSS Data Platform contributors
# SPDX-License-Identifier: MIT
"""credentials: the error about a missing key is one sentence; every other error stays as it is."""

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


@pytest.mark.parametrize("text", ["error with file /site/x.sops.yaml: not encrypted", "CouldNotRetrieveKey of no file", "other"])
def test_other_errors_stay(read, text):
    assert read(text) == text
