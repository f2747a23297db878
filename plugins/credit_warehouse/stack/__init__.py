"""The embedded stack: PostgreSQL and Airflow as recorded processes of one home."""

from credit_warehouse.stack.service import Status, start, status, stop

__all__ = ["Status", "start", "status", "stop"]
