"""Paged, token-protected service: pages are asked for until the provider's own count is reached."""

from __future__ import annotations

import json
import random
import time
from dataclasses import dataclass
from datetime import UTC, date, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any, NoReturn

import httpx

from credit_warehouse.declarations import Source
from credit_warehouse.refusal import Refused
from credit_warehouse.settings import settings
from credit_warehouse.transports import patience
from credit_warehouse.transports.delivery import Delivery, Endpoint
from credit_warehouse.transports.pages import Shelf, open_shelf

PASSING = {408, 425, 429, 500, 502, 503, 504}
DENIED = {401, 403, 407}
RETRY_AFTER_LONGEST = 60.0
STARTS = 3
BOM = b"\xef\xbb\xbf"


class _Busy(Exception):
    """The service says that it cannot answer now."""

    def __init__(self, status: int, wait: float | None) -> None:
        super().__init__(f"HTTP {status}")
        self.wait = wait


class _Broken(Exception):
    """The body is no JSON: cut on its way, perhaps by something in between."""


class _TotalChanged(Exception):
    """The provider counts differently than on an earlier page."""


@dataclass(frozen=True)
class _Answer:
    body: bytes
    items: list[Any]
    total: int


def collect(source: Source, endpoint: Endpoint, business_date: date, folder: Path) -> Delivery | None:
    """Fetch one business day into ``folder``, one page body a line; None when the provider has nothing for it.

    Pages stay below ``WAREHOUSE_HOME/run/pages`` until the batch is admitted, so that an interrupted run, or the
    next attempt of the task, does not fetch them again. Raises Refused.
    """
    shelf = open_shelf(
        settings().run / "pages" / source.name / business_date.isoformat(), source.ingest.transport.page_size
    )
    headers = {"Authorization": f"Bearer {endpoint.token}"} if endpoint.token else {}
    with httpx.Client(
        base_url=endpoint.url, headers=headers, timeout=settings().provider_timeout_seconds, trust_env=False
    ) as client:
        for _ in range(STARTS):
            try:
                if not _fill(client, source, business_date, shelf):
                    return None
                break
            except _TotalChanged:
                shelf.clear()
        else:
            raise Refused(
                "COUNT_MISMATCH",
                f"取数期间服务方总数不断变化，重取 {STARTS} 次未果",
                f"the provider's total kept changing while it was read, {STARTS} starts",
            )
    received, total = shelf.received, shelf.total
    if received != total:
        shelf.clear()
        raise Refused(
            "COUNT_MISMATCH",
            f"服务方声明 {total} 条，实收 {received} 条",
            f"the provider counts {total} rows, {received} were received",
        )
    target = folder / f"{source.name}_{business_date:%Y%m%d}_service.jsonl"
    shelf.write(target)
    return Delivery(
        path=target,
        file_name=target.name,
        mode=source.ingest.delivery,
        business_date=business_date,
        provider=source.publisher,
        declared={"rows": received},
        owned=True,
        pages=shelf.folder,
    )


class Unanswered(Exception):
    """The service gave no usable answer to a question that is asked again soon."""


def count(source: Source, endpoint: Endpoint, business_date: date) -> int | None:
    """How many rows the provider has for a day; None for a day without data. One request, no patience.

    Raises Unanswered.
    """
    headers = {"Authorization": f"Bearer {endpoint.token}"} if endpoint.token else {}
    parameters = {"business_date": business_date.isoformat(), "page": 1, "size": 1}
    try:
        with httpx.Client(
            base_url=endpoint.url, headers=headers, timeout=settings().provider_timeout_seconds, trust_env=False
        ) as client:
            answer = _ask(client, f"/v1/{source.name}", parameters, source.ingest.transport.connection)
    except (httpx.TransportError, Refused, _Busy, _Broken) as error:
        raise Unanswered(type(error).__name__) from None
    return answer.total if answer else None


def _fill(client: httpx.Client, source: Source, business_date: date, shelf: Shelf) -> bool:
    """Fetch the pages the shelf lacks; False when the provider has nothing for the day."""
    connection = source.ingest.transport.connection
    before: list[Any] | None = None
    while not shelf.complete:
        number = len(shelf.pages) + 1
        answer = _page(client, source, business_date, number)
        if answer is None:
            if number == 1:
                return False
            shelf.clear()
            raise patience.unusable(connection, f"第 {number} 页不存在", f"page {number} does not exist")
        if shelf.total not in (None, answer.total):
            raise _TotalChanged
        if len(answer.items) > 1 and answer.items == before:
            shelf.clear()
            raise patience.unusable(
                connection, f"第 {number} 页与前一页相同", f"page {number} repeats the page before it"
            )
        before = answer.items
        shelf.put(answer.body, len(answer.items), answer.total)
    return True


