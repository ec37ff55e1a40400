# Copyright (c) 2026 FOSS Data Platform contributors
# SPDX-License-Identifier: MIT
"""postgresql_members against a server that knows the statements which the module makes."""

import base64
import contextlib
import re

import pytest
from ansible_collections.foss_data.platform.plugins.modules import postgresql_members
from ansible_collections.foss_data.platform.plugins.modules.postgresql_members import fits, verifier

ROLE = r'"([\w-]+)"'


class Refused(Exception):
    """psycopg2.Error."""


class Server:
    """One database with three tables of dagster, two with a sequence; ``roles`` as the module reads them."""

    Error = Refused

    def __init__(self):
        self.roles = {"postgres": [True, -1, None, [], [], []], "dagster": [True, -1, None, [], [], []]}
        self.tables = {"runs": ["id", "status", "ended"], "event_logs": ["id", "event"], "jobs": ["id"]}
        self.sequences = {"runs": "runs_id_seq", "event_logs": "event_logs_id_seq"}
        self.connections = 120
        self.unlimited = ["lo_create(oid)", "pg_advisory_lock(bigint)"]  # as PostgreSQL is made
        self.granted, self.connects, self.ended, self.done = set(), set(), [], []
        self.held = set()  # roles that own something
        self.functions, self.policies, self.secured = {}, {}, set()

    def connect(self, dbname, port, options):
        # It never waits long for a table: who asks for it next would wait, too.
        assert (dbname, port, options) == ("dagster", 5432, "-c lock_timeout=10s")
        self.committed = False
        return self

    def close(self):
        """Nothing that would be kept."""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.committed = True

    def cursor(self):
        return contextlib.nullcontext(self)

    def execute(self, query, values=()):
        self.rows = None
        if query == postgresql_members.TABLES:
            self.rows = list(self.tables.items())
        elif query == postgresql_members.SEQUENCES:
            self.rows = list(self.sequences.items())
        elif query == postgresql_members.GRANTED:
            self.rows = [(sequence, name, privilege) for group, sequence, name, privilege in self.granted if group == values[0]]
        elif query == postgresql_members.ROOM:
            self.rows = [(self.connections, sum(role[1] for role in self.roles.values() if values[0] in role[3]))]
        elif query == postgresql_members.UNLIMITED:
            self.rows = [(function,) for function in self.unlimited]
        elif query == postgresql_members.CONDITIONS:
            self.rows = [(name, "dagster", *self.condition(name, values["group"])) for name in self.tables]
        elif query == postgresql_members.CONNECTS:
            self.rows = [(1,)] if values[0] in self.connects else []
        elif query == postgresql_members.ROLES:
            self.rows = [(name, *map(copied, role)) for name, role in self.roles.items() if name in values[0]]
        else:
            self.done.append(query)
            self.change(query)

    def fetchall(self):
        return self.rows

    def condition(self, table, group):
        """Whether there is something of the group, what its condition is, and whether there are policies of others."""
        function, policy = self.functions.get(f"{group}_{table}"), self.policies.get((table, group))
        whole = policy == f"{group}_{table}" and function and function[1] == "dagster" and table in self.secured
        others = any(of == table and name != group for of, name in self.policies)
        return bool(function or policy), function[0] if whole else None, others

    def change(self, statement):
        if statement in ("SAVEPOINT member", "ROLLBACK TO SAVEPOINT member"):
            return
        if match := re.fullmatch(
            rf"(CREATE|ALTER) ROLE {ROLE}((?: NOLOGIN| LOGIN| CONNECTION LIMIT -?\d+| PASSWORD '.*')+)", statement
        ):
            role = self.roles.setdefault(match[2], [False, -1, None, [], [], []])
            role[0] = " LOGIN" in match[3] or role[0]
            if limit := re.search(r"LIMIT (-?\d+)", match[3]):
                role[1] = int(limit[1])
            if password := re.search("PASSWORD '(.*)'", match[3]):
                role[2] = password[1]
        elif match := re.fullmatch(rf'ALTER ROLE {ROLE} SET "(\w+)" = \'(.*)\'', statement):
            settings = self.roles[match[1]][4]
            settings[:] = [s for s in settings if not s.startswith(match[2] + "=")] + [f"{match[2]}={match[3]}"]
        elif match := re.fullmatch(rf'ALTER ROLE {ROLE} RESET "(\w+)"', statement):
            settings = self.roles[match[1]][4]
            settings[:] = [s for s in settings if not s.startswith(match[2] + "=")]
        elif match := re.fullmatch(rf"ALTER ROLE {ROLE} IN DATABASE {ROLE} RESET ALL", statement):
            self.roles[match[1]][5].remove(match[2])
        elif match := re.fullmatch(r"REVOKE EXECUTE ON FUNCTION (.*) FROM PUBLIC", statement):
            self.unlimited = [function for function in self.unlimited if function not in match[1].split(", ")]
        elif match := re.fullmatch(rf"GRANT CONNECT ON DATABASE \"dagster\" TO {ROLE}", statement):
            self.connects.add(match[1])
        elif match := re.fullmatch(rf'(GRANT|REVOKE) ([^;]+) ON (SEQUENCE )?"(\w+)" (?:TO|FROM) {ROLE}', statement):
            privileges = match[2].replace('"', "").split(", ")
            given = {(match[5], bool(match[3]), match[4], privilege) for privilege in privileges}
            if match[1] == "GRANT":
                self.granted |= given
            else:
                # Columns go with the table.
                self.granted -= {each for each in self.granted if {each, (*each[:3], each[3].split(" ")[0])} & given}
        elif match := re.fullmatch(rf"GRANT {ROLE} TO {ROLE}", statement):
            self.roles[match[2]][3].append(match[1])
        elif match := re.fullmatch(
            rf"CREATE OR REPLACE FUNCTION {ROLE}\(this record\) RETURNS boolean LANGUAGE plpgsql STABLE SECURITY DEFINER "
            rf"SET search_path = public, pg_temp AS '((?:[^']|'')*)'",
            statement,
        ):
            owner = self.functions.get(match[1], ("", "postgres"))[1]
            self.functions[match[1]] = (match[2].replace("''", "'"), owner)
        elif match := re.fullmatch(rf"ALTER FUNCTION {ROLE}\(record\) OWNER TO {ROLE}", statement):
            self.functions[match[1]] = (self.functions[match[1]][0], match[2])
        elif match := re.fullmatch(rf"SELECT {ROLE}\(jsonb_populate_record\(NULL::{ROLE}, '{{}}'\)\)", statement):
            if "nonsense" in self.functions[match[1]][0]:
                raise Refused('column "nonsense" does not exist\n')
        elif match := re.fullmatch(rf"CREATE POLICY {ROLE} ON {ROLE} TO {ROLE} USING \({ROLE}\({ROLE}\.\*\)\)", statement):
            assert (match[1], match[2]) == (match[3], match[5])
            assert (match[2], match[1]) not in self.policies
            self.policies[match[2], match[1]] = match[4]
        elif match := re.fullmatch(rf"DROP POLICY IF EXISTS {ROLE} ON {ROLE}", statement):
            self.policies.pop((match[2], match[1]), None)
        elif match := re.fullmatch(rf"DROP FUNCTION IF EXISTS {ROLE}\(record\)", statement):
            self.functions.pop(match[1], None)
        elif match := re.fullmatch(rf"ALTER TABLE {ROLE} (ENABLE|DISABLE) ROW LEVEL SECURITY", statement):
            (self.secured.add if match[2] == "ENABLE" else self.secured.remove)(match[1])
        elif match := re.fullmatch(rf"DROP ROLE {ROLE}", statement):
            if match[1] in self.held:
                raise Refused("role owns objects\n")
            del self.roles[match[1]]
        else:
            [name] = re.fullmatch(
                postgresql_members.END_SESSIONS.replace("(", r"\(").replace(")", r"\)") + "'(.*)'", statement
            ).groups()
            self.ended.append(name)


