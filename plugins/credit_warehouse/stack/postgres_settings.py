"""Settings of the embedded PostgreSQL, given on its command line at every start."""

from __future__ import annotations

import shutil
from pathlib import Path

SETTINGS = {
    "listen_addresses": "127.0.0.1",
    # Socket paths are limited to 107 bytes and a home may lie deeper; every client here speaks TCP.
    "unix_socket_directories": "",
    "max_connections": "200",
    "timezone": "Asia/Shanghai",
    "log_timezone": "Asia/Shanghai",
    # Two cores and a business day of bulk loads.
    "shared_buffers": "512MB",
    "effective_cache_size": "4GB",
    "work_mem": "32MB",
    "maintenance_work_mem": "256MB",
    "max_wal_size": "4GB",
    "checkpoint_timeout": "15min",
    "random_page_cost": "1.1",
    "jit": "off",
    # Nothing replicates from an embedded server; minimal WAL lets COPY and CREATE TABLE AS write data once.
    "wal_level": "minimal",
    "max_wal_senders": "0",
    # Statements, parameters, error messages and their details hold personal data: they go to the client, not
    # to the log. `log` ranks above `error`: the log keeps start, stop, crash and fatal messages.
    "log_min_messages": "log",
    "log_min_error_statement": "panic",
    "log_statement": "none",
    "log_error_verbosity": "terse",
    "log_parameter_max_length": "0",
    "log_parameter_max_length_on_error": "0",
}


def arguments(port: int) -> list[str]:
    """Return the settings as ``postgres`` arguments."""
    chosen = {**SETTINGS, "port": str(port), "dynamic_shared_memory_type": shared_memory()}
    return [argument for name, value in chosen.items() for argument in ("-c", f"{name}={value}")]


def shared_memory(device: Path = Path("/dev/shm")) -> str:
    """Return where parallel queries exchange rows: a container often has only 64 MB of ``/dev/shm``."""
    roomy = device.is_dir() and shutil.disk_usage(device).total >= 1 << 30
    return "posix" if roomy else "sysv"
