# Copyright (c) 2026 FOSS Data Platform contributors
# SPDX-License-Identifier: MIT
"""Filter ``audit_report``: what a security audit found, judged against the plan."""

from __future__ import annotations

DOCUMENTATION = r"""
name: audit_report
short_description: Findings of a security audit from what was seen
version_added: 0.1.0
author: FOSS Data Platform contributors (@foss-data)
description:
  - Judges what M(foss_data.platform.audit_host) and M(foss_data.platform.audit_outside) saw. Each finding has an id, a severity,
    a result (pass, fail, or not applicable with the reason), its evidence, and what to do.
options:
  _input:
    description:
      - The C(facts) of M(foss_data.platform.audit_host), with those of M(foss_data.platform.audit_outside) as C(outside).
    type: dict
    required: true
  plan:
    description:
      - What should be; the role C(audit) says what is in it. C(advisories) is the path of a file or a folder with advisories in
        OSV's format, JSON or a ZIP archive of them, or nothing.
    type: dict
    required: true
"""

EXAMPLES = r"""
report: "{{ _audit_inside.facts | combine({'outside': _audit_outside.facts}) | foss_data.platform.audit_report(_audit_plan) }}"
"""

RETURN = r"""
_value:
  description:
    - C(host), C(at), C(system), C(counts) by result and severity, C(findings), the gravest that failed first, and C(failing), the
      ids of those that failed and are grave enough to end a play.
  type: dict
"""

import json
import zipfile
from collections.abc import Iterator
from pathlib import Path

from ansible.errors import AnsibleFilterError
from ansible_collections.foss_data.platform.plugins.module_utils.audit.report import report


def advisories(path: str) -> list[dict]:
    """The advisories in a file, an archive or a folder; those that concern no package that there could be are left out."""
    try:
        found = [advisory for text in _texts(Path(path)) for advisory in _parsed(text)]
    except (OSError, ValueError, zipfile.BadZipFile) as error:
        raise AnsibleFilterError(f"{path} can't be read as advisories in OSV's format (`audit_advisories`): {error}") from None
    if not all(isinstance(advisory, dict) and "id" in advisory for advisory in found):
        raise AnsibleFilterError(f"{path} holds no advisories in OSV's format (`audit_advisories`): they have an `id` each")
    return found


def _texts(path: Path) -> Iterator[str]:
    if path.is_dir():
        for file in sorted(path.rglob("*.json")):
            yield file.read_text(encoding="utf-8")
    elif zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            for name in archive.namelist():
                if name.endswith(".json"):
                    yield archive.read(name).decode()
    else:
        yield path.read_text(encoding="utf-8")


def _parsed(text: str) -> list[dict]:
    found = json.loads(text)
    return found if isinstance(found, list) else [found]


def audit_report(facts: dict, plan: dict) -> dict:
    """The report, see RETURN."""
    return report(facts, plan | {"advisories": advisories(plan["advisories"]) if plan["advisories"] else None})


class FilterModule:
    """What Ansible loads."""

    def filters(self) -> dict:
        """Name to function."""
        return {"audit_report": audit_report}
