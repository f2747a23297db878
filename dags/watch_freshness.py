"""时效：每日上午核对各来源是否按声明到达 | every morning: has every source delivered as recently as it declares?

What is late is told as an alert, and so are receipts and feedback that cannot be right. Nothing waits for this DAG.
If it fails: the database could not be asked; the task log says why.
"""

from __future__ import annotations

from datetime import datetime

from airflow.sdk import DAG, task

from credit_warehouse import orchestration

with DAG(
    dag_id="watch_freshness",
    dag_display_name="来源时效",
    doc_md=__doc__,
    schedule=orchestration.clock("0 9 * * *"),
    start_date=datetime(2026, 1, 1, tzinfo=orchestration.BUSINESS_ZONE),
    catchup=False,
    max_active_runs=1,
    default_args={"on_failure_callback": orchestration.alert_failure},
    tags=["watch", "owner:data-engineering"],
):
    task(orchestration.watch_freshness, task_id="freshness")()
