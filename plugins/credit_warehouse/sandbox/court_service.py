"""The exchange services of court and credit platform: paged HTTP over the generated files.

``python -m credit_warehouse.sandbox.court_service --data DIR --port N`` serves on 127.0.0.1; the token comes from
the environment variable ``COURT_SERVICE_TOKEN``.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from array import array
from datetime import date
from functools import lru_cache
from hmac import compare_digest
from pathlib import Path
from typing import Annotated

import uvicorn
from fastapi import FastAPI, Header, HTTPException, Query, Response

SOURCES = ("court_defaulters", "court_consumption_limits", "punishment_feedback", "objections")
TOKEN_VARIABLE = "COURT_SERVICE_TOKEN"


class Lines:
    """The lines of one day's files. Only their offsets are kept, so that a large day costs little memory."""

    def __init__(self, paths: tuple[Path, ...]) -> None:
        self._paths = paths
        self._starts: list[array[int]] = []
        for path in paths:
            starts = array("Q", [0])
            with path.open("rb") as file:
                for line in file:
                    starts.append(starts[-1] + len(line))
            self._starts.append(starts)
        self.total = sum(len(starts) - 1 for starts in self._starts)

    def read(self, first: int, count: int) -> list[bytes]:
        """Lines ``first`` to ``first + count - 1``, byte for byte, without their line ends."""
        lines: list[bytes] = []
        for path, starts in zip(self._paths, self._starts, strict=True):
            held = len(starts) - 1
            if first < held and count > 0:
                last = min(first + count, held)
                with path.open("rb") as file:
                    file.seek(starts[first])
                    lines += file.read(starts[last] - starts[first]).splitlines()
                count -= last - first
                first = held
            first -= held
        return lines


@lru_cache(maxsize=8)
def _lines(files: tuple[tuple[Path, int, int], ...]) -> Lines:
    return Lines(tuple(path for path, _, _ in files))


def lines_of(data: Path, source: str, business_date: date) -> Lines | None:
    """The day's lines in file order; None for a day without data. Re-read when a file has changed."""
    paths = sorted((data / business_date.isoformat() / source).glob("*.jsonl"))
    stats = [(path, path.stat()) for path in paths]
    return _lines(tuple((path, stat.st_size, stat.st_mtime_ns) for path, stat in stats)) if stats else None


def create_app(data: Path, token: str) -> FastAPI:
    """The service over ``data/<date>/<source>/*.jsonl``: one path for each source."""
    # The interactive pages would load scripts from the internet.
    app = FastAPI(title="court exchange (sandbox)", docs_url=None, redoc_url=None, openapi_url=None)

    @app.get("/health")
    def health() -> dict[str, str]:
        return {"status": "ok"}

    @app.get("/v1/{source}")
    def rows(
        source: str,
        business_date: date,
        page: Annotated[int, Query(ge=1)] = 1,
        size: Annotated[int, Query(ge=1, le=10_000)] = 500,
        authorization: Annotated[str, Header()] = "",
    ) -> Response:
        if not compare_digest(authorization.encode(), f"Bearer {token}".encode()):
            raise HTTPException(401, "令牌无效 | invalid token", {"WWW-Authenticate": "Bearer"})
        lines = lines_of(data, source, business_date) if source in SOURCES else None
        if lines is None:
            raise HTTPException(404, f"{business_date} 无数据 | no data for this day")
        items = lines.read((page - 1) * size, size)
        head = {"business_date": business_date.isoformat(), "total": lines.total, "page": page, "size": size}
        # Spliced, not parsed: what the provider wrote arrives byte for byte.
        body = json.dumps(head)[:-1].encode() + b', "items": [' + b",".join(items) + b"]}"
        return Response(body, media_type="application/json")

    return app


def main(arguments: list[str] | None = None) -> None:
    """Command line."""
    parser = argparse.ArgumentParser(prog="court_service", description="Serve generated court messages over HTTP.")
    parser.add_argument("--data", type=Path, required=True, help="folder written by generate()")
    parser.add_argument("--port", type=int, required=True)
    options = parser.parse_args(arguments)
    token = os.environ.get(TOKEN_VARIABLE)
    if not token:
        sys.exit(f"{TOKEN_VARIABLE} is not set")
    uvicorn.run(create_app(options.data, token), host="127.0.0.1", port=options.port, log_level="warning")


if __name__ == "__main__":
    main()
