#!/usr/bin/python
# Copyright (c) 2026 FOSS Data Platform contributors
# SPDX-License-Identifier: MIT

from __future__ import annotations

DOCUMENTATION = r"""
module: postgresql_members
short_description: Login roles that may use some tables of one PostgreSQL database and nothing else
version_added: 0.1.0
author: FOSS Data Platform contributors (@foss-data)
description:
  - Keeps a group role, what it may do in the tables of one database, and its members, each with a password of its own, so that
    one can be taken back alone. All of it in one task and one transaction.
  - Each member has a result of its own; one that can't be holds up no other and does not fail the module.
  - Members that are not listed stay as they are. The group has exactly what O(privileges) and O(rows) say; the sequences of
    tables that it may insert into come with them.
  - In that database nobody but superusers makes large objects, takes advisory locks or writes messages to the write-ahead log.
    PostgreSQL lets everybody, who could fill the disk by it, and the table of locks that the whole server has.
  - Passwords are sent as SCRAM verifiers, so the server's log never has one.
  - Runs on the server's host as the user C(postgres), over the unix socket.
requirements:
  - psycopg2
attributes:
  check_mode:
    description: Says what would change and changes nothing.
    support: full
  diff_mode:
    description: Shows the roles, privileges and conditions before and after; passwords are not shown.
    support: full
options:
  group:
    description: The group role. It can't log in.
    type: str
    required: true
  database:
    description: The one database that it may connect to, with the tables in its schema C(public).
    type: str
    required: true
  privileges:
    description:
      - Lists of privileges (V(SELECT), V(INSERT), V(UPDATE), V(DELETE)) by table; all but the last may be of some columns, as
        V(UPDATE (status, ended\)).
      - Whoever may update a whole table, or delete from it, may lock it (C(LOCK TABLE)) and hold up all who use it. Columns of it
        do not allow that.
    type: dict
    required: true
  rows:
    description:
      - Conditions in SQL by table, of those in O(privileges). A member sees and writes only rows for which it holds; in a table
        that is not named here, all.
      - C(this) is the row, C(session_user) the member. It is evaluated with the rights of the table's owner, who sees all rows,
        as superusers do.
      - The owner can change the table as if there was no condition. If C(this) lacks a column then, members are refused until
        the condition is given anew.
      - Members of other groups with privileges on such a table see nothing of it unless their group has a condition, too.
    type: dict
    default: {}
  connection_limit:
    description: Connections of each member at the same time; -1 for no limit.
    type: int
    default: -1
  reserved_connections:
    description:
      - Of the server's C(max_connections) those that are left for others when every member has all of its own.
      - A new member for whom there are no more can't be.
    type: int
    default: 0
  settings:
    description: Values of parameters that the sessions of each member begin with, such as C(statement_timeout).
    type: dict
    default: {}
  members:
    description: Login roles in the group.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description: Name of the role.
        type: str
        required: true
      password:
        description: Its password, in ASCII. Needed for V(present).
        type: str
      state:
        description: Whether there is such a role. One that goes loses its sessions, too.
        type: str
        choices: [present, absent]
        default: present
  login_port:
    description: Port of the server, which names its socket.
    type: int
    default: 5432
"""

EXAMPLES = r"""
- name: Let two teams write their events
  foss_data.platform.postgresql_members:
    group: event_writers
    database: events
    privileges:
      events: [SELECT, INSERT]
    rows:
      events: this.team = session_user
    connection_limit: 4
    reserved_connections: 60
    settings:
      statement_timeout: 60s
    members:
      - {name: sales, password: "{{ secret_sales }}"}
      - {name: finance, state: absent}
  become: true
  become_user: postgres
"""

RETURN = r"""
statements:
  description: What was run, or would be, without passwords.
  returned: always
  type: list
  elements: str
  sample: ['CREATE ROLE "sales" LOGIN CONNECTION LIMIT 4 PASSWORD ''***''', 'GRANT "event_writers" TO "sales"']
results:
  description: What came of the group, which is the first, and of each member.
  returned: always
  type: list
  elements: dict
  contains:
    name:
      description: Name of the role.
      type: str
    changed:
      description: Whether it was changed, or would be.
      type: bool
    failed:
      description: Whether it could not be.
      type: bool
    msg:
      description: Why not.
      type: str
    diff:
      description: The role before and after.
      type: dict
"""

import base64
import contextlib
import hashlib
import hmac
import json
import os
import re
import traceback

