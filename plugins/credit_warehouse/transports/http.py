"""Paged, token-protected service: pages are asked for until the provider's own count is reached."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import httpx
import stamina

from credit_warehouse.declarations import Source
from credit_warehouse.refusal import Refused
from credit_warehouse.transports.delivery import Delivery, Endpoint

RETRIED = {429, 500, 502, 503, 504}


def collect(source: Source, endpoint: Endpoint, business_date: date, folder: Path) -> Delivery | None:
    """Fetch one business day into ``folder``, one page body a line; None when the provider has nothing for it.

    Raises Refused (COUNT_MISMATCH) when the pages do not add up to the provider's total, httpx.HTTPError when
    the service stays unreachable.
    """
    target = folder / f"{source.name}_{business_date:%Y%m%d}_service.jsonl"
    headers = {"Authorization": f"Bearer {endpoint.token}"} if endpoint.token else {}
    size = source.ingest.transport.page_size
    with (
        httpx.Client(base_url=endpoint.url, headers=headers, timeout=30, trust_env=False) as client,
        target.open("wb") as out,
    ):
        received, page = 0, 1
        while True:
            response = _page(client, source.name, business_date, page, size)
            if response is None:
                return None
            body = response.json()
            received += len(body["items"])
            # A line break can only be white space between tokens: JSON strings escape theirs.
            out.write(response.content.replace(b"\r", b"").replace(b"\n", b"") + b"\n")
            if received >= body["total"] or not body["items"]:
                break
            page += 1
    if received != body["total"]:
        raise Refused(
            "COUNT_MISMATCH",
            f"服务方声明 {body['total']} 条，实收 {received} 条",
            f"the provider counts {body['total']} rows, {received} were received",
        )
    return Delivery(
        path=target,
        file_name=target.name,
        mode=source.ingest.delivery,
        business_date=business_date,
        provider=source.publisher,
        declared={"rows": received},
        owned=True,
    )


@stamina.retry(on=httpx.TransportError, attempts=5, timeout=120)
def _page(client: httpx.Client, source: str, business_date: date, page: int, size: int) -> httpx.Response | None:
    response = client.get(
        f"/v1/{source}", params={"business_date": business_date.isoformat(), "page": page, "size": size}
    )
    if response.status_code in RETRIED:
        raise httpx.TransportError(f"HTTP {response.status_code}")
    if response.status_code == httpx.codes.NOT_FOUND:
        return None
    response.raise_for_status()
    return response
