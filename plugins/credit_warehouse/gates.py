"""The two borders: Great Expectations over a raw batch and over a product, as YAML in ``expectations/``."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg import sql

from credit_warehouse.db import connect, sqlalchemy_url
from credit_warehouse.declarations import Source
from credit_warehouse.receive import refuse
from credit_warehouse.refusal import Refused
from credit_warehouse.rules import CHANNEL_DAYS, LOADER_COUNT, Gate, gate

PRODUCT_MAX_SHRINK = 0.5
HARMED_SHOWN = 5
"""How many of those who would have been hit are shown, masked."""
ENTRY_KEYS = {"listing_id", "directive_id", "item_id"}
TABLE_RULES = {"expect_table_row_count_to_be_between", "expect_table_columns_to_match_set"}


@dataclass(frozen=True)
class Checked:
    """Outcome of one rule."""

    rule: str
    title: str
    basis: str
    severity: str
    owner: str
    success: bool
    vacuous: bool
    expected: str
    observed: str


def check_batch(source: Source, batch_id: int) -> Refused | None:
    """Gate one loaded batch: accepted, or refused with the first rule that stops it."""
    with connect() as connection:
        previous = connection.execute(
            # The one before it in time: a late snapshot of a list that grew since is not a list that shrank.
            "select rows_loaded from audit.batch where source = %s and status = 'accepted' and mode = 'full'"
            " and business_date <= (select business_date from audit.batch where batch_id = %s)"
            " order by business_date desc, batch_id desc limit 1",
            [source.name, batch_id],
        ).fetchone()
        bounds = source.ingest.rows
        values = {
            # A floor of zero rows would be a check that cannot fail.
            "rows_min": bounds.min or None,
            "rows_max": bounds.max,
            "rows_after_shrink": _floor(previous, bounds.max_shrink),
        }
        columns = {
            "key": source.ingest.key,
            "names": [column.name for column in source.columns if column.pii == "name" and column.required],
        }
        declared = gate("raw")
        counted = [rule for rule in declared if rule.type == LOADER_COUNT]
        rules = fill([rule for rule in declared if rule not in counted], values, columns)
        results = [_readable(connection, source, batch_id, rule) for rule in counted]
        results += validate(f'select * from raw."{source.name}" where _batch_id = {int(batch_id)}', rules)
        keep(connection, "raw", [(source.name, result) for result in results], batch_id=batch_id)
        stopped = _stopped_by(results)
        if stopped:
            refusal = Refused(
                stopped.rule,
                f"{source.label}：{stopped.title}；要求 {stopped.expected}，实际 {stopped.observed}，整份拒收",
                f"{source.name}: {stopped.rule}; expected {stopped.expected}, observed {stopped.observed};"
                " refused whole",
            )
            refuse(connection, batch_id, refusal)
            return refusal
        connection.execute("update audit.batch set status = 'accepted' where batch_id = %s", [batch_id])
    return None


def _readable(connection: psycopg.Connection, source: Source, batch_id: int, rule: Gate) -> Checked:
    """The share of rows that could not be read: the loader refuses on it, here it warns and is kept."""
    row = connection.execute(
        "select coalesce(rows_in, 0), coalesce(rows_rejected, 0), scope from audit.batch where batch_id = %s",
        [batch_id],
    ).fetchone()
    assert row
    rows_in, rejected, scope = row
    bound = source.ingest.rejects.warn
    return Checked(
        rule=rule.rule,
        title=rule.title + ("（坏行超过拒收上限：本份增量只有撤下类的行生效）" if scope == "removals_only" else ""),
        basis=rule.basis,
        severity=rule.severity,
        owner=rule.owner,
        success=rejected <= bound * rows_in,
        vacuous=rows_in == 0,
        expected=f"<= {bound:.1%}",
        observed=f"{rejected} / {rows_in}",
    )


def check_product(
    product: str, build_id: int, whole: str | None = None, further: Sequence[Checked] = ()
) -> list[Checked]:
    """Gate one product table of ``exports``; returns the rules that stop additions (none: it may leave).

    ``whole`` names the feed that holds all of the product where others hold parts of it. ``further`` are checks of such
    parts, which stop one of them and not the product: they are kept with the others.
    """
    with connect() as connection:
        previous = connection.execute(
            # What the export of an earlier build left, before the removal lane took anybody out: a list that has lost
            # more than half is looked at before anybody is added to it, whoever took them out. This build's own red
            # export is no measure: repeated, it would let out what it held back.
            "select sum(total) from (select distinct on (feed) total from audit.export_ledger"
            " where product = %s and build_id < %s and (feed = %s or %s::text is null)"
            " order by feed, build_id desc, sequence) as newest",
            [product, build_id, whole, whole],
        ).fetchone()
        rules = fill(
            [rule for rule in gate(product) if rule.type != CHANNEL_DAYS],
            {
                "rows_after_shrink": _floor(previous, PRODUCT_MAX_SHRINK),
                "published_fields": published_fields(connection),
            },
            {},
        )
        results = validate(f'select * from exports."{product}"', rules)
        keep(connection, "exports", [(product, result) for result in [*results, *further]], build_id=build_id)
        for rule, result in zip(rules, results, strict=True):
            if not result.success:
                _keep_harm(connection, product, build_id, rule)
    return [result for result in results if not result.success and result.severity == "stop"]


def published_fields(connection: psycopg.Connection) -> list[str]:
    """Fields for which a rule of the seed publication_field has ever allowed publication."""
    return [
        field
        for (field,) in connection.execute(
            "select distinct field from core.publication_field where is_shown order by 1"
        )
    ]


def _keep_harm(connection: psycopg.Connection, product: str, build_id: int, rule: Gate) -> None:
    """Who would have been hit, had the product left as it is: how many, how many of them anew, a few of them masked.

    Anew is whoever is in no feed of the product now: the simulation is against what is out there.
    """
    from credit_warehouse.report.masking import masked  # the report's templates, which a green gate need not load

    query = _hits(connection, product, rule)
    found = connection.execute(query).fetchall() if query else []
    if not found:
        return
    shown = [f"{masked(name or '')} {masked(number or '')}".strip() for _, _, name, number in found[:HARMED_SHOWN]]
    connection.execute(
        "insert into audit.gate_harm (build_id, target, rule_id, entries, subjects, newly, shown)"
        " values (%s, %s, %s, %s, %s, %s, %s)",
        [build_id, product, rule.rule, sum(row[0] for row in found), len(found), sum(row[1] for row in found),
         shown],
    )  # fmt: skip


def _hits(connection: psycopg.Connection, product: str, rule: Gate) -> sql.Composed | None:
    """The query for one row a person or unit that the rule found; none where a rule is about the table as such."""
    if "unexpected_rows_query" not in rule.kwargs:
        return None
    table = sql.Identifier("exports", product)
    # As Great Expectations reads it: braces are doubled, the batch is the product.
    wanted = rule.kwargs["unexpected_rows_query"].format(batch=table.as_string(connection))
    try:
        with connection.transaction(), connection.cursor() as cursor:
            cursor.execute(f"select * from ({wanted}) as found limit 0".encode())
            assert cursor.description
            key = cursor.description[0].name
    except psycopg.Error:  # a rule that cannot be evaluated has stopped the product already
        return None
    assert key in ENTRY_KEYS, f"{rule.rule} names its rows by {key}"
    return sql.SQL(
        "select count(*), (not bool_or(exists (select from exports.feed_entry as held where held.item_id = hit.item_id"
        " and held.feed in (select feed from audit.export_ledger where product = {product}))))::int as newly,"
        " hit.subject_name, hit.identifier_shown"
        " from {table} as hit where hit.{key}::text in (select found.{key}::text from ({wanted}) as found)"
        " group by hit.subject_name, hit.identifier_shown order by newly desc, min(hit.item_id)"
    ).format(product=sql.Literal(product), table=table, key=sql.Identifier(key), wanted=sql.SQL(wanted))


def fill(rules: Sequence[Gate], values: dict[str, Any], columns: dict[str, list[str]]) -> list[Gate]:
    """Put the declaration's values into the rules; a rule whose value is absent falls away."""
    filled: list[Gate] = []
    for rule in rules:
        wanted: list[str | None] = [*columns.get(rule.for_each, [])] if rule.for_each else [None]
        for column in wanted:
            known = {**values, "column": column}
            kwargs = {key: _substitute(value, known) for key, value in rule.kwargs.items()}
            if None not in kwargs.values():
                filled.append(rule.model_copy(update={"kwargs": kwargs}))
    return filled


