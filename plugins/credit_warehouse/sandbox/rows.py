"""How each provider writes its columns: from what is meant to the text on the wire, dirt included.

A row with ``breaks`` is spoilt here, and only here, by exactly the fault its rule names.
"""

from __future__ import annotations

from datetime import date
from typing import Any

from credit_warehouse.identifiers import mask_resident_id
from credit_warehouse.sandbox.bank import BANKS, GRADES, Event
from credit_warehouse.sandbox.court import Message
from credit_warehouse.sandbox.dirt import Dirt
from credit_warehouse.sandbox.population import Organisation, Person
from credit_warehouse.sandbox.registry import Entity, Relation
from credit_warehouse.sandbox.tax import Arrear, taxpayer_kind

COLUMNS: dict[str, tuple[str, ...]] = {
    "court_defaulters": (
        "id", "iname", "caseCode", "age", "sexy", "cardNum", "businessEntity", "courtName", "areaName",
        "partyTypeName", "gistId", "regDate", "gistUnit", "duty", "performance", "performedPart", "unperformPart",
        "disruptTypeName", "publishDate", "qysler", "infoActionType", "deleteReason", "cardNumFull", "birthDate",
        "decisionDate", "termMonths", "publicity", "notifyUnit", "updatedAt",
    ),
    "registry_entities": (
        "pripid", "uniscid", "regno", "entname", "enttype", "regstate", "name", "dom", "domdistrict", "industryco",
        "regcap", "regcapcur", "estdate", "opfrom", "opto", "apprdate", "regorg", "opscope", "update_time",
    ),
    "registry_persons": (
        "pripid", "personid", "name", "position", "position_cn", "lerepsign", "certype", "cerno", "sex", "arrdate",
        "remdate", "update_time",
    ),
    "tax_arrears": (
        "nsrsbh", "nsrmc", "fddbrxm", "zjhm", "jydz", "sz", "qsye", "xqs", "nsrlx", "fbjg", "fbrq",
    ),
    "bank_credit_events": (
        "jgdm", "jgmc", "lsh", "ztlx", "ztmc", "zjlx", "zjhm", "sjlx", "fsrq", "jsrq", "yqts", "yqje", "wjfl", "sqbh",
    ),
    "court_consumption_limits": (
        "id", "XM", "XB", "sfzhm", "QY_MC", "QY_DM", "AH", "LASJStr", "ZXFYMC", "ryxz", "infoActionType", "updatedAt",
    ),
    "court_closed_cases": (
        "ah", "xm", "xb", "dz", "zxfymc", "larq", "jarq", "sqzxbdje", "swzxbdje", "sfzhm",
    ),
    "tax_major_violations": (
        "nsrsbh", "nsrmc", "zcdz", "fddbrxm", "fddbrxb", "fddbrzjhm", "zywfss", "ajxz", "cfyj", "cfwsh", "clcfqk",
        "cfjg", "lrsj", "ycsj",
    ),
    "tax_credit_ratings": ("nsrsbh", "nsrmc", "pjnd", "xydj", "pjdw", "pdsj", "yxqs", "yxqz"),
    "registry_abnormal": (
        "pripid", "uniscid", "regno", "entname", "abntime", "specause_cn", "decorg_cn", "pendecno", "remdate",
        "remexcpres_cn", "redecorg_cn", "ismove",
    ),
    "registry_serious": (
        "illid", "pripid", "uniscid", "regno", "entname", "abntime", "serillrea_cn", "decorg_cn", "remdate",
        "remexcpres_cn", "recorg_cn",
    ),
    "bank_rejections": ("jgdm", "jgmc", "lsh", "ztmc", "zjlx", "zjhm", "ywlx", "sjje", "jjrq", "yjcs"),
    "punishment_feedback": (
        "dwdm", "dwmc", "fkbh", "ztmc", "zjhm", "blsx", "csdm", "cljg", "clsj", "directiveId",
    ),
    "objections": (
        "yybh", "sqrmc", "zjhm", "yylx", "dxid", "sqsj", "cljg", "clsj", "cljgdm", "infoActionType",
    ),
    "credit_repairs": ("jdwsh", "ztmc", "tyshxydm", "zjhm", "xfsx", "wsh", "xfrq", "xfjg"),
}  # fmt: skip

