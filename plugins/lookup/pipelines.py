# Copyright (c) 2026 FOSS Data Platform contributors
# SPDX-License-Identifier: MIT
"""Lookup ``pipelines``: the pipelines to deploy, each read and checked before any host is touched."""

from __future__ import annotations

DOCUMENTATION = r"""
name: pipelines
short_description: Pipelines by their repositories, manifests read and checked
version_added: 0.1.0
author: FOSS Data Platform contributors (@foss-data)
description:
  - Reads the manifest of each repository, checks it against its JSON Schema, and finds what would be deployed.
  - All faults of all repositories are reported at once.
options:
  _terms:
    description: Repositories, each with C(path), a folder (relative to the playbook's repository).
    type: list
    elements: dict
    required: true
  only:
    description: Name of the only pipeline wanted; all if empty.
    type: str
    default: ""
  settings:
    description: Settings of this site by the pipeline's name, which win over those of its manifest.
    type: dict
    default: {}
"""

EXAMPLES = r"""
- name: What would be deployed
  ansible.builtin.debug:
    msg: "{{ query('foss_data.platform.pipelines', *pipelines) | map(attribute='name') }}"
"""

RETURN = r"""
_list:
  description:
    - One dictionary for each pipeline with C(name), C(path), C(release) (the id of its content), C(user) (the Linux user),
      C(settings) and C(manifest).
  type: list
  elements: dict
"""

import json
from pathlib import Path

from ansible.errors import AnsibleLookupError
from ansible.plugins.lookup import LookupBase

from ..module_utils.pipeline_source import SourceError, conflicts, files_of, read_manifest, release_id, user_of

ROOT = Path(__file__).resolve().parents[2]
SCHEMA = ROOT / "pipelines" / "shared" / "schemas" / "pipeline.schema.json"


class LookupModule(LookupBase):
    """What Ansible loads."""

    def run(self, terms, variables=None, **kwargs):
        """Return the pipelines; every fault of every repository is in the one error."""
        self.set_options(var_options=variables, direct=kwargs)
        schema = json.loads(SCHEMA.read_text(encoding="utf-8"))
        found, faults = [], []
        for term in terms:
            folder = (ROOT / term["path"]).resolve()
            try:
                manifest = read_manifest(folder, schema)
                found.append(
                    {
                        "name": manifest["name"],
                        "path": str(folder),
                        "release": release_id(files_of(folder)),
                        "user": user_of(manifest["name"]),
                        "settings": manifest.get("settings", {}) | self.get_option("settings").get(manifest["name"], {}),
                        "manifest": manifest,
                    }
                )
            except SourceError as error:
                faults.append(str(error))
        names = [pipeline["name"] for pipeline in found]
        faults += conflicts([pipeline["manifest"] for pipeline in found])
        only = self.get_option("only")
        if only and only not in names and not faults:
            faults.append(f"there is no pipeline {only} in the list `pipelines`, which has {', '.join(names) or 'none'}")
        if faults:
            raise AnsibleLookupError("Nothing was deployed. " + "; ".join(faults) + ".")
        return [pipeline for pipeline in found if only in ("", pipeline["name"])]
