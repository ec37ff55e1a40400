# Copyright (c) 2026 FOSS Data Platform contributors
# SPDX-License-Identifier: MIT
"""What every pipeline needs and none should write again: settings, fetching, raw tables, and the check of a release."""
