#!/usr/bin/python
# Copyright (c) 2026 FOSS Data Platform contributors
# SPDX-License-Identifier: MIT

from __future__ import annotations

DOCUMENTATION = r"""
module: rendered_files
short_description: Files of a service, rendered for a task that writes those of many
version_added: 0.1.0
author: FOSS Data Platform contributors (@foss-data)
description:
  - What one task with C(run_once) writes for many hosts, O(foss_data.platform.service_files#module:aggregate), is made of each
    host's own variables. So each renders its own first.
  - Nothing is run on the host. The task has C(no_log=true), since secret files are among the result.
attributes:
  check_mode:
    description: Does the same.
    support: full
  diff_mode:
    description: There is nothing to show.
    support: none
options:
  files:
    description: As O(foss_data.platform.service_files#module:files).
    type: list
    elements: dict
    required: true
"""

EXAMPLES = r"""
- name: Render its files
  foss_data.platform.rendered_files:
    files:
      - {template: app.service.j2, dest: "/etc/systemd/system/app@{{ inventory_hostname }}.service"}
  register: rendered
  no_log: true

- name: Write the files of all
  foss_data.platform.service_files:
    aggregate: "{{ all_services }}"
  run_once: true
  register: files_of_all
  # Each host says what came of its own, by own_result.
  failed_when: false
  changed_when: false
"""

RETURN = r"""
files:
  description: The same, each C(template) replaced by its C(content).
  returned: always
  type: list
  elements: dict
"""