def _substitute(value: Any, known: dict[str, Any]) -> Any:
    name = value[1:-1] if isinstance(value, str) and value.startswith("{") and value.endswith("}") else None
    return known.get(name, value) if name else value


def _floor(previous: tuple[Any, ...] | None, max_shrink: float | None) -> int | None:
    if previous is None or previous[0] is None or max_shrink is None:
        return None
    return int(float(previous[0]) * (1 - max_shrink))


def validate(query: str, rules: Sequence[Gate]) -> list[Checked]:
    """Run the rules over the rows of ``query``. Great Expectations keeps nothing on disk."""
    # Its registration notices would drown a task log.
    logging.getLogger("great_expectations").setLevel(logging.WARNING)
    import great_expectations as gx  # three seconds that other tasks need not spend

    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = {"globally": False}
    source = context.data_sources.add_postgres("warehouse", connection_string=sqlalchemy_url())
    definition = source.add_query_asset("rows", query=query).add_batch_definition_whole_table("all")
    suite = gx.ExpectationSuite(
        name="gate",
        expectations=[
            {"type": rule.type, "kwargs": rule.kwargs, "meta": {"position": position}}
            for position, rule in enumerate(rules)
        ],
    )
    try:
        outcome = definition.get_batch().validate(suite, result_format="BASIC")
    finally:
        # Otherwise its connection stays open until somebody collects garbage.
        source.get_execution_engine().close()
    by_position = {result.expectation_config.meta["position"]: result for result in outcome.results}
    with connect() as connection:
        counted = connection.execute(f"select count(*) from ({query}) as rows".encode()).fetchone()
    rows = counted[0] if counted else 0
    return [_checked(rule, by_position[position], rows) for position, rule in enumerate(rules)]


