#!/usr/bin/python
# Copyright (c) 2026 FOSS Data Platform contributors
# SPDX-License-Identifier: MIT

from __future__ import annotations

DOCUMENTATION = r"""
module: minio_user
short_description: Manage a user of a MinIO server
version_added: 0.1.0
author: FOSS Data Platform contributors (@foss-data)
description:
  - Creates, changes or removes a user, with exactly the policies given.
  - A server never tells a secret, so whether it is right is found out by a signed request as the user.
extends_documentation_fragment: foss_data.platform.minio
options:
  access_key:
    description: Name of the user. This or O(aggregate) is required.
    type: str
  secret_key:
    description: Its secret, eight characters or more. Required if O(state=present).
    type: str
  policies:
    description: Names of all policies attached to the user.
    type: list
    elements: str
    default: []
  state:
    description: Whether it is there.
    type: str
    choices: [present, absent]
    default: present
  aggregate:
    description:
      - Several users at once. What an item does not say is as given beside this list.
      - Each has a result of its own; one that fails holds up no other and does not fail the module.
    type: list
    elements: dict
    suboptions:
      access_key:
        description: As O(access_key).
        type: str
        required: true
      secret_key:
        description: As O(secret_key).
        type: str
      policies:
        description: As O(policies).
        type: list
        elements: str
      state:
        description: As O(state).
        type: str
        choices: [present, absent]
"""

EXAMPLES = r"""
- name: Provide a user
  foss_data.platform.minio_user:
    endpoint: http://127.0.0.1:9000
    admin_access_key: "{{ admin }}"
    admin_secret_key: "{{ admin_secret }}"
    access_key: trino
    secret_key: "{{ trino_secret }}"
    policies: [trino]

- name: Provide several
  foss_data.platform.minio_user:
    endpoint: http://127.0.0.1:9000
    admin_access_key: "{{ admin }}"
    admin_secret_key: "{{ admin_secret }}"
    policies: [readers]
    aggregate:
      - {access_key: anna, secret_key: "{{ anna_secret }}"}
      - {access_key: bert, secret_key: "{{ bert_secret }}"}
"""

RETURN = r"""
results:
  description: What came of each item.
  returned: with O(aggregate)
  type: list
  elements: dict
  contains:
    access_key:
      description: Name of the user.
      type: str
    changed:
      description: Whether it was changed, or would be.
      type: bool
    failed:
      description: Whether it could not be.
      type: bool
    msg:
      description: Why not.
      type: str
    diff:
      description: The user before and after.
      type: dict
"""

from ansible_collections.foss_data.platform.plugins.module_utils.aggregate import AggregateModule
from ansible_collections.foss_data.platform.plugins.module_utils.minio import MinioModule

# What S3 says of a signature made with a wrong secret, or of a user that is switched off.
WRONG_SECRET = ("SignatureDoesNotMatch", "InvalidAccessKeyId")


class User(AggregateModule, MinioModule):
    """A user."""

    identity = ("access_key",)

    def share(self, items):
        """Whether the server answers the administrator."""
        self.ask(self.s3().list_buckets)

    def read(self):
        """Name, policies, whether it is enabled and whether the secret is the one given."""
        found = self.ask_admin(lambda: self.admin().user_info(self.params["access_key"]), "NoSuchUser")
        if found is None:
            return None
        return {
            "access_key": self.params["access_key"],
            "policies": sorted(p for p in found.get("policyName", "").split(",") if p),
            "enabled": found.get("status") == "enabled",
            "secret": "as given" if self._secret_is_right() else "another",
        }

    def _secret_is_right(self) -> bool:
        if not self.params["secret_key"]:
            return True
        from minio.error import S3Error

        try:
            self.s3(self.params["access_key"], self.params["secret_key"]).list_buckets()
        except S3Error as error:
            return error.code not in WRONG_SECRET
        return True

    def wanted(self, before):
        """The same, as it shall be."""
        if self.params["state"] == "absent":
            return None
        return {
            "access_key": self.params["access_key"],
            "policies": sorted(self.params["policies"]),
            "enabled": True,
            "secret": "as given",
        }

    def apply(self, before, after):
        """Write the secret if it differs, then attach and detach policies."""
        admin, name = self.admin(), self.params["access_key"]
        if after is None:
            admin.user_remove(name)
            return
        if before is None or before["secret"] != after["secret"]:
            admin.user_add(name, self.params["secret_key"])
        if before is not None and not before["enabled"]:
            admin.user_enable(name)
        there = set(before["policies"]) if before else set()
        if set(after["policies"]) - there:
            admin.attach_policy(sorted(set(after["policies"]) - there), user=name)
        if there - set(after["policies"]):
            admin.detach_policy(sorted(there - set(after["policies"])), user=name)


def main() -> None:
    """Entry point of the module."""
    User(
        {
            "access_key": {"type": "str", "no_log": False},
            "secret_key": {"type": "str", "no_log": True},
            "policies": {"type": "list", "elements": "str", "default": []},
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
        },
        {"required_if": [("state", "present", ["secret_key"])]},
    ).run()


if __name__ == "__main__":
    main()
