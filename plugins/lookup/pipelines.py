# Copyright (c) 2026 FOSS Data Platform contributors
# SPDX-License-Identifier: MIT
"""Lookup ``pipelines``: the pipelines to deploy, each fetched, read and checked before any host is touched."""

from __future__ import annotations

DOCUMENTATION = r"""
name: pipelines
short_description: Pipelines by their repositories, manifests read and checked
version_added: 0.1.0
author: FOSS Data Platform contributors (@foss-data)
description:
  - Fetches each repository, reads its manifest, checks it against its JSON Schema, and finds what would be deployed.
  - What is wrong with one pipeline is its C(fault), and holds up no other. Only what is wrong with the list itself is an error.
  - Nothing of what is read is ever a template.
options:
  _terms:
    description:
      - One dictionary for each pipeline. Either C(path), a folder, relative to the playbook's repository, or C(git), an address
        (https, ssh, git, file, C(USER@HOST:PATH) or the path of a bare repository) with exactly one of C(branch), C(tag) and
        C(commit), the last one whole.
      - C(name) says which pipeline that has to be. With it a play for another one need not fetch it.
    type: list
    elements: dict
    required: true
  folder:
    description:
      - Folder whose files C(NAME.yml) are one such dictionary each, of the pipeline C(NAME).
      - The default is C(pipelines.d) beside the inventory, if it is there.
    type: path
  only:
    description: Name of the only pipeline wanted; all if empty.
    type: str
    default: ""
  settings:
    description: Settings of this site by the pipeline's name, which win over those of its manifest.
    type: dict
    default: {}
  read:
    description:
      - Whether the repositories are read. If not, each pipeline has its C(name) and C(source) only, and a name that the list does
        not give is a guess by the address.
    type: bool
    default: true
"""

EXAMPLES = r"""
- name: What would be deployed
  ansible.builtin.debug:
    msg: "{{ query('foss_data.platform.pipelines', *pipelines) | map(attribute='name') }}"

- name: What the list names, no repository asked
  ansible.builtin.debug:
    msg: "{{ query('foss_data.platform.pipelines', *pipelines, read=false) | map(attribute='name') }}"

- name: What can't be
  ansible.builtin.debug:
    msg: "{{ query('foss_data.platform.pipelines', *pipelines) | selectattr('fault') | map(attribute='fault') }}"
"""

RETURN = r"""
_list:
  description:
    - One dictionary for each pipeline, with C(name), C(source) (where it is from, without credentials), C(fault) (what is wrong
      with it, empty if nothing is), C(path) (the folder on this machine whose files are deployed), C(release) (its id, of a
      commit its first 12 characters, of a folder a sum over its content), C(user) (the Linux user), C(settings) and C(manifest).
    - With a fault or O(read=false) C(path), C(release), C(user), C(settings) and C(manifest) may be empty, and C(name) a guess.
  type: list
  elements: dict
"""

import json
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from ansible.errors import AnsibleLookupError
from ansible.plugins.lookup import LookupBase

from ..module_utils.governance import manifest_faults
from ..module_utils.pipeline_fault import SourceError, one_line
from ..module_utils.pipeline_list import Commit, Entry, entries
from ..module_utils.pipeline_manifest import conflicts, read_manifest, settings_fault
from ..module_utils.pipeline_mirror import fetch
from ..module_utils.pipeline_source import ID_LENGTH, files_of, release_id
from ..module_utils.pipeline_user import user_of
from ..module_utils.shared_version import shared_version_fault

ROOT = Path(__file__).resolve().parents[2]
SCHEMA = ROOT / "pipelines" / "shared" / "schemas" / "pipeline.schema.json"
AT_ONCE = 16  # repositories; most of the time is spent waiting for their servers


