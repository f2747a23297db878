"""Everything Airflow is told, as environment variables: nobody edits an ``airflow.cfg``."""

from __future__ import annotations

import base64
import os
import re
import sys
from collections.abc import Mapping
from pathlib import Path

from credit_warehouse.secrets import secret
from credit_warehouse.settings import PROJECT_ROOT, settings
from credit_warehouse.stack import ports

ADMIN = "admin"
# airflow_local_settings.py: found on the import path by its name.
PRELOAD = Path(__file__).parent / "preload"
# Settings of another Airflow or another database on this machine must not leak into this one.
FOREIGN = re.compile(r"AIRFLOW|_AIRFLOW|PG[A-Z]|OPENLINEAGE")
SILENCE = {
    "DO_NOT_TRACK": "1",
    "SCARF_ANALYTICS": "false",
    "SCARF_NO_ANALYTICS": "true",
    "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
    "AIRFLOW__OPENLINEAGE__DISABLED": "True",
    "OPENLINEAGE_DISABLED": "true",
    "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
    "GX_ANALYTICS_ENABLED": "false",
}
FAST = {
    # The defaults suit a cluster that runs for months; here a business day of short tasks is waited for.
    "AIRFLOW__SCHEDULER__SCHEDULER_HEARTBEAT_SEC": "1",
    "AIRFLOW__SCHEDULER__SCHEDULER_IDLE_SLEEP_TIME": "0.2",
    "AIRFLOW__SCHEDULER__MAX_DAGRUNS_TO_CREATE_PER_LOOP": "50",
    "AIRFLOW__SCHEDULER__MAX_DAGRUNS_PER_LOOP_TO_SCHEDULE": "50",
    "AIRFLOW__SCHEDULER__ORPHANED_TASKS_CHECK_INTERVAL": "15",
    "AIRFLOW__SCHEDULER__TRIGGER_TIMEOUT_CHECK_INTERVAL": "5",
    "AIRFLOW__SCHEDULER__PARSING_CLEANUP_INTERVAL": "15",
    "AIRFLOW__TRIGGERER__JOB_HEARTBEAT_SEC": "1",
    "AIRFLOW__DAG_PROCESSOR__REFRESH_INTERVAL": "5",
    "AIRFLOW__DAG_PROCESSOR__BUNDLE_REFRESH_CHECK_INTERVAL": "1",
    # DAGs follow YAML declarations, whose change Airflow does not see in the file date.
    "AIRFLOW__DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "60",
    "AIRFLOW__CORE__MIN_SERIALIZED_DAG_UPDATE_INTERVAL": "1",
    "AIRFLOW__CORE__KILLED_TASK_CLEANUP_TIME": "10",
}


def airflow_home() -> Path:
    """Folder of Airflow's own files."""
    return settings().home / "airflow"


def passwords_file() -> Path:
    """File with the admin password; if it were missing, Airflow would make one up and log it."""
    return airflow_home() / "passwords.json"


def admin_password() -> str:
    """Password of the Airflow user ``admin``."""
    return secret("airflow_admin_password")[:24]


def base_url(port: int) -> str:
    """Address of UI and REST API."""
    return f"http://{ports.HOST}:{port}"


def airflow_environment(
    metadata_url: str, port: int, *, dags: Path | None = None, connections: Mapping[str, str] | None = None
) -> dict[str, str]:
    """Return the environment of every Airflow process.

    ``dags`` replaces the project's DAG folder (for tests); ``connections`` maps connection id to URI or JSON.
    """
    inherited = {name: value for name, value in os.environ.items() if not FOREIGN.match(name)}
    named = {f"AIRFLOW_CONN_{name.upper()}": value for name, value in (connections or {}).items()}
    return inherited | _process() | SILENCE | FAST | _airflow(metadata_url, port, dags or PROJECT_ROOT / "dags") | named


def _process() -> dict[str, str]:
    """Paths and locale, the same for a service manager, a cron job and a shell."""
    bin_folder = str(Path(sys.executable).parent)
    no_proxy = ",".join(filter(None, [os.environ.get("NO_PROXY") or os.environ.get("no_proxy"), "127.0.0.1,localhost"]))
    return {
        "PATH": os.pathsep.join([bin_folder, os.environ.get("PATH") or os.defpath]),
        "PYTHONPATH": os.pathsep.join(
            filter(None, [str(PROJECT_ROOT / "plugins"), str(PRELOAD), os.environ.get("PYTHONPATH")])
        ),
        "PYTHONUTF8": "1",
        "PYTHONUNBUFFERED": "1",
        # Libraries write caches and ids below HOME; all state belongs to this home.
        "HOME": str(airflow_home()),
        # Airflow asks who runs it, and a container's uid may have no name.
        "LOGNAME": os.environ.get("LOGNAME") or "warehouse",
        # Tasks reach the API server directly, whatever proxy the machine uses.
        "NO_PROXY": no_proxy,
        "no_proxy": no_proxy,
        "NO_COLOR": "1",
        "WAREHOUSE_HOME": str(settings().home),
        "WAREHOUSE_SOURCES": os.path.abspath(settings().sources),
    }


def _airflow(metadata_url: str, port: int, dags: Path) -> dict[str, str]:
    logs = settings().logs
    sections: dict[str, dict[str, str]] = {
        "core": {
            "dags_folder": str(dags),
            "plugins_folder": str(PROJECT_ROOT / "plugins"),
            "load_examples": "False",
            "executor": "LocalExecutor",
            "parallelism": "6",
            "dags_are_paused_at_creation": "False",
            "default_timezone": "Asia/Shanghai",
            "fernet_key": base64.urlsafe_b64encode(bytes.fromhex(secret("airflow_fernet_key"))).decode(),
            "execution_api_server_url": f"{base_url(port)}/execution/",
            # The default resolves the host's full name, which hangs without a name server.
            "hostname_callable": "socket.gethostname",
            "auth_manager": "airflow.api_fastapi.auth.managers.simple.simple_auth_manager.SimpleAuthManager",
            "simple_auth_manager_users": f"{ADMIN}:admin",
            "simple_auth_manager_passwords_file": str(passwords_file()),
        },
        "database": {"sql_alchemy_conn": metadata_url},
        "api": {
            "host": ports.HOST,
            "port": str(port),
            "base_url": base_url(port),
            "workers": "1",
            "secret_key": secret("airflow_api_secret"),
        },
        "api_auth": {"jwt_secret": secret("airflow_jwt_secret")},
        # A token that expires under a long task kills it (apache/airflow#67939).
        "execution_api": {"jwt_expiration_time": "86400"},
        "logging": {
            "base_log_folder": str(logs / "tasks"),
            "dag_processor_child_process_log_directory": str(logs / "dags"),
            "colored_console_log": "False",
        },
        # The default is one folder in /tmp for every Airflow of the machine.
        "dag_processor": {"dag_bundle_storage_path": str(airflow_home() / "bundles")},
        "scheduler": {"enable_health_check": "False"},
    }
    flat = {
        f"AIRFLOW__{section.upper()}__{key.upper()}": value
        for section, keys in sections.items()
        for key, value in keys.items()
    }
    return {"AIRFLOW_HOME": str(airflow_home()), **flat}