def _checked(rule: Gate, result: Any, rows: int) -> Checked:
    found = result.result or {}
    error = next(
        (detail.get("exception_message") for detail in _exceptions(result) if detail.get("raised_exception")), None
    )
    observed = found.get("observed_value")
    if observed is None and "unexpected_count" in found:
        observed = f"{found['unexpected_count']} / {found.get('element_count')}"
    elements = found.get("element_count")
    unseen = rows == 0 and rule.type not in TABLE_RULES
    all_null = elements is not None and elements == found.get("missing_count")
    return Checked(
        rule=rule.rule,
        title=rule.title,
        basis=rule.basis,
        severity=rule.severity,
        owner=rule.owner,
        success=bool(result.success),
        # A rule over no rows, or over nothing but nulls, has shown nothing.
        vacuous=bool(result.success) and (unseen or all_null),
        expected=_shown({key: value for key, value in rule.kwargs.items() if key != "unexpected_rows_query"}),
        observed=f"error: {error}" if error else _shown(observed),
    )


def _exceptions(result: Any) -> list[dict[str, Any]]:
    info = result.exception_info or {}
    return [info] if "raised_exception" in info else [detail for detail in info.values() if isinstance(detail, dict)]


def _shown(value: Any, limit: int = 300) -> str:
    text = ", ".join(f"{key}={item}" for key, item in value.items()) if isinstance(value, dict) else str(value)
    return text if len(text) <= limit else f"{text[:limit]}…"


def _stopped_by(results: list[Checked]) -> Checked | None:
    return next((result for result in results if not result.success and result.severity == "stop"), None)


def keep(
    connection: psycopg.Connection,
    suite: str,
    results: Iterable[tuple[str, Checked]],
    *,
    batch_id: int | None = None,
    build_id: int | None = None,
) -> None:
    """Write outcomes, each with what was checked, into the evidence: with the words of the rule as it stood."""
    with connection.cursor().copy(
        "copy audit.quality_result (suite, target, rule_id, title_zh, basis, severity, owner, success, vacuous,"
        " expected, observed, batch_id, build_id) from stdin"
    ) as copy:
        for target, result in results:
            copy.write_row(
                (suite, target, result.rule, result.title, result.basis, result.severity, result.owner,
                 result.success, result.vacuous, result.expected, result.observed, batch_id, build_id)
            )  # fmt: skip