class LookupModule(LookupBase):
    """What Ansible loads."""

    def run(self, terms, variables=None, **kwargs):
        """Return the pipelines. Raises AnsibleLookupError for a list that can't be read."""
        self.set_options(var_options=variables, direct=kwargs)
        only, site = self.get_option("only"), self.get_option("settings")
        schema = json.loads(SCHEMA.read_text(encoding="utf-8"))
        try:
            listed = entries(terms, self._folder(variables or {}), ROOT)
        except SourceError as error:
            raise AnsibleLookupError(f"Nothing was deployed. {error}.") from None
        if not self.get_option("read"):
            return [unread(entry) for entry in listed if only in ("", entry.name)]
        with ThreadPoolExecutor(AT_ONCE) as pool:
            found = list(pool.map(lambda entry: described(entry, schema, only), listed))
        found = [pipeline for pipeline in found if pipeline]
        for pipeline, fault in zip(found, conflicts(found), strict=True):
            add_fault(pipeline, fault)
            if pipeline["name"] in site and not pipeline["fault"]:
                given = site[pipeline["name"]]
                if fault := settings_fault(given, schema):
                    add_fault(pipeline, f"`pipeline_settings` of {pipeline['name']}: {fault}")
                else:
                    pipeline["settings"] = pipeline["settings"] | given
        return chosen(found, listed, only, site)

    def _folder(self, variables: dict) -> Path | None:
        """Where the files of the pipelines are. Raises AnsibleLookupError if there is no folder where one was named."""
        if named := self.get_option("folder"):
            if not Path(named).is_dir():
                raise AnsibleLookupError(f"Nothing was deployed. There is no folder {named}: mend `folder`.")
            return Path(named)
        beside = Path(variables.get("inventory_dir") or "", "pipelines.d")
        return beside if variables.get("inventory_dir") and beside.is_dir() else None


def add_fault(pipeline: dict, fault: str) -> None:
    """Say one more thing that is wrong with a pipeline; nothing if ``fault`` is empty."""
    pipeline["fault"] = "; ".join(said for said in (pipeline["fault"], fault) if said)


def unread(entry: Entry) -> dict:
    """A pipeline as the lookup gives it, as far as the list says."""
    pipeline = {"name": entry.name, "source": str(entry.source), "fault": entry.fault}
    return pipeline | {"path": "", "release": "", "user": "", "settings": {}, "manifest": {}}


def described(entry: Entry, schema: dict, only: str) -> dict | None:
    """A pipeline as the lookup gives it, not yet held against the others; nothing if it is another one that was never fetched."""
    pipeline = unread(entry)
    if entry.fault:
        return pipeline
    other = bool(only) and entry.named and entry.name != only
    try:
        pipeline |= read(entry, schema, other, only)
    # What can't be opened is the fault of one pipeline, too.
    except (SourceError, OSError) as error:
        if other:
            return None
        add_fault(pipeline, f"{entry.source}: {error}" if isinstance(entry.source, Commit) else str(error))
        if not entry.named:
            pipeline["name"] = getattr(error, "name", "") or entry.name
    return pipeline


def read(entry: Entry, schema: dict, other: bool, only: str) -> dict:
    """What a repository says of its pipeline; that of ``other`` ones than the wanted is not fetched. Raises SourceError."""
    commit, folder = (
        fetch(entry.source, network=not other) if isinstance(entry.source, Commit) else ("", Path(os.path.realpath(entry.source)))
    )
    manifest = read_manifest(folder, schema)
    name = manifest["name"]
    if entry.named and name != entry.name:
        raise SourceError(f"its pipeline.yml says that it is {name}, the list that it is {entry.name}: call both the same")
    wanted = only in ("", name)
    files = files_of(folder) if wanted else {}
    broken = manifest_faults(manifest) + [fault for fault in (shared_version_fault(files),) if fault]
    if broken:
        raise SourceError("; ".join(broken), name)
    return {
        "name": name,
        "path": str(folder),
        "release": commit[:ID_LENGTH] if commit else release_id(files) if wanted else "",
        "user": user_of(name),
        "settings": manifest.get("settings", {}),
        "manifest": manifest,
    }


def chosen(found: list[dict], listed: list[Entry], only: str, site: dict) -> list[dict]:
    """Those that are wanted. Raises AnsibleLookupError if somebody wants, or sets something for, one that there isn't."""
    names = {pipeline["name"] for pipeline in found} | {entry.name for entry in listed if entry.named}
    faulty = [f"{pipeline['name']}: {pipeline['fault']}" for pipeline in found if pipeline["fault"]]
    if only and only not in names:
        unread = f"; not all of them can be read: {'; '.join(faulty)}" if faulty else ""
        has = ", ".join(sorted(names)) or "none"
        raise AnsibleLookupError(
            f"Nothing was deployed. There is no pipeline {one_line(only)} in the list `pipelines`, which has {has}{unread}."
        )
    # What can't be read may have any name.
    if unknown := not faulty and sorted(set(site) - names):
        raise AnsibleLookupError(
            f"Nothing was deployed. `pipeline_settings` has {', '.join(unknown)}, but the list `pipelines` "
            f"has {', '.join(sorted(names)) or 'none'}: correct the name, or remove it."
        )
    return [pipeline for pipeline in found if only in ("", pipeline["name"])]
