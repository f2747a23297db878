"""How the providers of lists and responses write their columns; the rest is in ``rows``.

A row with ``breaks`` ("RULE:field") is spoilt here, and only here, in exactly that field.
"""

from __future__ import annotations

from typing import Any

from credit_warehouse.sandbox.bank import BANKS
from credit_warehouse.sandbox.court_orders import ClosedCase, Limit
from credit_warehouse.sandbox.dirt import Dirt
from credit_warehouse.sandbox.lists import ABNORMAL, Entry, holds_until
from credit_warehouse.sandbox.population import Organisation, Person, Subject
from credit_warehouse.sandbox.responses import DEPARTMENTS, Feedback, Objection, Refusal, Repair
from credit_warehouse.sandbox.rows import IMPOSSIBLE_DAY, known_number

SPOILT = {
    "ACTION_UNKNOWN": "M",
    "AMOUNT_INVALID": "约五万元",
    "DATE_INVALID": IMPOSSIBLE_DAY,
    "DOCUMENT_UNKNOWN": "其他证件",
    "KEY_MISSING": "暂无",
    "MATTER_UNKNOWN": "理财",
    "NAME_MISSING": "暂无",
    "OBJECTION_UNKNOWN": "其他",
    "PARTY_TYPE_UNKNOWN": "无",
    "RATING_UNKNOWN": "E",
    "RELATION_UNKNOWN": "朋友",
    "REMOVAL_UNKNOWN": "3",
    "RESULT_UNKNOWN": "已阅",
    "SEX_UNKNOWN": "不详",
    "TARGET_MISSING": "暂无",
    "TIME_INVALID": f"{IMPOSSIBLE_DAY} 10:00:00",
}
NEITHER = "12345"
"""A number that is neither a person's nor a unit's."""


def limit_row(limit: Limit, dirt: Dirt) -> dict[str, Any]:
    """A message about an order; a withdrawal may carry the id and nothing else."""
    person, unit = limit.person, limit.unit
    number = known_number(person, dirt) if limit.subject else f"{person.number[:10]}****{person.number[14:]}"
    row = {
        "id": int(limit.key),
        "XM": dirt.person_name(person.name),
        "XB": dirt.sex(person.sex),
        "sfzhm": number,
        "QY_MC": dirt.organisation_name(unit.name) if unit else dirt.null(),
        "QY_DM": dirt.number(unit.number) if unit else dirt.null(),
        "AH": dirt.case_code(limit.case_code),
        "LASJStr": dirt.court_date(limit.filed),
        "ZXFYMC": limit.court.name,
        "ryxz": limit.relation,
        "infoActionType": limit.action,
        "updatedAt": limit.updated_at.isoformat(),
    }
    if limit.bare:
        row = {name: row[name] if name in ("id", "infoActionType", "updatedAt") else None for name in row}
    return _spoil(row, limit.breaks)


def closed_case_row(case: ClosedCase, dirt: Dirt) -> dict[str, str]:
    """A closed case as to one party."""
    party = case.party
    person = isinstance(party, Person)
    row = {
        "ah": dirt.case_code(case.case_code),
        "xm": dirt.person_name(party.name) if person else dirt.organisation_name(party.name),
        "xb": f"09_00003-{1 if party.sex == '男' else 2}" if isinstance(party, Person) else dirt.null(),
        "dz": f"第{party.no % 89 + 1}大道{party.no % 300 + 1}号，\r\n二楼" if dirt.hits() else "第一大道1号",
        "zxfymc": case.court.name,
        "larq": dirt.court_date(case.filed),
        "jarq": dirt.court_date(case.closed),
        "sqzxbdje": dirt.amount(case.claimed),
        "swzxbdje": dirt.amount(case.unpaid),
        "sfzhm": dirt.number(case.number),
    }
    if case.breaks == "PARTY_TYPE_UNKNOWN:sfzhm":
        return {**row, "sfzhm": NEITHER}
    return _spoil(row, case.breaks)


def violation_row(entry: Entry, dirt: Dirt) -> dict[str, str]:
    """A line of the list of major tax violations."""
    subject = entry.subject
    responsible = _responsible(subject)
    row = {
        "nsrsbh": dirt.number(subject.number),
        "nsrmc": _name(subject, dirt),
        "zcdz": f"第{subject.no % 89 + 1}大道{subject.no % 300 + 1}号",
        "fddbrxm": dirt.person_name(responsible.name),
        "fddbrxb": dirt.sex(responsible.sex),
        "fddbrzjhm": known_number(responsible, dirt),
        "zywfss": f"在{entry.entered.year - 1}年度内{entry.text}，\r\n涉及税款若干",
        "ajxz": entry.text,
        "cfyj": "中华人民共和国税收征收管理法第六十三条",
        "cfwsh": dirt.case_code(entry.reference),
        "clcfqk": "追缴税款，并处罚款",
        "cfjg": f"国家税务总局{subject.region}税务局稽查局",
        "lrsj": dirt.plain_date(entry.entered),
        "ycsj": dirt.plain_date(entry.removed) if entry.removed else dirt.null(),
    }
    return _spoil(row, entry.breaks)


def rating_row(entry: Entry, dirt: Dirt) -> dict[str, str]:
    """A yearly level."""
    row = {
        "nsrsbh": dirt.number(entry.subject.number),
        "nsrmc": _name(entry.subject, dirt),
        "pjnd": f"{entry.reference}年度" if dirt.hits(2) else entry.reference,
        "xydj": chr(ord(entry.text) + 0xFEE0) if dirt.hits() else entry.text,
        "pjdw": f"国家税务总局{entry.subject.region}税务局",
        "pdsj": dirt.plain_date(entry.entered),
        "yxqs": dirt.plain_date(entry.entered),
        "yxqz": dirt.plain_date(holds_until(entry)),
    }
    return _spoil(row, entry.breaks)


