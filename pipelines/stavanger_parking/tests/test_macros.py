"""Every macro and every generic test of shared, with the same fixtures on DuckDB and on Trino."""

import os
import re
from datetime import datetime
from decimal import Decimal

import pytest
from conftest import ROOT
from pipeline_shared.testing import Workspace


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


def at(text: str) -> str:
    """A moment in SQL, as the raw tables have it, inside of Jinja's quotes."""
    return f"cast(timestamp \\'{text}\\' as timestamp(6))"


def over(expression: str, *values: str) -> str:
    """An aggregate of the column v."""
    return f"(select {{{{ {expression} }}}} from (values {', '.join(f'({value})' for value in values)}) as t (v))"


def call(macro: str, *arguments: str, **named: str) -> str:
    given = [*(f"'{argument}'" for argument in arguments), *(f"{name}={value}" for name, value in named.items())]
    return f"{{{{ platform.{macro}({', '.join(given)}) }}}}"


def text(content: str) -> str:
    """A text in SQL, inside of Jinja's quotes."""
    return f"cast(\\'{content}\\' as varchar)"


OSLO = "Europe/Oslo"
# A number as Python's json writes it, which is how ingest keeps it.
JSON = '{"a": "x", "b": 1.5, "c": null, "d": {"e": 1}, "f": [1], "g": true, "h i": "ø", "j": ""}'
# (SQL with macros, what both engines make of it)
SCALARS = [
    *((call("matches", text(content), "^[0-9]+$"), found) for content, found in (("12", True), ("12x", False), ("", False))),
    *(
        (call("json_text", text(JSON), field), found)
        for field, found in dict(a="x", b="1.5", c=None, d=None, f=None, g="true", j="", none=None).items()
    ),
    (call("json_text", text(JSON), "h i"), "ø"),
    (call("json_text", text('{"n": 12}'), "n"), "12"),
    *(
        (call("to_integer", text(content)), found)
        for content, found in (
            ("12", 12),
            ("-3", -3),
            ("+5", 5),
            ("0012", 12),
            ("12.5", None),
            (" 12", None),
            ("1e3", None),
            ("", None),
            ("x", None),
            ("9" * 18, int("9" * 18)),
            ("9" * 19, None),
        )
    ),
    (call("to_integer", "cast(null as varchar)"), None),
    *(
        (call("to_decimal", text(content), scale="2"), found)
        for content, found in (
            ("12.5", Decimal("12.50")),
            ("-0.005", Decimal("-0.01")),
            ("0.004", Decimal("0.00")),
            ("7", Decimal("7.00")),
            ("1,5", None),
            ("1.", None),
            (".5", None),
            ("NaN", None),
            ("1e3", None),
        )
    ),
    (call("to_decimal", text("58.9712345")), Decimal("58.9712345")),
    *(
        (call("to_timestamp", text(content), "%d.%m.%Y %H:%M"), found)
        for content, found in (
            ("05.01.2026 08:30", moment("2026-01-05 08:30")),
            ("29.02.2028 00:00", moment("2028-02-29 00:00")),
            ("31.02.2026 10:00", None),
            ("1.2.2026 10:00", None),
            ("25.10.2026 24:00", None),
            ("05.01.2026 08:30:00", None),
            ("", None),
        )
    ),
    (call("to_timestamp", text("2026-01-05T08:30:15"), "%Y-%m-%dT%H:%M:%S"), moment("2026-01-05 08:30:15")),
    (call("at_zone", at("2026-01-15 11:00:00"), OSLO), moment("2026-01-15 12:00")),
    (call("at_zone", at("2026-07-15 10:00:00.123456"), OSLO), moment("2026-07-15 12:00:00.123456")),
    (call("at_zone", at("2026-10-25 01:30:00"), OSLO), moment("2026-10-25 02:30")),
    (call("add_seconds", at("2026-03-29 00:59:59"), "2"), moment("2026-03-29 01:00:01")),
    (call("add_seconds", at("2026-01-01 00:00:00"), "-86400"), moment("2025-12-31 00:00")),
    (call("seconds_between", at("2026-01-01 00:00:00.9"), at("2026-01-01 00:00:02.1")), 1),
    (call("seconds_between", at("2026-01-02 00:00:00"), at("2026-01-01 00:00:00")), -86400),
    (call("truncate_time", "hour", at("2026-01-05 08:59:59.9")), moment("2026-01-05 08:00")),
    (call("truncate_time", "day", at("2026-01-05 23:59:59")), moment("2026-01-05 00:00")),
    *(
        (call("local_to_utc", at(local), OSLO, at(seen)), moment(found))
        for local, seen, found in (
            ("2026-01-15 12:00:00", "2026-01-15 11:05:00", "2026-01-15 11:00"),
            ("2026-07-15 12:00:00", "2026-07-15 10:05:00", "2026-07-15 10:00"),
            # The hour that comes twice, and the one that is left out.
            ("2026-10-25 02:30:00", "2026-10-25 00:31:00", "2026-10-25 00:30"),
            ("2026-10-25 02:30:00", "2026-10-25 01:31:00", "2026-10-25 01:30"),
            ("2026-03-29 02:30:00", "2026-03-29 00:31:00", "2026-03-29 00:30"),
            ("2026-03-29 02:30:00", "2026-03-29 01:31:00", "2026-03-29 01:30"),
        )
    ),
    ("{{ platform.first_problem([['1 > 2', 'never'], ['2 > 1', 'first'], ['3 > 1', 'second']]) }}", "first"),
    ("{{ platform.first_problem([['1 > 2', 'never'], ['cast(null as boolean)', 'unknown']]) }}", None),
    (call("percent", "1", "3"), Decimal("33.3")),
    (call("percent", "2", "3"), Decimal("66.7")),
    (call("percent", "-1", "8"), Decimal("-12.5")),
    (call("percent", "5", "0"), None),
    (call("percent", "cast(null as bigint)", "3"), None),
    (over("platform.mean('v')", "1", "2"), Decimal("1.5")),
    (over("platform.mean('v')", "1.0", "1.1"), Decimal("1.1")),
    (over("platform.mean('v')", "1", "cast(null as integer)", "4"), Decimal("2.5")),
    (over("platform.mean('v')", "cast(null as integer)"), None),
]
ROWS = "(values (1, 'a'), (2, 'a'), (2, 'b'), (cast(null as integer), 'c')) as t (v, w)"
# (a generic test's SQL, the rows that it finds)
TESTS = [
    ("platform.test_in_range(model, column_name='v')", []),
    ("platform.test_in_range(model, column_name='v', min=1, max=2)", []),
    ("platform.test_in_range(model, column_name='v', min=2)", [(1,)]),
    ("platform.test_in_range(model, column_name='v', max=1)", [(2,), (2,)]),
    ("platform.test_unique_together(model, columns=['v', 'w'])", []),
    ("platform.test_unique_together(model, columns=['v'])", [(2,)]),
    ("platform.test_unique_together(model, columns=['w'])", [("a",)]),
]