def copied(value):
    return list(value) if isinstance(value, list) else value


@pytest.fixture
def server(monkeypatch):
    double = Server()
    monkeypatch.setattr(postgresql_members, "psycopg2", double, raising=False)
    monkeypatch.setattr(postgresql_members, "PSYCOPG2_FAULT", None)
    return double


WHOLE = {
    "group": "dagster_run",
    "database": "dagster",
    "privileges": {"runs": ["SELECT", "UPDATE (status, ended)"], "event_logs": ["SELECT", "INSERT"]},
    "rows": {"runs": "this.owner = 'pl-' || session_user"},
    "connection_limit": 10,
    "settings": {"statement_timeout": "60s"},
    "members": [{"name": "pl-sales", "password": "one"}, {"name": "pl-stock", "password": "other"}],
}


@pytest.fixture
def members(server, module):
    return lambda check=False, **options: module(postgresql_members.main, check, **{**WHOLE, **options})


def test_the_verifier_is_that_of_the_standard():
    """The example of RFC 7677, in the form in which PostgreSQL keeps it."""
    kept = verifier("pencil", base64.b64decode("W22ZaJ0SNY7soEsUEjb6gQ=="))
    assert kept == (
        "SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$"
        "WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU="
    )
    assert fits("pencil", kept)


