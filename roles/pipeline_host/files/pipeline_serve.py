# Copyright (c) 2026 FOSS Data Platform contributors
# SPDX-License-Identifier: MIT
"""The command `dagster`, started sooner: for code servers, which are woken when somebody waits for them."""

import gc
import sys
from pathlib import Path

# Nearly all that importing makes stays: looking for what does not, every 700 objects, takes a fifth of the time.
gc.set_threshold(50_000, 20, 20)

from dagster._cli import main  # noqa: E402

if __name__ == "__main__":
    sys.argv[0] = "dagster"
    main()
else:
    # A run: its process begins with this file, too. Of a pipeline that needs too much memory it and what it started are killed
    # before the code server, by which Dagster knows how it ended.
    Path("/proc/self/oom_score_adj").write_text("750", encoding="ascii")
