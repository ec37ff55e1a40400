# Copyright (c) 2026 FOSS Data Platform contributors
# SPDX-License-Identifier: MIT
"""Vars plugin ``credentials``: the inventory's SOPS files, with an error that says what to do when no key opens them."""

from __future__ import annotations

DOCUMENTATION = r"""
name: credentials
short_description: Encrypted variables of the inventory
version_added: 0.1.0
author: FOSS Data Platform contributors (@foss-data)
description:
  - Reads C(*.sops.yaml) in C(group_vars) and C(host_vars) as the vars plugin community.sops.sops does, which does the work.
  - When a file can't be decrypted, the error is one line that names it, the keys that would, and what to do.
  - A file that is written while a play goes on is read again.
options:
  valid_extensions:
    description: Endings of encrypted files.
    type: list
    elements: string
    default: [.sops.yml, .sops.yaml, .sops.json]
  cache:
    description: Whether a file is decrypted once in a run.
    type: bool
    default: true
  disable_vars_plugin_temporarily:
    description: Whether to read nothing.
    type: bool
    default: false
  handle_unencrypted_files:
    description: What happens to a file with such an ending that is not encrypted.
    type: string
    choices: [skip, warn, error]
    default: error
extends_documentation_fragment:
  - ansible.builtin.vars_plugin_staging
  - community.sops.sops
  - community.sops.sops.ansible_env
  - community.sops.sops.ansible_ini
"""

EXAMPLES = r"""
# ansible.cfg names it, after the plugin that reads the plain files:
#   [defaults]
#   vars_plugins_enabled = host_group_vars,foss_data.platform.credentials
# Then the variables of inventories/mysite/group_vars/all/secrets.sops.yaml are there as any others.
- name: Use an encrypted variable
  ansible.builtin.assert:
    that: minio_root_password is defined
"""

import os
import re

from ansible.errors import AnsibleParserError
from ansible_collections.community.sops.plugins.vars.sops import DECRYPTED
from ansible_collections.community.sops.plugins.vars.sops import VarsModule as SopsVars

# When each file that was decrypted in this run had been written.
WRITTEN: dict[str, int] = {}


class VarsModule(SopsVars):
    """What Ansible loads."""

    def get_vars(self, loader, path, entities, cache=None):
        """Variables of ``entities``."""
        # What a task of this play has written is what the next one reads: a rotation.
        for file in list(DECRYPTED):
            written = os.stat(file).st_mtime_ns
            if WRITTEN.setdefault(file, written) != written:
                del DECRYPTED[file], WRITTEN[file]
        try:
            return super().get_vars(loader, path, entities, cache)
        except AnsibleParserError as error:
            text = str(error)
            found = re.search(r"error with file (\S+): (\w+) exited with code \d+: ([^.\n]*)", text)
            if not found:
                raise
            file, kind, reason = found.groups()
            if kind != "CouldNotRetrieveKey":
                raise AnsibleParserError(
                    f"The credentials in {file} can't be decrypted ({reason}): something else than sops has changed the file, "
                    "or it is not whole. Nothing was changed. Take its last good version from git, and change it by `sops edit`."
                ) from None
            keys = ", ".join(dict.fromkeys(re.findall(r"\bage1[0-9a-z]{58}\b", text))) or "another key"
            raise AnsibleParserError(
                f"The credentials in {file} can't be decrypted: they are encrypted to {keys}, and no age key on this "
                "machine is one of these. Nothing was changed. Put the private key into ~/.config/sops/age/keys.txt, or name its "
                "file in SOPS_AGE_KEY_FILE; if it is lost, docs/OPERATIONS.md says what can be recovered."
            ) from None