@pytest.mark.parametrize("kept", [None, "", "md5a1b2", "SCRAM-SHA-256$x:y$z", verifier("other", b"salt")])
def test_what_a_password_does_not_fit(kept):
    assert not fits("pencil", kept)


def test_new_ones(server, members):
    predicted = members(check=True)
    assert (predicted["changed"], server.done) == (True, [])
    real = members()
    assert (real["statements"], real["diff"]) == (predicted["statements"], predicted["diff"])
    assert server.committed
    assert server.roles["dagster_run"] == [False, -1, None, [], [], []]
    for name, password in (("pl-sales", "one"), ("pl-stock", "other")):
        login, limit, kept, groups, settings, _databases = server.roles[name]
        assert (login, limit, groups, settings) == (True, 10, ["dagster_run"], ["statement_timeout=60s"])
        assert fits(password, kept)
    assert server.connects == {"dagster_run"}
    assert {(table, privilege) for _group, _sequence, table, privilege in server.granted} == {
        ("runs", "SELECT"),
        ("runs", "UPDATE (status)"),
        ("runs", "UPDATE (ended)"),
        ("event_logs", "SELECT"),
        ("event_logs", "INSERT"),
        # Only what may be inserted into needs its sequence.
        ("event_logs_id_seq", "USAGE"),
    }


def test_a_second_run_changes_nothing(server, members):
    members()
    done = list(server.done)
    for check in (True, False):
        again = members(check)
        assert (again["changed"], again["statements"]) == (False, [])
        assert again["diff"]["before"] == again["diff"]["after"]
    assert server.done == done


def test_no_password_is_sent_or_shown(server, members):
    real = members()
    kept = [server.roles[name][2] for name in ("pl-sales", "pl-stock")]
    assert not [text for text in ("'one'", "'other'") if text in str(server.done)]
    assert not [text for text in kept if text in str(real)]


def test_another_password_is_a_change_of_one(server, members):
    members()
    server.done.clear()
    changed = members(members=[{"name": "pl-sales", "password": "new"}])
    assert changed["statements"] == ["ALTER ROLE \"pl-sales\" PASSWORD '***'"]
    assert fits("new", server.roles["pl-sales"][2])
    assert fits("other", server.roles["pl-stock"][2])
    assert changed["diff"]["before"] != changed["diff"]["after"]