CONDUCT_TEXTS = {
    "D1": ("有履行能力而拒不履行生效法律文书确定义务", "其他有履行能力而拒不履行生效法律文书确定义务"),
    "D2": ("以伪造证据、暴力、威胁等方法妨碍、抗拒执行", "伪造证据妨碍、抗拒执行"),
    "D3": ("以虚假诉讼、虚假仲裁或者以隐匿、转移财产等方法规避执行", "其他规避执行", "其它规避执行"),
    "D4": ("违反财产报告制度",),
    "D5": ("违反限制消费令", "违反限制高消费令"),
    "D6": ("无正当理由拒不履行执行和解协议", "被执行人无正当理由拒不履行执行和解协议"),
}
PUBLICITY = {True: "Y", False: "N", None: None}
DUTIES = (
    "被执行人应于判决生效之日起十日内偿还借款本金{amount}元及利息",
    "支付货款{amount}元，\r\n并承担案件受理费;\r\n逾期加倍支付迟延履行期间的债务利息。",
    "一、偿还本金{amount}元,二、承担违约金,三、律师费5,000元由被告负担",
    "履行“{case}”确定的义务，标的款{amount}元",
    "{case}",
    "要求被执行人履行金钱给付义务",
    "无",
)
LEGAL_FORMS = {
    "92": "9500",
    "93": "9100",
    "12": "5120",
    "51": "5310",
    "52": "5320",
    "53": "5330",
    "31": "5400",
}
IMPOSSIBLE_DAY = "2026-02-30"


def court_row(message: Message, dirt: Dirt) -> dict[str, Any]:
    """A message of the court as JSON values, in the order of the public record."""
    listing, rng = message.listing, dirt.rng
    person = listing.is_person
    spell = dirt.person_name if person else dirt.organisation_name
    performed, remaining = _performance(message, dirt)
    row: dict[str, Any] = {
        "id": listing.id,
        "iname": spell(listing.name),
        "caseCode": dirt.case_code(listing.case_code),
        "age": _age(listing.birth, listing.published) + listing.age_error if listing.birth else 0,
        "sexy": ("" if dirt.hits() and not listing.contradicts else dirt.sex(listing.sex)) if person else "",
        "cardNum": dirt.number(listing.card),
        "businessEntity": dirt.null() if person else dirt.person_name(listing.representative),
        "courtName": listing.court.name,
        "areaName": listing.court.province,
        "partyTypeName": rng.choice(("580", "0") if person else ("581", "1")),
        "gistId": listing.gist_id,
        "regDate": dirt.court_date(listing.filed),
        "gistUnit": listing.gist_unit,
        "duty": DUTIES[listing.id % len(DUTIES)].format(amount=listing.amount, case=listing.case_code)
        + ("（更正）" if listing.revision else ""),
        "performance": "全部已履行" if listing.performed else "部分未履行" if listing.partly else "全部未履行",
        "performedPart": performed,
        "unperformPart": remaining,
        "disruptTypeName": _conducts(listing.conducts, dirt),
        "publishDate": dirt.court_date(listing.published),
        "qysler": [
            {"iname": p.name, "cardNum": mask_resident_id(p.number), "corporationtypename": role}
            for p, role in listing.related
        ],
        "infoActionType": message.action,
        "deleteReason": message.reason,
        "cardNumFull": _full_number(message, dirt),
        "birthDate": _birth(message, dirt),
        "decisionDate": dirt.court_date(listing.decided) if listing.decision_stated else None,
        "termMonths": listing.term_months,
        "publicity": PUBLICITY[listing.public],
        "notifyUnit": listing.notify_unit,
        "updatedAt": message.updated_at.isoformat(),
    }
    spoilt: dict[str, dict[str, Any]] = {
        "CONDUCT_UNKNOWN": {"disruptTypeName": "情节严重"},
        "PARTY_TYPE_UNKNOWN": {"partyTypeName": "9"},
        "ACTION_UNKNOWN": {"infoActionType": "M"},
        "DATE_INVALID": {"publishDate": IMPOSSIBLE_DAY},
        "KEY_MISSING": {"id": None},
    }
    return {**row, **(spoilt[message.breaks] if message.breaks else {})}


