#!/usr/bin/python
# Copyright (c) 2026 FOSS Data Platform contributors
# SPDX-License-Identifier: MIT

from __future__ import annotations

DOCUMENTATION = r"""
module: minio_policy
short_description: Manage an access policy of a MinIO server
version_added: 0.1.0
author: FOSS Data Platform contributors (@foss-data)
description:
  - Creates, changes or removes a policy. Policies are compared by meaning; the order of actions or resources is none.
extends_documentation_fragment: foss_data.platform.minio
options:
  name:
    description: Name of the policy.
    type: str
    required: true
  policy:
    description: The document, in the language of AWS IAM. Required if O(state=present).
    type: dict
  state:
    description: Whether it is there.
    type: str
    choices: [present, absent]
    default: present
"""

EXAMPLES = r"""
- name: Let a user read one prefix
  foss_data.platform.minio_policy:
    endpoint: http://127.0.0.1:9000
    admin_access_key: "{{ admin }}"
    admin_secret_key: "{{ admin_secret }}"
    name: reader
    policy:
      Version: "2012-10-17"
      Statement:
        - Effect: Allow
          Action: ["s3:GetObject"]
          Resource: ["arn:aws:s3:::lakehouse/public/*"]
"""

RETURN = r"""#"""

import json

from ansible_collections.foss_data.platform.plugins.module_utils.minio import MinioModule, canonical


class Policy(MinioModule):
    """An access policy."""

    def read(self):
        """The document in its canonical form."""
        found = self.ask_admin(lambda: self.admin().policy_info(self.params["name"]), "NoSuchPolicy")
        if found is None:
            return None
        document = found.get("Policy", found)
        return canonical(json.loads(document) if isinstance(document, str) else document)

    def wanted(self, before):
        """The document in its canonical form."""
        return canonical(self.params["policy"]) if self.params["state"] == "present" else None

    def apply(self, before, after):
        """Write or remove it."""
        if after is None:
            self.admin().policy_remove(self.params["name"])
        else:
            self.admin().policy_add(self.params["name"], policy=self.params["policy"])


def main() -> None:
    """Entry point of the module."""
    Policy(
        {
            "name": {"type": "str", "required": True},
            "policy": {"type": "dict"},
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
        },
        required_if=[("state", "present", ["policy"])],
    ).run()


if __name__ == "__main__":
    main()
