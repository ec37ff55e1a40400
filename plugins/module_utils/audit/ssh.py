# Copyright (c) 2026 FOSS Data Platform contributors
# SPDX-License-Identifier: MIT
"""How sshd lets people in: what ``sshd -T`` says for each account that could log in, additions and `Match` blocks considered."""

from __future__ import annotations

from collections.abc import Iterator

from ansible_collections.foss_data.platform.plugins.module_utils.audit.check import Check, output, pairs

RUN_SITE = "Remove what says so in /etc/ssh/sshd_config.d (`sshd -T` shows what counts), run site.yml and `systemctl reload ssh`."
PASSWORDS = Check("ssh.passwords", "high", "ssh takes keys only", RUN_SITE)
ROOT = Check("ssh.root", "high", "root can't log in by ssh with a password", RUN_SITE)
ALGORITHMS = Check("ssh.algorithms", "medium", "ssh offers no outdated cipher, key exchange or signature", RUN_SITE)
FORWARDING = Check("ssh.settings", "low", "ssh forwards no displays and reads no user's environment", RUN_SITE)
BANS = Check(
    "ssh.bans",
    "medium",
    "Who tries again and again is shut out",
    "`systemctl enable --now fail2ban`, and look why it is down with `journalctl -u fail2ban`.",
)
# What is there in the name of an algorithm that is weak: sha1, md5, cipher block chaining, small groups, DSA.
WEAK = {
    "ciphers": ("-cbc", "arcfour", "3des"),
    "macs": ("md5", "hmac-sha1", "umac-64"),
    "kexalgorithms": ("sha1", "group1-"),
    "hostkeyalgorithms": ("ssh-dss", "ssh-rsa"),
    "pubkeyacceptedalgorithms": ("ssh-dss", "ssh-rsa"),
}


def weak(settings: dict[str, str]) -> list[str]:
    """Algorithms that are offered and should not be."""
    return [
        f"{kind}: {name}"
        for kind, parts in WEAK.items()
        for name in settings.get(kind, "").split(",")
        # The signature rsa-sha2 is made by a key of the type ssh-rsa and is no such.
        if any(part in name for part in parts)
    ]


def judge(facts: dict, plan: dict) -> Iterator[dict]:
    """Findings of this area."""
    said = {user: pairs(text.lower(), " ") for user, text in facts["sshd"].items()}
    if not said:
        for check in (PASSWORDS, ROOT, ALGORITHMS, FORWARDING):
            yield check.not_applicable("there is no sshd on this host")
        return
    seen = f"sshd -T, asked for {', '.join(sorted(said))}"
    by_password = ("passwordauthentication", "kbdinteractiveauthentication", "permitemptypasswords")
    open_doors = [f"{user}: {key} yes" for user, settings in said.items() for key in by_password if settings.get(key) == "yes"]
    yield PASSWORDS.judged(open_doors, seen)
    rooted = [user for user, settings in said.items() if settings.get("permitrootlogin") == "yes"]
    yield ROOT.judged(["permitrootlogin yes"] if rooted else [], seen)
    yield ALGORITHMS.judged([fault for settings in said.values() for fault in weak(settings)], seen)
    loose = ("x11forwarding", "permituserenvironment", "gatewayports")
    yield FORWARDING.judged([f"{key} yes" for s in said.values() for key in loose if s.get(key) == "yes"], seen)
    running = (output(facts, "active_units") or "").split()
    down = [] if f"{plan['ban_unit']}.service" in running else [f"{plan['ban_unit']} does not run"]
    yield BANS.judged(down, f"{plan['ban_unit']} runs")
