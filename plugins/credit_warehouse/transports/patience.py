"""How often and how long a provider is asked again, and the words when it was in vain."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import stamina

from credit_warehouse.refusal import Refused
from credit_warehouse.settings import settings

WAIT_FIRST, WAIT_LONGEST, WAIT_JITTER = 0.5, 20.0, 1.0


def attempts(passing: Callable[[Exception], bool | float]) -> Iterable[stamina.Attempt]:
    """Attempts at one request, waiting longer and longer with jitter, within the budget of the settings.

    ``passing`` says of an error whether it may pass, or how many seconds to wait.
    """
    limits = settings()
    return stamina.retry_context(
        on=passing,
        attempts=limits.provider_attempts,
        timeout=limits.provider_budget_seconds,
        wait_initial=WAIT_FIRST,
        wait_max=WAIT_LONGEST,
        wait_jitter=WAIT_JITTER,
    )


# Texts name the connection id and what was seen, never an address with credentials or a token.


def denied(connection: str | None, what: str) -> Refused:
    """The provider does not let us in."""
    return Refused(
        "PROVIDER_DENIED",
        f"连接 {connection}：对方拒绝访问（{what}），请核对账号、口令或授权",
        f"connection {connection}: access was denied ({what}); check account, password or grants",
    )


def timed_out(connection: str | None, seconds: float) -> Refused:
    """The provider is there and does not answer."""
    return Refused(
        "PROVIDER_TIMEOUT",
        f"连接 {connection}：{seconds:g} 秒内无应答（超时），已多次重试",
        f"connection {connection}: no answer within {seconds:g} s (timeout), asked several times",
    )


def unreachable(connection: str | None, what: str) -> Refused:
    """The provider cannot be reached, or breaks off."""
    return Refused(
        "PROVIDER_UNREACHABLE",
        f"连接 {connection}：无法从来源系统取数（{what}），已多次重试",
        f"connection {connection}: the provider could not be read ({what}), tried several times",
    )


def unusable(connection: str | None, zh: str, en: str) -> Refused:
    """The provider answers with something that is not what was agreed."""
    return Refused("PROVIDER_CONTENT", f"连接 {connection}：{zh}", f"connection {connection}: {en}")