@pytest.fixture(scope="module", params=["duckdb", "trino"])
def engine(request, tmp_path_factory):
    """Each of the engines. No table is made: Trino's catalogs make no difference."""
    folder = tmp_path_factory.mktemp(request.param)
    if request.param == "duckdb":
        return Workspace(ROOT, folder)
    if "TRINO_HOST" not in os.environ:
        pytest.skip("no Trino: give TRINO_HOST, TRINO_PORT, TRINO_CA and TRINO_PASSWORD")
    return Workspace(ROOT, folder, TRINO_USER=os.environ.get("TRINO_USER", "platform"), PIPELINE_TARGET="prod")


def test_every_macro_and_every_test_has_fixtures():
    folder = ROOT / "shared" / "dbt"
    said = "\n".join(path.read_text() for path in [*folder.glob("macros/*.sql"), *folder.glob("tests/generic/*.sql")])
    macros = {name for name in re.findall(r"{%-? macro (\w+)\(", said) if "__" not in name and not name.startswith("_")}
    tests = {f"test_{name}" for name in re.findall(r"{%-? test (\w+)\(", said)}
    assert macros
    assert tests
    used = "\n".join(sql for sql, _ in [*SCALARS, *TESTS])
    assert [name for name in sorted(macros | tests) if f"platform.{name}(" not in used] == []


def test_macros(engine):
    columns = ",\n".join(f"{sql} as c{number}" for number, (sql, _) in enumerate(SCALARS))
    statement = engine.compiled(f"select {columns}")
    with engine.lake() as lake:
        [row] = lake.query(statement)
    wrong = {sql: (found, wanted) for (sql, wanted), found in zip(SCALARS, row, strict=True) if found != wanted}
    assert wrong == {}
    # An engine that gives 1 for true, or 1.0 for 1, would be equal and yet another one.
    assert [type(found) for found in row] == [type(wanted) for _, wanted in SCALARS]


@pytest.mark.parametrize(("sql", "found"), TESTS)
def test_generic_tests(engine, sql, found):
    statement = engine.compiled(f"{{%- set model -%}} {ROWS} {{%- endset -%}} {{{{ {sql} }}}}")
    with engine.lake() as lake:
        assert sorted(lake.query(statement), key=str) == found
