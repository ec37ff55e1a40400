#!/usr/bin/python
# Copyright (c) 2026 FOSS Data Platform contributors
# SPDX-License-Identifier: MIT

from __future__ import annotations

DOCUMENTATION = r"""
module: minio_prefix
short_description: What is under a prefix of a bucket, and its removal
version_added: 0.1.0
author: FOSS Data Platform contributors (@foss-data)
description:
  - Counts the objects under a prefix, or removes all of them.
extends_documentation_fragment: foss_data.platform.minio
options:
  bucket:
    description: Name of the bucket. One that is not there holds nothing.
    type: str
    required: true
  prefix:
    description: The prefix. It ends with a slash, so that no other that begins alike is meant.
    type: str
    required: true
  state:
    description:
      - V(counted) only says what there is.
      - V(absent) removes every object under the prefix, all its versions among them.
    type: str
    choices: [counted, absent]
    default: counted
"""

EXAMPLES = r"""
- name: How much it is
  foss_data.platform.minio_prefix:
    endpoint: http://127.0.0.1:9000
    admin_access_key: "{{ admin }}"
    admin_secret_key: "{{ admin_secret }}"
    bucket: lakehouse
    prefix: pl-sales/

- name: Nothing any more
  foss_data.platform.minio_prefix:
    endpoint: http://127.0.0.1:9000
    admin_access_key: "{{ admin }}"
    admin_secret_key: "{{ admin_secret }}"
    bucket: lakehouse
    prefix: pl-sales/
    state: absent
"""

RETURN = r"""
objects:
  description: How many objects there were; with O(state=absent) each version and each mark of a deletion counts.
  returned: always
  type: int
  sample: 1204
bytes:
  description: How large they were together.
  returned: always
  type: int
  sample: 73400320
"""

from ansible_collections.foss_data.platform.plugins.module_utils.minio import MinioModule


class Prefix(MinioModule):
    """The objects under a prefix: how many, and how large."""

    def _listed(self, versions: bool):
        client = self.s3()
        if not self.ask(lambda: client.bucket_exists(self.params["bucket"])):
            return []
        return client.list_objects(self.params["bucket"], prefix=self.params["prefix"], recursive=True, include_version=versions)

    def read(self):
        """Count them."""
        if not self.params["prefix"].endswith("/") or self.params["prefix"].startswith("/"):
            self.fail(f"prefix {self.params['prefix']!r}: it has to end with a slash and may not begin with one")
        # What goes is every version, of objects that were deleted, too.
        sizes = [found.size or 0 for found in self._listed(versions=self.params["state"] == "absent")]
        self.found = {"objects": len(sizes), "bytes": sum(sizes)}
        return self.found

    def wanted(self, before):
        """The same, or none."""
        return {"objects": 0, "bytes": 0} if self.params["state"] == "absent" else before

    def apply(self, before, after):
        """Remove them, a thousand in a request."""
        from minio.deleteobjects import DeleteObject

        client = self.s3()
        every = (DeleteObject(found.object_name, found.version_id) for found in self._listed(versions=True))
        faults = list(client.remove_objects(self.params["bucket"], every))
        if faults:
            self.fail(
                f"{len(faults)} objects under {self.params['bucket']}/{self.params['prefix']} could not be removed, the first "
                f"{faults[0].name} ({faults[0].code}: {faults[0].message}): run again when that is mended"
            )

    def report(self):
        """What there was."""
        return getattr(self, "found", {})


def main() -> None:
    """Entry point of the module."""
    Prefix(
        {
            "bucket": {"type": "str", "required": True},
            "prefix": {"type": "str", "required": True},
            "state": {"type": "str", "choices": ["counted", "absent"], "default": "counted"},
        }
    ).run()


if __name__ == "__main__":
    main()
