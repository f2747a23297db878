"""接入：每个声明的来源一个 DAG | one ingest DAG per declared source: receive, load and gate, then tell the outcome.

If it fails: the task log names file and rule. The source keeps yesterday's data; deliver a corrected file, run again.
"""

from __future__ import annotations

from datetime import datetime

from airflow.sdk import DAG, Param, task

from credit_warehouse import orchestration
from credit_warehouse.declarations import load_sources

for source in load_sources():
    with DAG(
        dag_id=f"ingest__{source.name}",
        dag_display_name=f"接入 {source.label}",
        description=source.description,
        doc_md=__doc__,
        schedule=orchestration.ingest_schedule(source),
        start_date=datetime(2026, 1, 1, tzinfo=orchestration.BUSINESS_ZONE),
        catchup=False,
        max_active_runs=1,
        default_args={"on_failure_callback": orchestration.alert_failure},
        params={
            "business_date": Param(None, type=["null", "string"], format="date", title="业务日期"),
            "landing": Param(None, type=["null", "string"], title="改从此文件夹接入"),
        },
        tags=["ingest", "owner:data-engineering"],
    ):
        take_in = task(
            orchestration.take_in,
            task_id="take_in",
            outlets=[orchestration.raw_asset(source.name)],
            retries=2,
            retry_delay=10,
        )
        tell = task(orchestration.tell_outcome, task_id="tell_outcome")
        take_in(source.name) >> tell(source.name)
