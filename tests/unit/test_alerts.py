"""Failures are told, whatever fails while telling, and no alert holds text from outside."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from credit_warehouse import alerts, freshness
from credit_warehouse.alerts import Alert
from credit_warehouse.declarations import load_source
from credit_warehouse.freshness import Overdue
from credit_warehouse.settings import settings
from providers import name, resident_id

PERSON, TELEPHONE = resident_id(7), "13800138000"
# What a careless provider, library or colleague may put a person into.
DIRTY = [f"list of {name(7)}", PERSON, f"{PERSON}.xlsx", f"dag_{PERSON}", f"call {TELEPHONE}", f"t{TELEPHONE}", "姓名"]


def told(home: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (home / "logs" / "alerts.jsonl").read_text(encoding="utf-8").splitlines()]


def clean(text: str) -> bool:
    return not any(value in text for value in (PERSON, PERSON[:6] + PERSON[8:17], TELEPHONE, name(7), "姓名"))


def test_an_alert_goes_to_the_log_and_to_the_file(home: Path, caplog: pytest.LogCaptureFixture) -> None:
    alerts.send(alerts.failed("ingest__tax_arrears", "gate", "day__2026-03-02__ab12cd34", 3, ValueError("x")))
    assert "ingest__tax_arrears.gate" in caplog.text and "ValueError" in caplog.text
    (line,) = told(home)
    assert (line["kind"], line["subject"]) == ("failed", "ingest__tax_arrears.gate")
    assert "day__2026-03-02__ab12cd34" in line["facts"][0]
    assert line["at"].endswith("+08:00")


@pytest.mark.parametrize("dirt", DIRTY)
def test_no_value_of_a_person_gets_into_an_alert(home: Path, caplog: pytest.LogCaptureFixture, dirt: str) -> None:
    class Odd(Exception):
        pass

    Odd.__name__ = dirt
    for alert in (
        alerts.failed(dirt, dirt, dirt, 1, Odd(dirt)),
        alerts.overdue([Overdue(dirt, 9, 7, is_error=True, ever=True)]),
        Alert("refused", alerts._id(dirt), (alerts._refusal(dirt, date(2026, 3, 2), 1),)),
    ):
        alerts.send(alert)
        assert clean(alert.title + alert.body)
    assert clean(caplog.text) and clean(json.dumps(told(home), ensure_ascii=False))


def test_the_words_of_an_error_are_not_told(home: Path) -> None:
    alert = alerts.failed("build_record", "build", "run", 1, ValueError(f"{name(7)} {PERSON}"))
    assert clean(alert.title + alert.body) and "ValueError" in alert.body


@pytest.mark.parametrize(
    "run", ["scheduled__2026-03-02T19:30:00+00:00", "manual__2026-03-02T01:02:03.456789+00:00_aB3"]
)
def test_the_names_airflow_gives_to_runs_are_told(run: str) -> None:
    assert run in alerts.failed("build_record", "build", run, 1, None).body


def test_a_folder_that_cannot_be_written_is_no_second_failure(home: Path, caplog: pytest.LogCaptureFixture) -> None:
    home.mkdir(parents=True)
    (home / "logs").write_text("in the way")
    alerts.send(Alert("failed", "build_record.build", ("x",)))
    assert "alerts.jsonl cannot be written" in caplog.text


def test_a_target_that_is_no_url_is_named_by_its_place(
    home: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("WAREHOUSE_ALERTS", "nonsense-with-a-secret")
    settings.cache_clear()
    alerts.send(Alert("failed", "build_record.build", ("x",)))
    assert "alert target 1 of WAREHOUSE_ALERTS" in caplog.text
    ours = [record.getMessage() for record in caplog.records if record.name.startswith("credit_warehouse")]
    assert not any("nonsense" in text for text in ours)


def test_freshness_counts_the_days_since_the_newest_delivery() -> None:
    source, begun, on = load_source("tax_arrears"), date(2026, 3, 1), date(2026, 3, 20)

    def late(newest: date | None) -> Overdue | None:
        return freshness._judge(source, newest, begun, on)

    assert (source.freshness.warn_after.count, source.freshness.error_after.count) == (2, 7)
    assert late(date(2026, 3, 18)) is None
    assert late(date(2026, 3, 17)) == Overdue("tax_arrears", 3, 2, is_error=False, ever=True)
    assert late(date(2026, 3, 13)) == Overdue("tax_arrears", 7, 2, is_error=False, ever=True)
    assert late(date(2026, 3, 12)) == Overdue("tax_arrears", 8, 7, is_error=True, ever=True)
    assert late(None) == Overdue("tax_arrears", 19, 7, is_error=True, ever=False)
