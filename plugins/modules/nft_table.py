#!/usr/bin/python
# Copyright (c) 2026 FOSS Data Platform contributors
# SPDX-License-Identifier: MIT

from __future__ import annotations

DOCUMENTATION = r"""
module: nft_table
short_description: One table of nftables, as a file says it, now and after a reboot
version_added: 0.1.0
author: FOSS Data Platform contributors (@foss-data)
description:
  - Holds what the kernel has of a table against what its file makes, which is loaded in a network of its own to see that. So a
    rule that somebody took away by hand comes back, and so do all of them.
  - The table is replaced as a whole, in one step. Other tables are not touched.
attributes:
  check_mode:
    description: Predicts the change and does nothing.
    support: full
  diff_mode:
    description: Shows the table as the kernel lists it.
    support: full
options:
  name:
    description: The table, with its family.
    type: str
    required: true
  file:
    description: The file that makes it, and nothing else.
    type: path
    required: true
  unit:
    description: The systemd unit that loads the file, at a boot too.
    type: str
    required: true
  inputs:
    description: Registered results of what wrote the file and the unit.
    type: list
    elements: dict
    default: []
"""

EXAMPLES = r"""
- name: Filter what reaches this host
  foss_data.platform.nft_table:
    name: inet foss_data_platform
    file: /etc/foss-data-platform/firewall.nft
    unit: foss-data-platform-firewall.service
    inputs: ["{{ _base_firewall_files }}"]
"""

RETURN = r"""
reason:
  description: Why it was loaded, or would be; empty if nothing was done.
  returned: always
  type: str
  sample: its file changed
"""

from ansible.module_utils.basic import AnsibleModule

CHANGED = "its file changed"
SHOW = "nft --stateless list table {name}"
# Nobody else is in that network, and it is gone with its process.
TRY = ["unshare", "--net", "/bin/sh", "-ec"]
TRIED = f'nft --file "$0"; {SHOW}'


def main() -> None:
    """Entry point of the module."""
    module = AnsibleModule(
        argument_spec={
            "name": {"type": "str", "required": True},
            "file": {"type": "path", "required": True},
            "unit": {"type": "str", "required": True},
            "inputs": {"type": "list", "elements": "dict", "default": []},
        },
        supports_check_mode=True,
    )
    name, file, unit = (module.params[option] for option in ("name", "file", "unit"))
    changed = any(given.get("changed") for given in module.params["inputs"])
    if module.check_mode and changed:
        # Neither the file nor what would read it may be there yet.
        module.exit_json(changed=True, reason=CHANGED, diff={"before": "", "after": f"table {name} as its file says\n"})

    def listed() -> str:
        rc, out, _err = module.run_command(SHOW.format(name=name))
        return out if rc == 0 else ""

    rc, wanted, err = module.run_command([*TRY, TRIED.format(name=name), file])
    if rc:
        module.fail_json(msg=f"{file} can't be loaded, what is in force stays: {' '.join(err.split())}")
    before = listed()
    reason = ""
    if changed:
        reason = CHANGED
    elif before != wanted:
        reason = "the kernel has another one" if before else "the kernel does not have it"
    elif any(module.run_command(["systemctl", asked, "--quiet", unit])[0] for asked in ("is-active", "is-enabled")):
        reason = f"{unit} would not load it at a boot"
    if reason and not module.check_mode:
        module.run_command(["systemctl", "daemon-reload"], check_rc=True)
        module.run_command(["systemctl", "enable", "--quiet", unit], check_rc=True)
        rc, _out, err = module.run_command(["systemctl", "reload-or-restart", unit])
        if rc or listed() != wanted:
            said = " ".join(err.split()) or "the kernel has another table"
            module.fail_json(msg=f"{unit} did not load {file}: {said}; `journalctl -u {unit}` has more")
    module.exit_json(changed=bool(reason), reason=reason, diff={"before": before, "after": wanted})


if __name__ == "__main__":
    main()
