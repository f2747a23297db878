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
    candidates = [path for path in sorted(folder.iterdir()) if path.is_file() and is_offered(path.name)]
    unsigned = [path for path in candidates if not ok_path(path).exists()]
    growing = _still_growing(unsigned)
    for path in candidates:
        if path in growing:
            continue
        try:
            yield _delivery(source, path, business_date, owned)
        except Refused as refusal:
            yield refusal


def is_offered(name: str) -> bool:
    """Whether a file of this name is meant for us: no flag, nothing hidden, nothing still under way."""
    return not name.startswith(".") and Path(name).suffix.lower() not in {".ok", *IN_PROGRESS}


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
    flag = ok_path(path).read_bytes() if ok_path(path).exists() else None
    return require_due(describe(source, path, path.name, flag, asked, owned=owned), asked)


def require_due(delivery: Delivery, asked: date) -> Delivery:
    """The delivery itself. Raises Refused (DATE_AHEAD) when it speaks of a day after the one being processed."""
    if delivery.business_date > asked:
        # A mistyped year would otherwise pass for news about everybody.
        name, said = delivery.file_name, delivery.business_date
        raise Refused(
            "DATE_AHEAD",
            f"{name}：.ok 的业务日期 {said} 晚于处理日期 {asked}，整份拒收",
            f"{name}: the .ok says {said}, later than the day being processed, {asked}; refused whole",
        )
    return delivery


def describe(source: Source, path: Path, file_name: str, flag: bytes | None, asked: date, *, owned: bool) -> Delivery:
    """What ``flag``, the content of the ``.ok``, speaks of. Raises Refused (OK_UNREADABLE, OK_MISMATCH)."""
    claims: dict[str, object] = {}
    business_date = asked
    if flag is not None:
        try:
            claims = json.loads(flag.decode("utf-8-sig"))
            business_date = date.fromisoformat(str(claims.get("business_date") or asked))
            mode = claims.get("mode") or source.ingest.delivery
            if mode not in ("full", "delta"):
                raise ValueError(f"mode {mode!r}")
            for count in ("bytes", "rows"):
                if claims.get(count) is not None:
                    claims[count] = int(str(claims[count]))
        except (ValueError, AttributeError, RecursionError) as error:
            raise Refused(
                "OK_UNREADABLE",
                f"{file_name}：标志文件 .ok 无法解析（{error}）",
                f"{file_name}: the .ok file cannot be read ({error})",
            ) from error
        if mode != source.ingest.delivery:
            # Read as a snapshot, a delta would close everything it does not mention.
            raise Refused(
                "OK_MISMATCH",
                f"{file_name}：.ok 声明 mode={mode}，来源声明为 {source.ingest.delivery}，整份拒收",
                f"{file_name}: .ok says mode={mode}, the source is declared {source.ingest.delivery}; refused whole",
            )
    return Delivery(
        path=path,
        file_name=file_name,
        mode=source.ingest.delivery,
        business_date=business_date,
        provider=str(claims.get("provider") or source.publisher),
        declared={key: claims[key] for key in ("sha256", "bytes", "rows") if claims.get(key) is not None},
        owned=owned,
    )