def test_one_is_taken_back_alone(server, members):
    members()
    gone = [{"name": "pl-sales", "state": "absent"}]
    assert members(members=gone)["changed"] is True
    assert "pl-sales" not in server.roles
    assert "pl-stock" in server.roles
    # Who is logged in would stay so otherwise.
    assert server.ended == ["pl-sales"]
    assert members(members=gone)["changed"] is False


def test_what_the_group_may_is_exactly_that(server, members):
    members()
    server.granted.add(("dagster_run", False, "jobs", "DELETE"))
    server.granted.add(("dagster_run", False, "runs", "UPDATE (id)"))
    server.granted.discard(("dagster_run", False, "runs", "UPDATE (status)"))
    assert members()["statements"] == [
        'REVOKE DELETE ON "jobs" FROM "dagster_run"',
        'REVOKE UPDATE ("id") ON "runs" FROM "dagster_run"',
        'GRANT UPDATE ("status") ON "runs" TO "dagster_run"',
    ]


@pytest.mark.parametrize("privileges", [["UPDATE"], ["UPDATE", "UPDATE (ended)"]])
def test_columns_take_the_place_of_the_whole_table(server, members, privileges):
    """As a platform had it before; PostgreSQL takes those of columns with it."""
    members()
    server.granted = {each for each in server.granted if "UPDATE" not in each[3]}
    server.granted |= {("dagster_run", False, "runs", privilege) for privilege in privileges}
    assert members()["statements"] == [
        'REVOKE UPDATE ON "runs" FROM "dagster_run"',
        'GRANT UPDATE ("ended"), UPDATE ("status") ON "runs" TO "dagster_run"',
    ]
    assert members()["changed"] is False


def test_what_can_not_be_limited_is_taken_from_everybody(server, members):
    done = members()
    assert server.unlimited == []
    assert '  lo_create(oid): ["EXECUTE"]' in done["diff"]["before"]
    assert "lo_create" not in done["diff"]["after"]


def test_rows_are_of_the_group_alone_before_it_may_use_them(server, members):
    done = members()["statements"]
    assert server.functions == {"dagster_run_runs": ("BEGIN RETURN this.owner = 'pl-' || session_user; END", "dagster")}
    assert (server.policies, server.secured) == ({("runs", "dagster_run"): "dagster_run_runs"}, {"runs"})
    tried, made = done.index('SELECT "dagster_run_runs"(jsonb_populate_record(NULL::"runs", \'{}\'))'), "CREATE POLICY"
    assert tried < next(at for at, statement in enumerate(done) if statement.startswith(made))
    assert done.index('ALTER TABLE "runs" ENABLE ROW LEVEL SECURITY') < done.index(
        'GRANT SELECT, UPDATE ("ended"), UPDATE ("status") ON "runs" TO "dagster_run"'
    )


def test_the_groups_own_changes_are_told_beside_its_members(server, members):
    members()
    group, *others = members(check=True, rows={"runs": "this.owner = session_user"})["results"]
    assert (group["name"], group["changed"], group["failed"]) == ("dagster_run", True, False)
    assert "this.owner = 'pl-' || session_user" in group["diff"]["before"]
    assert "this.owner = session_user" in group["diff"]["after"]
    assert "pl-sales" not in str(group["diff"])
    assert not [other for other in others if other["changed"]]


def test_another_condition_takes_the_place_of_the_one_before(server, members):
    members()
    assert members(rows={"runs": "this.owner = session_user", "event_logs": "true"})["changed"] is True
    assert {name: body for name, (body, _owner) in server.functions.items()} == {
        "dagster_run_runs": "BEGIN RETURN this.owner = session_user; END",
        "dagster_run_event_logs": "BEGIN RETURN true; END",
    }
    assert members(rows={"runs": "this.owner = session_user", "event_logs": "true"})["changed"] is False


def drop_policy(server):
    del server.policies["runs", "dagster_run"]


