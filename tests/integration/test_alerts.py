"""Alerts from the evidence tables, and over a line to somebody."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Iterator
from datetime import date
from http.server import BaseHTTPRequestHandler, HTTPServer
from types import SimpleNamespace
from typing import Any

import pytest

from credit_warehouse import alerts, freshness
from credit_warehouse.alerts import Alert
from credit_warehouse.declarations import load_source
from credit_warehouse.receive import receive
from credit_warehouse.settings import settings
from providers import arrears, csv_file, name, ok_file, resident_id

DAY = date(2026, 3, 2)
TOKEN = "token-nobody-may-see"


@pytest.fixture
def listener() -> Iterator[SimpleNamespace]:
    """Somebody who takes JSON by HTTP."""
    heard = SimpleNamespace(messages=[], status=200)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            heard.messages.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(heard.status)
            self.end_headers()

        def log_message(self, *_arguments: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    heard.url = f"json://user:{TOKEN}@127.0.0.1:{server.server_port}/"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield heard
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def refused(shared_warehouse: Any) -> str:
    """A delivery whose name, content and flag are full of a person, refused; returns the run."""
    content = csv_file(arrears(1, fddbrxm=name(7), zjhm=resident_id(7)))
    file_name = f"{name(7)}_{resident_id(7)}.csv"
    shared_warehouse.drop("tax_arrears", file_name, content)
    shared_warehouse.drop("tax_arrears", f"{file_name}.ok", ok_file(content, bytes=1))
    receive(load_source("tax_arrears"), DAY, "run-1", landing=shared_warehouse.landing)
    return "run-1"


def test_a_refusal_is_told_by_rule_and_batch_and_names_nobody(
    refused: str, shared_warehouse: Any, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.ERROR)
    alert = alerts.refused("tax_arrears", refused)
    alerts.send(alert)
    [(batch, detail)] = shared_warehouse.rows("select batch_id, detail_en from audit.ingest_outcome")
    assert name(7) in detail, "nothing to keep back"
    assert (alert.subject, alert.facts) == ("tax_arrears", (f"[OK_MISMATCH] 2026-03-02，批次 batch {batch}",))
    written = (shared_warehouse.home / "logs" / "alerts.jsonl").read_text(encoding="utf-8")
    for text in (alert.title, alert.body, caplog.text, written):
        assert name(7) not in text and resident_id(7) not in text


def test_every_target_is_told_and_its_address_is_not(
    listener: SimpleNamespace, shared_warehouse: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    monkeypatch.setenv("WAREHOUSE_ALERTS", f"{listener.url} {listener.url}second")
    settings.cache_clear()
    alerts.send(Alert("refused", "tax_arrears", ("[OK_MISMATCH] 2026-03-02，批次 batch 4",)))
    listener.status = 500
    alerts.send(Alert("overdue", "1 个来源 sources", ("x",)))
    assert len(listener.messages) == 4
    first, last = listener.messages[0], listener.messages[-1]
    assert "tax_arrears" in first["title"] and "[OK_MISMATCH]" in first["message"] and first["type"] == "failure"
    assert last["type"] == "warning"
    assert "an alert target did not take the alert" in caplog.text
    assert TOKEN not in "".join(record.getMessage() for record in caplog.records)


def test_a_source_that_is_late_is_overdue(warehouse: Any) -> None:
    assert freshness.overdue(DAY) == []
    warehouse.execute(
        "insert into audit.batch (source, file_name, sha256, bytes, mode, business_date, status) values"
        " ('tax_arrears', 'a', 'a', 1, 'full', '2026-02-20', 'accepted'),"
        " ('court_defaulters', 'b', 'b', 1, 'delta', '2026-03-02', 'accepted'),"
        " ('court_defaulters', 'c', 'c', 1, 'delta', '2026-03-09', 'refused')"
    )
    found = {source.source: source for source in freshness.overdue(DAY)}
    assert found["tax_arrears"].is_error and found["tax_arrears"].days == 10
    assert not found["registry_persons"].ever and found["registry_persons"].is_error
    # Ten days are nothing for a yearly list, and three since the last delivery are a reason to ask the court.
    assert found.keys() & {"court_defaulters", "tax_credit_ratings", "court_closed_cases"} == set()
    assert {s.source: s.is_error for s in freshness.overdue(date(2026, 3, 5))}["court_defaulters"] is False
