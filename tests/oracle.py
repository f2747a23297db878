"""Compare a warehouse with the sandbox's truth, row by row. Tokens are computed here with the standard library, not
by the project's SQL, and what is expected comes from the truth files and the catalogue of measures alone."""

from __future__ import annotations

import csv
import hashlib
import hmac
import io
import re
import unicodedata
from collections.abc import Callable
from pathlib import Path
from typing import Any

from credit_warehouse.identifiers import to_resident_id_18
from credit_warehouse.settings import PROJECT_ROOT

Query = Callable[[str], list[tuple[Any, ...]]]
Expected = dict[tuple[str, ...], tuple[str, ...]]


def read(truth: Path, name: str, day: str | None = None) -> list[dict[str, str]]:
    """Rows of one truth file, of one business day where it has days."""
    with (truth / f"{name}.csv").open(encoding="utf-8", newline="") as stream:
        return [row for row in csv.DictReader(stream) if day is None or row["business_date"] == day]


def token(key: bytes, text: str) -> str:
    """HMAC-SHA256, first 128 bits."""
    return hmac.new(key, text.encode(), hashlib.sha256).hexdigest()[:32]


def subject_ids(truth: Path, key: bytes) -> dict[str, str]:
    """subject_no -> the subject_id it must get; an empty number is an orphan."""
    known = {"": ""}
    for row in read(truth, "subjects"):
        number = row["identifier"]
        text = f"resident_id:{to_resident_id_18(number)}" if row["kind"] == "person" else f"org_code:{number[8:17]}"
        known[row["subject_no"]] = token(key, text)
    return known


def differences(query: Query, truth: Path, day: str, key: bytes) -> list[str]:
    """Everything in which the warehouse differs from the truth at the end of ``day``; empty means equal."""
    return [
        *_compare("item", _expected_items(truth, day, key), _found_items(query)),
        *_compare("exposure", _expected_listings(truth, "exposure", day), _found_decisions(query, "exposure_reasons")),
        *_compare(
            "directive", _expected_listings(truth, "directives", day), _found_decisions(query, "directive_reasons")
        ),
        *_compare("published", _expected_published(truth, day), _found_published(query)),
        *_compare("notice", _expected_notices(truth, day), _found_notices(query)),
        *_compare("listing", _expected_states(truth, day), _found_states(query)),
        *_compare("directed", _expected_directives(truth, day), _found_directives(query)),
        *_compare("record", _expected_record(truth, day, key), _found_record(query)),
        *_compare("reject", _expected_rejects(truth, day), _found_rejects(query)),
    ]


def _compare(what: str, expected: Expected, found: Expected) -> list[str]:
    assert expected, f"the truth about {what} is empty: nothing would be compared"
    return [
        f"{what} {'|'.join(name)}: expected {expected.get(name)}, found {found.get(name)}"
        for name in sorted(expected.keys() | found.keys())
        if expected.get(name) != found.get(name)
    ]


def _plain(text: str) -> str:
    return re.sub(r"[\s-]", "", unicodedata.normalize("NFKC", text).upper())


def _name(text: str) -> str:
    flat = re.sub(r"\s", "", unicodedata.normalize("NFKC", text))
    return flat.translate(str.maketrans("〔〕[]【】•‧・･∙⋅●.", "()()()········"))


def _document(text: str) -> str:
    flat = re.sub(r"\s", "", unicodedata.normalize("NFKC", text))
    return re.sub(r"字第0+(\d)", r"字第\1", flat.translate(str.maketrans("〔〕[]【】", "()()()")))


def _as_sent(text: str) -> str:
    return text


FORMS = {
    "tax_arrears": (_plain, _as_sent),
    "tax_major_violations": (_plain, _document),
    "tax_credit_ratings": (_plain, _as_sent),
    "court_closed_cases": (_document, _plain, _name),
}
"""Normal form of each part of a key; other sources send theirs in one form only."""


def _item_id(key: bytes, source: str, source_key: str) -> str:
    parts = source_key.split("|")
    forms = FORMS.get(source, (_as_sent,) * len(parts))
    return token(key, ":".join([source, *(form(part) for form, part in zip(forms, parts, strict=True))]))


def _expected_items(truth: Path, day: str, key: bytes) -> Expected:
    subjects = subject_ids(truth, key)
    return {
        (_item_id(key, row["source"], row["source_key"]),): (
            row["source"], subjects[row["subject_no"]], row["status"].replace("ABSENT", "DELETED"))
        for row in read(truth, "items", day)
    }  # fmt: skip


def _found_items(query: Query) -> Expected:
    rows = query("select item_id, source, coalesce(subject_id, ''), status from core.credit_item"
                 " where recorded_to = 'infinity'")  # fmt: skip
    return {(row[0],): row[1:] for row in rows}


def _expected_record(truth: Path, day: str, key: bytes) -> Expected:
    """Every subject that has something in its record: items by source."""
    subjects = subject_ids(truth, key)
    counts: dict[tuple[str, str], int] = {}
    wrong = {row["court_id"] for row in read(truth, "listings", day) if row["in_record"] == "no"}
    for row in read(truth, "items", day):
        is_wrong = row["source"] == "court_defaulters" and row["source_key"] in wrong
        if row["status"] == "ACTIVE" and row["subject_no"] and not is_wrong:
            name = (subjects[row["subject_no"]], row["source"])
            counts[name] = counts.get(name, 0) + 1
    return {name: (str(count),) for name, count in counts.items()}


