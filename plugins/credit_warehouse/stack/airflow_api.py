"""A small client for the REST API of Airflow 3 (``/api/v2``)."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any
from urllib.parse import quote

import httpx
import stamina

Json = dict[str, Any]
ANY = "~"  # Airflow's word for "every DAG" or "every run"
PAGE = 100


class AirflowRefused(RuntimeError):
    """Airflow answered with an error."""


class AirflowApi:
    """Calls on behalf of one user; logs in when needed and again when the token has expired."""

    def __init__(
        self, base_url: str, user: str, password: str, *, transport: httpx.BaseTransport | None = None
    ) -> None:
        self.base_url = base_url
        self._credentials = {"username": user, "password": password}
        # trust_env off: a proxy of the machine has no business between two processes of one host.
        self._http = httpx.Client(base_url=base_url, timeout=30, trust_env=False, transport=transport)

    def health(self) -> Json | None:
        """Return the health of each component, or None while the server does not answer."""
        try:
            answer = self._http.get("/api/v2/monitor/health", timeout=5)
            return dict(answer.json()) if answer.is_success else None
        except httpx.TransportError:
            return None

    def dags(self) -> list[Json]:
        """Return every DAG that is served."""
        return self._pages("/dags", "dags")

    def import_errors(self) -> list[Json]:
        """Return the DAG files that cannot be imported."""
        return self._pages("/importErrors", "import_errors")

    def trigger(self, dag_id: str, run_id: str, conf: Mapping[str, Any] | None = None) -> Json:
        """Start a run, or return the one that has this ``run_id`` already."""
        body = {"conf": dict(conf or {}), "logical_date": None, "dag_run_id": run_id}
        answer = self._send("POST", f"/dags/{_id(dag_id)}/dagRuns", json=body, accept=409)
        return self.dag_run(dag_id, run_id) if answer.status_code == 409 else dict(answer.json())

    def dag_run(self, dag_id: str, run_id: str) -> Json:
        """Return one run."""
        return dict(self._send("GET", f"/dags/{_id(dag_id)}/dagRuns/{_id(run_id)}").json())

    def dag_runs(self, dag_id: str = ANY, *, states: Collection[str] = (), since: datetime | None = None) -> list[Json]:
        """Return runs of one DAG or all, oldest first, in one of ``states``, due at ``since`` or later."""
        params: Json = {"order_by": "run_after"}
        if states:
            params["state"] = list(states)
        if since:
            params["run_after_gte"] = since.isoformat()
        return self._pages(f"/dags/{_id(dag_id)}/dagRuns", "dag_runs", params)

    def task_instances(self, dag_id: str, run_id: str = ANY, *, states: Collection[str] = ()) -> list[Json]:
        """Return the task instances of one run or of all runs."""
        path = f"/dags/{_id(dag_id)}/dagRuns/{_id(run_id)}/taskInstances"
        return self._pages(path, "task_instances", {"state": list(states)} if states else {})

    def fail_run(self, dag_id: str, run_id: str) -> Json:
        """End a run as failed, for what a killed stack left behind; Airflow stops its running tasks."""
        answer = self._send("PATCH", f"/dags/{_id(dag_id)}/dagRuns/{_id(run_id)}", json={"state": "failed"})
        return dict(answer.json())

    def _pages(self, path: str, key: str, params: Json | None = None) -> list[Json]:
        found: list[Json] = []
        while True:
            page = self._send("GET", path, params={**(params or {}), "limit": PAGE, "offset": len(found)}).json()
            found += page[key]
            if not page[key] or len(found) >= page["total_entries"]:
                return found

    def _send(self, method: str, path: str, *, accept: int | None = None, **call: Any) -> httpx.Response:
        # A server may close a connection that rested just as it is used again. A run is started under its own id, so
        # that repeating a request that has arrived changes nothing.
        for attempt in stamina.retry_context(
            on=httpx.TransportError, attempts=6, timeout=30, wait_initial=0.2, wait_max=3
        ):
            with attempt:
                answer = self._once(method, path, **call)
        if not answer.is_success and answer.status_code != accept:
            raise AirflowRefused(f"{method} {path}: HTTP {answer.status_code} {answer.text[:500]}")
        return answer

    def _once(self, method: str, path: str, **call: Any) -> httpx.Response:
        if "Authorization" not in self._http.headers:
            self._log_in()
        answer = self._http.request(method, f"/api/v2{path}", **call)
        if answer.status_code == httpx.codes.UNAUTHORIZED:
            self._log_in()
            answer = self._http.request(method, f"/api/v2{path}", **call)
        return answer

    def _log_in(self) -> None:
        self._http.headers.pop("Authorization", None)
        answer = self._http.post("/auth/token", json=self._credentials)
        if not answer.is_success:
            raise AirflowRefused(f"login: HTTP {answer.status_code}")
        self._http.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"


def _id(value: str) -> str:
    return quote(value, safe="~")
