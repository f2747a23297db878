"""Who may do what in the database: group roles named after it, granted what ``access_matrix.csv`` says, and logins.

The pipeline works as the owner of the tables; the roles are for everybody else. A person gets a login that is a member
of one group (``grant``); its password is a file below ``secrets`` and reaches the server as a SCRAM verifier alone.
"""

from __future__ import annotations

import csv
import logging
import re
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.resources import files
from typing import Literal, LiteralString, get_args

import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo

from credit_warehouse.db import Lock, connect, dsn_parts
from credit_warehouse.secrets import renew, secret
from credit_warehouse.settings import settings

log = logging.getLogger(__name__)

Role = Literal["loader", "transformer", "analyst", "auditor", "exporter", "department"]
ROLES: tuple[Role, ...] = get_args(Role)
SCHEMAS = ("raw", "staging", "core", "vault", "marts", "analysis", "exports", "audit")
RIGHTS: dict[str, LiteralString] = {"S": "select", "I": "insert", "U": "update", "D": "delete"}
MASKED, OWN = "M", "O"
"""``M``: select without the columns in ``PERSONAL``; ``O``: select, and of the rows one's own department's."""
PERSONAL = frozenset({
    "subject_name", "name_key", "birth_date", "identifier_shown", "legal_representative", "related_unit",
    "court_order", "matter", "basis_document", "item_name", "item_identifier_shown", "subject_identifier_shown",
    "evidence", "item_title", "authority", "file_name", "provider", "refused_zh", "refused_en", "detail_zh",
    "detail_en",
})  # fmt: skip
"""Columns that name somebody, or quote what a provider wrote."""
VIEWS = (
    "core.credit_item", "core.objection", "marts.credit_record", "marts.credit_record_item",
    "marts.defaulter_listing", "marts.punishment_feedback", "exports.punishment_directive",
)  # fmt: skip
"""What has a masked view of the same name in ``analysis``."""
MASKS: dict[str, LiteralString] = {
    "subject_name": "case when {1} then {0} else left({0}, 1) || '**' end as {0}",
    "legal_representative": "left({0}, 1) || '**' as {0}",
    "identifier_shown": "case when {1} then {0} else left({0}, 4) || repeat('*', 14) end as {0}",
}
"""{0} the column, {1} whether its subject is a unit: names and numbers of units are public."""
DIRECTIVES = "exports.punishment_directive"
LOGIN = re.compile(r"[a-z][a-z0-9_]{1,30}")


class AccessProblem(RuntimeError):
    """A login cannot be given, renewed or taken back; the message says why."""


@dataclass(frozen=True)
class Login:
    """A login and what it is a member of."""

    name: str
    role: str
    can_log_in: bool


def matrix() -> dict[str, dict[Role, str]]:
    """Rights by object (``schema.table`` or ``schema.*``) and role."""
    lines = files("credit_warehouse").joinpath("access_matrix.csv").read_text(encoding="utf-8").splitlines()
    return {row["object"]: {role: row[role] for role in ROLES} for row in csv.DictReader(lines)}


def rights(relation: str) -> dict[Role, str]:
    """Rights on one relation: its own row, else that of its schema. Raises KeyError where there is neither."""
    known = matrix()
    return known.get(relation) or known[f"{relation.split('.')[0]}.*"]


def group(database: str, role: str, department: str | None = None) -> str:
    """Name of a group role: two warehouses on one server never share one."""
    return f"{database}_{role}" + (f"_{department}" if department else "")


def install(connection: psycopg.Connection) -> bool:
    """Make the roles of this database and grant them; whether it could. Idempotent.

    A database user that may not create roles gets a warning: the warehouse works without them.
    """
    connection.execute("select pg_advisory_xact_lock(%s)", [Lock.MIGRATION])
    known = connection.execute(
        "select rolcreaterole or rolsuper, current_database() from pg_roles where rolname = current_user"
    ).fetchone()
    assert known
    may_create, database = known
    if not may_create:
        log.warning("roles were not made: %s has no createrole", dsn_parts()["user"])
        return False
    wanted = [group(database, role) for role in ROLES if role != "department"]
    wanted += [group(database, "department", code) for code in _departments(connection)]
    there = {name for (name,) in connection.execute("select rolname from pg_roles where rolname = any(%s)", [wanted])}
    for name in wanted:
        if name not in there:
            connection.execute(sql.SQL("create role {} nologin").format(sql.Identifier(name)))
    apply(connection)
    return True


def apply_to_new() -> None:
    """Grant what a build has made, where it made something: a table that dbt makes anew has no grants."""
    with connect(tokens=False) as connection:
        row = connection.execute(
            "select exists (select from pg_roles where rolname = %s || '_analyst') and exists (select from pg_class"
            " join pg_namespace on pg_namespace.oid = relnamespace where nspname = any(%s) and relkind in ('r', 'v')"
            " and relacl is null)",
            [connection.info.dbname, ["marts", "exports"]],
        ).fetchone()
        if row == (True,):
            connection.execute("select pg_advisory_xact_lock(%s)", [Lock.MIGRATION])
            apply(connection)