from ansible.module_utils.basic import AnsibleModule, missing_required_lib

try:
    import psycopg2

    PSYCOPG2_FAULT = None
except ImportError:
    PSYCOPG2_FAULT = traceback.format_exc()

PRIVILEGES = ("SELECT", "INSERT", "UPDATE", "DELETE")
PRIVILEGE = re.compile(r"(?:SELECT|INSERT|UPDATE|DELETE)(?:(?<!DELETE) \((\w+(?:, \w+)*)\))?")
ITERATIONS = 4096  # as PostgreSQL itself
LONGEST_NAME = 63  # bytes, of anything in PostgreSQL
SHOWN = "'***'"  # in the place of a password
CHANGED = "(secret, changed)"
OTHER = "(not as it is made here)"

TABLES = """SELECT c.relname, ARRAY(
  SELECT a.attname::text FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped)
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = 'public' AND c.relkind IN ('r', 'p')"""
SEQUENCES = """SELECT t.relname, s.relname FROM pg_class s JOIN pg_namespace n ON n.oid = s.relnamespace
JOIN pg_depend d ON d.objid = s.oid AND d.classid = 'pg_class'::regclass AND d.refclassid = 'pg_class'::regclass
JOIN pg_class t ON t.oid = d.refobjid
WHERE n.nspname = 'public' AND s.relkind = 'S' AND d.deptype IN ('a', 'i')"""
# Of whole tables, and of columns.
GRANTED = """SELECT c.relkind = 'S', c.relname, a.privilege_type || COALESCE(' (' || p.attname || ')', '')
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
CROSS JOIN LATERAL (SELECT NULL AS attname, c.relacl AS acl
  UNION ALL SELECT attname, attacl FROM pg_attribute WHERE attrelid = c.oid AND NOT attisdropped) p
CROSS JOIN LATERAL aclexplode(p.acl) a JOIN pg_roles g ON g.oid = a.grantee
WHERE n.nspname = 'public' AND c.relkind IN ('r', 'p', 'S') AND g.rolname = %s"""
# What everybody may execute and PostgreSQL can't limit.
UNLIMITED = """SELECT p.oid::regprocedure::text
FROM pg_proc p CROSS JOIN LATERAL aclexplode(COALESCE(p.proacl, acldefault('f', p.proowner))) a
WHERE p.pronamespace = 'pg_catalog'::regnamespace AND a.grantee = 0
  AND p.proname ~ '^(lo_.*|loread|lowrite|pg_(try_)?advisory_.*|pg_logical_emit_message)$' ORDER BY 1"""
CONNECTS = """SELECT 1 FROM pg_database d CROSS JOIN LATERAL aclexplode(d.datacl) a JOIN pg_roles g ON g.oid = a.grantee
WHERE d.datname = current_database() AND a.privilege_type = 'CONNECT' AND g.rolname = %s"""
# What the function of a condition is made of.
HEAD = "BEGIN RETURN "
TAIL = "; END"
# Of each table: its owner; whether there is a policy or a function of the group; the function's body, if all is as it is made;
# whether there are policies of others.
CONDITIONS = """SELECT c.relname, pg_get_userbyid(c.relowner), p.oid IS NOT NULL OR f.oid IS NOT NULL,
  CASE WHEN c.relrowsecurity AND p.polcmd = '*' AND p.polpermissive AND p.polwithcheck IS NULL
    AND p.polroles = ARRAY(SELECT g.oid FROM pg_roles g WHERE g.rolname = p.polname)
    AND pg_get_expr(p.polqual, c.oid) = format('%%I(%%I.*)', f.proname, c.relname)
    AND f.prosecdef AND f.provolatile = 's' AND f.proconfig = ARRAY['search_path=public, pg_temp'] AND f.proowner = c.relowner
    THEN f.prosrc END,
  EXISTS (SELECT FROM pg_policy o WHERE o.polrelid = c.oid AND o.polname <> %(group)s)
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
LEFT JOIN pg_policy p ON p.polrelid = c.oid AND p.polname = %(group)s
LEFT JOIN pg_proc f ON f.pronamespace = n.oid AND f.proname = %(group)s || '_' || c.relname
  AND pg_get_function_identity_arguments(f.oid) = 'this record'
WHERE n.nspname = 'public' AND c.relkind IN ('r', 'p')"""
ROLES = """SELECT r.rolname, r.rolcanlogin, r.rolconnlimit, r.rolpassword,
  ARRAY(SELECT g.rolname::text FROM pg_auth_members m JOIN pg_roles g ON g.oid = m.roleid WHERE m.member = r.oid),
  COALESCE((SELECT s.setconfig FROM pg_db_role_setting s WHERE s.setrole = r.oid AND s.setdatabase = 0), ARRAY[]::text[]),
  ARRAY(SELECT d.datname::text FROM pg_db_role_setting s JOIN pg_database d ON d.oid = s.setdatabase WHERE s.setrole = r.oid)
FROM pg_authid r WHERE r.rolname = ANY(%s)"""
ROOM = """SELECT current_setting('max_connections')::int, COALESCE(sum(r.rolconnlimit), 0)::int
FROM pg_auth_members m JOIN pg_roles g ON g.oid = m.roleid JOIN pg_roles r ON r.oid = m.member WHERE g.rolname = %s"""
END_SESSIONS = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = "


