"""The declaration of a source: one YAML file, read by Airflow, the loader, the raw gate and the dictionary.

The file is dbt's own source YAML; the ingest facts stand under ``config.meta``. Unknown keys are errors.
docs/adding-a-source.md explains every key.
"""

from __future__ import annotations

from datetime import date
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from credit_warehouse.settings import settings

Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$", max_length=40)]
ColumnName = Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_]*$", max_length=60)]


class DeclarationError(ValueError):
    """A declaration is wrong; the message names file, place and rule."""


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Transport(_Strict):
    """How the provider hands data over (GB/T 39443: file, service, database)."""

    kind: Literal["drop", "sftp", "http", "database"]
    connection: str | None = Field(default=None, description="Airflow connection id; none for the drop folder")
    path: str | None = Field(default=None, description="sftp: folder on the provider's server")
    table: str | None = Field(default=None, description="database: schema-qualified table")
    watermark: str | None = Field(default=None, description="database: column that grows with every change")
    overlap_minutes: int = Field(default=60, ge=0, description="database: re-read this much before the watermark")
    page_size: int = Field(default=1000, ge=1, description="http: rows asked for at once")
    watch_seconds: int | None = Field(
        default=None, ge=1, description="http: ask this often whether today's count has grown, and ingest at once"
    )

    @model_validator(mode="after")
    def _complete(self) -> Transport:
        if self.kind != "drop" and not self.connection:
            raise ValueError(f"transport {self.kind} needs a connection")
        if self.kind != "http" and self.watch_seconds:
            raise ValueError("watch_seconds is for transport http")
        if self.kind == "database" and not (self.table and self.watermark):
            raise ValueError("transport database needs table and watermark")
        if (self.kind == "sftp") != bool(self.path):
            raise ValueError("path is the folder of transport sftp, needed there and nowhere else")
        return self


class RowBounds(_Strict):
    """Rows of one delivery: the floor and the shrinkage refuse the file, the ceiling warns."""

    min: int = Field(ge=0)
    max: int | None = None
    max_shrink: float | None = Field(default=None, ge=0, le=1, description="largest loss against the last snapshot")


class RejectBounds(_Strict):
    """Shares of rows that cannot be read: from ``warn`` on the report says so, above ``refuse`` the file is refused."""

    warn: float = Field(ge=0, le=1)
    refuse: float = Field(ge=0, le=1)
    at_least: int = Field(
        ge=1, description="fewer unreadable rows than this never refuse a file: shares of little say little"
    )

    @model_validator(mode="after")
    def _ordered(self) -> RejectBounds:
        if self.warn > self.refuse:
            raise ValueError("rejects.warn is above rejects.refuse: the file would be refused before anybody is warned")
        return self


class Removals(_Strict):
    """How a row of a delta says that it takes something down."""

    column: ColumnName
    values: list[str] = Field(min_length=1)


class Layout(_Strict):
    """Another layout of the same source, as the provider sent or sends it between two dates."""

    version: str
    valid_from: date
    valid_to: date | None = Field(default=None, description="last business date on which it is taken")
    renamed: dict[str, ColumnName] = Field(default={}, description="column of this layout: declared column")
    without: list[ColumnName] = Field(default=[], description="required columns that this layout does not have")

    def covers(self, day: date) -> bool:
        """Whether a delivery of this business date may come in this layout."""
        return self.valid_from <= day and (self.valid_to is None or day <= self.valid_to)


class Item(_Strict):
    """What a row means in the credit record (全国公共信用信息基础目录)."""

    catalogue_class: str
    polarity: Literal["negative", "neutral", "positive"]


class Ingest(_Strict):
    """Facts the loader and the scheduler need."""

    transport: Transport
    version: str = Field(description="version of the layout that the columns describe")
    valid_from: date = Field(description="first business date of that layout")
    layouts: list[Layout] = Field(default=[], description="other layouts, by date")
    format: Literal["csv", "jsonl", "xlsx", "xml"]
    row_element: str | None = Field(default=None, description="xml: the element that holds one row")
    encoding: Literal["utf-8", "gb18030"] = "utf-8"
    delivery: Literal["full", "delta"]
    key: list[ColumnName] = Field(min_length=1)
    schedule: str = Field(description="cron, Asia/Shanghai")
    rows: RowBounds
    rejects: RejectBounds
    removals: Removals | Literal["all"] | None = Field(
        default=None, description="delta: rows that still take effect when the rest of the file is unusable"
    )
    item: Item | None = Field(default=None, description="empty: rows describe relations, not items of a record")
    may_remove: bool = Field(
        default=False,
        description="its messages can take somebody out of a product: the removal lane reads them as soon as accepted,"
        " with dbt_project/functions/removals/removals_of_<source>.sql",
    )

    @model_validator(mode="after")
    def _fits_together(self) -> Ingest:
        if (self.format == "xml") != bool(self.row_element):
            raise ValueError("row_element names the element of a row of format xml, needed there and nowhere else")
        if self.removals and self.delivery == "full":
            raise ValueError("removals are rows of a delta: in a full snapshot absence removes")
        return self


