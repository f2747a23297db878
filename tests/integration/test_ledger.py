"""The ledger: nothing of the evidence changes unseen, not even where a superuser switches triggers off."""

from __future__ import annotations

import hashlib
from contextlib import contextmanager
from datetime import date
from typing import Any

import psycopg
import pytest
from typer.testing import CliRunner

from credit_warehouse import ledger
from credit_warehouse.cli import app
from providers import arrears, csv_file, jsonl, listing

DAY = date(2026, 3, 2)
COURT, TAX = "court_defaulters", "tax_arrears"
READING = "insert into audit.access_log (os_user, action, token, reason) values"
UNSEEN = "set local session_replication_role = replica;"
"""What a superuser does first: no trigger fires in this session."""


@pytest.fixture(scope="module")
def kept(shared_warehouse):
    """Two sealed runs: a delivery taken in, built and sent; then a reading and a removal, which wait to be chained."""
    shared_warehouse.drop(COURT, "k.jsonl", jsonl(listing("k1", 1), listing("k2", 2)))
    shared_warehouse.drop(TAX, "k.csv", csv_file(arrears(5)))
    assert shared_warehouse.day(DAY) == {}
    assert ledger.seal()
    shared_warehouse.execute(
        f"{READING} ('甲', 'identifier refused', 't', '试');"
        "insert into exports.removal (item_id, reason, effective_at, received_at)"
        " values ('k', 'WITHDRAWN', now(), now())"
    )
    assert ledger.seal()
    shared_warehouse.execute(f"{READING} ('甲', 'identifier refused', 'w', '试')")
    return shared_warehouse


@contextmanager
def superuser(warehouse: Any):
    """A connection of the superuser; nothing of it stays."""
    with warehouse.superuser() as connection:
        yield connection
        connection.rollback()


def found(warehouse: Any, *statements: str) -> set[tuple[str, str, str]]:
    """What a verification finds after these statements: fault, table, and the key up to the first blank or bracket."""
    with superuser(warehouse) as connection:
        for statement in statements:
            connection.execute(statement.encode())
        return {
            (finding.fault, finding.relation, finding.row_key.split("（")[0])
            for finding in ledger.look(connection).findings
        }


def one(warehouse: Any, query: str) -> str:
    ((value,),) = warehouse.rows(query)
    return str(value)


def test_nothing_is_found_where_nothing_was_touched(kept) -> None:
    state = ledger.verify()
    assert [str(finding) for finding in state.findings] == []
    assert (state.anchors, state.waiting) == (2, 1)
    assert one(kept, "select count(*) = max(sequence) and max(sequence) > 20 from audit.ledger") == "True"


def test_every_kind_of_evidence_is_in_it(kept) -> None:
    kinds = {kind for (kind,) in kept.rows("select distinct kind from audit.ledger")}
    assert kinds >= {"batch", "decision", "export", "reading", "anchor"}
    assert {entry.kind for entry in ledger.KEPT} == kinds - {"anchor"} | {"receipt", "deletion", "access"}


def test_each_state_of_a_batch_is_an_entry(kept) -> None:
    """Received, loaded, accepted, screened by the lane, claimed by a build: five states, in this order."""
    batch = one(kept, f"select batch_id from audit.batch where source = '{COURT}'")
    states = kept.rows(
        "select content_sha256, fixed_sha256 from audit.ledger where relation = 'audit.batch' and row_key = %s", [batch]
    )
    assert len(states) == len({bytes(content) for content, _ in states}) == 5
    assert len({bytes(fixed) for _, fixed in states}) == 1


