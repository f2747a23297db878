"""Folder on a provider's SFTP server, through Airflow's hook. Read only: nothing is moved or deleted there.

The server has to prove itself with the host key of the connection; without one, nothing is asked for.
"""

from __future__ import annotations

import errno
import posixpath
import stat
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, suppress
from datetime import date, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

import paramiko

from credit_warehouse.declarations import Source
from credit_warehouse.refusal import Refused
from credit_warehouse.settings import settings
from credit_warehouse.transports import patience
from credit_warehouse.transports.delivery import Delivery, RemoteFile
from credit_warehouse.transports.drop import describe, is_offered, require_due
from credit_warehouse.transports.ledger import Known, Ledger

BLOCK = 1 << 18
# Each request in flight is 32 KiB: enough for a long line, and no flood of memory for a large file.
REQUESTS_IN_FLIGHT = 64
LARGEST_FLAG = 1 << 16
# The disk here, not the line to the provider.
OUR_DISK = {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO}

BUSINESS_ZONE = ZoneInfo("Asia/Shanghai")

T = TypeVar("T")


class _NotYet(Exception):
    """The file is no longer the one that was listed, or belongs to a later day: another run takes it."""


def collect(source: Source, business_date: date, folder: Path, ledger: Ledger) -> Iterator[Delivery | Known | Refused]:
    """Yield what lies complete in the remote folder, in name order; what was taken before as Known, unfetched.

    A refusal that concerns one file is yielded and the others go on; one of the server is the last.
    """
    transport = source.ingest.transport
    assert transport.connection is not None, "the declaration model requires it for this kind"
    assert transport.path is not None, "likewise"
    try:
        with _Server(transport.connection) as server:
            for number, file in enumerate(_complete(server, transport.path), start=1):
                if known := ledger.taken(file):
                    yield known
                    continue
                try:
                    yield _take(server, source, transport.path, file, business_date, folder / f"{number:06d}", ledger)
                except _NotYet:
                    continue
                except Refused as refusal:
                    if refusal.rule.startswith("PROVIDER_"):
                        raise
                    yield refusal
    except Refused as refusal:
        yield refusal


def _complete(server: _Server, path: str) -> list[RemoteFile]:
    """Files with their ``.ok``, and those that two looks show with the same size and date."""
    found = server.ask(lambda client: _listing(client, path), path)
    unsigned = {file for file in found if file.ok_mtime is None}
    if not unsigned:
        return found
    time.sleep(settings().ok_wait_seconds)
    again = set(server.ask(lambda client: _listing(client, path), path))
    return [file for file in found if file not in unsigned or file in again]


def _listing(client: paramiko.SFTPClient, path: str) -> list[RemoteFile]:
    entries = {
        entry.filename: entry
        for entry in client.listdir_attr(path)
        if entry.st_mode is None or stat.S_ISREG(entry.st_mode)
    }
    return [
        RemoteFile(
            name,
            entries[name].st_size or 0,
            entries[name].st_mtime or 0,
            (entries[f"{name}.ok"].st_mtime or 0) if f"{name}.ok" in entries else None,
        )
        for name in sorted(entries)
        if is_offered(name)
    ]


def _take(
    server: _Server, source: Source, path: str, file: RemoteFile, business_date: date, target: Path, ledger: Ledger
) -> Delivery | Known:
    if "/" in file.name or "\0" in file.name:
        raise Refused("FILE_NAME_INVALID", "远端文件名含有路径分隔符", "a remote file name contains a path separator")
    remote = posixpath.join(path, file.name)
    flag = None
    if file.ok_mtime is not None:
        flag = server.ask(lambda client: _flag(client, f"{remote}.ok"), file.name)
    delivery = describe(source, target, file.name, flag, business_date, owned=True)
    if business_date < delivery.business_date <= datetime.now(BUSINESS_ZONE).date():
        # Nothing is removed there: whoever takes in an earlier day again sees the files of later ones.
        raise _NotYet
    require_due(delivery, business_date)
    claimed = delivery.declared.get("sha256")
    if isinstance(claimed, str) and (known := ledger.holding(file.name, claimed.lower(), delivery.business_date)):
        ledger.record(file, claimed.lower(), known.batch_id)
        return known
    _download(server, remote, file, target)
    return Delivery(**{**vars(delivery), "remote": file})


def _flag(client: paramiko.SFTPClient, remote: str) -> bytes:
    with _opened(client, remote) as stream:
        return bytes(stream.read(LARGEST_FLAG))


def _download(server: _Server, remote: str, file: RemoteFile, target: Path) -> None:
    """Fetch into ``<target>.part``, going on where a broken connection ended, and rename it when it is whole."""
    part = target.with_name(f"{target.name}.part")

    def rest(client: paramiko.SFTPClient) -> None:
        with _opened(client, remote) as stream, part.open("ab") as out:
            _require_same(stream.stat(), file)
            stream.seek(out.tell())
            stream.prefetch(file.size, REQUESTS_IN_FLIGHT)
            while block := stream.read(BLOCK):
                out.write(block)
            _require_same(stream.stat(), file)

    server.ask(rest, file.name)
    fetched = part.stat().st_size
    if fetched != file.size:
        raise Refused(
            "FILE_TRUNCATED",
            f"{file.name}：对方列出 {file.size} 字节，实收 {fetched} 字节，整份拒收",
            f"{file.name}: the provider lists {file.size} bytes, {fetched} were received; refused whole",
        )
    part.replace(target)