def identifier(name: str) -> str:
    """A quoted name."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """A quoted string."""
    return "'" + text.replace("'", "''") + "'"


def verifier(password: str, salt: bytes, iterations: int = ITERATIONS) -> str:
    """What PostgreSQL keeps of a password in the place of it (RFC 5803)."""
    salted = hashlib.pbkdf2_hmac("sha256", password.encode("ascii"), salt, iterations)
    client, server = (hmac.new(salted, name, hashlib.sha256).digest() for name in (b"Client Key", b"Server Key"))
    salt64, stored64, server64 = (base64.b64encode(part).decode() for part in (salt, hashlib.sha256(client).digest(), server))
    return f"SCRAM-SHA-256${iterations}:{salt64}${stored64}:{server64}"


def fits(password: str, kept: str | None) -> bool:
    """Whether ``kept`` was made of the password."""
    try:
        method, parameters, _keys = (kept or "").split("$")
        iterations, salt = parameters.split(":")
        made = verifier(password, base64.b64decode(salt), int(iterations))
    except ValueError:
        return False
    return method == "SCRAM-SHA-256" and hmac.compare_digest(made, kept)


class Members:
    """The group and its members: ``before`` as they are, ``statements`` that make them what the module was told, and of each
    member its result."""

    def __init__(self, params: dict, ask) -> None:
        """``ask`` gives the rows of a query. Raises ValueError with one sentence if it can't be done for any."""
        self.params = params
        self.group = params["group"]
        self._statements: list[tuple[str, str]] = []  # each as it is run, and as it is shown
        names = [member["name"] for member in params["members"]]
        self.roles = {
            name: {
                "login": login,
                "limit": limit,
                "password": kept,
                "groups": groups,
                "settings": dict(setting.split("=", 1) for setting in config),
                "databases": sorted(databases),
            }
            for name, login, limit, kept, groups, config, databases in ask(ROLES, [[self.group, *names]])
        }
        self._found = dict(self.roles)
        [[self._connections, self._taken]] = ask(ROOM, [self.group])
        conditions = ask(CONDITIONS, {"group": self.group})
        rows = {name: restored(body) for name, _owner, is_there, body, _others in sorted(conditions) if is_there}
        unlimited = [function for (function,) in ask(UNLIMITED, [])]
        self.before = {
            "roles": self._shown(),
            "privileges": self._granted(ask),
            "rows": rows,
            "everybody": {function: ["EXECUTE"] for function in unlimited},
        }
        self._refuse(ask)
        sequences: dict[str, list[str]] = {}
        for table, sequence in ask(SEQUENCES, []):
            sequences.setdefault(table, []).append(sequence)
        self._group(bool(ask(CONNECTS, [self.group])))
        self._rows(conditions)
        self._privileges(sequences)
        if unlimited:
            self._do(f"REVOKE EXECUTE ON FUNCTION {', '.join(unlimited)} FROM PUBLIC")
        self._after = {"privileges": self._wanted(sequences), "rows": dict(sorted(params["rows"].items())), "everybody": {}}
        self._of_group, self._of_members = self._statements, [self._member(member) for member in params["members"]]

    @property
    def after(self) -> dict:
        """As ``before``, when that is done."""
        return {"roles": self._shown(), **self._after}

    @property
    def statements(self) -> list[str]:
        """What is run, as it is shown."""
        members = (statements for result, statements in self._of_members if not result["failed"])
        return [shown for part in (self._of_group, *members) for _statement, shown in part]

    @property
    def results(self) -> list[dict]:
        """What came of the group, and of each member."""
        parts = [
            text_of({**state, "roles": {name: role for name, role in state["roles"].items() if name == self.group}})
            for state in (self.before, self.after)
        ]
        group = {"name": self.group, "changed": bool(self._of_group), "failed": False, "msg": ""}
        group["diff"] = {"before_header": self.group, "after_header": self.group, "before": parts[0], "after": parts[1]}
        return [group, *(result for result, _statements in self._of_members)]

    def run(self, execute) -> None:
        """Run all of it. What is refused of one member is undone, and is a fault of that one alone."""
        for statement, _shown in self._of_group:
            execute(statement)
        for result, statements in self._of_members:
            if not statements:
                continue
            execute("SAVEPOINT member")
            try:
                for statement, _shown in statements:
                    execute(statement)
            except psycopg2.Error as error:
                execute("ROLLBACK TO SAVEPOINT member")
                self._undo(result["name"])
                result |= {"changed": False, "failed": True, "msg": refused(error), "diff": {"before": "", "after": ""}}

    def _undo(self, name: str) -> None:
        self.roles.pop(name, None)
        if name in self._found:
            self.roles[name] = self._found[name]

    def _member(self, member: dict) -> tuple[dict, list[tuple[str, str]]]:
        """Its result, and its statements."""
        name, self._statements = member["name"], []
        result = {"name": name, "changed": False, "failed": False, "msg": "", "diff": {"before": "", "after": ""}}
        if fault := self._fault(member):
            return result | {"failed": True, "msg": fault}, []
        before = self._shown().get(name)
        getattr(self, f"_{member['state']}")(member)
        diff = {"before": before, "after": self._shown().get(name)}
        headers = {"before_header": name, "after_header": name}
        result["diff"] = headers | {key: json.dumps(role) + "\n" if role else "" for key, role in diff.items()}
        return result | {"changed": bool(self._statements)}, self._statements

    def _fault(self, member: dict) -> str:
        """Why it can't be; empty if nothing speaks against it."""
        if member["state"] == "present" and not (member["password"] or "").isascii():
            return f"the password of {member['name']} has characters that are not ASCII: choose another"
        role = self.roles.get(member["name"])
        if role and self.group not in role["groups"]:
            return f"role {member['name']} is there and not in {self.group}: it is somebody else's, choose another name"
        limit, reserved = self.params["connection_limit"], self.params["reserved_connections"]
        more = limit - (role["limit"] if role else 0)
        if member["state"] == "present" and more > 0 and self._taken + more > self._connections - reserved:
            return (
                f"there is no room for {more} more connections: the server has {self._connections}, of which {reserved} are "
                f"reserved and {self._taken} are its members'. Raise its max_connections, or remove a member"
            )
        return ""

    def _do(self, statement: str, shown: str | None = None) -> None:
        self._statements.append((statement, shown or statement))

    def _shown(self) -> dict:
        shown = {None: None, CHANGED: CHANGED}
        return {name: {**role, "password": shown.get(role["password"], "(secret)")} for name, role in self.roles.items()}

    def _granted(self, ask) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        for is_sequence, name, privilege in ask(GRANTED, [self.group]):
            found.setdefault(("SEQUENCE " if is_sequence else "") + identifier(name), []).append(privilege)
        return {name: sorted(privileges) for name, privileges in sorted(found.items())}

    def _wanted(self, sequences: dict[str, list[str]]) -> dict[str, list[str]]:
        wanted = {}
        for table, privileges in self.params["privileges"].items():
            if privileges:
                wanted[identifier(table)] = sorted({each for privilege in privileges for each in by_column(privilege)})
            if any(privilege.startswith("INSERT") for privilege in privileges):
                wanted.update({"SEQUENCE " + identifier(name): ["USAGE"] for name in sequences.get(table, ())})
        return dict(sorted(wanted.items()))

    def _refuse(self, ask) -> None:
        columns = dict(ask(TABLES, []))
        missing = [f"table {table}" for table in sorted(set(self.params["privileges"]) - set(columns))] or [
            f"column {column} in table {table}"
            for table, privileges in sorted(self.params["privileges"].items())
            for column in sorted({column for privilege in privileges for column in columns_of(privilege)} - set(columns[table]))
        ]
        if missing:
            raise ValueError(f"database {self.params['database']} has no {', no '.join(missing)}: let its owner make them first")
        if self.roles.get(self.group, {}).get("login"):
            raise ValueError(f"role {self.group} can log in, so it is no group: choose another name")

    def _group(self, connects: bool) -> None:
        if self.group not in self.roles:
            self.roles[self.group] = {
                "login": False,
                "limit": -1,
                "password": None,
                "groups": [],
                "settings": {},
                "databases": [],
            }
            self._do(f"CREATE ROLE {identifier(self.group)} NOLOGIN")
        if not connects:
            self._do(f"GRANT CONNECT ON DATABASE {identifier(self.params['database'])} TO {identifier(self.group)}")

    def _privileges(self, sequences: dict[str, list[str]]) -> None:
        before, after = self.before["privileges"], self._wanted(sequences)
        for name in sorted({*before, *after}):
            had, has = set(before.get(name, ())), set(after.get(name, ()))
            if taken := had - has:
                self._do(f"REVOKE {quoted(taken)} ON {name} FROM {identifier(self.group)}")
                # With one of a whole table PostgreSQL takes those of its columns.
                had = {privilege for privilege in had - taken if privilege.split(" ")[0] not in taken}
            if has - had:
                self._do(f"GRANT {quoted(has - had)} ON {name} TO {identifier(self.group)}")

    def _rows(self, conditions: list[tuple]) -> None:
        for name, owner, _is_there, _body, others in sorted(conditions):
            before, after = self.before["rows"].get(name), self.params["rows"].get(name)
            if before == after:
                continue
            table, policy, function = identifier(name), identifier(self.group), identifier(f"{self.group}_{name}")
            if before:
                self._do(f"DROP POLICY IF EXISTS {policy} ON {table}")
            if after:
                # It takes the whole row, and PostgreSQL does not know of what: the owner can change the type of any column, and
                # drop the table. A policy that names a column would forbid that.
                self._do(
                    f"CREATE OR REPLACE FUNCTION {function}(this record) RETURNS boolean LANGUAGE plpgsql STABLE "
                    f"SECURITY DEFINER SET search_path = public, pg_temp AS {literal(HEAD + after + TAIL)}"
                )
                self._do(f"ALTER FUNCTION {function}(record) OWNER TO {identifier(owner)}")
                # With a row of nulls, so that what can't be evaluated is refused here and not to members.
                self._do(f"SELECT {function}(jsonb_populate_record(NULL::{table}, '{{}}'))")
                self._do(f"CREATE POLICY {policy} ON {table} TO {policy} USING ({function}({table}.*))")
                self._do(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
            else:
                self._do(f"DROP FUNCTION IF EXISTS {function}(record)")
                if not others:
                    self._do(f"ALTER TABLE {table} DISABLE ROW LEVEL SECURITY")

    def _absent(self, member: dict) -> None:
        if role := self.roles.pop(member["name"], None):
            self._taken -= role["limit"]
            self._do(END_SESSIONS + literal(member["name"]))
            self._do(f"DROP ROLE {identifier(member['name'])}")

    def _present(self, member: dict) -> None:
        name, limit, settings = identifier(member["name"]), self.params["connection_limit"], self.params["settings"]
        settings = {key: str(value) for key, value in settings.items()}
        new = {"login": None, "limit": None, "password": None, "groups": [], "settings": {}, "databases": []}
        role = self.roles.get(member["name"], new)
        clauses, secret = [], ""
        if not role["login"]:
            clauses.append("LOGIN")
        if role["limit"] != limit:
            self._taken += limit - (role["limit"] or 0)
            clauses.append(f"CONNECTION LIMIT {limit}")
        if not fits(member["password"], role["password"]):
            clauses.append("PASSWORD")
            secret = literal(verifier(member["password"], os.urandom(16)))
        if clauses:
            verb = "ALTER" if member["name"] in self.roles else "CREATE"
            statement = f"{verb} ROLE {name} {' '.join(clauses)}"
            self._do(*(f"{statement} {text}" for text in (secret, SHOWN)) if secret else (statement,))
        if self.group not in role["groups"]:
            self._do(f"GRANT {identifier(self.group)} TO {name}")
        for key in sorted({*role["settings"], *settings}):
            if key not in settings:
                self._do(f"ALTER ROLE {name} RESET {identifier(key)}")
            elif settings[key] != role["settings"].get(key):
                self._do(f"ALTER ROLE {name} SET {identifier(key)} = {literal(settings[key])}")
        for database in role["databases"]:
            self._do(f"ALTER ROLE {name} IN DATABASE {identifier(database)} RESET ALL")
        after = {"login": True, "limit": limit, "groups": sorted({*role["groups"], self.group}), "settings": settings}
        kept = CHANGED if secret else role["password"]
        self.roles[member["name"]] = {**role, **after, "password": kept, "databases": []}


def columns_of(privilege: str) -> list[str]:
    """The columns that it is limited to; none if it is not."""
    columns = PRIVILEGE.fullmatch(privilege)[1]
    return columns.split(", ") if columns else []


def by_column(privilege: str) -> list[str]:
    """It as one for each column."""
    return [f"{privilege.split(' ')[0]} ({column})" for column in columns_of(privilege)] or [privilege]


def quoted(privileges: set[str]) -> str:
    """Them in SQL."""
    parts = [privilege.rstrip(")").split(" (") for privilege in sorted(privileges)]
    return ", ".join(verb + "".join(f" ({identifier(name)})" for name in column) for verb, *column in parts)


def restored(body: str | None) -> str:
    """The condition that the body of a function was made of."""
    return body.removeprefix(HEAD).removesuffix(TAIL) if body else OTHER


def refused(error: Exception) -> str:
    """What PostgreSQL said, in one line."""
    return f"PostgreSQL refused: {' '.join(str(error).split())}"


def text_of(state: dict) -> str:
    """A line for each role and each table."""
    return "".join(
        f"{part}:\n" + "".join(f"  {name}: {json.dumps(is_)}\n" for name, is_ in state[part].items()) for part in state
    )


def check(params: dict) -> None:
    """Raises ValueError with one sentence about an option that is wrong."""
    for table, privileges in params["privileges"].items():
        if not isinstance(privileges, list) or not all(PRIVILEGE.fullmatch(str(privilege)) for privilege in privileges):
            raise ValueError(f"privileges of {table}: give a list of {', '.join(PRIVILEGES)}, or UPDATE (column, column)")
    for table, condition in params["rows"].items():
        if table not in params["privileges"]:
            raise ValueError(f"rows of {table}: there are no privileges of {table}, give some or leave the rows out")
        if not isinstance(condition, str) or not condition.strip():
            raise ValueError(f"rows of {table}: give a condition in SQL")
        if len(f"{params['group']}_{table}".encode()) > LONGEST_NAME:
            raise ValueError(f"rows of {table}: {params['group']}_{table} is too long for a name, choose a shorter group")


def main() -> None:
    """Entry point of the module."""
    module = AnsibleModule(
        argument_spec={
            "group": {"type": "str", "required": True},
            "database": {"type": "str", "required": True},
            "privileges": {"type": "dict", "required": True},
            "rows": {"type": "dict", "default": {}},
            "connection_limit": {"type": "int", "default": -1},
            "reserved_connections": {"type": "int", "default": 0},
            "settings": {"type": "dict", "default": {}},
            "members": {
                "type": "list",
                "elements": "dict",
                "default": [],
                "options": {
                    "name": {"type": "str", "required": True},
                    "password": {"type": "str", "no_log": True},
                    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
                },
                "required_if": [("state", "present", ["password"])],
            },
            "login_port": {"type": "int", "default": 5432},
        },
        supports_check_mode=True,
    )
    if PSYCOPG2_FAULT:
        module.fail_json(msg=missing_required_lib("psycopg2"), exception=PSYCOPG2_FAULT)
    p = module.params
    try:
        check(p)
        # The group all or nothing.
        # Not for ever behind somebody's transaction: whoever asks for one of the tables would queue behind this.
        connection = psycopg2.connect(dbname=p["database"], port=p["login_port"], options="-c lock_timeout=10s")
        with contextlib.closing(connection), connection, connection.cursor() as cursor:

            def ask(query: str, values: list | dict) -> list[tuple]:
                cursor.execute(query, values)
                return cursor.fetchall()

            work = Members(p, ask)
            if not module.check_mode:
                work.run(cursor.execute)
    except ValueError as error:
        module.fail_json(msg=f"nothing was changed: {error}")
    except psycopg2.Error as error:
        module.fail_json(msg=f"nothing was changed: {refused(error)}")
    module.exit_json(
        changed=bool(work.statements),
        # Ansible would take a failed result of one member for the module's.
        failed=False,
        results=work.results,
        statements=work.statements,
        diff={"before": text_of(work.before), "after": text_of(work.after)},
    )


if __name__ == "__main__":
    main()
