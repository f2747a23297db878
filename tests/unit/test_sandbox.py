"""The sandbox: same bytes for the same arguments, formats as declared, and a truth that the files bear out.

The expectations are derived a second time here, from the delivered files alone.
"""

from __future__ import annotations

import asyncio
import csv
import hashlib
import json
import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from datetime import date, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from python_calamine import CalamineWorkbook

from credit_warehouse.declarations import load_sources
from credit_warehouse.identifiers import (
    Verdict,
    birth_date_of,
    normalise,
    org_code_verdict,
    resident_id_verdict,
    sex_of,
    to_resident_id_18,
    uscc_verdict,
)
from credit_warehouse.sandbox import Summary, generate
from credit_warehouse.sandbox.court_service import SOURCES as SERVED
from credit_warehouse.sandbox.court_service import create_app
from credit_warehouse.sandbox.delivery import deliver
from credit_warehouse.sandbox.list_rows import NEITHER, SPOILT
from credit_warehouse.sandbox.period import months_after, years_after
from credit_warehouse.sandbox.rows import COLUMNS

DAYS = (date(2026, 3, 2), date(2026, 3, 3), date(2026, 3, 4))
IN_UTF8 = {"court_closed_cases", "bank_rejections"}
FULL = {
    "court_closed_cases",
    "registry_abnormal",
    "registry_serious",
    "tax_arrears",
    "tax_credit_ratings",
    "tax_major_violations",
}
FIRST_SOURCES = {"court_defaulters", "registry_entities", "registry_persons", "tax_arrears", "bank_credit_events"}
FIRST_DAY_ONLY = {"court_closed_cases", "tax_credit_ratings"}
NULLS = {"", "暂无", "无", r"\N", "NULL", "— —", "—"}
Row = dict[str, Any]


@pytest.fixture(scope="module")
def summary(tmp_path_factory: pytest.TempPathFactory) -> Summary:
    return generate(tmp_path_factory.mktemp("sandbox"), subjects=400)


@pytest.fixture(scope="module")
def out(summary: Summary) -> Path:
    return summary.out


