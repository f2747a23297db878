"""Ask a service, every few seconds, whether its count of today has grown: a withdrawal must not wait for the night.

Runs in Airflow's triggerer. News starts the ingest of the source at once; its own schedule stays as it is.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any

import psycopg
from airflow.sdk import Connection
from airflow.triggers.base import BaseEventTrigger, TriggerEvent

from credit_warehouse.build import BUSINESS_ZONE
from credit_warehouse.db import connect
from credit_warehouse.declarations import load_source
from credit_warehouse.transports import http
from credit_warehouse.transports.delivery import service_endpoint

log = logging.getLogger(__name__)
TOLD_AGAIN_AFTER = 300.0


class NewsTrigger(BaseEventTrigger):  # type: ignore[misc]  # mypy skips Airflow: its classes are Any
    """Fires when the provider counts other rows for today than the newest batch of today holds."""

    def __init__(self, source: str, seconds: float) -> None:
        super().__init__()
        self.source = source
        self.seconds = seconds

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """How the triggerer makes it again."""
        return f"{type(self).__module__}.{type(self).__qualname__}", {"source": self.source, "seconds": self.seconds}

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Watch for ever. A provider that does not answer is the ingest's to report."""
        source = load_source(self.source)
        assert source.ingest.transport.connection
        endpoint = service_endpoint(await Connection.async_get(source.ingest.transport.connection))
        told, told_at = None, 0.0
        while True:
            now = asyncio.get_running_loop().time()
            try:
                day = datetime.now(BUSINESS_ZONE).date()
                there = await asyncio.to_thread(http.count, source, endpoint, day)
                news = there is not None and there != await asyncio.to_thread(_taken, self.source, day)
            except (http.Unanswered, psycopg.Error) as error:
                log.info("%s: %s", self.source, type(error).__name__)
            else:
                if news and (there != told or now - told_at > TOLD_AGAIN_AFTER):
                    told, told_at = there, now
                    yield TriggerEvent({"source": self.source})
            await asyncio.sleep(self.seconds)


def _taken(source: str, day: Any) -> int | None:
    with connect(tokens=False) as connection:
        row = connection.execute(
            "select rows_in from audit.batch where source = %s and business_date = %s order by batch_id desc limit 1",
            [source, day],
        ).fetchone()
    return row[0] if row else None
