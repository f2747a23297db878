"""出库：过门禁，写曝光清单与联合惩戒指令，出质量报告 | gate and write the two products, then the quality report.

If it fails: a gate held additions back; removals have left. The message and the quality report name product and rule.
"""

from __future__ import annotations

from datetime import datetime

from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.sdk import DAG, task

from credit_warehouse import orchestration

with DAG(
    dag_id="export_products",
    dag_display_name="曝光与联合惩戒出库",
    doc_md=__doc__,
    schedule=[orchestration.MARTS],
    start_date=datetime(2026, 1, 1, tzinfo=orchestration.BUSINESS_ZONE),
    catchup=False,
    max_active_runs=1,
    default_args={"on_failure_callback": orchestration.alert_failure},
    tags=["export", "owner:data-engineering"],
):
    export = task(orchestration.export_products, task_id="export")()
    report = task(orchestration.report_quality, task_id="quality_report", trigger_rule="all_done")()
    # The last task decides the run: a written report must not hide a held export.
    delivered = EmptyOperator(task_id="delivered", trigger_rule="none_failed")
    export >> [report, delivered]
    report >> delivered
