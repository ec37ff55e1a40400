# Copyright (c) 2026 FOSS Data Platform contributors
# SPDX-License-Identifier: MIT
"""A schedule's five fields of cron, held against what Dagster takes, before there is a Dagster to ask."""

from __future__ import annotations

import re

MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
WEEKDAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
# Name, lowest, highest, and the words that stand for numbers from the lowest on.
FIELDS = (
    ("minute", 0, 59, ()),
    ("hour", 0, 23, ()),
    ("day", 1, 31, ()),
    ("month", 1, 12, MONTHS),
    ("weekday", 0, 7, WEEKDAYS),
)
LONGEST = dict(zip(range(1, 13), (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31), strict=True))


def fault_of(schedule: str) -> str:
    """What is wrong with a schedule; empty if it is one."""
    fields = schedule.lower().split(" ")
    if len(fields) != len(FIELDS):
        return f'{schedule!r} is no cron schedule: five fields with one space between, such as "0 6 * * *" for six every day'
    values = []
    for field, (unit, low, high, words) in zip(fields, FIELDS, strict=True):
        values.append(set())
        # The last such weekday of the month; it stands alone.
        if unit == "weekday" and re.fullmatch("l[0-7]", field):
            continue
        for part in field.split(","):
            meant = _values(part, unit, low, high, words)
            if not meant:
                return f"{schedule!r} is no cron schedule: {part!r} is no {unit} ({low} to {high})"
            values[-1] |= meant
    _minute, _hour, days, months, _weekdays = values
    if fields[4] == "*" and min(days) > max(LONGEST[month] for month in months):
        return f"{schedule!r} never comes: no such month has a day {min(days)}"
    return ""


def _values(part: str, unit: str, low: int, high: int, words: tuple[str, ...]) -> set[int]:
    """The numbers that one part of a field stands for; none if it is no such part."""
    # The last day of the month.
    if (unit, part) == ("day", "l"):
        return {low}
    match = re.fullmatch(r"(?:\*|(?P<first>\w+)(?:-(?P<last>\w+))?)(?:/(?P<step>[0-9]{1,4}))?", part, re.ASCII)
    if not match or (match["step"] and not int(match["step"])):
        return set()
    numbers = []
    for text in (match["first"], match["last"]):
        if text is not None:
            number = low + words.index(text) if text in words else int(text) if text.isdecimal() and len(text) < 5 else -1
            if not low <= number <= high:
                return set()
            numbers.append(number)
    if not numbers:
        numbers = [low, high]
    elif len(numbers) == 1:
        numbers.append(high if match["step"] else numbers[0])
    first, last = numbers
    # 22-2 goes over midnight.
    whole = list(range(first, last + 1)) if first <= last else [*range(first, high + 1), *range(low, last + 1)]
    return set(whole[:: int(match["step"] or 1)])
