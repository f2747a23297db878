"""``python tests/matrix.py RESULTS``: write the results of the fault matrix into docs/reliability.md.

RESULTS holds one JSON object a line, as ``MATRIX_RESULTS=RESULTS pytest -m matrix`` writes them.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

PAGE = Path(__file__).resolve().parents[1] / "docs" / "reliability.md"
BEGIN, END = "<!-- matrix: begin -->", "<!-- matrix: end -->"
TITLES = {
    "test_sigkill": "SIGKILL",
    "test_postgresql_crashes_and_comes_back": "PostgreSQL 崩溃并重启 crashes and restarts (SIGQUIT)",
    "test_disk_full": "磁盘写满 disk full (tmpfs, ENOSPC)",
    "test_a_file_that_may_not_grow": "文件无法增长 no room for a file (RLIMIT_FSIZE, EFBIG)",
    "test_provider": "来源 provider",
    "test_any_order_ends_in_the_same_state": "次序 order",
    "test_a_kill_at_any_moment_leaves_no_trace": "整套运行环境 SIGKILL, the whole stack with Airflow",
}
OUTCOMES = {"passed": "一致 identical", "failed": "**不一致 DIFFERENT**", "skipped": "未运行 not run"}


def render(results: Iterable[dict[str, Any]]) -> str:
    """A table of the cases, in the order of the tests."""
    rows = ["| 故障 fault | 何处 where | 首次结果 first run | 重做后 repeated | 校验和 checksum | 秒 s |",
            "|---|---|---|---|---|---|"]  # fmt: skip
    counted = dict.fromkeys(OUTCOMES, 0)
    for result in results:
        name, _, where = result["case"].rpartition("::")[2].partition("[")
        if name not in TITLES:
            continue
        counted[result["outcome"]] += 1
        rows.append(
            f"| {TITLES[name]} | {where.removesuffix(']').replace('|', '→') or '—'} | {result.get('first_run', '—')}"
            f" | {OUTCOMES[result['outcome']]} | {result.get('recovered', '—')} | {result['seconds']:.0f} |"
        )
    total = "，".join(f"{OUTCOMES[outcome].strip('*')}: {number}" for outcome, number in counted.items())
    return "\n".join([f"{sum(counted.values())} 例 cases. {total}.", "", *rows])


def main(path: Path) -> None:
    """Replace what stands between the two marks."""
    results = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    page = PAGE.read_text(encoding="utf-8")
    text = f"{BEGIN}\n{render(results)}\n{END}"
    PAGE.write_text(
        re.sub(f"{re.escape(BEGIN)}.*{re.escape(END)}", lambda _: text, page, flags=re.DOTALL), encoding="utf-8"
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]))