def truth(out: Path, name: str) -> list[dict[str, str]]:
    with (out / "truth" / f"{name}.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def read(path: Path) -> list[Row]:
    """The data records of any delivered file."""
    if path.suffix == ".jsonl":
        return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    if path.suffix == ".csv":
        with path.open(encoding="utf-8" if path.parent.name in IN_UTF8 else "gb18030", newline="") as file:
            return list(csv.DictReader(file))
    header, *lines = CalamineWorkbook.from_path(str(path)).get_sheet_by_index(0).to_python()
    assert all(isinstance(cell, str) for line in lines for cell in line)
    return [dict(zip(map(str, header), line, strict=True)) for line in lines]


def files(out: Path, source: str = "*") -> list[Path]:
    return [path for path in sorted(out.glob(f"2026-*/{source}/*")) if path.suffix != ".ok"]


def digest(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


# ---------- determinism and form


def test_same_arguments_give_the_same_bytes(out: Path, tmp_path: Path) -> None:
    generate(tmp_path, subjects=400)
    again = digest(tmp_path)
    generate(tmp_path, subjects=400)
    assert digest(out) == again == digest(tmp_path)
    generate(tmp_path, subjects=400, seed=7)
    assert digest(tmp_path) != again


@pytest.mark.parametrize("days", [1, 2, 5])
def test_other_lengths_of_the_period(tmp_path: Path, days: int) -> None:
    assert len(generate(tmp_path, subjects=300, days=days).business_dates) == days
    assert len(list(tmp_path.glob("2026-*"))) == days


def test_too_small_a_population_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="at least"):
        generate(tmp_path, subjects=10)


def test_columns_and_names_are_those_of_the_declared_sources(out: Path) -> None:
    for path in files(out):
        source = path.parent.name
        assert re.fullmatch(rf"{source}_2026030[2-4]_0[12]\.(jsonl|csv|xlsx)", path.name)
        rows = read(path)
        assert rows
        assert {tuple(row) for row in rows} == {COLUMNS[source]}
    assert {path.parent.name for path in files(out)} == set(COLUMNS)


def test_files_are_as_their_sources_declare_them(out: Path) -> None:
    for source in load_sources():
        for path in files(out, source.name):
            assert path.suffix == f".{source.ingest.format}"
            if source.ingest.format == "csv":
                content = path.read_bytes()
                text = content.decode(source.ingest.encoding)
                assert text.startswith(",".join(COLUMNS[source.name]) + "\r\n")
                if source.ingest.encoding == "gb18030":
                    with pytest.raises(UnicodeDecodeError):
                        content.decode("utf-8")
        assert COLUMNS[source.name] == tuple(column.name for column in source.columns)


def test_monthly_and_yearly_lists_come_on_the_first_day_and_all_others_daily(out: Path) -> None:
    for source in COLUMNS:
        days = {path.parts[-3] for path in files(out, source)}
        if source != "tax_arrears":  # its second snapshot is late
            assert days == {str(day) for day in (DAYS[:1] if source in FIRST_DAY_ONLY else DAYS)}


def test_ok_files_vouch_for_bytes_and_rows_except_one(out: Path) -> None:
    without = []
    for path in files(out):
        ok = path.with_name(f"{path.name}.ok")
        if not ok.exists():
            without.append(path.name)
            continue
        claims = json.loads(ok.read_text(encoding="utf-8"))
        assert list(claims) == ["sha256", "bytes", "rows", "mode", "business_date", "provider"]
        content = path.read_bytes()
        assert claims["sha256"] == hashlib.sha256(content).hexdigest()
        assert claims["bytes"] == len(content)
        assert claims["rows"] == len(read(path))
        assert claims["mode"] == ("full" if path.parent.name in FULL else "delta")
        assert claims["business_date"].replace("-", "") in path.name
    assert without == ["bank_credit_events_20260304_01.xlsx"]


def test_deliveries_name_every_file_with_its_fate(out: Path) -> None:
    rows = truth(out, "deliveries")
    assert {(row["delivered_on"], row["file"]) for row in rows} == {(p.parts[-3], p.name) for p in files(out)}
    assert Counter(row["note"] for row in rows if row["note"] != "normal") == {
        "redelivered": 1,
        "late": 1,
        "no_ok": 1,
    }
    again = next(row for row in rows if row["note"] == "redelivered")
    assert sum(row["sha256"] == again["sha256"] for row in rows) == 2
    late = next(row for row in rows if row["note"] == "late")
    assert (late["business_date"], late["delivered_on"]) == ("2026-03-03", "2026-03-04")


def test_times_lie_within_the_day_of_delivery(out: Path) -> None:
    late = {row["source_key"] for row in truth(out, "planted") if row["label"].startswith("OLDER_CORRECTION")}
    refused = {(row["file"], int(row["record_no"])) for row in truth(out, "rejects")}
    for path in files(out):
        for number, row in enumerate(read(path), start=1):
            moment = row.get("updatedAt") or row.get("update_time")
            if moment and str(row.get("id")) not in late and (path.name, number) not in refused:
                assert moment[:10] == path.parts[-3]


# ---------- who exists


def test_numbers_are_valid_unique_and_belong_to_nobody(out: Path) -> None:
    rows = truth(out, "subjects")
    assert len({row["identifier"] for row in rows}) == len(rows) == 400
    for row in rows:
        number = row["identifier"]
        if row["kind"] == "person":
            assert resident_id_verdict(number, DAYS[0]) is Verdict.VALID
            assert re.match(r"6[6-9]|8[123]0000", number)
            assert (str(birth_date_of(number)), sex_of(number)) == (row["birth_date"], row["sex"])
        else:
            assert uscc_verdict(number) is Verdict.VALID
            assert org_code_verdict(number[8:17]) is Verdict.VALID
            assert re.match(r"[0-9A-Z]{2}6[6-9]", number)
    prefixes = {row["identifier"][:2] for row in rows if row["kind"] == "organisation"}
    assert {"91", "92"} <= prefixes
    assert any(prefix[0].isalpha() for prefix in prefixes)
    assert sum(row["kind"] == "person" for row in rows) == 240


def test_every_special_case_is_planted(summary: Summary) -> None:
    wanted = {
        "AGE_CONFLICT", "AGE_OF_TODAY", "A_RATED_LISTED", "BIRTH_CONFLICT", "CHECK_FAIL", "CLOSED",
        "CLOSED_CASE_MASKED", "CLOSED_CASE_NOT_LISTED", "CONTRADICTION_CORRECTED", "CORRECTED", "DECISION_UNSTATED",
        "ENTERED", "ENTRY_REMOVED", "ENTRY_REVOKED", "EXPIRED", "FIFTEEN_DIGIT", "HOMONYM_INNOCENT", "HOMONYM_LISTED",
        "LIMIT_CORRECTED", "LIMIT_LIFTED", "LIMIT_MASKED", "LIMIT_NOT_SWAPPED", "LIMIT_OFFICER",
        "LIMIT_OLDER_CORRECTION_AFTER_LIFTING", "LIMIT_REVOKED", "LISTING_REPAIRED", "MASKED_ONLY", "MEASURE_UNKNOWN",
        "MINOR", "NEW", "NOT_PUBLIC", "NO_AUTHORISATION", "NO_UNIT_TO_NOTIFY", "NUMBER_CORRECTED", "NUMBER_SUPPLIED",
        "OBJECTION_DISMISSED", "OBJECTION_OPENED", "OBJECTION_UPHELD", "OBJECTION_WITHDRAWN",
        "OLDER_CORRECTION_AFTER_WITHDRAWAL", "ONE_DAY_ONLY", "ORG_CODE_HYPHEN", "ORG_CODE_PLAIN",
        "ORG_CODE_THEN_USCC", "ORG_CODE_TRUNCATED", "PAID", "PERFORMED", "PUBLICITY_UNSTATED",
        "RELATED_PERSON_NOT_LISTED", "RENAMED", "REPAIRED", "REPAIR_BEFORE_LISTING", "REPAIR_OF_ANOTHER",
        "REPRESENTATIVE_CHANGED", "RESIDENCE_PERMIT", "REVOKED", "REVOKED_AFTER_WITHDRAWAL", "SETTLED",
        "SEX_CONFLICT", "SHOWN_NUMBER_CONFLICT", "TERM_ENDS", "TERM_TOO_LONG", "TERM_UNSTATED", "TWO_NAMES",
        "TWO_NAMES_LATER", "TWO_NAMES_REGISTRY", "UPDATED", "WITHDRAWN",
    }  # fmt: skip
    assert set(summary.planted) == wanted
    for label in (
        "MINOR",
        "NOT_PUBLIC",
        "MASKED_ONLY",
        "CHECK_FAIL",
        "BIRTH_CONFLICT",
        "SEX_CONFLICT",
        "TWO_NAMES",
    ):
        assert summary.planted[label] >= 3


# ---------- the court's truth, derived again from the files


def spelled(name: str) -> str:
    """A name as a person would compare it."""
    flat = re.sub(r"\s", "", unicodedata.normalize("NFKC", name))
    return re.sub(r"[•‧・･∙⋅●.]", "·", flat)


NAMELESS = {"暂无"}
"""What a spoilt row carries instead of a name; the warehouse rejects it."""


def to_date(text: str | None) -> date | None:
    match = re.match(r"(\d{4})\D?(\d{1,2})\D?(\d{1,2})", text or "")
    try:
        return date(*map(int, match.groups())) if match else None
    except ValueError:
        return None


def messages_by_day(out: Path) -> Iterator[tuple[date, list[Row]]]:
    refused = {(row["file"], int(row["record_no"])) for row in truth(out, "rejects")}
    for day in DAYS:
        path = out / day.isoformat() / "court_defaulters" / f"court_defaulters_{day:%Y%m%d}_01.jsonl"
        yield (
            day,
            [row for number, row in enumerate(read(path), start=1) if (path.name, number) not in refused],
        )


def states(out: Path) -> Iterator[tuple[date, dict[int, Row]]]:
    newest: dict[int, Row] = {}
    for day, rows in messages_by_day(out):
        for row in rows:
            known = newest.get(row["id"])
            if known is None or datetime.fromisoformat(row["updatedAt"]) > datetime.fromisoformat(known["updatedAt"]):
                newest[row["id"]] = row
        yield day, dict(newest)


def number_of(row: Row) -> str | None:
    """The valid number of a listing in its longest form known from the row, else None."""
    text = row["cardNumFull"] or row["cardNum"]
    if row["partyTypeName"] in ("580", "0"):
        return to_resident_id_18(text) if resident_id_verdict(text, DAYS[0]) is Verdict.VALID else None
    code = normalise(text)
    if uscc_verdict(code) is Verdict.VALID:
        return code[8:17]
    return code if org_code_verdict(code) is Verdict.VALID else None


def names_by_number(out: Path) -> dict[date, dict[str, set[str]]]:
    """Names of natural persons delivered under each number, by day of arrival."""
    seen: dict[str, set[str]] = defaultdict(set)
    result = {}
    for day in DAYS:
        for path in files(out):
            if path.parts[-3] != day.isoformat():
                continue
            for row in read(path):
                match path.parent.name:
                    case "court_defaulters" if row["partyTypeName"] in ("580", "0"):
                        pair = (row["cardNumFull"], row["iname"])
                    case "registry_persons":
                        pair = (row["cerno"], row["name"])
                    case "tax_arrears":
                        pair = (row["zjhm"], row["fddbrxm"])
                    case "bank_credit_events" | "bank_rejections" if row["zjlx"] == "居民身份证":
                        pair = (row["zjhm"], row["ztmc"])
                    case "court_consumption_limits" if row["sfzhm"]:
                        pair = (row["sfzhm"], row["XM"])
                    case "court_closed_cases":
                        pair = (row["sfzhm"], row["xm"])
                    case "tax_major_violations":
                        pair = (row["fddbrzjhm"], row["fddbrxm"])
                    case "punishment_feedback":
                        pair = (row["zjhm"], row["ztmc"])
                    case "objections" if row["zjhm"]:
                        pair = (row["zjhm"], row["sqrmc"])
                    case "credit_repairs" if row["tyshxydm"] in NULLS:
                        pair = (row["zjhm"], row["ztmc"])
                    case _:
                        continue
                if pair[1] not in NAMELESS and resident_id_verdict(pair[0], day) is Verdict.VALID:
                    seen[str(to_resident_id_18(pair[0]))].add(spelled(pair[1]))
        result[day] = {number: set(names) for number, names in seen.items()}
    return result


def term_end(row: Row) -> date | None:
    """Two years by Art. 2, up to five for violence or several acts; item 1 alone has no end."""
    acts = re.split("[,，]", row["disruptTypeName"])
    if all("有履行能力" in act for act in acts):
        return None
    longest = len(acts) > 1 or any("妨碍、抗拒执行" in act for act in acts)
    since = to_date(row["decisionDate"]) or to_date(row["publishDate"])
    assert since
    return months_after(since, min(row["termMonths"] or (60 if longest else 24), 60))


def on_the_wall(day: str) -> datetime:
    """A time without a zone is China's."""
    return datetime.fromisoformat(f"{day}+08:00")


def heard(out: Path) -> dict[date, list[Row]]:
    """Accepted outcomes in favour of who objected, as known at the end of each day."""
    return taken_in(out, "objections", lambda row: row["cljg"] == "成立")


def repaired(out: Path) -> dict[date, list[Row]]:
    """Accepted decisions on repair, as known at the end of each day."""
    return taken_in(out, "credit_repairs", lambda row: True)


def taken_in(out: Path, source: str, fits: Callable[[Row], bool]) -> dict[date, list[Row]]:
    refused = {(row["file"], int(row["record_no"])) for row in truth(out, "rejects")}
    found: list[Row] = []
    known = {}
    for day in DAYS:
        for path in files(out, source):
            if path.parts[-3] == str(day):
                found += [
                    row for n, row in enumerate(read(path), start=1) if (path.name, n) not in refused and fits(row)
                ]
        known[day] = list(found)
    return known


def spoken(out: Path) -> dict[date, dict[tuple[str, str], datetime]]:
    """When the court last said what of which listing."""
    last: dict[tuple[str, str], datetime] = {}
    known = {}
    for day, rows in messages_by_day(out):
        for row in rows:
            key = (str(row["id"]), row["infoActionType"])
            moment = datetime.fromisoformat(row["updatedAt"])
            last[key] = max(last.get(key, moment), moment)
        known[day] = dict(last)
    return known


def contested(row: Row, outcomes: list[Row], said: dict[tuple[str, str], datetime]) -> Iterator[str]:
    """Kinds of objections against a listing that were upheld and not answered by the court since."""
    for outcome in outcomes:
        if outcome["dxid"] == str(row["id"]):
            answers = "AU" if outcome["yylx"] == "信息不准" else "A"
            moments = [said[outcome["dxid"], action] for action in answers if (outcome["dxid"], action) in said]
            if all(moment <= on_the_wall(outcome["clsj"]) for moment in moments):
                yield outcome["yylx"]


def is_repaired(row: Row, decisions: list[Row]) -> bool:
    since = to_date(row["decisionDate"]) or to_date(row["publishDate"])
    assert since
    for decision in decisions:
        code = normalise(decision["tyshxydm"])
        number = code[8:17] if uscc_verdict(code) is Verdict.VALID else to_resident_id_18(decision["zjhm"])
        on = to_date(decision["xfrq"])
        if plain_key(decision["wsh"]) == plain_key(row["caseCode"]) and number == number_of(row):
            assert on
            if on >= since:
                return True
    return False


def contradicts(row: Row, number: str) -> bool:
    born = birth_date_of(number)
    assert born
    sex = unicodedata.normalize("NFKC", row["sexy"] or "")[:1]
    shown = normalise(row["cardNum"])
    since = to_date(row["decisionDate"]) or to_date(row["publishDate"])
    assert since
    ages = range(full_years(born, since) - 1, full_years(born, datetime.fromisoformat(row["updatedAt"]).date()) + 2)
    return (
        (to_date(row["birthDate"]) or born) != born
        or (sex or sex_of(number)) != sex_of(number)
        or row["age"] not in ages
        or ("****" in shown and shown != f"{number[:10]}****{number[14:]}")
    )


def full_years(born: date, on: date) -> int:
    return next(years for years in range(150) if years_after(born, years + 1) > on)


def reasons(row: Row, day: date, names: dict[str, set[str]]) -> set[str]:
    person = row["partyTypeName"] in ("580", "0")
    number = number_of(row)
    found = set()
    published = to_date(row["publishDate"])
    assert published
    if person and number:
        born = birth_date_of(number)
        assert born
        if years_after(born, 18) > published:
            found.add("MINOR")
        if contradicts(row, number) or len(names[number]) > 1:
            found.add("IDENTITY_CONFLICT")
    if row["publicity"] != "Y":
        found.add("NOT_PUBLIC" if row["publicity"] else "PUBLICITY_UNSTATED")
    if row["infoActionType"] in "DR":
        found.add("WITHDRAWN" if row["infoActionType"] == "D" else "REVOKED")
    else:
        if row["performance"] == "全部已履行":
            found.add("PERFORMED")
        ends = term_end(row)
        if ends and ends <= day:
            found.add("EXPIRED")
    if number is None:
        found.add("NO_VALID_IDENTIFIER")
    return found


def test_exposure_and_directives_follow_from_the_delivered_files(out: Path) -> None:
    named = named_reasons(out)
    for table, allowed in (("exposure", set()), ("directives", {"PERFORMED", "REPAIRED"})):
        expected = {
            (row["business_date"], int(row["court_id"])): (row["expected"], row["reason"]) for row in truth(out, table)
        }
        derived = {}
        for key, (_, reasons_found) in named.items():
            found = sorted(reasons_found - allowed)
            derived[key] = ("no" if found else "yes", "|".join(found))
        assert expected == derived


def named_reasons(out: Path) -> dict[tuple[str, int], tuple[Row, set[str]]]:
    """Every listing on every day: the row that describes it, and what speaks against showing it."""
    names, upheld, repairs, said = names_by_number(out), heard(out), repaired(out), spoken(out)
    found = {}
    for day, state in states(out):
        for listing, row in state.items():
            named = reasons(row, day, names[day])
            if any(contested(row, upheld[day], said[day])):
                named.add("OBJECTION_UPHELD")
            if is_repaired(row, repairs[day]):
                named.add("REPAIRED")
            found[str(day), listing] = (row, named)
    return found


def test_units_are_told_of_whom_the_public_is_not_shown(out: Path) -> None:
    expected = {(row["business_date"], int(row["court_id"])): row["unit"] for row in truth(out, "notices")}
    derived = {
        key: row["notifyUnit"]
        for key, (row, named) in named_reasons(out).items()
        if named == {"NOT_PUBLIC"} and row["notifyUnit"]
    }
    assert expected == derived
    assert expected


def test_states_of_listings_follow_from_the_delivered_files(out: Path) -> None:
    expected = {
        (row["business_date"], int(row["court_id"])): (row["status"], row["in_record"])
        for row in truth(out, "listings")
    }
    upheld, said = heard(out), spoken(out)
    derived = {}
    for (day, listing), (row, named) in named_reasons(out).items():
        status = "SUPPRESSED" if named & {"PERFORMED", "REPAIRED", "OBJECTION_UPHELD"} else "ACTIVE"
        status = "EXPIRED" if "EXPIRED" in named else status
        status = {"D": "DELETED", "R": "REVOKED"}.get(row["infoActionType"], status)
        on = date.fromisoformat(day)
        wrong = set(contested(row, upheld[on], said[on])) - {"信息不准"}
        stands = row["infoActionType"] in "AU" and number_of(row) and not wrong
        derived[day, listing] = (status, "yes" if stands else "no")
    assert expected == derived
    assert {status for status, _ in derived.values()} == {"ACTIVE", "SUPPRESSED", "EXPIRED", "DELETED", "REVOKED"}
    alone = [named for _, named in named_reasons(out).values()]
    for reason in ("OBJECTION_UPHELD", "REPAIRED", "EXPIRED", "IDENTITY_CONFLICT"):
        assert {reason} in alone, reason


def test_no_person_has_two_names_unless_planted(out: Path) -> None:
    planted = {row["subject_no"] for row in truth(out, "planted") if row["label"].startswith("TWO_NAMES")}
    number_of_subject = {row["identifier"]: row["subject_no"] for row in truth(out, "subjects")}
    twice = {n for n, names in names_by_number(out)[DAYS[-1]].items() if len(names) > 1}
    assert {number_of_subject[number] for number in twice} == planted


def test_court_items_carry_subject_and_status(out: Path) -> None:
    subject_of = {
        (row["identifier"] if row["kind"] == "person" else row["identifier"][8:17]): row["subject_no"]
        for row in truth(out, "subjects")
    }
    status = {"A": "ACTIVE", "U": "ACTIVE", "D": "DELETED", "R": "REVOKED"}
    expected = {
        (row["business_date"], int(row["source_key"])): (row["subject_no"], row["status"])
        for row in truth(out, "items")
        if row["source"] == "court_defaulters"
    }
    derived = {
        (str(day), listing): (subject_of.get(number_of(row) or "", ""), status[row["infoActionType"]])
        for day, state in states(out)
        for listing, row in state.items()
    }
    assert expected == derived
    assert {"ACTIVE", "DELETED", "REVOKED"} == {status for _, status in expected.values()}


def test_homonyms_share_a_name_and_only_one_is_listed(out: Path) -> None:
    subjects = {row["subject_no"]: row for row in truth(out, "subjects")}
    items = truth(out, "items")
    listed = {row["subject_no"] for row in items if row["source"] == "court_defaulters"}
    owner = {row["source_key"]: row["subject_no"] for row in items if row["source"] == "court_defaulters"}
    innocents = [row for row in truth(out, "planted") if row["label"] == "HOMONYM_INNOCENT"]
    assert innocents
    for row in innocents:
        other = subjects[owner[row["source_key"]]]
        assert row["subject_no"] not in listed
        assert subjects[row["subject_no"]]["name"] == other["name"]
        assert subjects[row["subject_no"]]["identifier"] != other["identifier"]


def test_a_withdrawal_is_read_before_an_older_correction_in_one_file_and_across_days(out: Path) -> None:
    keys = {
        int(row["source_key"]) for row in truth(out, "planted") if row["label"] == "OLDER_CORRECTION_AFTER_WITHDRAWAL"
    }
    seen: dict[int, tuple[date, str]] = {}
    gaps = set()
    for day, rows in messages_by_day(out):
        for row in rows:
            if row["id"] in keys and row["infoActionType"] == "D":
                seen[row["id"]] = (day, row["updatedAt"])
            elif row["id"] in seen and row["infoActionType"] == "U":
                assert row["updatedAt"] < seen[row["id"]][1]
                gaps.add((day - seen[row["id"]][0]).days)
    assert gaps == {0, 1}


# ---------- the other sources


def test_tax_items_follow_the_newest_snapshot_that_has_arrived(out: Path) -> None:
    refused = {(row["file"], int(row["record_no"])) for row in truth(out, "rejects")}
    seen: set[str] = set()
    newest: tuple[str, set[str]] = ("", set())
    derived = {}
    for day in DAYS:
        for path in sorted((out / day.isoformat()).glob("tax_arrears/*.csv")):
            keys = {
                f"{normalise(row['nsrsbh'])}|{row['sz']}"
                for number, row in enumerate(read(path), start=1)
                if (path.name, number) not in refused
            }
            seen |= keys
            newest = max(newest, (path.name, keys))
        derived |= {(str(day), key): "ACTIVE" if key in newest[1] else "ABSENT" for key in seen}
    expected = {
        (row["business_date"], row["source_key"]): row["status"]
        for row in truth(out, "items")
        if row["source"] == "tax_arrears"
    }
    assert expected == derived
    assert "ABSENT" in derived.values()


def test_bank_events_of_persons_without_authorisation_are_no_items(out: Path) -> None:
    items = {row["source_key"] for row in truth(out, "items") if row["source"] == "bank_credit_events"}
    unauthorised = 0
    for path in files(out, "bank_credit_events"):
        for row in read(path):
            if row["zjlx"] == "居民身份证" and row["sqbh"] in NULLS:
                unauthorised += 1
                assert f"{row['jgdm']}|{row['lsh']}" not in items
    assert unauthorised >= 3


def test_officers_named_in_orders_are_on_no_list_of_defaulters(out: Path) -> None:
    listed = {row["subject_no"] for row in truth(out, "items") if row["source"] == "court_defaulters"}
    orders = {str(row["id"]): row for path in files(out, "court_consumption_limits") for row in read(path) if row["XM"]}
    planted = [row for row in truth(out, "planted") if row["label"] == "LIMIT_OFFICER"]
    assert planted
    for row in planted:
        assert row["subject_no"] not in listed
        assert orders[row["source_key"]]["ryxz"] != "本人"
        assert orders[row["source_key"]]["QY_MC"] not in NULLS


def test_the_truth_about_officers_follows_from_the_files(out: Path) -> None:
    """On the last day: orders in force by their latest word, the unit's listing found again by its code and case."""
    last = max(row["business_date"] for row in truth(out, "officers"))
    refused = {(row["file"], int(row["record_no"])) for row in truth(out, "rejects")}
    newest: dict[str, dict[str, Any]] = {}
    told: dict[str, dict[str, Any]] = {}
    for source, found in (("court_consumption_limits", newest), ("court_defaulters", told)):
        for path in files(out, source):
            for number, row in enumerate(read(path), start=1):
                key = str(row["id"])
                if (path.name, number) in refused:
                    continue
                if source == "court_defaulters" and row["infoActionType"] in ("D", "R"):
                    continue
                if key not in found or datetime.fromisoformat(row["updatedAt"]) > datetime.fromisoformat(
                    found[key]["updatedAt"]
                ):
                    found[key] = row

    def place(number: Any, case: Any) -> tuple[str, str]:
        code, text = normalise(str(number or "")), re.sub(r"\s", "", unicodedata.normalize("NFKC", str(case)))
        return code[8:17] if len(code) == 18 else code, text.translate(str.maketrans("〔〕[]【】", "()()()"))

    cases = {
        place(row["cardNum"], row["caseCode"]): key
        for key, row in told.items() if str(row["partyTypeName"]) in ("1", "581")
    }  # fmt: skip
    expected = set()
    for key, row in newest.items():
        where = place(row["QY_DM"], row["AH"])
        if row["infoActionType"] in ("A", "U") and where in cases and "*" not in row["sfzhm"]:
            expected.add((key, row["ryxz"], cases[where]))
    rows = [row for row in truth(out, "officers") if row["business_date"] == last]
    assert {(row["order_id"], row["relation"], row["court_id"]) for row in rows} == expected
    assert {row["expected"] for row in rows} == {"yes", "no"}
    directed = {row["court_id"] for row in truth(out, "directives")
                if row["business_date"] == last and row["expected"] == "yes"}  # fmt: skip
    assert all(row["court_id"] in directed for row in rows if row["expected"] == "yes")


def test_an_order_names_the_former_representative(out: Path) -> None:
    subjects = {row["subject_no"]: row for row in truth(out, "subjects")}
    changed = {row["subject_no"]: row for row in truth(out, "planted") if row["label"] == "REPRESENTATIVE_CHANGED"}
    units = {subjects[number]["identifier"]: row["source_key"] for number, row in changed.items()}
    latest = {
        row["pripid"]: to_resident_id_18(row["cerno"])
        for path in files(out, "registry_persons")
        for row in read(path)
        if row["lerepsign"] == "1"
    }
    orders = {str(row["id"]): row for path in files(out, "court_consumption_limits") for row in read(path)}
    planted = [row for row in truth(out, "planted") if row["label"] == "LIMIT_NOT_SWAPPED"]
    assert planted
    for row in planted:
        named = subjects[row["subject_no"]]["identifier"]
        order = orders[row["source_key"]]
        assert to_resident_id_18(order["sfzhm"]) == named
        assert latest[units[normalise(order["QY_DM"])]] != named


@pytest.mark.parametrize("source", ["tax_major_violations", "registry_abnormal", "registry_serious"])
def test_items_of_daily_lists_follow_from_the_files(out: Path, source: str) -> None:
    refused = {(row["file"], int(row["record_no"])) for row in truth(out, "rejects")}
    states: dict[str, str] = {}
    derived = {}
    for day in DAYS:
        (path,) = [path for path in files(out, source) if path.parts[-3] == str(day)]
        present = {
            list_key(source, row): list_status(row)
            for number, row in enumerate(read(path), start=1)
            if (path.name, number) not in refused
        }
        for key, status in states.items():
            if key not in present and status == "ACTIVE":
                states[key] = "ABSENT"
        states |= present
        derived |= {(str(day), key): status for key, status in states.items()}
    expected = {
        (row["business_date"], plain_key(row["source_key"])): row["status"]
        for row in truth(out, "items")
        if row["source"] == source
    }
    assert expected == derived
    assert {"ACTIVE", "DELETED"} <= set(derived.values())
    assert ("REVOKED" in derived.values()) == (source == "registry_abnormal")


def plain_key(key: str) -> str:
    """A key without the ways of writing brackets and digits."""
    flat = re.sub(r"\s", "", unicodedata.normalize("NFKC", key)).upper()
    return re.sub(r"[〔【\[]", "(", re.sub(r"[〕】\]]", ")", flat))


def list_key(source: str, row: Row) -> str:
    if source == "registry_serious":
        return str(row["illid"])
    if source == "registry_abnormal":
        return f"{row['pripid']}|{to_date(row['abntime'])}"
    return plain_key(f"{row['nsrsbh']}|{row['cfwsh']}")


def list_status(row: Row) -> str:
    if row.get("ismove") == "2":
        return "REVOKED"
    ended = row.get("ismove") == "1" or row.get("ycsj", row.get("remdate")) not in NULLS
    return "DELETED" if ended else "ACTIVE"


def test_rejects_point_at_records_that_break_their_rule(out: Path) -> None:
    signs = {
        "CONDUCT_UNKNOWN": lambda row: row["disruptTypeName"] == "情节严重",
        "PARTY_TYPE_UNKNOWN": lambda row: "9" in row.get("partyTypeName", "") or "其他" in row.values(),
        "ACTION_UNKNOWN": lambda row: row["infoActionType"] == "M",
        "DATE_INVALID": lambda row: "2026-02-30" in row.values(),
        "KEY_MISSING": lambda row: row.get("id", row.get("lsh", row.get("sz"))) in {None, *NULLS},
        "AMOUNT_INVALID": lambda row: "约" in row.get("qsye", "") + row.get("yqje", ""),
        "EVENT_UNKNOWN": lambda row: row["sjlx"] == "其他情况",
        "NO_AUTHORISATION": lambda row: row["sqbh"] in NULLS,
    }
    further = {source for source in COLUMNS if source not in FIRST_SOURCES}
    rejects = truth(out, "rejects")
    by_name = {path.name: read(path) for path in files(out)}
    assert {row["rule"] for row in rejects if row["source"] not in further} == set(signs)
    assert {row["rule"] for row in rejects if row["source"] in further} == set(SPOILT)
    assert {row["source"] for row in rejects if row["source"] in further} == further
    for row in rejects:
        if row["source"] in further:
            values = by_name[row["file"]][int(row["record_no"]) - 1].values()
            assert {SPOILT[row["rule"]], NEITHER} & set(values), row
            continue
        assert signs[row["rule"]](by_name[row["file"]][int(row["record_no"]) - 1]), row


def test_dirt_occurs(tmp_path: Path) -> None:
    out = generate(tmp_path, subjects=3000).out
    court = "".join(path.read_text(encoding="utf-8") for path in files(out, "court_defaulters"))
    for sample in (
        "580",
        '"0"',
        "男性",
        '"男"',
        r"\r\n",
        "其它规避执行",
        "义务的",
        "，",
        "〔",
        "(20",
        "（20",
        "暂无",
    ):
        assert sample in court, sample
    rows = [row for path in files(out, "court_defaulters") for row in read(path)]
    numbers = [row["cardNumFull"] for row in rows if row["cardNumFull"]]
    assert any(number.endswith("x") for number in numbers)
    assert any("０" <= char <= "９" for number in numbers for char in number)
    assert any(len(number) == 15 and number.isdigit() for number in numbers)
    registry = "".join(path.read_text(encoding="utf-8") for path in files(out, "registry_[ep]*"))
    for sample in ("9999-09-09", "2099-12-31", "万元"):
        assert sample in registry, sample
    names = "".join(row["name"] for row in truth(out, "subjects"))
    assert set("·（䶮𬭎㛃") <= set(names)


# ---------- providers


def ask(out: Path, token: str = "secret", path: str = "/v1/court_defaulters", **params: object) -> httpx.Response:
    """One request to the court's service, without a socket."""

    async def send() -> httpx.Response:
        transport = httpx.ASGITransport(create_app(out, "secret"))
        async with httpx.AsyncClient(transport=transport, base_url="http://court") as client:
            return await client.get(path, params=params, headers={"Authorization": f"Bearer {token}"})

    return asyncio.run(send())


def test_court_service_returns_the_lines_byte_for_byte(out: Path) -> None:
    lines = files(out, "court_defaulters")[0].read_bytes().splitlines()
    pieces, page = [], 1
    while True:
        response = ask(out, business_date="2026-03-02", page=page, size=50)
        body = response.json()
        assert {k: body[k] for k in ("business_date", "total", "page", "size")} == {
            "business_date": "2026-03-02",
            "total": len(lines),
            "page": page,
            "size": 50,
        }
        expected = lines[(page - 1) * 50 : page * 50]
        assert b",".join(expected) in response.content
        if not body["items"]:
            break
        pieces += body["items"]
        page += 1
    assert pieces == [json.loads(line) for line in lines]


@pytest.mark.parametrize("source", ["court_consumption_limits", "punishment_feedback", "objections"])
def test_the_service_has_a_path_for_every_source_it_plays(out: Path, source: str) -> None:
    for path in files(out, source):
        response = ask(out, path=f"/v1/{source}", business_date=path.parts[-3], size=1000)
        assert response.json()["items"] == read(path)


def test_the_service_serves_declared_services_only(out: Path) -> None:
    served = {source.name for source in load_sources() if source.ingest.transport.kind == "http"}
    assert served == set(SERVED)
    for path in ("tax_arrears", "..%2Ftruth", "nothing"):
        assert ask(out, path=f"/v1/{path}", business_date="2026-03-02").status_code == 404


def test_court_service_refuses_a_wrong_token_and_an_unknown_day(out: Path) -> None:
    assert ask(out, token="wrong", business_date="2026-03-02").status_code == 401
    assert ask(out, token="", business_date="2026-03-02").status_code == 401
    assert ask(out, business_date="2025-01-01").status_code == 404
    assert ask(out, path="/health").json() == {"status": "ok"}


def test_delivery_puts_files_and_their_flags_into_the_inbox(out: Path, tmp_path: Path) -> None:
    placed = deliver(out, DAYS[2], tmp_path, ["tax_arrears", "bank_credit_events", "nothing"])
    assert sorted(path.name for path in placed) == [
        "bank_credit_events_20260303_02.xlsx",
        "bank_credit_events_20260304_01.xlsx",
        "tax_arrears_20260303_01.csv",
        "tax_arrears_20260304_01.csv",
    ]
    source = out / DAYS[2].isoformat()
    assert not list(tmp_path.rglob("*.part"))
    for path in placed:
        assert path.read_bytes() == (source / path.parent.name / path.name).read_bytes()
    assert len(list(tmp_path.rglob("*.ok"))) == 3