def _opened(client: paramiko.SFTPClient, remote: str) -> paramiko.SFTPFile:
    try:
        return client.open(remote, "rb")
    except FileNotFoundError:
        raise _NotYet from None


def _require_same(now: paramiko.SFTPAttributes, file: RemoteFile) -> None:
    if (now.st_size, now.st_mtime) != (file.size, file.mtime):
        raise _NotYet


class _Server:
    """One provider's server: connects when first asked, connects anew after a loss."""

    def __init__(self, connection: str) -> None:
        self._connection = connection
        self._open = ExitStack()
        self._client: paramiko.SFTPClient | None = None

    def __enter__(self) -> _Server:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._hang_up()

    def ask(self, question: Callable[[paramiko.SFTPClient], T], what: str) -> T:
        """Return the answer to ``question``, asked again while it may help. Raises Refused; ``what`` is named then."""
        try:
            for attempt in patience.attempts(_passing):
                with attempt:
                    try:
                        return question(self._connected())
                    except (OSError, EOFError, paramiko.SSHException):
                        self._hang_up()
                        raise
        except paramiko.BadHostKeyException as error:
            raise _untrusted(
                self._connection,
                f"对方主机密钥 {error.key.fingerprint} 与登记的 {error.expected_key.fingerprint} 不符，未取任何文件",
                f"the host key {error.key.fingerprint} is not the one on record, {error.expected_key.fingerprint};"
                " nothing was fetched",
            ) from None
        except paramiko.AuthenticationException as error:
            raise patience.denied(self._connection, type(error).__name__) from None
        except PermissionError:
            raise patience.denied(self._connection, what) from None
        except FileNotFoundError:
            raise patience.unusable(self._connection, f"{what} 不存在", f"{what} does not exist") from None
        except UnicodeDecodeError:
            raise patience.unusable(
                self._connection,
                f"{what} 中有文件名不是 UTF-8 编码",
                f"a file name in {what} is not in UTF-8",
            ) from None
        except TimeoutError:
            raise patience.timed_out(self._connection, settings().provider_timeout_seconds) from None
        except (OSError, EOFError, paramiko.SSHException) as error:
            if isinstance(error, OSError) and error.errno in OUR_DISK:
                raise
            raise patience.unreachable(self._connection, type(error).__name__) from None
        raise AssertionError("the last attempt returns or raises")

    def _connected(self) -> paramiko.SFTPClient:
        if self._client is None:
            hook = _hook(self._connection)
            seconds = settings().provider_timeout_seconds
            shell = self._open.enter_context(closing(_dial(hook)))
            line = shell.get_transport()
            if line.get_remote_server_key() != hook.host_key:  # a known_hosts file vouched for another key
                raise paramiko.BadHostKeyException(hook.remote_host, line.get_remote_server_key(), hook.host_key)
            channel = line.open_session(timeout=seconds)
            channel.settimeout(seconds)
            channel.invoke_subsystem("sftp")
            self._client = self._open.enter_context(closing(paramiko.SFTPClient(channel)))
        return self._client

    def _hang_up(self) -> None:
        self._client = None
        with suppress(OSError, EOFError, paramiko.SSHException):
            self._open.close()


def _dial(hook: Any) -> Any:
    """An SSH connection of the hook, its key checked and the user logged in."""
    from airflow.providers.ssh.hooks.ssh import SSHHook

    # SFTPHook opens its channel without a time limit; ours is opened with one.
    return SSHHook.get_conn(hook)


def _hook(connection: str) -> Any:
    """Airflow's hook for the connection, told to be strict. Raises Refused where no host key is on record."""
    # Airflow writes files when it is imported, and takes its time.
    from airflow.providers.sftp.hooks.sftp import SFTPHook
    from airflow.sdk.exceptions import AirflowException

    seconds = settings().provider_timeout_seconds
    try:
        hook = SFTPHook(
            ssh_conn_id=connection,
            conn_retry_attempts=1,  # it would repeat a wrong password until the account is locked
            conn_timeout=seconds,
            banner_timeout=seconds,
            auth_timeout=seconds,
        )
    except AirflowException as error:
        raise patience.unusable(
            connection, f"连接配置不可用（{error}）", f"the connection is unusable ({error})"
        ) from None
    except (ValueError, paramiko.SSHException):
        raise _untrusted(
            connection, "登记的主机密钥 host_key 无法使用", "host_key of the connection cannot be used"
        ) from None
    if hook.host_key is None or hook.no_host_key_check or hook.allow_host_key_change:
        raise _untrusted(
            connection,
            "未登记对方主机密钥（host_key）或关闭了校验，未取任何文件",
            "no host key (extra host_key) is on record or its check is off; nothing was fetched",
        )
    hook.look_for_keys = False  # keys of whoever runs this are no business of the provider
    return hook


def _untrusted(connection: str, zh: str, en: str) -> Refused:
    return Refused("PROVIDER_UNTRUSTED", f"连接 {connection}：{zh}", f"connection {connection}: {en}")


def _passing(error: Exception) -> bool:
    """Whether asking again may help: a lost line yes, a wrong key, password, folder or a full disk no."""
    final = (paramiko.BadHostKeyException, paramiko.AuthenticationException, PermissionError, FileNotFoundError)
    if isinstance(error, final) or (isinstance(error, OSError) and error.errno in OUR_DISK):
        return False
    return isinstance(error, (OSError, EOFError, paramiko.SSHException))
