#!/usr/local/bin/python -P
"""Health of one service: ``healthy api-server|scheduler|dag-processor|triggerer|worker``.

Airflow's components report a heartbeat to the database and the API server shows it, so asking costs a request
instead of an import of Airflow. A stopped API server therefore turns all of them red.
"""

import json
import os
import sys
from urllib.request import urlopen

HEALTH = "http://api-server:8080/api/v2/monitor/health"


def component(name: str) -> bool:
    """Whether a component sent a heartbeat lately; the API server needs its database."""
    reported = "metadatabase" if name == "api-server" else name.replace("-", "_")
    with urlopen(os.environ.get("HEALTH_URL", HEALTH), timeout=8) as answer:
        return json.load(answer)[reported]["status"] == "healthy"


def worker() -> bool:
    """Whether the Celery worker of this container answers through the broker."""
    from celery import Celery

    app = Celery(broker=os.environ["AIRFLOW__CELERY__BROKER_URL"])
    return bool(app.control.inspect(destination=[f"celery@{os.uname().nodename}"], timeout=8).ping())


if __name__ == "__main__":
    sys.exit(not (worker() if sys.argv[1] == "worker" else component(sys.argv[1])))