TAMPERING = {
    "a batch said to be another file": (
        [UNSEEN, "update audit.batch set sha256 = repeat('0', 64) where batch_id = {batch}"],
        {("ROW_CHANGED", "audit.batch", "{batch}")},
    ),
    "the same with the other triggers on, which enter it as a new state": (
        ["alter table audit.batch disable trigger append_only",
         "update audit.batch set file_name = 'other' where batch_id = {batch}",
         "alter table audit.batch enable trigger append_only"],
        {("ROW_CHANGED", "audit.batch", "{batch}")},
    ),
    "a red gate turned green": (
        [UNSEEN, "update audit.quality_result set success = not success where result_id = {check}"],
        {("ROW_CHANGED", "audit.quality_result", "{check}")},
    ),
    "a reading that nobody shall know of": (
        [UNSEEN, "delete from audit.access_log where token = 't'"],
        {("ROW_MISSING", "audit.access_log", "{reading}")},
    ),
    "a reading that waits for the chain": (
        [UNSEEN, "delete from audit.access_log where token = 'w'"],
        {("ROW_MISSING", "audit.access_log", "{waiting}")},
    ),
    "a reading deleted and put back as another's": (
        ["alter table audit.access_log disable trigger append_only", "delete from audit.access_log where token = 't'",
         "insert into audit.access_log (access_id, os_user, action, token, reason) overriding system value"
         " values ({reading}, '别人', 'identifier refused', 't', '试')",
         "alter table audit.access_log enable trigger append_only"],
        {("ROW_CHANGED", "audit.access_log", "{reading}")},
    ),
    "a reason to remove that never came": (
        [UNSEEN, "insert into exports.removal (removal_id, item_id, reason, effective_at, received_at)"
         " overriding system value values (999, 'x', 'WITHDRAWN', now(), now())"],
        {("ROW_INSERTED", "exports.removal", "999")},
    ),
    "a delivery that left, denied": (
        [UNSEEN, "delete from audit.export_ledger where feed = '{feed}' and sequence = 1"],
        {("ROW_MISSING", "audit.export_ledger", "{feed}/1")},
    ),
    "one result of dbt among many": (
        [UNSEEN, "update audit.dbt_result set status = 'error' where unique_id = (select min(unique_id)"
         " from audit.dbt_result where build_id = 2) and build_id = 2"],
        {("ROW_CHANGED", "audit.dbt_result", "2")},
    ),
    "row and entry changed alike": (
        [UNSEEN, "set local timezone to 'UTC'", "update audit.access_log set os_user = '别人' where token = 't'",
         "update audit.ledger set content_sha256 = (select sha256(convert_to(jsonb_strip_nulls(to_jsonb(a))::text,"
         " 'UTF8')) from audit.access_log as a where token = 't') where relation = 'audit.access_log'"
         " and row_key = '{reading}'"],
        {("CHAIN_BROKEN", "audit.access_log", "{reading}")},
    ),
    "row and entry removed": (
        [UNSEEN, "delete from audit.access_log where token = 't'",
         "delete from audit.ledger where relation = 'audit.access_log' and row_key = '{reading}'"],
        {("SEQUENCE_MISSING", "audit.ledger", "{sequence}–{sequence}")},
    ),
    "the end of the chain cut off, rows and all": (
        [UNSEEN, "delete from audit.access_log where token = 't'; delete from exports.removal where item_id = 'k'",
         "delete from audit.ledger where sequence > {first}"],
        {("ANCHOR_DIFFERS", "audit.ledger", "{after_first}–{head}")},
    ),
    "a trigger off": (
        ["alter table audit.feed_receipt disable trigger in_ledger"],
        {("TRIGGER_OFF", "audit.feed_receipt", "in_ledger")},
    ),
    "a trigger that enters nothing of the kind": (
        ["drop trigger in_ledger on audit.build",
         "create trigger in_ledger after insert on audit.build referencing new table as said for each statement"
         " execute function audit.enter_in_ledger('x', 'build_id', '{{}}', 'row')"],
        {("TRIGGER_OFF", "audit.build", "in_ledger")},
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", TAMPERING)
def test_tampering_by_a_superuser_is_found_and_located(kept, what: str) -> None:
    names = {
        "batch": one(kept, f"select batch_id from audit.batch where source = '{COURT}'"),
        "check": one(kept, "select max(result_id) from audit.quality_result"),
        "reading": one(kept, "select access_id from audit.access_log where token = 't'"),
        "waiting": one(kept, "select access_id from audit.access_log where token = 'w'"),
        "feed": one(kept, "select min(feed) from audit.export_ledger"),
        "first": (first := next(ledger.anchors()).sequence),
        "after_first": first + 1,
        "head": one(kept, "select max(sequence) from audit.ledger"),
        "sequence": one(kept, "select sequence from audit.ledger where relation = 'audit.access_log'"),
    }
    statements, expected = TAMPERING[what]
    assert found(kept, *(statement.format(**names) for statement in statements)) == {
        (fault, relation, key.format(**names)) for fault, relation, key in expected
    }


def test_a_chain_made_anew_from_a_changed_entry_on_does_not_meet_the_anchor(kept) -> None:
    """Every hash fits again; what was written outside the database does not."""
    with superuser(kept) as connection:
        connection.execute(UNSEEN.encode())
        entries = connection.execute(
            "select sequence, kind, relation, row_key, encode(content_sha256, 'hex'),"
            " coalesce(encode(fixed_sha256, 'hex'), ''), (extract(epoch from recorded_at) * 1000000)::bigint"
            " from audit.ledger order by sequence"
        ).fetchall()
        previous = hashlib.sha256(b"credit-warehouse-ledger").digest()
        for sequence, *rest in entries:
            if sequence == 3:
                rest[-1] += 1
            own = hashlib.sha256(previous + "|".join(map(str, (sequence, *rest))).encode()).digest()
            connection.execute(
                "update audit.ledger set previous_hash = %s, hash = %s,"
                " recorded_at = to_timestamp(0) + %s * interval '1 microsecond' where sequence = %s",
                [previous, own, rest[-1], sequence],
            )
            previous = own
        first = next(ledger.anchors())
        assert [(finding.fault, finding.row_key) for finding in ledger.look(connection).findings] == [
            ("ANCHOR_DIFFERS", f"1–{first.sequence}（{first.place}）")
        ]


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda lines: [lines[0].replace(b'"sequence":', b'"sequence": ', 1), lines[1]], {"ANCHOR_MISSING"}),
        (lambda lines: [lines[0].replace(b'"hash":"', b'"hash":"0', 1), lines[1]],
         {"ANCHOR_FORGED", "ANCHOR_DIFFERS", "ANCHOR_MISSING"}),
        (lambda lines: lines[1:], {"ANCHOR_MISSING"}),
        (lambda lines: lines[:1], {"ANCHOR_MISSING"}),
        (lambda lines: [b"{}", lines[1]], {"ANCHOR_FORGED", "ANCHOR_MISSING"}),
    ],
    ids=["a blank", "a hash", "the first gone", "the last gone", "no anchor"],
)  # fmt: skip
def test_an_anchor_that_was_touched_is_found(kept, change: Any, expected: set[str]) -> None:
    (path,) = ledger.folder().glob("*.jsonl")
    before = path.read_bytes()
    try:
        path.write_bytes(b"".join(line + b"\n" for line in change(before.splitlines())))
        assert {finding.fault for finding in ledger.verify().findings} == expected
    finally:
        path.write_bytes(before)
    assert ledger.verify().findings == []


