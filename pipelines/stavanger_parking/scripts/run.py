#!/usr/bin/env python3
"""Run the whole pipeline once on this machine, and show what is in its marts: ``make dev``."""

import sys
from pathlib import Path

from pipeline_shared.run import run

if __name__ == "__main__":
    sys.exit(run(Path(__file__).resolve().parent.parent))
