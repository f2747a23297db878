"""The hostile-input suite: files as providers should not send them, each with its outcome beside it.

The cases stand in ``tests/hostile/cases``; docs/operations.md says what the rules mean. ``file`` and ``ok`` are Python
expressions of bytes, ``n`` a number no other case has. For every case rows in = rows loaded + rows rejected.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import psycopg
import pytest
import yaml

import providers
from credit_warehouse.build import open_build
from credit_warehouse.db import connect
from credit_warehouse.declarations import Source, load_source, read_declaration
from credit_warehouse.load import load_batch
from credit_warehouse.migrate import register
from credit_warehouse.receive import receive
from credit_warehouse.settings import PROJECT_ROOT
from credit_warehouse.transform import run_dbt
from hostile import made

FOLDER = Path(made.__file__).parent / "cases"
PAGE = PROJECT_ROOT / "docs" / "adding-a-source.md"
DAY = date(2026, 3, 2)
SUFFIX = {"csv": "csv", "jsonl": "jsonl", "xlsx": "xlsx", "xml": "xml"}
ROWS_APART = 40
EXPECTATIONS = {
    "rows", "loaded", "rejected", "refused", "told", "encoding", "extra", "values", "staging", "layout", "scope",
    "not_received",
}  # fmt: skip


@dataclass(frozen=True)
class Case:
    """One file, and what has to become of it."""

    name: str
    source: str
    file: str
    number: int
    expect: dict[str, Any]
    ok: str | None = None
    before: str | None = None
    cuts: bool = False
    day: date = DAY
    suffix: str | None = None


def read_cases() -> list[Case]:
    """Every case of every file."""
    found: list[Case] = []
    for path in sorted(FOLDER.glob("*.yml")):
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
        for entry in document["cases"]:
            found.append(Case(number=ROWS_APART * (len(found) + 1), **{"source": document.get("source"), **entry}))
    return found


OF_THE_PAGE = "penalty_decisions"
CASES = read_cases()
STAGED = [case for case in CASES if "staging" in case.expect]


@dataclass(frozen=True)
class Asked:
    """The warehouse as the suite sees it; a connection a question would take longer than the question."""

    connection: psycopg.Connection
    declared: Source

    def source(self, name: str) -> Source:
        """A shipped source, or the one of the page."""
        return self.declared if name == OF_THE_PAGE else load_source(name)

    def rows(self, query: str, parameters: list[Any] | None = None) -> list[tuple[Any, ...]]:
        """Rows of a query."""
        return self.connection.execute(query.encode(), parameters).fetchall()


@dataclass
class Outcome:
    """What became of one file."""

    outcome: str
    batch: int | None
    status: str | None = None
    rule: str | None = None
    told: str = ""
    encoding: str | None = None
    extra: list[str] = field(default_factory=list)
    layout: str | None = None
    scope: str | None = None
    counts: tuple[int, int, int] | None = None
    raw: list[dict[str, Any]] = field(default_factory=list)
    rejected: list[list[Any]] = field(default_factory=list)


def evaluate(expression: str, case: Case, **known: Any) -> bytes:
    """Bytes of an expression of a case file."""
    helpers = {name: value for module in (providers, made) for name, value in vars(module).items()}
    found = eval(expression, {**helpers, "n": case.number, "json": json, **known})
    assert isinstance(found, bytes)
    return found


def source_of_the_page(folder: Path) -> Source:
    """The source that the page on adding sources makes."""
    block = re.search(
        r"^`dbt_project/[^`]+\.yml`\n\n```yaml\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.S | re.M
    )
    assert block
    path = folder / OF_THE_PAGE / f"_{OF_THE_PAGE}.yml"
    path.parent.mkdir()
    path.write_text(block[1], encoding="utf-8")
    return read_declaration(path)


@pytest.fixture(scope="module")
def hostile(shared_warehouse, tmp_path_factory: pytest.TempPathFactory):
    """A warehouse that knows the source of the page as well, and one connection to ask it."""
    declared = source_of_the_page(tmp_path_factory.mktemp("declared"))
    with connect(autocommit=True) as connection:
        register(connection, declared)
        yield Asked(connection, declared)


def deliver(warehouse, case: Case, content: bytes, landing: Path, run: str, ok: bytes | None) -> Outcome:
    """Receive and load one file; what the tables say of it."""
    source = warehouse.source(case.source)
    path = landing / source.name / f"{run}.{case.suffix or SUFFIX[source.ingest.format]}"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    flag = path.with_name(f"{path.name}.ok")
    if ok is not None:
        flag.write_bytes(ok)
    try:
        # Batches of other cases wait for a gate that does not come: the newest is this case's.
        for batch in receive(source, case.day, run, landing=landing)[-1:]:
            load_batch(source, batch)
    finally:
        path.unlink()
        flag.unlink(missing_ok=True)
    ((outcome, batch, rule, zh),) = warehouse.rows(
        "select outcome, batch_id, rule, coalesce(detail_zh, '') from audit.ingest_outcome where run_id = %s", [run]
    )
    found = Outcome(outcome, batch, rule=rule, told=zh)
    if batch is None:
        return found
    ((found.status, rule, zh, found.encoding, found.extra, found.layout, found.scope, *counts),) = warehouse.rows(
        "select status, refused_rule, coalesce(refused_zh, ''), encoding, extra_columns, layout, scope, rows_in,"
        " rows_loaded, rows_rejected from audit.batch where batch_id = %s",
        [batch],
    )
    found.rule, found.told, found.counts = rule or found.rule, zh or found.told, tuple(counts)
    found.raw = [
        row
        for (row,) in warehouse.rows(
            f"select to_jsonb(r) from raw.{source.name} r where _batch_id = %s order by _row_no", [batch]
        )
    ]
    found.rejected = [
        list(row)
        for row in warehouse.rows(
            "select row_no, rule, field from audit.rejected_row where batch_id = %s and stage = 'load' order by row_no",
            [batch],
        )
    ]
    return found


def check(case: Case, found: Outcome) -> None:
    """The outcome against the case, and its rows to the row."""
    expect = case.expect
    if expect.get("not_received"):
        assert (found.outcome, found.batch) == ("refused", None)
        assert found.rule == expect["refused"]
        return
    for word in expect.get("told", []):
        assert str(word) in found.told
    if "refused" in expect:
        assert (found.status, found.rule) == ("refused", expect["refused"])
        assert (found.raw, found.rejected) == ([], []), "a refused file leaves nothing behind"
        return
    assert found.status in ("loaded", "accepted"), f"refused by {found.rule}"
    assert found.counts == (expect["rows"], len(found.raw), len(found.rejected))
    assert expect["rows"] == len(found.raw) + len(found.rejected), "every row is loaded or rejected"
    assert found.rejected == expect.get("rejected", [])
    if "loaded" in expect:
        assert [row["_row_no"] for row in found.raw] == expect["loaded"]
    for told in ("encoding", "extra", "layout", "scope"):
        if told in expect:
            assert getattr(found, told) == expect[told]
    for column, values in expect.get("values", {}).items():
        assert [row[column] for row in found.raw] == values


def run_of(case: Case) -> str:
    return f"hostile-{case.number}"


@pytest.fixture(scope="module")
def staged(hostile, tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Outcome, list[list[Any]], int]]:
    """Cases that staging decides, through one dbt run: what was loaded, what staging rejected, rows it kept."""
    landing = tmp_path_factory.mktemp("staged")
    found = {}
    for case in STAGED:
        found[case.name] = deliver(hostile, case, evaluate(case.file, case), landing, run_of(case), None)
    numbers = [outcome.batch for outcome in found.values()]
    hostile.rows("update audit.batch set status = 'accepted' where batch_id = any(%s) returning batch_id", [numbers])
    assert open_build(DAY) is not None
    sources = sorted({case.source for case in STAGED})
    run_dbt(["run", "--select", *(f"stg_{source}" for source in sources)])
    return {
        case.name: (
            found[case.name],
            [
                list(row)
                for row in hostile.rows(
                    "select row_no, rule, field from audit.rejected_row where batch_id = %s and stage = 'staging'"
                    " order by row_no",
                    [found[case.name].batch],
                )
            ],
            hostile.rows(
                f"select count(*) from staging.stg_{case.source} where _batch_id = %s", [found[case.name].batch]
            )[0][0],
        )
        for case in STAGED
    }


@pytest.mark.parametrize("case", [case for case in CASES if case not in STAGED and not case.cuts], ids=lambda c: c.name)
def test_a_hostile_file_has_its_outcome(hostile, tmp_path: Path, case: Case) -> None:
    content = evaluate(case.file, case)
    ok = evaluate(case.ok, case, content=content) if case.ok else None
    check(case, deliver(hostile, case, content, tmp_path, run_of(case), ok))


@pytest.mark.parametrize("case", STAGED, ids=lambda c: c.name)
def test_a_row_that_can_be_read_but_not_understood_is_quarantined(staged, case: Case) -> None:
    found, rejected, kept = staged[case.name]
    check(case, found)
    assert rejected == case.expect["staging"]
    assert kept == len(found.raw), "every loaded row reaches staging, good or quarantined"


@pytest.mark.parametrize("case", [case for case in CASES if case.cuts], ids=lambda c: c.name)
def test_a_file_cut_anywhere_is_refused_or_counts(hostile, tmp_path: Path, case: Case) -> None:
    """Cut after every byte: with a flag it is refused; without one no row is invented, doubled or lost silently."""
    content = evaluate(case.file, case)
    ok = evaluate(case.ok, case, content=content) if case.ok else None
    step = case.expect.get("every", 1)
    outcomes: Counter[str] = Counter()
    for length in range(1, len(content), step):
        found = deliver(hostile, case, content[:length], tmp_path, f"{run_of(case)}-{length}", ok)
        if ok is not None:
            assert found.rule == "OK_MISMATCH", f"cut after {length} bytes"
        elif found.status != "refused":
            rows_in, loaded, rejected = found.counts or (0, 0, 0)
            assert rows_in == loaded + rejected == len(found.raw) + len(found.rejected), f"cut after {length} bytes"
            assert rows_in <= case.expect["rows"], f"cut after {length} bytes"
        outcomes[found.status or found.outcome] += 1
    assert outcomes["refused"] >= case.expect["refused_at_least"]


def test_the_suite_is_as_large_as_it_claims_and_says_nothing_twice() -> None:
    assert len(CASES) >= 120
    assert [name for name, count in Counter(case.name for case in CASES).items() if count > 1] == []
    for case in CASES:
        assert set(case.expect) <= EXPECTATIONS | {"every", "refused_at_least"}, case.name
        assert "refused" in case.expect or "rows" in case.expect, case.name


def test_no_message_of_the_suite_repeats_a_number_of_a_person(hostile) -> None:
    """After all cases: what was told of them holds no document of anybody who stands in them."""
    told = hostile.rows(
        "select string_agg(coalesce(detail_zh, '') || coalesce(detail_en, ''), ' ') from audit.ingest_outcome"
    )
    numbers = {providers.resident_id(case.number + offset) for case in CASES for offset in range(10)}
    assert not [number for number in numbers if number in (told[0][0] or "")]
