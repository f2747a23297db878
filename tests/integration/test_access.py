"""Every cell of the table in docs/access.md, tried on a real database with the role it speaks of."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from typing import Any

import psycopg
import pytest
from psycopg import errors

from credit_warehouse import access, ledger
from credit_warehouse.db import connect
from credit_warehouse.settings import PROJECT_ROOT, settings
from providers import arrears, company_listing, csv_file, jsonl, listing, name, resident_id

DAY = date(2026, 3, 2)
COURT, TAX = "court_defaulters", "tax_arrears"
PAGE = (PROJECT_ROOT / "docs" / "access.md").read_text(encoding="utf-8")
HEAD, *LINES = [
    [cell.strip().strip("`").replace("—", "") for cell in line.strip("|\n").split("|")]
    for line in PAGE.splitlines()
    if line.startswith("| object |") or re.match(r"\| `\w+\.[\w*]+` \|", line)
]
DOCUMENTED = {line[0]: dict(zip(HEAD[1:], line[1:], strict=True)) for line in LINES}
WITHHELD = set(re.findall(r"`(\w+)`", PAGE.split("**What `M` leaves out**")[1].split("`select *`")[0]))
FULL_NUMBER = re.compile(r"(?<![0-9A-Za-z.])\d{17}[\dX](?![0-9A-Za-z])")


@pytest.fixture(scope="module")
def filled(shared_warehouse):
    """A day with listed persons and units, roles installed, and a login each for those who are people."""
    shared_warehouse.drop(COURT, "a.jsonl", jsonl(listing("1", 1), listing("2", 2), company_listing("3", 3)))
    shared_warehouse.drop(TAX, "a.csv", csv_file(arrears(5)))
    assert shared_warehouse.day(DAY) == {}
    with connect() as connection:
        assert access.install(connection)
    for login, role, department in (("ana", "analyst", None), ("aud", "auditor", None), ("dep", "department", "mz")):
        access.grant(login, role, "主任甲", "试", department)
    yield shared_warehouse
    for login in ("ana", "aud", "dep"):
        access.revoke(login, "主任甲", "试毕")
    assert access.logins() == []


@contextmanager
def acting_as(warehouse: Any, role: str) -> Iterator[psycopg.Connection]:
    """A session of the superuser that has taken on a group role; nothing of it stays."""
    with warehouse.superuser() as connection:
        member = access.group(warehouse.database, role, "mz" if role == "department" else None)
        connection.execute(f"set role {member}".encode())
        yield connection
        connection.rollback()


def is_allowed(connection: psycopg.Connection, statement: str) -> bool:
    """Whether rights let it begin; what constraints and append-only tables say then is another matter."""
    try:
        with connection.transaction(force_rollback=True):
            connection.execute(statement.encode())
    except errors.InsufficientPrivilege as error:
        return "append-only" in str(error) or "not in the chain" in str(error)
    except (errors.IntegrityError, errors.GeneratedAlways, errors.UndefinedObject, errors.DataError):
        return True
    return True


def found_rights(connection: psycopg.Connection, relation: str, columns: list[str], is_table: bool) -> str:
    found = ""
    if is_allowed(connection, f"select * from {relation} limit 0"):
        found = "S"
    elif any(is_allowed(connection, f"select {column} from {relation} limit 0") for column in columns):
        found = "M"
    if is_table:
        column = columns[-1]
        found += "I" if is_allowed(connection, f"insert into {relation} ({column}) select null where false") else ""
        found += "U" if is_allowed(connection, f"update {relation} set {column} = null where false") else ""
        found += "D" if is_allowed(connection, f"delete from {relation} where false") else ""
    return found


@pytest.mark.parametrize("role", HEAD[1:])
def test_every_cell_of_the_table_is_so(filled, role: str) -> None:
    relations = filled.rows(
        "select nspname || '.' || relname, relkind = 'r', array_agg(quote_ident(attname::text) order by attnum)"
        " from pg_class join pg_namespace on pg_namespace.oid = relnamespace"
        " join pg_attribute on attrelid = pg_class.oid"
        " where nspname = any(%s) and relkind in ('r', 'v') and attnum > 0 and not attisdropped group by 1, 2",
        [["raw", "staging", "core", "vault", "marts", "analysis", "exports", "audit"]],
    )
    assert len(relations) > 120
    wrong, used = {}, set()
    with acting_as(filled, role) as connection:
        for relation, is_table, columns in relations:
            row = relation if relation in DOCUMENTED else f"{relation.split('.')[0]}.*"
            used.add(row)
            wanted = DOCUMENTED[row][role].replace("O", "S")
            if not is_table:
                # Nobody writes through a view.
                wanted = wanted[:1]
            if wanted == "M" and not WITHHELD & set(columns):
                wanted = "S"
            found = found_rights(connection, relation, columns, is_table)
            if found != wanted:
                wrong[relation] = (found, wanted)
    assert wrong == {}
    assert used == set(DOCUMENTED)


@pytest.mark.parametrize("role", ["analyst", "auditor"])
def test_masked_columns_are_those_of_the_page(filled, role: str) -> None:
    with acting_as(filled, role) as connection:
        for relation in ("marts.defaulter_listing", "marts.credit_record", "exports.punishment_directive"):
            query = "select attname from pg_attribute where attrelid = %s::regclass and attnum > 0"
            columns = [column for (column,) in filled.rows(query, [relation])]
            seen = {column for column in columns if is_allowed(connection, f"select {column} from {relation}")}
            assert set(columns) - seen == WITHHELD & set(columns)


def test_an_analyst_meets_no_person_anywhere(filled) -> None:
    """Views, statistics, plans and error texts: no name and no number of a person; units are public."""
    people = {name(1), name(2), resident_id(1), resident_id(2)}
    assert people & {value for row in filled.rows("select subject_name from marts.credit_record") for value in row}
    said: list[str] = []
    with psycopg.connect(access.login_dsn("ana")) as connection:
        readable = connection.execute(
            "select nspname || '.' || relname, (select string_agg(quote_ident(attname::text), ', ') from pg_attribute"
            " where attrelid = pg_class.oid and attnum > 0 and not attisdropped"
            " and has_column_privilege(pg_class.oid, attnum, 'select'))"
            " from pg_class join pg_namespace on pg_namespace.oid = relnamespace where relkind in ('r', 'v')"
            " and nspname in ('core', 'marts', 'analysis', 'exports', 'audit')"
        ).fetchall()
        assert len([columns for _, columns in readable if columns]) > 40
        for relation, columns in readable:
            # What may be shown to the public is shown to analysts as well.
            if columns and relation != "exports.exposure_publication":
                said += map(str, connection.execute(f"select row({columns})::text from {relation}".encode()).fetchall())
        said += map(str, connection.execute("select * from pg_stats where schemaname <> 'pg_catalog'"
                                            " and tablename <> 'exposure_publication'").fetchall())  # fmt: skip
        plan = "explain (analyze, verbose) select * from analysis.credit_record"
        said += map(str, connection.execute(plan.encode()).fetchall())
        for attempt in (
            "select subject_name::int from analysis.credit_record",
            "select 1 / (length(subject_name) - length(subject_name)) from analysis.defaulter_listing",
            "select subject_name from marts.credit_record",
            "select * from marts.credit_record where subject_name like '%'",
            "select * from marts.listing_as_known(now(), current_date)",
            "select * from raw.court_defaulters", "select * from vault.identifier", "table exports.restricted_notice",
            "select * from vault.read_for('t', 'ana', 'w')",
            "select staging.subject_id('person', '1')",
            "select vault.token('x')", "select audit.read_record(1)", "select audit.chain_ledger()",
            "set role warehouse", "copy marts.credit_record to stdout", "lock table marts.credit_record",
            "select pg_read_file('/etc/passwd')", "create table marts.mine ()",
            "create function pg_temp.leak(text) returns text language sql as 'select $1'",
        ):  # fmt: skip
            with pytest.raises(psycopg.Error) as refused, connection.transaction():
                connection.execute(attempt.encode())
            said.append(str(refused.value))
    for text in said:
        assert not FULL_NUMBER.search(text)
        assert not any(person in text for person in people), "a person is named"


def test_a_department_sees_its_own_directives_alone(filled) -> None:
    own = filled.rows("select count(*) from exports.punishment_directive where department_code = 'mz'")
    assert own > [(0,)] and filled.rows("select count(distinct department_code) > 5 from exports.punishment_directive")
    with psycopg.connect(access.login_dsn("dep")) as connection:
        assert connection.execute("select count(*) from exports.punishment_directive").fetchall() == own
        assert connection.execute("select distinct department_code from exports.punishment_directive").fetchall() == [
            ("mz",)
        ]
    with acting_as(filled, "exporter") as connection:
        ((everything,),) = connection.execute("select count(*) from exports.punishment_directive")
        assert everything > own[0][0]


def test_a_whole_record_is_asked_for_before_it_is_read(filled) -> None:
    ((subject,),) = filled.rows("select subject_id from marts.credit_record where subject_name = %s", [name(1)])
    with psycopg.connect(access.login_dsn("aud")) as connection:
        ask, read = "select audit.ask_record(%s, %s)", "select audit.read_record(%s)"
        with pytest.raises(errors.CheckViolation):
            connection.execute(ask, [subject, " "])
        connection.rollback()
        with pytest.raises(errors.InsufficientPrivilege, match="ask first"):
            connection.execute(read, connection.execute(ask, [subject, "复核"]).fetchone())
        connection.rollback()
        (asked,) = connection.execute(ask, [subject, "复核"]).fetchone()
        connection.execute("savepoint inner_one")
        with pytest.raises(errors.InsufficientPrivilege, match="ask first"):
            connection.execute(read, [asked])
        connection.rollback()
        with pytest.raises(errors.InsufficientPrivilege, match="ask first"):
            connection.execute(read, [asked])
        connection.rollback()
        (asked,) = connection.execute(ask, [subject, "复核"]).fetchone()
        connection.commit()
        (record,) = connection.execute(read, [asked]).fetchone()
        assert record["record"]["subject_name"] == name(1)
        assert [item["listing_id"] for item in record["listings"]] == ["1"]
    logged = filled.rows("select os_user, token, reason from audit.access_log where action = 'record asked'")
    assert logged == [(f"{filled.database}_login_aud", subject, "复核")]
    with connect() as connection, pytest.raises(errors.InsufficientPrivilege, match="ask first"):
        connection.execute("select audit.read_record(%s)", [asked])


def test_a_statement_of_an_analyst_ends(filled, monkeypatch: pytest.MonkeyPatch) -> None:
    with psycopg.connect(access.login_dsn("ana")) as connection:
        assert connection.execute("show statement_timeout").fetchone() == ("1min",)
        connection.execute("set statement_timeout to '20ms'")
        with pytest.raises(errors.QueryCanceled):
            connection.execute("select pg_sleep(10)")


def test_a_rotated_password_is_another_and_the_old_one_is_refused(filled) -> None:
    before = access.login_dsn("ana")
    access.rotate("ana", "主任甲", "每年一次")
    after = access.login_dsn("ana")
    assert before != after
    psycopg.connect(after).close()
    with pytest.raises(psycopg.OperationalError, match="password"):
        psycopg.connect(before)
    assert (settings().secrets / "login_ana").stat().st_mode & 0o777 == 0o600
    assert ("ROTATE",) in filled.rows("select action from audit.role_grant")
    assert ledger.verify().findings == []


def test_what_a_build_makes_anew_is_granted_by_it(filled) -> None:
    filled.execute("drop view marts.effect; create view marts.effect as select 1 as one")
    with acting_as(filled, "analyst") as connection:
        assert not is_allowed(connection, "table marts.effect")
    access.apply_to_new()
    with acting_as(filled, "analyst") as connection:
        assert is_allowed(connection, "table marts.effect")


@pytest.mark.parametrize(
    ("login", "role", "department", "words"),
    [("A b", "analyst", None, "lower-case"), ("x1", "department", None, "--department"),
     ("x1", "department", "nobody", "no such department"), ("ana", "auditor", None, "exists")],
)  # fmt: skip
def test_a_login_that_cannot_be_is_refused(filled, login: str, role: Any, department: str | None, words: str) -> None:
    before = filled.rows("select count(*) from audit.role_grant")
    with pytest.raises(access.AccessProblem, match=words):
        access.grant(login, role, "主任甲", "试", department)
    assert filled.rows("select count(*) from audit.role_grant") == before