@pytest.mark.parametrize("relation", ["audit.ledger", *(entry.relation for entry in ledger.KEPT)])
def test_no_role_changes_or_removes_a_row(kept, relation: str) -> None:
    changing = next((entry.changing for entry in ledger.KEPT if entry.relation == relation), ())
    fixed = kept.rows(
        "select quote_ident(attname) from pg_attribute where attrelid = %s::regclass and attnum > 0"
        " and attidentity = '' and attname <> all (%s)", [relation, list(changing)],
    )  # fmt: skip
    assert fixed
    statements = [f"update {relation} set {column} = {column}" for (column,) in fixed]
    with superuser(kept) as connection:
        for statement in [*statements, f"delete from {relation}", f"truncate {relation} cascade"]:
            with pytest.raises(psycopg.errors.InsufficientPrivilege), connection.transaction():
                connection.execute(statement.encode())


def test_what_waits_for_the_chain_does_not_leave_before(kept) -> None:
    with pytest.raises(psycopg.errors.InsufficientPrivilege, match="not in the chain"):
        kept.execute("delete from audit.ledger_entry")


def test_another_session_writes_the_same_hashes(kept) -> None:
    """A row entered in another time zone, float format and byte format verifies like any other."""
    with superuser(kept) as connection:
        connection.execute(
            "set timezone to 'America/New_York'; set bytea_output to 'escape'; set extra_float_digits to -9"
        )
        connection.execute(
            f"{READING} ('甲', 'identifier read', 'z', '试');"
            "insert into audit.dbt_result (build_id, unique_id, resource_type, status, seconds)"
            " select 1, 'model.x', 'model', 'success', 0.1 + 0.2 where false"
        )
        assert ledger.look(connection).findings == []


def test_a_seal_that_broke_off_is_finished_by_the_next(kept) -> None:
    """Chained, and killed before the anchor was written: said by verify, healed by seal."""
    kept.rows("select audit.chain_ledger()")
    assert [finding.fault for finding in ledger.verify().findings] == ["ANCHOR_MISSING"]
    ledger.seal()
    state = ledger.verify()
    assert (state.findings, state.waiting, state.anchors) == ([], 0, 3)
    assert ledger.seal() is None and ledger.verify().anchors == 3, "an anchor alone is no reason for another"


def test_the_command_names_the_row_and_fails(kept) -> None:
    runner = CliRunner()
    fine = runner.invoke(app, ["ledger", "verify"])
    assert fine.exit_code == 0 and "异常 findings 0" in fine.output
    kept.forget("update audit.access_log set reason = '别' where token = 't'")
    found = runner.invoke(app, ["ledger", "verify"])
    assert found.exit_code == 1
    access_id = one(kept, "select access_id from audit.access_log where token = 't'")
    assert f"[ROW_CHANGED] audit.access_log {access_id}" in found.output
    kept.forget("update audit.access_log set reason = '试' where token = 't'")
    assert ledger.verify().findings == []
