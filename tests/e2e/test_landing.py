"""``credit-warehouse run --landing DIR``: somebody brings files of their own, good ones and broken ones."""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path
from typing import Any

from credit_warehouse.declarations import load_sources
from e2e import made
from e2e.homes import Row, held
from e2e.stacks import Line

SOURCES = {source.name for source in load_sources()}


def renamed_entity(line: Line, day: date, name: str) -> tuple[str, dict[str, Any]]:
    """(uniscid, row): some entity of the register under a new name."""
    path = min((line.home.path / "sandbox").glob("*/registry_entities/*.jsonl"))
    row = made.first_row(path)
    return row["uniscid"], {**row, "entname": name, "update_time": f"{day} 11:00:00"}


def missing(output: str) -> set[str]:
    return set(re.findall(r"nothing received: (\S+)", output))


def failures(output: str) -> dict[str, str]:
    """source -> what was said about its failure."""
    return dict(re.findall(r"failed: ingest__(\w+)\.\w+: (.+)", output))


def listed(line: Line) -> set[str]:
    return {entry["listing_id"] for entry in held(line.home.path / "exports" / "exposure")}


def names(line: Line) -> set[str]:
    return {name for (name,) in line.home.rows("select subject_name from marts.credit_record")}


def items(line: Line, source: str) -> list[Row]:
    return line.home.rows(f"select * from marts.credit_record_item where source = '{source}' order by item_id")


def test_files_of_some_sources_are_enough(line: Line, tmp_path: Path) -> None:
    day = line.next_day()
    added = made.listing(990000202, day)
    _, entity = renamed_entity(line, day, "试验一号有限公司")
    files = {
        made.put(tmp_path / "court_defaulters", "mine.jsonl", made.jsonl([added])),
        made.put(tmp_path / "registry_entities", "mine.jsonl", made.jsonl([entity])),
    }
    before = {path: path.read_bytes() for path in files}
    done = line.home.run("run", "--landing", str(tmp_path), "--date", str(day))
    assert done.returncode == 0, done.stdout
    assert missing(done.stdout) == SOURCES - {"court_defaulters", "registry_entities"}
    assert str(added["id"]) in listed(line)
    assert entity["entname"] in names(line)
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before


def test_a_cut_file_is_refused_whole_and_the_others_go_on(line: Line, tmp_path: Path) -> None:
    day = line.next_day()
    court = made.jsonl([made.listing(990000300 + number, day) for number in range(20)])
    made.put(tmp_path / "court_defaulters", "cut.jsonl", court[: len(court) // 2], flag_of=court, rows=20)
    snapshot = max((line.home.path / "sandbox").glob("*/tax_arrears/*.csv")).read_bytes()
    lines = snapshot.splitlines(keepends=True)
    half = b"".join(lines[: len(lines) // 2])
    made.put(tmp_path / "tax_arrears", "cut_in_a_line.csv", half[: half.rindex(b",")])
    made.put(tmp_path / "tax_arrears", "cut_between_lines.csv", half)
    _, entity = renamed_entity(line, day, "试验二号有限公司")
    made.put(tmp_path / "registry_entities", "good.jsonl", made.jsonl([entity]))
    before = {source: items(line, source) for source in ("court_defaulters", "tax_arrears")}
    shown = listed(line)

    done = line.home.run("run", "--landing", str(tmp_path), "--date", str(day))
    assert done.returncode == 1, done.stdout
    said = failures(done.stdout)
    assert said.keys() == before.keys()
    for source, rules in (("court_defaulters", ["OK_MISMATCH"]), ("tax_arrears", ["FILE_TRUNCATED", "RAW_SHRINK"])):
        log = re.search(r"\(log: (.+)\)$", said[source])
        assert log, said[source]
        for rule in rules:
            assert f"[{rule}]" in said[source]
            assert rule in Path(log[1]).read_text(encoding="utf-8")
    assert {source: items(line, source) for source in before} == before
    assert listed(line) == shown
    assert entity["entname"] in names(line)
    assert missing(done.stdout) == SOURCES - {"court_defaulters", "tax_arrears", "registry_entities"}
