"""What goes wrong outside: a red gate, a provider that does not answer. Nobody listed by mistake may wait for it."""

from __future__ import annotations

import json
from pathlib import Path

from credit_warehouse import rehearsal
from credit_warehouse.declarations import load_sources
from credit_warehouse.stack import service
from e2e import made
from e2e.homes import deliveries, held
from e2e.stacks import Line

COURT = "court_defaulters"


def shown(line: Line) -> dict[str, str]:
    """listing_id -> item_id of everybody who is shown to the public."""
    return {entry["listing_id"]: entry["item_id"] for entry in held(line.home.path / "exports" / "exposure")}


def test_a_red_gate_holds_additions_and_lets_withdrawals_go(line: Line, tmp_path: Path) -> None:
    before = shown(line)
    told = deliveries(line.home.path / "exports" / "exposure")
    known = made.court_messages(line.home.path / "sandbox")
    named = sorted(before.keys() & known.keys())
    # More than half of the list at once: nothing says whether that is right, so nobody new is added on its word.
    withdrawn, day = named[: len(named) * 3 // 4], line.next_day()
    added = made.listing(990000101, day)
    messages = [*(made.withdrawal(known[listing_id], day) for listing_id in withdrawn), added]
    made.put(tmp_path / "mass" / COURT, "mass.jsonl", made.jsonl(messages))
    done = line.home.run("run", "--landing", str(tmp_path / "mass"), "--date", str(day))
    assert done.returncode == 1, done.stdout
    assert "export_products.export: [EXPOSURE_SHRINK]" in done.stdout

    since = deliveries(line.home.path / "exports" / "exposure")[len(told) :]
    changes = [row for delivery in since for row in delivery.lines("delta.jsonl")]
    removed = {row["id"]: row["reason"] for row in changes}
    assert removed == {before[listing_id]: "WITHDRAWN" for listing_id in withdrawn}
    assert {delivery.content["scope"] for delivery in since} == {"removals_only"}
    assert {row["op"] for row in changes} == {"REMOVE"}
    assert shown(line).keys() == before.keys() - set(withdrawn)
    for feed in line.home.feeds:
        assert not {entry["item_id"] for entry in held(feed)} & removed.keys(), feed.name

    (tmp_path / "nothing").mkdir()
    after = line.home.run("run", "--landing", str(tmp_path / "nothing"), "--date", str(line.next_day()))
    assert after.returncode == 0, after.stdout
    assert shown(line).keys() == before.keys() - set(withdrawn) | {str(added["id"])}


def test_a_provider_that_does_not_answer_is_named_and_others_go_on(line: Line) -> None:
    with line.home.inside():
        service.processes().stop([rehearsal.COURT])
    before = line.home.rows("select * from marts.credit_record_item where source = 'court_defaulters' order by item_id")
    day = line.next_day()
    name, content = f"tax_arrears_{day:%Y%m%d}.csv", smaller_snapshot(line)
    made.put(line.home.path / "inbox" / "tax_arrears", name, content, flag_of=content)
    done = line.home.run("run", "--date", str(day))
    assert done.returncode == 1, done.stdout
    failed = [text for text in done.stdout.splitlines() if "failed:" in text]
    served = [source.name for source in load_sources() if source.ingest.transport.kind == "http"]
    assert COURT in served
    assert len(failed) == len(served)
    for source, text in zip(served, sorted(failed), strict=True):
        assert f"ingest__{source}." in text
        assert "[PROVIDER_UNREACHABLE]" in text
    told = [json.loads(text) for text in (line.home.path / "logs" / "alerts.jsonl").read_text("utf-8").splitlines()]
    assert {alert["subject"] for alert in told if "[PROVIDER_UNREACHABLE]" in str(alert["facts"])} == set(served)
    assert line.home.rows(f"select status, build_id is not null from audit.batch where file_name = '{name}'") == [
        ("accepted", True)
    ]
    assert before == line.home.rows(
        "select * from marts.credit_record_item where source = 'court_defaulters' order by item_id"
    )


def smaller_snapshot(line: Line) -> bytes:
    """The newest tax snapshot of the sandbox without its last line."""
    path = max((line.home.path / "sandbox").glob("*/tax_arrears/*.csv"))
    return b"".join(path.read_bytes().splitlines(keepends=True)[:-1])
