#!/usr/bin/python
# Copyright (c) 2026 FOSS Data Platform contributors
# SPDX-License-Identifier: MIT

from __future__ import annotations

DOCUMENTATION = r"""
module: minio_bucket
short_description: Manage a bucket of a MinIO server
version_added: 0.1.0
author: FOSS Data Platform contributors (@foss-data)
description:
  - Creates or removes a bucket. A bucket that holds objects is never removed.
extends_documentation_fragment: foss_data.platform.minio
options:
  name:
    description: Name of the bucket.
    type: str
    required: true
  state:
    description: Whether it is there.
    type: str
    choices: [present, absent]
    default: present
"""

EXAMPLES = r"""
- name: Provide the lakehouse's bucket
  foss_data.platform.minio_bucket:
    endpoint: http://127.0.0.1:9000
    admin_access_key: "{{ admin }}"
    admin_secret_key: "{{ admin_secret }}"
    name: lakehouse
"""

RETURN = r"""#"""

from ansible_collections.foss_data.platform.plugins.module_utils.minio import MinioModule


class Bucket(MinioModule):
    """A bucket."""

    def read(self):
        """Its name, if it is there."""
        return {"name": self.params["name"]} if self.ask(lambda: self.s3().bucket_exists(self.params["name"])) else None

    def wanted(self, before):
        """Its name, unless it shall not be there."""
        return {"name": self.params["name"]} if self.params["state"] == "present" else None

    def apply(self, before, after):
        """Make or remove it."""
        client = self.s3()
        if after:
            client.make_bucket(self.params["name"], location=self.params["region"])
            return
        if next(iter(client.list_objects(self.params["name"], recursive=True)), None) is not None:
            self.module.fail_json(msg=f"bucket {self.params['name']} holds objects and was not removed: remove them first")
        client.remove_bucket(self.params["name"])


def main() -> None:
    """Entry point of the module."""
    Bucket(
        {
            "name": {"type": "str", "required": True},
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
        }
    ).run()


if __name__ == "__main__":
    main()
