# Copyright (c) 2026 FOSS Data Platform contributors
# SPDX-License-Identifier: MIT
"""Files of java.util.Properties."""

import pytest
from ansible_collections.foss_data.platform.plugins.module_utils.java_properties import parse_properties


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", {}),
        ("#Tue Nov 24 19:58:58 UTC 2026\nconnector.name=tpch\n", {"connector.name": "tpch"}),
        ("! comment\\\na=1", {"a": "1"}),
        ("a = 1\nb : 2\nc 3\nd", {"a": "1", "b": "2", "c": "3", "d": ""}),
        ("uri=thrift\\://127.0.0.1\\:9083", {"uri": "thrift://127.0.0.1:9083"}),
        ("key=${ENV\\:NAME}", {"key": "${ENV:NAME}"}),
        ("a\\ b\\=c=d=e", {"a b=c": "d=e"}),
        ("a=one\\\n   two", {"a": "onetwo"}),
        ("a=one\\\\\nb=two", {"a": "one\\", "b": "two"}),
        ("a=\\t\\u00e6\\ud83d\\ude00\\q", {"a": "\tæ😀q"}),
        ("a=1\r\na=2\r\n", {"a": "2"}),
        ("a=ends blank \n", {"a": "ends blank "}),
        ("a=\\", {"a": ""}),
    ],
)
def test_the_grammar(text, expected):
    assert parse_properties(text) == expected


def test_a_broken_escape():
    with pytest.raises(ValueError, match=r"broken escape \\u12"):
        parse_properties("a=\\u12")