def _full_number(message: Message, dirt: Dirt) -> str | None:
    listing = message.listing
    if listing.number is None:
        return None
    if not listing.is_person and dirt.hits(4):
        return None
    return dirt.number(listing.number)


def _birth(message: Message, dirt: Dirt) -> str | None:
    listing = message.listing
    if listing.birth is None or (dirt.hits(3) and not (listing.contradicts or listing.minor)):
        return None
    return dirt.plain_date(listing.birth) if dirt.hits(4) else f"{listing.birth.isoformat()} 00:00:00"


def _performance(message: Message, dirt: Dirt) -> tuple[str, str]:
    listing = message.listing
    if listing.performed:
        return "全部", dirt.null()
    return (f"已履行{listing.amount // 3}元", "其余部分") if listing.partly else (dirt.null(), "全部")


def _conducts(codes: tuple[str, ...], dirt: Dirt) -> str:
    texts = [dirt.rng.choice(CONDUCT_TEXTS[code]) + ("的" if dirt.hits(2) else "") for code in codes]
    return ("，" if dirt.hits(3) else ",").join(texts)


def _age(birth: date, on: date) -> int:
    return on.year - birth.year - ((on.month, on.day) < (birth.month, birth.day))


def entity_row(entity: Entity, dirt: Dirt) -> dict[str, str]:
    """A market entity as its registry writes it."""
    organisation, rng = entity.organisation, dirt.rng
    opened = organisation.established
    capital = f"{entity.capital}.000000"
    if dirt.hits(2):
        capital = rng.choice((f"{entity.capital}万元", f"{entity.capital} 万元", f"{entity.capital}万元人民币"))
    return {
        "pripid": organisation.registry_id,
        "uniscid": dirt.number(organisation.number),
        "regno": f"{organisation.region}{organisation.no:09d}" if dirt.hits(20) else dirt.null(),
        "entname": dirt.organisation_name(entity.name),
        "enttype": LEGAL_FORMS.get(organisation.number[:2], "1130"),
        "regstate": entity.state,
        "name": dirt.person_name(entity.representative.name),
        "dom": f"第{organisation.no % 89 + 1}大道{organisation.no % 300 + 1}号",
        "domdistrict": f"{organisation.region}000",
        "industryco": f"{organisation.no % 9000 + 100:04d}",
        "regcap": capital,
        "regcapcur": "156" if rng.random() < 0.9 else "人民币",
        "estdate": dirt.plain_date(opened),
        "opfrom": dirt.plain_date(opened),
        "opto": dirt.plain_date(date(opened.year + 40, 1, 1)) if entity.fixed_term else dirt.open_end(),
        "apprdate": dirt.plain_date(entity.approved),
        "regorg": f"{organisation.region}市场监督管理局",
        "opscope": "一般项目：销售、服务；\r\n许可项目：以批准文件为准" if dirt.hits(4) else "一般项目：销售、服务",
        "update_time": f"{entity.updated_at:%Y-%m-%d %H:%M:%S}",
    }


