#!/usr/bin/python
# Copyright (c) 2026 FOSS Data Platform contributors
# SPDX-License-Identifier: MIT

from __future__ import annotations

DOCUMENTATION = r"""
module: own_result
short_description: What a host's own part of a task for many hosts came to
version_added: 0.1.0
author: FOSS Data Platform contributors (@foss-data)
description:
  - A service is asked once for many hosts, by a module with C(aggregate) in a task with C(run_once). Then each host looks for
    its own items among the results, is changed if they were, and fails, alone, if one of them did or if the service could not
    be asked.
  - The task that asks has C(failed_when=false) and C(changed_when=false), since it is for each host to say so.
  - Nothing is run on the host.
attributes:
  check_mode:
    description: Says what the aggregated task predicted.
    support: full
  diff_mode:
    description: Shows the host's own items before and after.
    support: full
options:
  parts:
    description: What the host had a part in, in the order in which it was done. The first that failed is the one that is told.
    type: list
    elements: dict
    required: true
    suboptions:
      result:
        description: The registered result of the task for many.
        type: dict
        required: true
      item:
        description: Of a task that loops, the item whose result is looked at.
        type: str
      own:
        description: Options and values that the host's own items have; of a list of values, any of them.
        type: dict
        required: true
"""

EXAMPLES = r"""
- name: Provide the keys of all hosts
  foss_data.platform.minio_user:
    endpoint: http://127.0.0.1:9000
    admin_access_key: "{{ admin }}"
    admin_secret_key: "{{ admin_secret }}"
    aggregate: "{{ all_keys }}"
  run_once: true
  register: keys
  failed_when: false
  changed_when: false

- name: Look at its own keys
  foss_data.platform.own_result:
    parts:
      - {result: "{{ keys }}", own: {access_key: "{{ inventory_hostname }}"}}
"""

RETURN = r"""
msg:
  description: Why its part could not be; empty if it was.
  returned: always
  type: str
held_back:
  description: Whether something of it was held back (see O(foss_data.platform.trino_schema#module:widen)).
  returned: success
  type: bool
"""
