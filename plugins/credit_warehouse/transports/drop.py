"""Drop folder: a file is complete when its ``.ok`` stands beside it, or when two polls see the same size."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from datetime import date
from pathlib import Path

from credit_warehouse.declarations import Source
from credit_warehouse.refusal import Refused
from credit_warehouse.settings import settings
from credit_warehouse.transports.delivery import Delivery

IN_PROGRESS = {".part", ".tmp", ".filepart"}


def collect(source: Source, folder: Path, business_date: date, *, owned: bool) -> Iterator[Delivery | Refused]:
    """Yield the complete files below ``folder`` in name order; a broken ``.ok`` is yielded as its refusal."""
    if not folder.is_dir():
        return
    candidates = [
        path
        for path in sorted(folder.iterdir())
        if path.is_file() and path.suffix not in {".ok", *IN_PROGRESS} and not path.name.startswith(".")
    ]
    unsigned = [path for path in candidates if not ok_path(path).exists()]
    growing = _still_growing(unsigned)
    for path in candidates:
        if path in growing:
            continue
        try:
            yield _delivery(source, path, business_date, owned)
        except Refused as refusal:
            yield refusal


def ok_path(path: Path) -> Path:
    """``<name>.ok`` beside the file."""
    return path.with_name(f"{path.name}.ok")


def _still_growing(paths: list[Path]) -> set[Path]:
    if not paths:
        return set()
    first = {path: path.stat().st_size for path in paths}
    time.sleep(settings().ok_wait_seconds)
    return {path for path in paths if not path.exists() or path.stat().st_size != first[path]}


def _delivery(source: Source, path: Path, asked: date, owned: bool) -> Delivery:
    claims: dict[str, object] = {}
    business_date = asked
    if ok_path(path).exists():
        try:
            claims = json.loads(ok_path(path).read_text(encoding="utf-8-sig"))
            business_date = date.fromisoformat(str(claims.get("business_date") or asked))
            mode = claims.get("mode") or source.ingest.delivery
            if mode not in ("full", "delta"):
                raise ValueError(f"mode {mode!r}")
            for count in ("bytes", "rows"):
                if claims.get(count) is not None:
                    claims[count] = int(str(claims[count]))
        except (ValueError, AttributeError) as error:
            raise Refused(
                "OK_UNREADABLE",
                f"{path.name}：标志文件 .ok 无法解析（{error}）",
                f"{path.name}: the .ok file cannot be read ({error})",
            ) from error
        if mode != source.ingest.delivery:
            # Read as a snapshot, a delta would close everything it does not mention.
            raise Refused(
                "OK_MISMATCH",
                f"{path.name}：.ok 声明 mode={mode}，来源声明为 {source.ingest.delivery}，整份拒收",
                f"{path.name}: .ok says mode={mode}, the source is declared {source.ingest.delivery}; refused whole",
            )
    if business_date > asked:
        # A mistyped year would otherwise pass for news about everybody.
        raise Refused(
            "DATE_AHEAD",
            f"{path.name}：.ok 的业务日期 {business_date} 晚于处理日期 {asked}，整份拒收",
            f"{path.name}: the .ok says {business_date}, later than the day being processed, {asked}; refused whole",
        )
    return Delivery(
        path=path,
        file_name=path.name,
        mode=source.ingest.delivery,
        business_date=business_date,
        provider=str(claims.get("provider") or source.publisher),
        declared={key: claims[key] for key in ("sha256", "bytes", "rows") if claims.get(key) is not None},
        owned=owned,
    )