def relation_row(relation: Relation, dirt: Dirt) -> dict[str, str]:
    """A person registered with an entity."""
    person = relation.person
    return {
        "pripid": relation.organisation.registry_id,
        "personid": relation.person_no,
        "name": dirt.person_name(person.name),
        "position": relation.position,
        "position_cn": relation.position_name,
        "lerepsign": "1" if relation.is_representative else "2",
        "certype": "10",
        "cerno": known_number(person, dirt),
        "sex": dirt.rng.choice(("1", "男", "男性") if person.sex == "男" else ("2", "女", "女性")),
        "arrdate": dirt.plain_date(relation.appointed),
        "remdate": dirt.plain_date(relation.removed) if relation.removed else dirt.null(),
        "update_time": f"{relation.updated_at:%Y-%m-%d %H:%M:%S}",
    }


def arrear_row(arrear: Arrear, dirt: Dirt) -> dict[str, str]:
    """A line of the tax announcement."""
    subject = arrear.subject
    organisation = isinstance(subject, Organisation)
    spell = dirt.organisation_name if organisation else dirt.person_name
    responsible = subject.representative if isinstance(subject, Organisation) else subject
    row = {
        "nsrsbh": dirt.number(subject.number),
        "nsrmc": spell(subject.name),
        "fddbrxm": dirt.person_name(responsible.name),
        "zjhm": known_number(responsible, dirt),
        "jydz": f"第{subject.no % 89 + 1}大道{subject.no % 300 + 1}号，\r\n二楼" if dirt.hits() else "第一大道1号",
        "sz": arrear.tax,
        "qsye": dirt.amount(arrear.balance),
        "xqs": dirt.amount(arrear.newly) if arrear.newly else dirt.null() or "0.00",
        "nsrlx": taxpayer_kind(subject),
        "fbjg": f"国家税务总局{subject.region}税务局",
        "fbrq": dirt.plain_date(arrear.announced),
    }
    spoilt = {
        "AMOUNT_INVALID": {"qsye": "约五万元"},
        "KEY_MISSING": {"sz": "暂无"},
        "DATE_INVALID": {"fbrq": IMPOSSIBLE_DAY},
        "PARTY_TYPE_UNKNOWN": {"nsrlx": "其他"},
    }
    return {**row, **(spoilt[arrear.breaks] if arrear.breaks else {})}


def event_row(event: Event, dirt: Dirt) -> dict[str, str]:
    """A line of a bank's report."""
    subject = event.subject
    person = isinstance(subject, Person)
    spell = dirt.person_name if person else dirt.organisation_name
    row = {
        "jgdm": event.bank,
        "jgmc": BANKS[event.bank],
        "lsh": event.serial,
        "ztlx": dirt.rng.choice(("自然人", "自然人", "个人") if person else ("企业", "企业", "法人")),
        "ztmc": spell(subject.name),
        "zjlx": "居民身份证" if person else "统一社会信用代码",
        "zjhm": known_number(subject, dirt) if isinstance(subject, Person) else dirt.number(subject.number),
        "sjlx": event.kind,
        "fsrq": dirt.plain_date(event.began),
        "jsrq": dirt.plain_date(event.ended) if event.ended else dirt.null(),
        "yqts": str(event.days_overdue),
        "yqje": dirt.amount(event.amount),
        "wjfl": GRADES[event.kind],
        "sqbh": event.authorisation or dirt.null(),
    }
    spoilt = {
        "EVENT_UNKNOWN": {"sjlx": "其他情况"},
        "PARTY_TYPE_UNKNOWN": {"ztlx": "其他"},
        "DATE_INVALID": {"fsrq": IMPOSSIBLE_DAY},
        "KEY_MISSING": {"lsh": ""},
        "AMOUNT_INVALID": {"yqje": "约三万"},
    }
    return {**row, **(spoilt[event.breaks] if event.breaks else {})}


def known_number(person: Person, dirt: Dirt) -> str:
    """The number by which a provider knows a person, in either length."""
    return person.short_number if person.known_short and dirt.rng.random() < 0.5 else dirt.number(person.number)