def _found_record(query: Query) -> Expected:
    rows = query("select subject_id, source, count(*)::text from marts.credit_record_item group by 1, 2")
    return {row[:2]: row[2:] for row in rows}


def _expected_listings(truth: Path, name: str, day: str) -> Expected:
    return {(row["court_id"],): (row["expected"], row["reason"]) for row in read(truth, name, day)}


def _found_decisions(query: Query, column: str) -> Expected:
    rows = query(f"select listing_id, coalesce({column}, '') from exports.listing_decision")
    return {(listing,): ("no" if reasons else "yes", reasons) for listing, reasons in rows}


def _allowed(truth: Path, name: str, day: str) -> list[str]:
    return [row["court_id"] for row in read(truth, name, day) if row["expected"] == "yes"]


def _expected_published(truth: Path, day: str) -> Expected:
    return {(listing,): () for listing in _allowed(truth, "exposure", day)}


def _found_published(query: Query) -> Expected:
    return dict.fromkeys(query("select listing_id from exports.exposure_publication"), ())


def _expected_notices(truth: Path, day: str) -> Expected:
    return {(row["court_id"],): (row["unit"],) for row in read(truth, "notices", day)}


def _found_notices(query: Query) -> Expected:
    return {row[:1]: row[1:] for row in query("select listing_id, notify_unit from exports.restricted_notice")}


def _expected_states(truth: Path, day: str) -> Expected:
    return {(row["court_id"],): (row["status"],) for row in read(truth, "listings", day)}


def _found_states(query: Query) -> Expected:
    return {row[:1]: row[1:] for row in query("select listing_id, status from marts.defaulter_listing")}


def _catalogue(name: str, day: str) -> list[dict[str, str]]:
    """Rows of a seed that hold on ``day``."""
    with (PROJECT_ROOT / "dbt_project" / "seeds" / f"{name}.csv").open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    return [row for row in rows if row.get("valid_from", "") <= day and day < (row.get("valid_to") or "9999")]


def _expected_directives(truth: Path, day: str) -> Expected:
    """Every listing that stands: each measure for its kind in the places served, told to each department of it.

    And every order that names an officer of a unit so listed: each measure whose text names the office.
    """
    served = {place["jurisdiction"] for place in _catalogue("served_jurisdiction", day)}
    standing = {department["department_code"] for department in _catalogue("department", day)}
    told: dict[str, list[tuple[str, str, str]]] = {"person": [], "organisation": []}
    reaching: dict[str, list[tuple[str, str, str]]] = {}
    for measure in _catalogue("measure", day):
        if measure["jurisdiction"] in served and measure["needs_court_order"] == "false":
            duties = [
                (measure["measure_code"], duty["department_code"], measure["effect_type"])
                for duty in _catalogue("measure_department", day)
                if duty["measure_code"] == measure["measure_code"] and duty["department_code"] in standing
            ]
            for kind, measures in told.items():
                if measure[f"applies_to_{kind}"] == "true":
                    measures += duties
            for role in filter(None, measure["related_roles"].split("|")):
                reaching.setdefault(role, []).extend(duties)
    kinds = {row["subject_no"]: row["kind"] for row in read(truth, "subjects")}
    listed = {
        row["source_key"]: kinds[row["subject_no"]]
        for row in read(truth, "items", day)
        if row["source"] == "court_defaulters" and row["subject_no"]
    }
    roles = {row["relation"]: row["related_role"] for row in _catalogue("order_relation", day)}
    named = [row for row in read(truth, "officers", day) if row["expected"] == "yes" and roles[row["relation"]]]
    assert named, "no order names an officer: nothing would be compared"
    return {
        (listing, measure, department): (effect,)
        for listing in _allowed(truth, "directives", day)
        for measure, department, effect in told[listed[listing]]
    } | {
        (f"order {row['order_id']}", measure, department): (effect,)
        for row in named
        for measure, department, effect in reaching[roles[row["relation"]]]
    }


def _found_directives(query: Query) -> Expected:
    rows = query("select coalesce(listing_id, 'order ' || order_id, item_id), measure_code, department_code,"
                 " effect_type from exports.punishment_directive left join marts.defaulter_listing using (item_id)"
                 " left join core.related_order using (item_id)")  # fmt: skip
    return {row[:3]: row[3:] for row in rows}


def _expected_rejects(truth: Path, day: str) -> Expected:
    arrived = {row["file"] for row in read(truth, "deliveries") if row["delivered_on"] <= day}
    return {
        (row["source"], row["file"], str(_line(truth.parent, row)), row["rule"]): ()
        for row in read(truth, "rejects")
        if row["file"] in arrived
    }


def _line(data: Path, row: dict[str, str]) -> int:
    """Line of a record in the delivered file: records of CSV may span lines, a sheet starts with its header."""
    record = int(row["record_no"])
    if row["file"].endswith(".jsonl"):
        return record
    if row["file"].endswith(".xlsx"):
        return record + 1
    path = next(data.glob(f"*/{row['source']}/{row['file']}"))
    content = path.read_bytes()
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError:
        text = content.decode("gb18030")
    reader = csv.reader(io.StringIO(text, newline=""))
    for _ in range(record):
        next(reader)
    return reader.line_num + 1


def _found_rejects(query: Query) -> Expected:
    rows = query("select source, file_name, row_no, rule from audit.rejected_row join audit.batch using (batch_id)")
    return {(source, name, str(row_no), rule): () for source, name, row_no, rule in rows}