def open_policy(server):
    server.policies["runs", "dagster_run"] = "something else"


def open_table(server):
    server.secured.remove("runs")


def give_away(server):
    server.functions["dagster_run_runs"] = (server.functions["dagster_run_runs"][0], "postgres")


@pytest.mark.parametrize("by_hand", [drop_policy, open_policy, open_table, give_away])
def test_what_was_opened_by_hand_is_closed_again(server, members, by_hand):
    members()
    whole = [dict(server.functions), dict(server.policies), set(server.secured)]
    by_hand(server)
    done = members()
    assert '  runs: "(not as it is made here)"' in done["diff"]["before"]
    assert [server.functions, server.policies, server.secured] == whole
    assert members()["changed"] is False


@pytest.mark.parametrize("others", [False, True])
def test_a_table_without_a_condition_any_more_is_open_to_the_group(server, members, others):
    members()
    if others:
        server.policies["runs", "auditors"] = "auditors_runs"
    assert members(rows={})["changed"] is True
    assert server.functions == {}
    assert list(server.policies) == ([("runs", "auditors")] if others else [])
    # Closed to those others it has to stay.
    assert server.secured == ({"runs"} if others else set())
    assert members(rows={})["changed"] is False


def test_a_condition_that_can_not_be_evaluated_is_refused(server, members):
    failed = members(rows={"runs": "this.nonsense = 1"})
    assert failed["msg"] == 'nothing was changed: PostgreSQL refused: column "nonsense" does not exist'


def test_limits_that_were_changed_by_hand_come_back(server, members):
    members()
    server.roles["pl-sales"][1] = -1
    server.roles["pl-sales"][4][:] = ["statement_timeout=0", "work_mem=1GB"]
    server.roles["pl-sales"][5][:] = ["dagster"]
    done = members()
    assert '"databases": ["dagster"]' in done["results"][1]["diff"]["before"]
    assert done["statements"] == [
        'ALTER ROLE "pl-sales" CONNECTION LIMIT 10',
        'ALTER ROLE "pl-sales" SET "statement_timeout" = \'60s\'',
        'ALTER ROLE "pl-sales" RESET "work_mem"',
        'ALTER ROLE "pl-sales" IN DATABASE "dagster" RESET ALL',
    ]


@pytest.mark.parametrize("check", [True, False])
@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"group": "dagster"}, "role dagster can log in, so it is no group"),
        (
            {"privileges": {"no_such": ["SELECT"]}, "rows": {}},
            "database dagster has no table no_such: let its owner make them first",
        ),
        (
            {"privileges": {"runs": ["UPDATE (id, no_such)"]}},
            "database dagster has no column no_such in table runs: let its owner make them first",
        ),
        (
            {"privileges": {"runs": ["DROP"]}},
            "privileges of runs: give a list of SELECT, INSERT, UPDATE, DELETE, or UPDATE (column, column)",
        ),
        ({"privileges": {"runs": ["DELETE (id)"]}}, "privileges of runs: give a list"),
        ({"privileges": {"runs": ["UPDATE(id)"]}}, "privileges of runs: give a list"),
        ({"privileges": {"runs": [{"UPDATE": ["id"]}]}}, "privileges of runs: give a list"),
        ({"privileges": {"runs": "SELECT"}}, "privileges of runs: give a list"),
        ({"rows": {"jobs": "true"}}, "rows of jobs: there are no privileges of jobs, give some or leave the rows out"),
        ({"rows": {"runs": " "}}, "rows of runs: give a condition in SQL"),
        ({"rows": {"runs": True}}, "rows of runs: give a condition in SQL"),
        ({"group": "g" * 59}, f"rows of runs: {'g' * 59}_runs is too long for a name, choose a shorter group"),
        ({"members": [{"name": "pl-sales"}]}, "state is present but all of the following are missing: password"),
    ],
)
def test_bad_input_is_one_clear_error(server, members, check, options, message):
    failed = members(check, **options)
    assert message in failed["msg"]
    assert "\n" not in failed["msg"]
    assert server.done == []