class Age(_Strict):
    """A number of days, in dbt's words."""

    count: int = Field(ge=1)
    period: Literal["day"]


class Freshness(_Strict):
    """How old the newest accepted delivery may become: after the first it is a warning, after the second overdue."""

    warn_after: Age
    error_after: Age

    @model_validator(mode="after")
    def _in_order(self) -> Freshness:
        if self.warn_after.count > self.error_after.count:
            raise ValueError("freshness warns before it is overdue: warn_after is longer than error_after")
        return self


class Column(_Strict):
    """One column as the provider names it."""

    name: ColumnName
    label: str
    pii: Literal["none", "name", "identifier", "birth_date", "contact", "address", "free_text"] = "none"
    required: bool = True


class Source(_Strict):
    """A declared source. ``name`` is the one id of folder, DAG, raw table, staging model and log field."""

    name: Name
    label: str
    description: str
    publisher: str
    legal_basis: str
    retention: Name = Field(description="class of core.retention_rule: how long originals are kept")
    freshness: Freshness
    ingest: Ingest
    columns: list[Column] = Field(min_length=1)
    path: Path

    @model_validator(mode="after")
    def _key_is_declared(self) -> Source:
        missing = set(self.ingest.key) - {column.name for column in self.columns}
        if missing:
            raise ValueError(f"key columns are not declared: {sorted(missing)}")
        watermark = self.ingest.transport.watermark
        if watermark and watermark not in {column.name for column in self.columns}:
            raise ValueError(f"the watermark column is not declared: {watermark}")
        return self

    @model_validator(mode="after")
    def _layouts_are_declared(self) -> Source:
        declared = {column.name for column in self.columns}
        for layout in self.ingest.layouts:
            unknown = {*layout.renamed.values(), *layout.without} - declared
            if unknown:
                raise ValueError(f"layout {layout.version} speaks of columns that are not declared: {sorted(unknown)}")
        if isinstance(self.ingest.removals, Removals) and self.ingest.removals.column not in declared:
            raise ValueError(f"the column of removals is not declared: {self.ingest.removals.column}")
        return self

    def layouts_on(self, day: date) -> list[Layout]:
        """Layouts in which a delivery of this business date may come, the newest first.

        Days before the oldest layout are read by it: it is the oldest that is known, not the oldest there was.
        """
        every = sorted(
            [Layout(version=self.ingest.version, valid_from=self.ingest.valid_from), *self.ingest.layouts],
            key=lambda layout: layout.valid_from,
            reverse=True,
        )
        return [layout for layout in every if layout.covers(day)] or every[-1:]

    @property
    def identifier_columns(self) -> list[str]:
        """Columns that hold numbers of persons or organisations."""
        return [column.name for column in self.columns if column.pii == "identifier"]

    @property
    def exact_columns(self) -> set[str]:
        """Columns that tell who or what a row is about: nothing in them may be computed, rounded or guessed."""
        return {column.name for column in self.columns if column.pii in ("identifier", "name")} | set(self.ingest.key)


def read_declaration(path: Path) -> Source:
    """Read one ``_<source>.yml``. Raises DeclarationError with file, place and rule."""
    try:
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
        return Source.model_validate(_flatten(document, path))
    except (ValidationError, yaml.YAMLError, KeyError, IndexError, TypeError, ValueError) as error:
        raise DeclarationError(f"{path.name}: {error}") from error


def _flatten(document: dict[str, Any], path: Path) -> dict[str, Any]:
    source = document["sources"][0]
    table = source["tables"][0]
    if not (source["name"] == table["name"] == path.parent.name == path.stem.removeprefix("_")):
        raise ValueError("folder, file, source and table must carry the same name")
    return {
        "name": source["name"],
        "description": source["description"],
        "freshness": source["config"]["freshness"],
        **source["config"]["meta"],
        "columns": [
            {"name": column["name"], "label": column["description"], **column.get("config", {}).get("meta", {})}
            for column in table["columns"]
        ],
        "path": path,
    }


def load_sources(folder: Path | None = None) -> list[Source]:
    """Every declared source, ordered by name."""
    return list(_load(folder or settings().sources))


@lru_cache
def _load(folder: Path) -> tuple[Source, ...]:
    return tuple(read_declaration(path) for path in sorted(folder.glob("*/_*.yml")))


def load_source(name: str) -> Source:
    """One source by its id. Raises DeclarationError when it is not declared."""
    for source in load_sources():
        if source.name == name:
            return source
    raise DeclarationError(f"source {name!r} is not declared under {settings().sources.name}/")