def apply(connection: psycopg.Connection) -> None:
    """Bring every grant, masked view and policy to what the matrix says; what it does not say is taken away."""
    database = connection.info.dbname
    departments = [group(database, "department", code) for code in _departments(connection)]
    holders: dict[Role, list[str]] = {
        role: departments if role == "department" else [group(database, role)] for role in ROLES
    }
    everybody = _list(name for names in holders.values() for name in names)
    columns: dict[str, list[str]] = {}
    for relation, column in connection.execute(
        "select nspname || '.' || relname, attname from pg_attribute join pg_class on pg_class.oid = attrelid"
        " join pg_namespace on pg_namespace.oid = relnamespace where nspname = any(%s) and relkind in ('r', 'v')"
        " and attnum > 0 and not attisdropped order by 1, attnum",
        [list(SCHEMAS)],
    ):
        columns.setdefault(relation, []).append(column)
    statements: list[sql.Composable] = [
        sql.SQL("grant connect on database {} to {}").format(sql.Identifier(database), everybody)
    ]
    for relation in VIEWS:
        if relation in columns:
            view = f"analysis.{relation.split('.')[1]}"
            statements += _masked(relation, view, columns[relation])
            columns[view] = columns[relation]
    for schema in SCHEMAS:
        statements.append(
            sql.SQL("revoke all on schema {0} from {1}; revoke all on all tables in schema {0} from {1}").format(
                sql.Identifier(schema), everybody
            )
        )
    used: dict[str, set[str]] = {schema: set() for schema in SCHEMAS}
    for relation, names in columns.items():
        for role, letters in rights(relation).items():
            if letters and holders[role]:
                used[relation.split(".")[0]].update(holders[role])
                statements.append(_grant(relation, letters, names, holders[role]))
    used["audit"].update(departments)  # for audit.is_own_department
    for role in ("loader", "transformer", "exporter"):
        used["vault"].update(holders[role])  # for vault.token, which needs the key in the session
    statements += [
        sql.SQL("grant usage on schema {} to {}").format(sql.Identifier(schema), _list(names))
        for schema, names in used.items()
        if names
    ]
    statements.append(sql.SQL("grant usage on all sequences in schema raw to {}").format(_list(holders["loader"])))
    statements.append(
        sql.SQL("grant execute on function audit.ask_record, audit.read_record to {}").format(_list(holders["auditor"]))
    )
    if DIRECTIVES in columns and departments:
        whole = _list(name for role in ROLES if role != "department" for name in holders[role])
        statements.append(
            sql.SQL(
                "alter table {0} enable row level security; drop policy if exists whole on {0};"
                "drop policy if exists own_department on {0};"
                "create policy whole on {0} to {1} using (true) with check (true);"
                "create policy own_department on {0} for select to {2} using (audit.is_own_department(department_code))"
            ).format(sql.Identifier(*DIRECTIVES.split(".")), whole, _list(departments))
        )
    connection.execute(sql.SQL(";").join(statements))


def grant(login: str, role: Role, decided_by: str, reason: str, department: str | None = None) -> None:
    """Make a login, member of one group. Raises AccessProblem for a name, role or department that cannot be."""
    if not LOGIN.fullmatch(login):
        raise AccessProblem(
            f"账号名须为小写字母、数字、下划线 a login is lower-case letters, digits, underscores: {login!r}"
        )
    with connect(tokens=False) as connection:
        if (role == "department") != (department is not None):
            raise AccessProblem("部门账号须指明部门 a login of a department names it (--department), others none")
        if department is not None and department not in _departments(connection):
            raise AccessProblem(f"没有该部门 no such department: {department}")
        name, member = _login(connection, login), group(connection.info.dbname, role, department)
        if name in {found.name for found in _logins(connection)}:
            raise AccessProblem(f"账号已存在 the login exists: {name}; access revoke it first")
        connection.execute(
            sql.SQL("create role {} login in role {} connection limit 10 password {}").format(
                sql.Identifier(name), sql.Identifier(member), sql.Literal(_verifier(connection, name, _file(login)))
            )
        )
        for setting, value in _settings(role):
            connection.execute(
                sql.SQL("alter role {} in database {} set {} to {}").format(
                    sql.Identifier(name), sql.Identifier(connection.info.dbname), sql.Identifier(setting),
                    sql.Literal(value),
                )
            )  # fmt: skip
        _note(connection, name, member, "GRANT", decided_by, reason)


def rotate(login: str, decided_by: str, reason: str) -> None:
    """A new password, in force at once; sessions that are open stay. Raises AccessProblem for an unknown login."""
    with connect(tokens=False) as connection:
        name, member = _known(connection, login)
        renew(_file(login))
        connection.execute(
            sql.SQL("alter role {} password {}").format(
                sql.Identifier(name), sql.Literal(_verifier(connection, name, _file(login)))
            )
        )
        _note(connection, name, member, "ROTATE", decided_by, reason)


