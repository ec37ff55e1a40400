# Copyright (c) 2026 FOSS Data Platform contributors
# SPDX-License-Identifier: MIT
"""Read what a pipeline's code wrote, as root, within limits."""

from __future__ import annotations

import json
import os
import resource
from collections.abc import Callable
from typing import Any

from ansible_collections.foss_data.platform.plugins.module_utils.governance import PARSED

# What judging a release may take; five releases with the largest manifests that dbt writes take 440 MiB and 8 s.
JUDGING_MB = 512
JUDGING_SECONDS = 60
ANSWER = 4 << 20  # bytes of what is said of it


def judged(rule: Callable, *arguments) -> Any:
    """What a rule of the platform, such as ``release_faults``, says of a release. Raises ValueError in one line.

    It reads what the pipeline's code wrote, and as root, so that the pipeline can't say it for us: so in a child, which has
    limits of its own.
    """
    reader, writer = os.pipe()
    child = os.fork()
    if not child:
        code = 1
        try:
            # Else a pipe that nobody reads any more would have a reader still.
            os.close(reader)
            with open("/proc/self/statm", encoding="ascii") as sizes:
                own_size = int(sizes.read().split()[0]) * resource.getpagesize()
            resource.setrlimit(resource.RLIMIT_AS, (own_size + (JUDGING_MB << 20),) * 2)
            resource.setrlimit(resource.RLIMIT_CPU, (JUDGING_SECONDS,) * 2)
            try:
                answer = {"found": rule(*arguments)}
            except ValueError as error:
                answer = {"fault": str(error)}
            with open(writer, "w", encoding="utf-8") as out:
                json.dump(answer, out)
            code = 0
        finally:
            # Nothing of the module's own end is the child's.
            os._exit(code)
    os.close(writer)
    # Closed before all was read, it ends the child.
    with open(reader, "rb") as given:
        said = given.read(ANSWER + 1)
    if os.waitpid(child, 0)[1] or len(said) > ANSWER:
        limits = f"{JUDGING_MB} MiB of memory or {JUDGING_SECONDS} s, or says more than {ANSWER >> 20} MiB"
        raise ValueError(f"reading {PARSED} takes more than {limits}: it has to be what `dbt parse` writes")
    answer = json.loads(said)
    if "fault" in answer:
        raise ValueError(answer["fault"])
    return answer["found"]
