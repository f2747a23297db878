"""docker-compose.yml: what must hold of it, as far as the files tell without a container engine."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from credit_warehouse.settings import PROJECT_ROOT, Settings
from credit_warehouse.stack import airflow_environment

TEXT = (PROJECT_ROOT / "docker-compose.yml").read_text(encoding="utf-8")
COMPOSE: dict[str, Any] = yaml.safe_load(TEXT)
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
DOCKERFILE = (PROJECT_ROOT / "docker" / "Dockerfile").read_text(encoding="utf-8")
OURS = {name: service for name, service in SERVICES.items() if service["image"].startswith("credit-warehouse:")}
ONE_SHOT = {"init"}
SENSITIVE = re.compile(r"PASSWORD|SECRET|KEY|TOKEN|DSN|SQL_ALCHEMY_CONN|BROKER_URL")
PINNED = re.compile(r"[a-z/-]+:\d+\.\d+[\w.-]*(@sha256:[0-9a-f]{64})?")


def test_services_are_the_whole_stack() -> None:
    assert set(SERVICES) == {
        "postgres", "redis", "init", "api-server", "scheduler", "dag-processor", "triggerer", "worker",
    }  # fmt: skip


@pytest.mark.parametrize("name", SERVICES)
def test_service_has_a_health_check_or_runs_once(name: str) -> None:
    service = SERVICES[name]
    if name in ONE_SHOT:
        assert service["restart"] == "no"
    else:
        assert service["healthcheck"]["test"]
        assert service["restart"] == "unless-stopped"


@pytest.mark.parametrize("name", SERVICES)
def test_service_waits_for_a_state_and_not_for_a_start(name: str) -> None:
    for other, wait in SERVICES[name].get("depends_on", {}).items():
        expected = "service_completed_successfully" if other in ONE_SHOT else "service_healthy"
        assert wait["condition"] == expected


@pytest.mark.parametrize("name", SERVICES)
def test_service_is_confined(name: str) -> None:
    service = SERVICES[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["logging"]["options"]["max-size"]
    assert service["deploy"]["resources"]["limits"]["memory"]


def test_ports_are_published_on_the_loopback_address_only() -> None:
    published = {name: service["ports"] for name, service in SERVICES.items() if "ports" in service}
    assert set(published) == {"api-server"}
    assert all(port.startswith("127.0.0.1:") for ports in published.values() for port in ports)


def test_databases_stay_in_the_network_without_a_way_out() -> None:
    assert COMPOSE["networks"]["inside"] == {"internal": True}
    reach_out = {name for name, service in SERVICES.items() if service["networks"] != ["inside"]}
    # The triggerer watches the services of providers.
    assert reach_out == {"api-server", "triggerer", "worker"}


def test_every_image_is_pinned_and_one_dockerfile_builds_ours() -> None:
    images = {service["image"] for service in SERVICES.values()} | set(re.findall(r"(?m)^FROM (\S+)", DOCKERFILE))
    assert len(images) == 4
    for image in images:
        assert PINNED.fullmatch(image), image
    builds = [service["build"] for service in SERVICES.values() if "build" in service]
    assert builds == [{"context": ".", "dockerfile": "docker/Dockerfile"}]
    assert set(OURS) == set(SERVICES) - {"postgres", "redis"}
    assert _dockerfiles() == [PROJECT_ROOT / "docker" / "Dockerfile"]


def _dockerfiles() -> list[Path]:
    tracked = (folder for folder in PROJECT_ROOT.iterdir() if folder.is_dir() and not folder.name.startswith("."))
    return [path for folder in tracked for path in folder.rglob("Dockerfile")]


@pytest.mark.parametrize("name", SERVICES)
def test_secrets_come_from_files_granted_to_the_service(name: str) -> None:
    granted = set(SERVICES[name].get("secrets", []))
    assert granted <= set(COMPOSE["secrets"])
    for variable, value in SERVICES[name].get("environment", {}).items():
        if SENSITIVE.search(variable):
            assert variable.endswith("_FILE"), variable
            assert value.removeprefix("/run/secrets/") in granted, variable


def test_no_secret_stands_in_the_file() -> None:
    assert not re.search(r"://[^/\s]*:[^/\s]*@", TEXT)
    assert all(set(secret) == {"file"} for secret in COMPOSE["secrets"].values())


def test_keys_of_the_warehouse_reach_only_who_needs_them() -> None:
    holders = {
        name
        for name, service in SERVICES.items()
        if {"warehouse_token_key", "warehouse_vault_key"} & {*service["secrets"]}
    }
    assert holders == {"init", "worker"}


def test_who_talks_to_providers_is_told_how_and_knows_what_was_taken_in() -> None:
    for name in ("triggerer", "worker"):
        told = SERVICES[name]["environment"]
        assert "WAREHOUSE_DSN_FILE" in told
        assert {variable for variable in told if variable.startswith("WAREHOUSE_PROVIDER_")} == {
            f"WAREHOUSE_{field.upper()}" for field in Settings.model_fields if field.startswith("provider_")
        }


def test_every_setting_of_the_warehouse_reaches_the_worker() -> None:
    told = {variable.removesuffix("_FILE") for variable in SERVICES["worker"]["environment"]}
    # Polls of the drop folder and declarations are the same everywhere.
    own = {"ok_wait_seconds", "sources"}
    assert {f"WAREHOUSE_{field.upper()}" for field in Settings.model_fields if field not in own} <= told


def test_every_variable_and_secret_is_documented() -> None:
    guide = (PROJECT_ROOT / "docs" / "server.md").read_text(encoding="utf-8")
    variables = set(re.findall(r"\$\{([A-Z_]+)", TEXT))
    assert variables
    for name in [*variables, *COMPOSE["secrets"], *COMPOSE["volumes"]]:
        assert re.search(rf"\b{re.escape(name)}\b", guide), name


def test_every_path_exists() -> None:
    volumes = [volume for service in SERVICES.values() for volume in service["volumes"]]
    mounted = [volume.partition(":")[0] for volume in volumes if volume.startswith("./")]
    assert mounted
    inside = re.findall(r"/opt/credit-warehouse/([a-z_]+)", TEXT)
    copied = [
        source
        for line in re.findall(r"(?m)^COPY (.+)$", DOCKERFILE)
        for source in [word for word in line.split() if not word.startswith("--")][:-1]
    ]
    for path in [*mounted, *inside, *copied]:
        assert (PROJECT_ROOT / path).exists(), path
    ignored = (PROJECT_ROOT / "docker" / "Dockerfile.dockerignore").read_text(encoding="utf-8").splitlines()
    for path in copied:
        assert f"!{path}" in ignored or f"!docker/*{Path(path).suffix}" in ignored, path


def test_airflow_is_told_the_same_as_on_one_machine(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WAREHOUSE_DSN", raising=False)
    local = airflow_environment.airflow_environment("postgresql+psycopg2://h/d", 1)
    # How long the components wait, who may log in and where the API server listens differ on purpose.
    differs = set(airflow_environment.FAST) | {
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE",
        "AIRFLOW__API__HOST",
        "AIRFLOW__API__PORT",
        "AIRFLOW__API__WORKERS",
    }
    wanted = {name for name in local if name.startswith("AIRFLOW__")} - differs | set(airflow_environment.SILENCE)
    for service in OURS.values():
        told = {name.removesuffix("_FILE") for name in service["environment"]}
        assert wanted <= told, wanted - told
        for name in [*airflow_environment.SILENCE, "AIRFLOW__CORE__DEFAULT_TIMEZONE"]:
            assert service["environment"][name] == local[name]


@pytest.fixture
def entrypoint(tmp_path: Path) -> Any:
    def run(**environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["sh", str(PROJECT_ROOT / "docker" / "entrypoint.sh"), "env"],
            env={"PATH": os.environ["PATH"], "HOME": str(tmp_path), "AIRFLOW_HOME": str(tmp_path / "a"), **environment},
            capture_output=True,
            text=True,
            timeout=20,
        )

    return run


def test_entrypoint_turns_files_into_settings(entrypoint: Any, tmp_path: Path) -> None:
    secret = tmp_path / "dsn"
    secret.write_text("postgresql://u:p%20w$x'y@h/d\n")
    told = entrypoint(WAREHOUSE_DSN_FILE=str(secret), AIRFLOW__API__SECRET_KEY_FILE=str(secret), SSL_CERT_FILE="/c")
    lines = told.stdout.splitlines()
    assert "WAREHOUSE_DSN=postgresql://u:p%20w$x'y@h/d" in lines
    assert "AIRFLOW__API__SECRET_KEY=postgresql://u:p%20w$x'y@h/d" in lines
    assert "SSL_CERT_FILE=/c" in lines  # a file name, and no secret
    assert not [line for line in lines if line.startswith("WAREHOUSE_DSN_FILE")]


@pytest.mark.parametrize("content", [None, ""])
def test_entrypoint_refuses_a_missing_secret(entrypoint: Any, tmp_path: Path, content: str | None) -> None:
    secret = tmp_path / "key"
    if content is not None:
        secret.write_text(content)
    refused = entrypoint(WAREHOUSE_TOKEN_KEY_FILE=str(secret))
    assert refused.returncode == 78
    assert "WAREHOUSE_TOKEN_KEY" in refused.stderr and str(secret) in refused.stderr


@pytest.mark.parametrize(
    ("script", "url"),
    [
        ("postgres.sh", "postgresql://warehouse:0a1b@postgres:5432/warehouse"),
        ("postgres.sh", "postgresql+psycopg2://airflow:0a1b@postgres:5432/airflow"),
        ("redis.sh", "redis://:0a1b@redis:6379/0"),
    ],
)
def test_scripts_find_the_password_in_the_url(script: str, url: str) -> None:
    text = (PROJECT_ROOT / "docker" / script).read_text(encoding="utf-8")
    expression = re.search(r"sed -n '([^']+)'", text)
    assert expression
    found = subprocess.run(
        ["sed", "-n", expression[1]], input=f"{url}\n", capture_output=True, text=True, check=True, timeout=20
    )
    assert found.stdout.strip() == "0a1b"


def test_locked_celery_fits_its_airflow_provider() -> None:
    # The provider imports this name; celery 5.7 no longer has it, and scheduler and worker end at their start.
    from celery.backends import database

    assert hasattr(database, "retry"), "pin celery below 5.7 in requirements.lock"