@pytest.mark.parametrize("check", [True, False])
@pytest.mark.parametrize(
    ("member", "message"),
    [
        ({"name": "postgres", "password": "x"}, "role postgres is there and not in dagster_run: it is somebody else's"),
        ({"name": "dagster", "state": "absent"}, "role dagster is there and not in dagster_run"),
        ({"name": "pl-odd", "password": "å"}, "the password of pl-odd has characters that are not ASCII"),
    ],
)
def test_one_that_can_not_be_holds_up_no_other(server, members, check, member, message):
    before = dict(server.roles)
    done = members(check, members=[member, WHOLE["members"][0]])
    assert not done["failed"]
    _group, wrong, right = done["results"]
    assert (wrong["name"], wrong["failed"], wrong["changed"]) == (member["name"], True, False)
    assert message in wrong["msg"]
    assert (right["name"], right["failed"], right["changed"]) == ("pl-sales", False, True)
    assert '"limit": 10' in right["diff"]["after"]
    assert ("pl-sales" in server.roles) is not check
    assert {name: role for name, role in server.roles.items() if name in before} == before


def test_others_keep_their_connections(server, members):
    server.connections = 20 + 10 + 9
    done = members(reserved_connections=20)
    assert "pl-stock" not in server.roles
    assert [(result["name"], result["failed"]) for result in done["results"][1:]] == [("pl-sales", False), ("pl-stock", True)]
    assert done["results"][2]["msg"] == (
        "there is no room for 10 more connections: the server has 39, of which 20 are reserved and 10 are its members'. "
        "Raise its max_connections, or remove a member"
    )
    # Who is there stays, also on a server that has fewer by now.
    server.connections = 20
    assert members(reserved_connections=20)["results"][1]["failed"] is False
    # But not with more than there are; what others have from an earlier time counts as what it is.
    more = members(reserved_connections=10, connection_limit=11)["results"][1]
    assert more["msg"].startswith("there is no room for 1 more connections: the server has 20, of which 10 are reserved")
    instead = [{"name": "pl-sales", "state": "absent"}, WHOLE["members"][1]]
    server.connections = 20 + 10
    assert not [result for result in members(reserved_connections=20, members=instead)["results"] if result["failed"]]
    assert "pl-stock" in server.roles


def test_what_the_server_refuses_of_one_is_undone_and_its_own(server, members):
    members()
    server.held = {"pl-sales"}
    done = members(members=[{"name": "pl-sales", "state": "absent"}, {"name": "pl-stock", "state": "absent"}])
    assert not done["failed"]
    _group, wrong, right = done["results"]
    assert (wrong["failed"], wrong["changed"], wrong["msg"]) == (True, False, "PostgreSQL refused: role owns objects")
    assert (right["failed"], right["changed"]) == (False, True)
    assert ("pl-sales" in server.roles, "pl-stock" in server.roles) == (True, False)
    assert "pl-sales" not in str(done["statements"])
    assert "  pl-sales: " in done["diff"]["after"]
    assert server.done[-4] == "ROLLBACK TO SAVEPOINT member"
    # A second run says it again, and changes nothing.
    again = members(members=[{"name": "pl-sales", "state": "absent"}])
    assert (again["changed"], again["results"][1]["failed"]) == (False, True)


def test_a_server_that_is_not_there(server, members, monkeypatch):
    def refuse(**_):
        raise Refused(
            'connection to server on socket "/var/run/postgresql/.s.PGSQL.5432" failed: No such file\n\tIs it running?\n'
        )

    monkeypatch.setattr(server, "connect", refuse)
    assert members()["msg"].endswith(
        "PostgreSQL refused: connection to server on socket "
        '"/var/run/postgresql/.s.PGSQL.5432" failed: No such file Is it running?'
    )
