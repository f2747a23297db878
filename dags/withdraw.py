"""撤下通道：撤销、删除、更正、届满、修复、异议成立，即刻撤下，不等建档与门禁 | the removal lane.

Runs as soon as a source that can take somebody out has accepted a file, and every morning for terms that end. It waits
for no build, no gate and no other source. If it fails: nobody is added because of it; run it again.
"""

from __future__ import annotations

from datetime import datetime

from airflow.sdk import DAG, Param, task

from credit_warehouse import orchestration
from credit_warehouse.declarations import load_sources

with DAG(
    dag_id="withdraw",
    dag_display_name="撤下通道",
    doc_md=__doc__,
    schedule=orchestration.arrivals_or_clock(
        "1 0 * * *", (source for source in load_sources() if source.ingest.may_remove)
    ),
    start_date=datetime(2026, 1, 1, tzinfo=orchestration.BUSINESS_ZONE),
    catchup=False,
    max_active_runs=1,
    default_args={"on_failure_callback": orchestration.alert_failure},
    params={"business_date": Param(None, type=["null", "string"], format="date", title="业务日期")},
    tags=["removal", "owner:data-engineering"],
):
    # Whatever else is in the queue, this goes first.
    task(orchestration.withdraw, task_id="withdraw", retries=3, retry_delay=5, priority_weight=1000)()
