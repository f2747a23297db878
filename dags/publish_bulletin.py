"""公告：在渠道声明之日由核验过的清单副本生成报纸公告 | make the newspaper bulletin on the day its channel declares.

Three times a day: a bulletin from which somebody had to be taken is made anew within its week. If it fails: no bulletin
lies in `bulletins`, and nobody is printed wrongly; the message says what is missing. Mend it and run the DAG again.
"""

from __future__ import annotations

from datetime import datetime

from airflow.sdk import DAG, Param, task

from credit_warehouse import orchestration

with DAG(
    dag_id="publish_bulletin",
    dag_display_name="报纸公告",
    doc_md=__doc__,
    schedule=orchestration.clock("0 9,13,17 * * *"),
    start_date=datetime(2026, 1, 1, tzinfo=orchestration.BUSINESS_ZONE),
    catchup=False,
    max_active_runs=1,
    default_args={"on_failure_callback": orchestration.alert_failure},
    params={"business_date": Param(None, type=["null", "string"], format="date", title="业务日期")},
    tags=["export", "owner:data-engineering"],
):
    task(orchestration.publish_bulletin, task_id="bulletin")()