def revoke(login: str, decided_by: str, reason: str) -> None:
    """Take a login away and end its sessions. Raises AccessProblem for an unknown login."""
    with connect(tokens=False) as connection:
        name, member = _known(connection, login)
        connection.execute(sql.SQL("grant {} to current_user").format(sql.Identifier(name)))
        connection.execute("select pg_terminate_backend(pid) from pg_stat_activity where usename = %s", [name])
        connection.execute(sql.SQL("drop role {}").format(sql.Identifier(name)))
        _note(connection, name, member, "REVOKE", decided_by, reason)
    (settings().secrets / _file(login)).unlink(missing_ok=True)


def logins() -> list[Login]:
    """Every login of this database that is a member of one of its groups."""
    with connect(tokens=False) as connection:
        return _logins(connection)


def login_dsn(login: str) -> str:
    """How a login connects. Raises AccessProblem for an unknown one."""
    with connect(tokens=False) as connection:
        name, _ = _known(connection, login)
    parts = dsn_parts()
    return make_conninfo(
        host=parts["host"], port=parts.get("port", "5432"), dbname=parts["dbname"], user=name,
        password=secret(_file(login)),
    )  # fmt: skip


def _settings(role: Role) -> Iterator[tuple[str, str]]:
    yield "timezone", "Asia/Shanghai"
    if role in ("analyst", "auditor", "department"):
        yield "default_transaction_read_only", "off" if role == "auditor" else "on"  # an auditor's asking is a row
        yield "statement_timeout", f"{settings().reader_timeout_seconds}s"
        yield "idle_in_transaction_session_timeout", "5min"


def _masked(relation: str, view: str, columns: list[str]) -> Iterator[sql.Composable]:
    """The same columns. Of a person the first character and digits; what quotes a provider is left out."""
    is_unit = sql.SQL("subject_kind = 'organisation'" if "subject_kind" in columns else "false")
    shown: list[sql.Composable] = []
    for column in columns:
        mask: LiteralString | None = MASKS.get(column)
        if mask:
            shown.append(sql.SQL(mask).format(sql.Identifier(column), is_unit))
        elif column not in PERSONAL:
            shown.append(sql.Identifier(column))
    yield sql.SQL("drop view if exists {0}; create view {0} with (security_barrier) as select {1} from {2}").format(
        sql.Identifier(*view.split(".")), sql.SQL(", ").join(shown), sql.Identifier(*relation.split("."))
    )


def _grant(relation: str, letters: str, columns: list[str], holders: list[str]) -> sql.Composable:
    if letters == MASKED:
        what: sql.Composable = sql.SQL("select ({})").format(
            sql.SQL(", ").join(sql.Identifier(column) for column in columns if column not in PERSONAL)
        )
    else:
        what = sql.SQL(", ").join(sql.SQL(RIGHTS["S" if letter == OWN else letter]) for letter in letters)
    return sql.SQL("grant {} on {} to {}").format(what, sql.Identifier(*relation.split(".")), _list(holders))


def _list(names: Iterator[str] | list[str] | set[str]) -> sql.Composable:
    return sql.SQL(", ").join(sql.Identifier(name) for name in names)


def _departments(connection: psycopg.Connection) -> list[str]:
    if connection.execute("select to_regclass('core.department') is null").fetchone() == (True,):
        return []
    return [code for (code,) in connection.execute("select distinct department_code from core.department order by 1")]


def _login(connection: psycopg.Connection, login: str) -> str:
    return f"{connection.info.dbname}_login_{login}"


def _logins(connection: psycopg.Connection) -> list[Login]:
    return [
        Login(*row)
        for row in connection.execute(
            "select member.rolname, held.rolname, member.rolcanlogin from pg_auth_members"
            " join pg_roles as member on member.oid = pg_auth_members.member"
            " join pg_roles as held on held.oid = roleid"
            " where starts_with(member.rolname, %s) order by 1",
            [f"{connection.info.dbname}_login_"],
        )
    ]


def _known(connection: psycopg.Connection, login: str) -> tuple[str, str]:
    name = _login(connection, login)
    for found in _logins(connection):
        if found.name == name:
            return found.name, found.role
    raise AccessProblem(f"没有该账号 no such login: {login}")


def _file(login: str) -> str:
    return f"login_{login}"


def _verifier(connection: psycopg.Connection, name: str, file: str) -> str:
    """What the server keeps in place of the password."""
    return connection.pgconn.encrypt_password(secret(file).encode(), name.encode(), b"scram-sha-256").decode()


def _note(connection: psycopg.Connection, name: str, role: str, action: str, decided_by: str, reason: str) -> None:
    connection.execute(
        "insert into audit.role_grant (login, role, action, decided_by, reason) values (%s, %s, %s, %s, %s)",
        [name, role, action, decided_by, reason],
    )