def _page(client: httpx.Client, source: Source, business_date: date, number: int) -> _Answer | None:
    connection = source.ingest.transport.connection
    parameters = {
        "business_date": business_date.isoformat(),
        "page": number,
        "size": source.ingest.transport.page_size,
    }
    try:
        for attempt in patience.attempts(_passing):
            with attempt:
                return _ask(client, f"/v1/{source.name}", parameters, connection)
    except httpx.TimeoutException:
        raise patience.timed_out(connection, settings().provider_timeout_seconds) from None
    except httpx.TransportError as error:
        raise patience.unreachable(connection, type(error).__name__) from None
    except _Busy as busy:
        raise patience.unreachable(connection, f"第 {number} 页 page {number}: {busy}") from None
    except _Broken:
        raise patience.unusable(
            connection,
            f"第 {number} 页不是完整的 JSON，疑似传输中断",
            f"page {number} is not complete JSON; it seems cut",
        ) from None
    raise AssertionError("the last attempt returns or raises")


def _passing(error: Exception) -> bool | float:
    """Whether asking again may help, or the seconds the service wants us to wait."""
    if isinstance(error, _Busy) and error.wait is not None:
        return error.wait + random.random()
    return isinstance(error, (httpx.TransportError, _Busy, _Broken))


def _ask(client: httpx.Client, path: str, parameters: dict[str, Any], connection: str | None) -> _Answer | None:
    # A server that drips its answer byte by byte never exceeds the time between two bytes.
    deadline = time.monotonic() + settings().provider_budget_seconds
    with client.stream("GET", path, params=parameters) as response:
        status = response.status_code
        if status in PASSING:
            raise _Busy(status, retry_after(response.headers.get("Retry-After")))
        if status in DENIED:
            raise patience.denied(connection, f"HTTP {status}")
        if status == httpx.codes.NOT_FOUND:
            return None
        if status != httpx.codes.OK:
            raise patience.unusable(connection, f"意外的应答 HTTP {status}", f"unexpected answer HTTP {status}")
        body = bytearray()
        for block in response.iter_bytes():
            body += block
            if time.monotonic() > deadline:
                raise httpx.ReadTimeout("the answer takes too long")
    return _read(bytes(body), parameters["page"], connection)


def _read(body: bytes, number: int, connection: str | None) -> _Answer:
    try:
        found = json.loads(body.removeprefix(BOM).decode("utf-8"), parse_constant=_no_json)
    except ValueError as error:  # also a UnicodeDecodeError
        if body.lstrip()[:1] not in (b"{", b"\xef", b""):
            raise patience.unusable(
                connection, f"第 {number} 页不是 JSON", f"page {number} is something else than JSON"
            ) from None
        raise _Broken from error
    items, total = (found.get("items"), found.get("total")) if isinstance(found, dict) else (None, None)
    if (
        not isinstance(items, list)
        or not all(isinstance(item, dict) for item in items)
        or type(total) is not int
        or total < 0
        or found.get("page", number) != number
    ):
        raise patience.unusable(
            connection,
            f"第 {number} 页不符合约定：应为本页，含 items（对象数组）与 total（总数）",
            f"page {number} is not as agreed: that page, with items (objects) and total (a count)",
        )
    # A line break can only be white space between tokens: JSON strings escape theirs.
    return _Answer(body.removeprefix(BOM).replace(b"\r", b"").replace(b"\n", b""), items, total)


def _no_json(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON")


def retry_after(value: str | None) -> float | None:
    """Seconds of a ``Retry-After`` header, in either of its forms, capped; None where there is none to follow."""
    if value is None:
        return None
    try:
        seconds = float(value)
    except ValueError:
        try:
            moment = parsedate_to_datetime(value)
        except ValueError:
            return None
        seconds = (moment.replace(tzinfo=moment.tzinfo or UTC) - datetime.now(UTC)).total_seconds()
    return min(max(seconds, 0.0), RETRY_AFTER_LONGEST) if seconds == seconds else None
