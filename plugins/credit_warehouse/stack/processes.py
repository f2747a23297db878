"""Start processes that outlive this one, remember them, and stop them and nothing else.

Every process leads a session of its own. Airflow's children rename themselves and may overwrite their
environment, so a process belongs to the stack by descent, by session, or by a token in its environment, and
never by its name.
"""

from __future__ import annotations

import json
import os
import secrets
import signal
import subprocess
import threading
import time
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil

from credit_warehouse.stack.ending import runs, survivors
from credit_warehouse.stack.files import write_atomically
from credit_warehouse.stack.identity import boot, identity
from credit_warehouse.stack.waiting import wait_until

TOKEN = "WAREHOUSE_PROCESS"
# The child waits for a line before it becomes the command. If this process is killed before the record is on
# disk, the pipe closes and the child ends: no command runs without a record.
GATE = 'read -r go && exec "$@" </dev/null'


class ProcessFailed(RuntimeError):
    """A process of the stack ended when it should not have, or with an error."""


@dataclass(frozen=True)
class Record:
    """What is known about one started process; its session id is its pid."""

    name: str
    pid: int
    identity: str
    boot: str
    token: str
    command: list[str]
    log: str
    started: float
    stop_signal: int
    leader_only: bool


class Processes:
    """The recorded processes of one home."""

    def __init__(self, run: Path, logs: Path) -> None:
        self.path = run / "processes.json"
        self.logs = logs
        self._children: dict[int, subprocess.Popen[bytes]] = {}
        self._lock = threading.RLock()

    def records(self) -> list[Record]:
        """Return every recorded process, running or not."""
        if not self.path.exists():
            return []
        return [Record(**entry) for entry in json.loads(self.path.read_text())]

    def start(
        self,
        name: str,
        command: Sequence[str],
        env: Mapping[str, str],
        *,
        cwd: Path | None = None,
        stop_signal: int = signal.SIGTERM,
        leader_only: bool = False,
    ) -> Record:
        """Start ``command`` in a session of its own, its output appended to ``logs/<name>.log``.

        ``leader_only`` is for servers that end their own children in order, such as PostgreSQL.
        """
        log = self.logs / f"{name}.log"
        log.parent.mkdir(parents=True, exist_ok=True)
        token = secrets.token_hex(16)
        with log.open("ab") as output:
            child = subprocess.Popen(
                ["/bin/sh", "-c", GATE, "sh", *command],
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=subprocess.STDOUT,
                env={**env, TOKEN: token},
                cwd=cwd,
                start_new_session=True,
            )
        assert child.stdin is not None
        record = Record(
            name=name,
            pid=child.pid,
            identity=identity(child.pid) or "",
            boot=boot(),
            token=token,
            command=list(command),
            log=str(log),
            started=time.time(),
            stop_signal=int(stop_signal),
            leader_only=leader_only,
        )
        with self._lock:
            self._children[child.pid] = child
            self._write([*self.records(), record])
        with child.stdin as gate:
            gate.write(b"go\n")
        return record

    def run(self, name: str, command: Sequence[str], env: Mapping[str, str], *, timeout: float = 120) -> None:
        """Run ``command`` to its end as a recorded process; if it fails, raise ProcessFailed with the log."""
        record = self.start(name, command, env)
        try:
            code = self._children[record.pid].wait(timeout)
        except subprocess.TimeoutExpired:
            self.stop([name])
            raise ProcessFailed(f"{name} did not end within {timeout:g} s; see {record.log}") from None
        self._forget([record])
        if code:
            raise ProcessFailed(f"{name} failed with exit code {code}; see {record.log}")

    def is_running(self, record: Record) -> bool:
        """Whether the process itself, not only a child of it, runs."""
        return identity(record.pid) == record.identity

    def require_running(self) -> None:
        """Raise ProcessFailed, naming process and log, if a recorded process has ended."""
        for record in self.records():
            if not self.is_running(record):
                raise ProcessFailed(f"{record.name} ended unexpectedly; see {record.log}")

    def stop(self, names: Collection[str], *, grace: float = 15) -> None:
        """Stop the named processes with everything they started; kill what is left after ``grace`` s."""
        chosen = [record for record in self.records() if record.name in names]
        doomed: set[psutil.Process] = set()
        for record in chosen:
            family = members(record)
            doomed |= family
            orderly = self.is_running(record)  # without their leader the others cannot end in order
            for process in sorted(family, key=_started):
                if not (orderly and record.leader_only and process.pid != record.pid):
                    _signal(process, record.stop_signal if orderly else signal.SIGKILL)
        stubborn = survivors(doomed, grace)

        def all_gone() -> bool:
            left = stubborn.union(*(members(record) for record in chosen))
            # Parents first: a task must not see its subprocess die and take that for the end of the work.
            for process in sorted(left, key=_started):
                _signal(process, signal.SIGKILL)
            stubborn.intersection_update(survivors(left, 1))
            return not left

        wait_until(all_gone, timeout=30, what="killed processes to end")
        for record in chosen:
            if child := self._children.pop(record.pid, None):
                child.wait()
        self._forget(chosen)

    def _forget(self, gone: list[Record]) -> None:
        with self._lock:
            tokens = {record.token for record in gone}
            self._write([record for record in self.records() if record.token not in tokens])

    def _write(self, records: list[Record]) -> None:
        write_atomically(self.path, json.dumps([asdict(record) for record in records], indent=1))


def members(record: Record) -> set[psutil.Process]:
    """Return the running processes that ``record`` is answerable for, also when its leader is gone.

    A live process with the leader's pid but another identity proves that the session id was given away,
    so then, and after a reboot, the session is not trusted.
    """
    if record.boot != boot():
        return set()
    now = identity(record.pid)
    trusted = now in (None, record.identity)
    snapshot = [process for process in psutil.process_iter() if process.pid != os.getpid() and runs(process)]
    found = {
        process
        for process in snapshot
        if (trusted and _session(process.pid) == record.pid) or _token(process) == record.token
    }
    parents = {process: _parent(process) for process in snapshot}
    while True:  # tasks put their subprocesses into sessions of their own: follow descent as well
        pids = {process.pid for process in found}
        more = {process for process in snapshot if process not in found and parents[process] in pids}
        if not more:
            return found
        found |= more


def _session(pid: int) -> int | None:
    try:
        return os.getsid(pid)
    except OSError:
        return None


def _parent(process: psutil.Process) -> int | None:
    try:
        return process.ppid()
    except psutil.NoSuchProcess:
        return None


def _started(process: psutil.Process) -> float:
    try:
        return process.create_time()
    except psutil.NoSuchProcess:
        return 0


def _token(process: psutil.Process) -> str | None:
    try:
        return process.environ().get(TOKEN)
    except (psutil.Error, OSError):
        return None


def _signal(process: psutil.Process, number: int) -> None:
    with suppress(psutil.NoSuchProcess):
        process.send_signal(number)