def entry_row(entry: Entry, dirt: Dirt) -> dict[str, str]:
    """A line of the registry's list of abnormal operations or of serious violations."""
    unit = entry.subject
    assert isinstance(unit, Organisation)
    office = f"{unit.region}市场监督管理局"
    row = {
        "pripid": unit.registry_id,
        "uniscid": dirt.number(unit.number),
        "regno": f"{unit.region}{unit.no:09d}" if dirt.hits(20) else dirt.null(),
        "entname": dirt.organisation_name(unit.name),
        "abntime": dirt.court_date(entry.entered),
        "decorg_cn": office,
        "remdate": dirt.plain_date(entry.removed) if entry.removed else dirt.null(),
        "remexcpres_cn": _removal_cause(entry) or dirt.null(),
    }
    if entry.source == ABNORMAL:
        kind = "" if entry.undated_kind else {"A": "", "D": "1", "R": "2"}[entry.action]
        row |= {"specause_cn": entry.text, "pendecno": f"异字{unit.no}号", "ismove": kind or dirt.null()}
        row["redecorg_cn"] = office if entry.removed else dirt.null()
    else:
        row |= {"illid": entry.reference, "serillrea_cn": entry.text}
        row["recorg_cn"] = office if entry.removed else dirt.null()
    return _spoil(row, entry.breaks)


def refusal_row(refusal: Refusal, dirt: Dirt) -> dict[str, str]:
    """Business a bank refused."""
    subject = refusal.subject
    row = {
        "jgdm": refusal.bank,
        "jgmc": BANKS[refusal.bank],
        "lsh": refusal.number,
        "ztmc": _name(subject, dirt),
        "zjlx": "居民身份证" if isinstance(subject, Person) else "统一社会信用代码",
        "zjhm": known_number(subject, dirt) if isinstance(subject, Person) else dirt.number(subject.number),
        "ywlx": refusal.business,
        "sjje": dirt.null() if refusal.amount is None else dirt.amount(refusal.amount),
        "jjrq": dirt.plain_date(refusal.refused),
        "yjcs": refusal.measure,
    }
    return _spoil(row, refusal.breaks)


def feedback_row(feedback: Feedback, dirt: Dirt) -> dict[str, Any]:
    """What a department did; which directive it acted on is not known to the sandbox."""
    row = {
        "dwdm": feedback.department,
        "dwmc": DEPARTMENTS[feedback.department],
        "fkbh": feedback.number,
        "ztmc": _name(feedback.subject, dirt),
        "zjhm": dirt.number(feedback.subject.number),
        "blsx": feedback.matter,
        "csdm": feedback.measure,
        "cljg": feedback.result,
        "clsj": feedback.handled.isoformat(),
        "directiveId": None,
    }
    return _spoil(row, feedback.breaks)


def objection_row(objection: Objection, dirt: Dirt) -> dict[str, Any]:
    """A message about an objection; a withdrawal carries number and time only."""
    row = {
        "yybh": objection.number,
        "sqrmc": _name(objection.subject, dirt),
        "zjhm": dirt.number(objection.subject.number),
        "yylx": objection.kind,
        "dxid": objection.contested,
        "sqsj": f"{objection.filed:%Y-%m-%d %H:%M:%S}",
        "cljg": objection.result or dirt.null(),
        "clsj": f"{objection.handled:%Y-%m-%d %H:%M:%S}" if objection.handled else dirt.null(),
        "cljgdm": "XY0001" if objection.handled else None,
        "infoActionType": objection.action,
    }
    if objection.action == "D":
        row = {name: row[name] if name in ("yybh", "sqsj", "infoActionType") else None for name in row}
    return _spoil(row, objection.breaks)


def repair_row(repair: Repair, dirt: Dirt) -> dict[str, str]:
    """A decision on repair; beside a unit's code the number of its representative may stand."""
    subject = repair.subject
    unit = subject if isinstance(subject, Organisation) else None
    person = None if unit and not dirt.hits(10) else _responsible(subject)
    row = {
        "jdwsh": repair.number,
        "ztmc": _name(subject, dirt),
        "tyshxydm": dirt.number(unit.number) if unit else dirt.null(),
        "zjhm": known_number(person, dirt) if person else dirt.null(),
        "xfsx": repair.matter,
        "wsh": dirt.case_code(repair.document),
        "xfrq": dirt.plain_date(repair.repaired),
        "xfjg": "信用修复受理窗口",
    }
    if repair.breaks == "PARTY_TYPE_UNKNOWN:tyshxydm":
        row["zjhm"] = ""
    return _spoil(row, repair.breaks)


def _spoil(row: dict[str, Any], breaks: str | None) -> dict[str, Any]:
    rule, _, field = (breaks or "").partition(":")
    return {**row, field: SPOILT[rule]} if breaks else row


def _name(subject: Subject, dirt: Dirt) -> str:
    return dirt.person_name(subject.name) if isinstance(subject, Person) else dirt.organisation_name(subject.name)


def _responsible(subject: Subject) -> Person:
    return subject.representative if isinstance(subject, Organisation) else subject


def _removal_cause(entry: Entry) -> str:
    if entry.action == "R":
        return "列入决定有误，予以撤销"
    return "已履行相关义务，申请移出" if entry.action == "D" else ""
