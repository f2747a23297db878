"""建档：任一来源有新数据后，或每日清晨，重建受影响的档案 | build what changed, after arrivals and every morning.

If it fails: the message names the dbt nodes and the log file. Nothing is lost; the next run takes the batches up again.
"""

from __future__ import annotations

from datetime import datetime

from airflow.sdk import DAG, Param, task

from credit_warehouse import orchestration
from credit_warehouse.declarations import load_sources

with DAG(
    dag_id="build_record",
    dag_display_name="统一信用档案",
    doc_md=__doc__,
    # Terms end without a message: a build runs every day, arrivals or not.
    schedule=orchestration.arrivals_or_clock("0 6 * * *", load_sources()),
    start_date=datetime(2026, 1, 1, tzinfo=orchestration.BUSINESS_ZONE),
    catchup=False,
    max_active_runs=1,
    default_args={"on_failure_callback": orchestration.alert_failure},
    params={"business_date": Param(None, type=["null", "string"], format="date", title="业务日期")},
    tags=["build", "owner:data-engineering"],
):
    settled = task.sensor(task_id="ingests_settled", poke_interval=1, timeout=600, soft_fail=True)(
        orchestration.ingests_settled
    )
    build = task(orchestration.build_record, task_id="build", outlets=[orchestration.MARTS], trigger_rule="all_done")
    settled() >> build()
