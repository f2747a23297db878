"""Every setting of the warehouse in one place; docs/settings.md lists the same names.

Environment variables carry the prefix ``WAREHOUSE_``. State lives under ``WAREHOUSE_HOME`` and nowhere else,
so two homes on one machine never meet.
"""

from __future__ import annotations

import os
from functools import lru_cache
from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

PROJECT_ROOT = Path(__file__).resolve().parents[2]


class Settings(BaseSettings):
    """Settings read from the environment."""

    model_config = SettingsConfigDict(env_prefix="WAREHOUSE_", extra="forbid")

    home: Path = Field(default=Path(".warehouse"), description="folder that holds all state")
    dsn: SecretStr | None = Field(default=None, description="external PostgreSQL; empty means the embedded one")
    token_key: SecretStr | None = Field(default=None, description="64 hex digits, keyed hash of identifiers")
    vault_key: SecretStr | None = Field(
        default=None, description="AES keys of the vault, 64 hex digits each, oldest first; the last one encrypts"
    )
    feed_key: SecretStr | None = Field(
        default=None, description="Ed25519 keys that sign the feeds, 64 hex digits each, oldest first"
    )
    channel_keys: SecretStr | None = Field(
        default=None, description="keys of tokenised channels, channel=64 hex digits each, separated by spaces"
    )
    feed_valid_days: int = Field(
        default=7, ge=1, description="days after which a consumer must not trust a silent feed"
    )
    centre: str = Field(default="", description="name of the centre, printed on the bulletin as who publishes")
    contact: str = Field(default="", description="where the centre takes objections, printed on the bulletin")
    bulletin_font: str = Field(default="", description="font file of the bulletin; empty means the bundled one")
    bulletin_only_new: bool = Field(default=False, description="whether a bulletin prints the week's new entries only")
    archive: str = Field(default="", description="folder or URL of the originals; empty means archive/ below home")
    alerts: SecretStr | None = Field(default=None, description="apprise URLs, separated by spaces, told of failures")
    schedules: Literal["on", "off"] = Field(default="on", description="whether ingest DAGs follow their own cron")
    ok_wait_seconds: float = Field(default=1.0, description="pause between the two size polls of a file without .ok")
    provider_timeout_seconds: float = Field(default=30.0, gt=0, description="how long a provider may stay silent")
    provider_attempts: int = Field(default=5, ge=1, description="how often one request to a provider is tried")
    provider_budget_seconds: float = Field(
        default=300.0, gt=0, description="longest time for one request with its repetitions, or one SQL statement"
    )
    dbt_threads: int = Field(default=2, description="parallel dbt models")
    reader_timeout_seconds: int = Field(
        default=60, ge=1, description="longest statement of a login of an analyst, auditor or department"
    )
    sources: Path = Field(
        default=PROJECT_ROOT / "dbt_project" / "models" / "staging",
        description="folder with one subfolder per declared source",
    )

    def model_post_init(self, _context: object) -> None:
        self.home = Path(os.path.abspath(self.home))
        if "://" not in self.archive:
            self.archive = os.path.abspath(self.archive or self.home / "archive")

    @property
    def inbox(self) -> Path:
        """Drop folder: ``inbox/<source>/<file>``."""
        return self.home / "inbox"

    @property
    def exports(self) -> Path:
        """Feeds: ``exports/<feed>/<sequence>/``."""
        return self.home / "exports"

    @property
    def reports(self) -> Path:
        """Quality reports (HTML)."""
        return self.home / "reports"

    @property
    def bulletins(self) -> Path:
        """The newspaper bulletin of each feed of that format, ``<feed>.pdf``, as long as it may be printed."""
        return self.home / "bulletins"

    @property
    def logs(self) -> Path:
        """Log files of every process."""
        return self.home / "logs"

    @property
    def secrets(self) -> Path:
        """Generated passwords and keys, mode 0600."""
        return self.home / "secrets"

    @property
    def run(self) -> Path:
        """What is running now: process records, ports, locks."""
        return self.home / "run"


@lru_cache
def settings() -> Settings:
    """The settings of this process."""
    return Settings()
