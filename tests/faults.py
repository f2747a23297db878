"""Providers that misbehave on demand: a paged service, an SFTP server, a line to a database. All on 127.0.0.1."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import asyncssh

from credit_warehouse.sandbox import sftp_service

TOKEN = "token-nobody-may-see"
PASSWORD = "password-nobody-may-see"


@dataclass
class Service:
    """A paged service. ``faults[page]`` are played one a request, then the page comes."""

    rows: list[dict[str, Any]]
    faults: dict[int, list[str]] = field(default_factory=dict)
    total: Callable[[], int] | None = None
    asked: list[int] = field(default_factory=list)
    tokens: set[str] = field(default_factory=set)
    url: str = ""
    released: threading.Event = field(default_factory=threading.Event)

    def take_asked(self) -> list[int]:
        """Pages asked for since the last call."""
        asked, self.asked[:] = list(self.asked), []
        return asked

    def body(self, day: str, page: int, size: int) -> dict[str, Any]:
        total = self.total() if self.total else len(self.rows)
        items = self.rows[(page - 1) * size : page * size]
        return {"business_date": day, "total": total, "page": page, "size": size, "items": items}


@contextmanager
def serving(service: Service) -> Iterator[Service]:
    """``service`` on a port of its own."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            query = {name: values[0] for name, values in parse_qs(urlsplit(self.path).query).items()}
            page = int(query["page"])
            service.asked.append(page)
            service.tokens.add(self.headers.get("Authorization", ""))
            waiting = service.faults.get(page, [])
            fault = waiting.pop(0) if waiting else ""
            content = service.body(query["business_date"], page, int(query["size"]))
            if fault == "short":
                content["items"] = content["items"][:-2]
            if fault == "repeat":
                content = {**service.body(query["business_date"], page - 1, int(query["size"])), "page": page}
            if fault == "other page":
                content["page"] = page + 1
            if fault == "no items":
                content["items"] = None
            body = json.dumps(content, ensure_ascii=False).encode()
            if fault == "hang":
                service.released.wait(10)
            elif fault == "reset":
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
                self.close_connection = True
            elif fault == "half":  # the line breaks in the middle of the body
                self._send(200, body[: len(body) // 2], length=len(body))
                self.close_connection = True
            elif fault == "cut":  # something in between cuts, and says so to nobody
                self._send(200, body[: len(body) // 2])
            elif fault == "html":
                self._send(200, "<html>系统维护中</html>".encode())
            elif fault.isdigit():
                self._send(int(fault), b"{}")
            elif fault.startswith("429 "):
                self._send(429, b"{}", retry_after=fault[4:])
            else:
                self._send(200, body)

        def _send(self, status: int, body: bytes, *, length: int | None = None, retry_after: str | None = None) -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(body) if length is None else length))
            if retry_after:
                self.send_header("Retry-After", retry_after)
            if status == 302:
                self.send_header("Location", "/login")
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_arguments: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    service.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield service
    finally:
        service.released.set()
        server.shutdown()
        server.server_close()
        thread.join()


@dataclass
class Bank:
    """An SFTP server over ``folder``: the sandbox's own, with faults."""

    folder: Path
    port: int = 0
    host_key: str = ""
    cut_at: list[int] = field(default_factory=list)
    """Read offsets at which the line breaks, one a time."""
    cut_always: bool = False
    silent: bool = False
    end_at: int | None = None
    """Reads end here, whatever the listing says."""
    before_listing: Callable[[], None] = lambda: None
    before_reading: Callable[[], None] = lambda: None
    """Runs when a file is opened."""
    while_reading: Callable[[int], None] = lambda offset: None
    """Runs before each block."""
    logins: list[str] = field(default_factory=list)
    opened: list[str] = field(default_factory=list)
    read: int = 0

    def connection(self, **changes: Any) -> str:
        """The Airflow connection; ``extra`` is merged, None removes."""
        extra = {"host_key": self.host_key, **changes.pop("extra", {})}
        known = {"conn_type": "sftp", "host": "127.0.0.1", "port": self.port, "login": sftp_service.USER,
                 "password": PASSWORD, "extra": {k: v for k, v in extra.items() if v is not None}}  # fmt: skip
        return json.dumps({key: value for key, value in {**known, **changes}.items() if value is not None})

    def take_opened(self) -> list[str]:
        """Files opened since the last call, ``.ok`` files left out."""
        opened, self.opened[:] = [name for name in self.opened if not name.endswith(".ok")], []
        return opened


@contextmanager
def banking(bank: Bank, secrets: Path, client_key: asyncssh.SSHKey | None = None) -> Iterator[Bank]:
    """``bank`` on a port of its own, in a thread of its own."""

    class Faulty(sftp_service.ReadOnly):
        broken = False

        def scandir(self, path: bytes) -> Any:
            bank.before_listing()
            return super().scandir(path)

        def open(self, path: bytes, pflags: int, attrs: asyncssh.SFTPAttrs) -> object:
            bank.opened.append(path.decode().rsplit("/", 1)[-1])
            if not path.endswith(b".ok"):
                bank.before_reading()
            return super().open(path, pflags, attrs)

        async def read(self, file_obj: Any, offset: int, size: int) -> bytes:
            if bank.silent:
                await asyncio.sleep(30)
            if not self.broken and (bank.cut_always or (bank.cut_at and offset >= bank.cut_at[0])):
                del bank.cut_at[:1]
                self.broken = True
                self.connection.abort()
            if self.broken:
                raise asyncssh.SFTPConnectionLost("cut")
            bank.while_reading(offset)
            if bank.end_at is not None:
                size = max(0, min(size, bank.end_at - offset))
            block = super().read(file_obj, offset, size)
            assert isinstance(block, bytes)
            bank.read += len(block)
            return block

    class Doorman(sftp_service._Doorman):
        def public_key_auth_supported(self) -> bool:
            return client_key is not None

        def validate_public_key(self, username: str, key: asyncssh.SSHKey) -> bool:
            return client_key is not None and key == client_key.convert_to_public()

        def validate_password(self, username: str, password: str) -> bool:
            bank.logins.append(password)
            return super().validate_password(username, password)

    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()

    def run(work: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(work, loop).result(20)

    with replaced(sftp_service, "_Doorman", Doorman):
        key = secrets / "host_key"
        acceptor = run(sftp_service.serve(bank.folder, 0, PASSWORD, sftp_service.host_key(key), Faulty))
        bank.port, bank.host_key = acceptor.get_port(), sftp_service.public_key(key)
        try:
            yield bank
        finally:

            async def end() -> None:
                acceptor.close()
                others = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
                for task in others:
                    task.cancel()
                await asyncio.gather(*others, return_exceptions=True)

            run(end())
            loop.call_soon_threadsafe(loop.stop)
            thread.join()
            loop.close()


@contextmanager
def replaced(module: Any, name: str, value: object) -> Iterator[None]:
    """Replace an attribute for a while."""
    before = getattr(module, name)
    setattr(module, name, value)
    try:
        yield
    finally:
        setattr(module, name, before)


@dataclass
class Line:
    """A TCP line to a server: ``at`` bytes towards the client have passed, then ``then`` runs, once."""

    to: tuple[str, int]
    at: int = 1 << 62
    then: Callable[[], None] = lambda: None
    closed: int = 0
    """So many connections are turned away."""
    connections: int = 0
    port: int = 0


@contextmanager
def dialled(line: Line) -> Iterator[Line]:
    """``line`` on a port of its own."""
    ended = threading.Event()
    server = socket.create_server(("127.0.0.1", 0))
    server.settimeout(0.05)
    line.port = server.getsockname()[1]

    def pump(source: socket.socket, target: socket.socket, counted: bool) -> None:
        with contextlib.suppress(OSError):
            while block := source.recv(4096):
                if counted:
                    line.at -= len(block)
                    if line.at <= 0:
                        line.at = 1 << 62
                        line.then()
                target.sendall(block)
        for end in (source, target):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def accept() -> None:
        while not ended.is_set():
            try:
                client, _ = server.accept()
            except TimeoutError:
                continue
            line.connections += 1
            if line.closed:
                line.closed -= 1
                client.close()
                continue
            provider = socket.create_connection(line.to)
            for pair in ((client, provider, False), (provider, client, True)):
                threading.Thread(target=pump, args=pair, daemon=True).start()

    thread = threading.Thread(target=accept)
    thread.start()
    try:
        yield line
    finally:
        ended.set()
        thread.join()
        server.close()
