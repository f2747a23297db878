"""The warehouse's SQL functions: numbers against the standards' own implementation, texts against the domain."""

from __future__ import annotations

import hashlib
import hmac
import random
import re
import string
from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, Phase, given
from hypothesis import settings as how
from hypothesis import strategies as st

from credit_warehouse import feed_check, identifiers
from credit_warehouse.db import warehouse_dsn
from credit_warehouse.identifiers import ORG_CODE_ALPHABET, USCC_ALPHABET, Verdict
from credit_warehouse.likeness.names import stem
from credit_warehouse.secrets import token_key

BATCH = 10_000
Ask = Callable[[str, list[Any]], list[Any]]

dice_of_any_seed = st.integers(0, 2**32).map(random.Random)
texts = st.one_of(
    st.text(max_size=20),
    st.text(string.digits + "X*x- —·", max_size=20),
    st.text(string.digits, min_size=15, max_size=18),
    st.text(USCC_ALPHABET + "*IO", min_size=16, max_size=19),
).map(lambda text: text.replace("\0", ""))


@pytest.fixture
def ask(shared_warehouse) -> Ask:
    """Apply a function to a whole list in one query."""

    def apply(call: str, values: list[Any]) -> list[Any]:
        query = f"select {call} from unnest(%s::text[]) with ordinality as given(v, place) order by place"
        return [found for (found,) in shared_warehouse.rows(query, [values])]

    return apply


def batches(strategy: st.SearchStrategy[str]) -> Any:
    """Few examples of many values each: the seed of a large batch, plus values hypothesis thought of itself."""
    return given(dice_of_any_seed, st.lists(strategy, min_size=1, max_size=200))


# No shrinking: a batch fails naming the values that differ.
few = how(
    max_examples=3,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    database=None,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


def some_resident_number(dice: random.Random) -> str:
    birth = date(1870, 1, 1) + timedelta(days=dice.randrange(60_000))
    full = f"{dice.randrange(10**6):06d}{birth:%Y%m%d}{dice.randrange(1000):03d}"
    full += identifiers.resident_id_check(full)
    return dice.choice([
        lambda: full,
        lambda: full.lower(),
        lambda: f" {full[:6]} {full[6:14]}-{full[14:]}",
        lambda: "".join(chr(ord(char) + 0xFEE0) for char in full),
        lambda: full[:6] + full[8:17],
        lambda: full[:17] + dice.choice("0123456789X"),
        lambda: f"{full[:10]}****{full[14:]}",
        lambda: full[:6] + "*" * 12,
        lambda: full[:dice.randrange(19)],
        lambda: full[:6] + f"{dice.randrange(10**8):08d}" + full[14:],
        lambda: full + "*",
        lambda: full[:6] + full[8:14] + str(dice.randrange(990, 1000)),
    ])()  # fmt: skip


def some_code(dice: random.Random) -> str:
    first17 = "".join(dice.choices(USCC_ALPHABET, k=2)) + f"{dice.randrange(10**6):06d}"
    first17 += "".join(dice.choices(USCC_ALPHABET, k=9))
    first8 = "".join(dice.choices(ORG_CODE_ALPHABET, k=8))
    full, code = first17 + identifiers.uscc_check(first17), first8 + identifiers.org_code_check(first8)
    return dice.choice([
        lambda: full,
        lambda: full.lower(),
        lambda: full[:17] + dice.choice(USCC_ALPHABET),
        lambda: full[:5] + dice.choice("IOSVZ*") + full[6:],
        lambda: full[:dice.randrange(19)],
        lambda: code,
        lambda: f"{code[:8]}-{code[8]}",
        lambda: f"{code[:8]}—{code[8]}",
        lambda: code[:8] + dice.choice("0123456789X"),
        lambda: code[:7],
        lambda: "".join(chr(ord(char) + 0xFEE0) for char in full),
    ])()  # fmt: skip


# White space to one of the two languages and not to the other.
NEARLY_BLANK = ["\x1c", "\x1f", "\x85", "\u1680", "\u2028", "\u3000", "\u200b", "11010119850304\x1f0017"]


def compare(ask: Ask, call: str, expected: Callable[[str], Any], values: list[str]) -> None:
    found = ask(call, values)
    different = [
        (value, expected(value), answer)
        for value, answer in zip(values, found, strict=True)
        if answer != expected(value)
    ]
    assert different[:5] == [], f"{len(different)} of {len(values)}"


def today_in_china(shared_warehouse: Any) -> date:
    return shared_warehouse.rows("select current_date")[0][0]


@few
@batches(texts)
def test_resident_numbers_get_the_verdict_of_the_standard(ask: Ask, shared_warehouse, dice, others) -> None:
    today = today_in_china(shared_warehouse)
    values = [some_resident_number(dice) for _ in range(BATCH)] + others + NEARLY_BLANK
    expected = {value: str(identifiers.resident_id_verdict(value, today)) for value in values}
    assert len(set(expected.values())) >= 4, "the batch has to hold every kind"
    compare(ask, "staging.person_verdict(staging.identifier_text(v))", lambda value: expected[value], values)


@few
@batches(texts)
def test_resident_numbers_are_widened_as_the_standard_says(ask: Ask, dice, others) -> None:
    values = [some_resident_number(dice) for _ in range(BATCH)] + others
    compare(ask, "staging.resident_id_18(staging.identifier_text(v))", identifiers.to_resident_id_18, values)


@few
@batches(texts)
def test_codes_of_organisations_get_the_verdict_of_the_standard(ask: Ask, dice, others) -> None:
    def verdict(value: str) -> str:
        found = {identifiers.uscc_verdict(value), identifiers.org_code_verdict(value)}
        best_first = (Verdict.VALID, Verdict.CHECK_FAIL, Verdict.MASKED, Verdict.STRUCT_FAIL, Verdict.EMPTY)
        return str(next(known for known in best_first if known in found))

    values = [some_code(dice) for _ in range(BATCH)] + others
    compare(ask, "staging.organisation_verdict(staging.identifier_text(v))", verdict, values)


@few
@given(dice_of_any_seed)
def test_check_characters_of_codes(ask: Ask, dice) -> None:
    first17 = ["".join(dice.choices(USCC_ALPHABET, k=17)) for _ in range(BATCH)]
    compare(ask, "staging.uscc_check(v)", identifiers.uscc_check, first17)
    first8 = ["".join(dice.choices(ORG_CODE_ALPHABET, k=8)) for _ in range(BATCH)]
    compare(ask, "staging.org_code_check(v)", identifiers.org_code_check, first8)


def some_other_number(dice: random.Random) -> str:
    """Registration and taxpayer numbers, masks, documents of foreigners, and what is nearly one of them."""
    person, code = some_resident_number(dice), some_code(dice)
    first14 = f"{dice.randrange(10**14):014d}"
    registration = first14 + identifiers.registration_check(first14)
    address = dice.choice(["810000", "820000", "830000", "911123"])
    first17 = f"{address}{dice.randrange(1900, 2026)}0304{dice.randrange(1000):03d}"
    foreign = first17 + identifiers.resident_id_check(first17)
    first8 = "".join(dice.choices(ORG_CODE_ALPHABET, k=8))
    taxpayer = f"{dice.randrange(10**6):06d}{first8}{identifiers.org_code_check(first8)}"
    return dice.choice([
        lambda: person, lambda: code, lambda: registration, lambda: foreign, lambda: taxpayer,
        lambda: registration[:13],
        lambda: registration[:14] + dice.choice(string.digits),
        lambda: taxpayer[:14] + dice.choice("0123456789X"),
        lambda: foreign + f"{dice.randrange(100):02d}",
        lambda: foreign[:6] + foreign[8:17] + f"{dice.randrange(100):02d}",
        lambda: foreign[:6] + "*" * 12,
        lambda: foreign[:3] + "*" * 12 + foreign[15:],
        lambda: foreign[:10] + "****" + foreign[14:],
        lambda: foreign[:10] + "****" + foreign[14:17],
        lambda: registration[:6] + "*" * dice.choice([7, 9]),
        lambda: "".join(dice.choices(string.digits + "X*", k=dice.choice([13, 15, 17, 18, 20]))),
    ])()  # fmt: skip


def compare_other_numbers(ask: Ask, today: date, values: list[str]) -> None:
    text = "staging.identifier_text(v)"
    compare(ask, f"staging.registration_verdict({text})", identifiers.registration_verdict, values)
    compare(ask, f"staging.taxpayer_verdict({text})", lambda value: identifiers.taxpayer_verdict(value, today), values)
    compare(ask, f"staging.mask_kind({text})", identifiers.mask_kind, values)
    compare(ask, f"staging.document_kind({text})", identifiers.document_of, values)
    compare(ask, f"staging.division_code({text})", identifiers.division_of, values)


@few
@batches(texts)
def test_other_numbers_masks_and_documents_are_read_alike(ask: Ask, shared_warehouse, dice, others) -> None:
    values = [some_other_number(dice) for _ in range(BATCH)] + others
    compare_other_numbers(ask, today_in_china(shared_warehouse), values)
    full, changed = "660101198503040017", "660101198503040025"
    masks = [identifiers.normalise(value) for value in values]
    for number in (full, changed):
        compare(ask, f"staging.mask_fits(v, '{number}')", lambda mask: identifiers.mask_fits(mask, number), masks)  # noqa: B023


@pytest.mark.matrix
@pytest.mark.parametrize("seed", range(10))
def test_a_million_numbers_are_read_alike(ask: Ask, shared_warehouse, seed: int) -> None:
    dice, today = random.Random(seed), today_in_china(shared_warehouse)
    values = [dice.choice([some_resident_number, some_code, some_other_number])(dice) for _ in range(100_000)]
    text = "staging.identifier_text(v)"
    compare(ask, f"staging.person_verdict({text})", lambda value: identifiers.resident_id_verdict(value, today), values)
    compare(ask, f"staging.resident_id_18({text})", identifiers.to_resident_id_18, values)
    compare_other_numbers(ask, today, values)


def test_divisions_have_names_and_years(shared_warehouse) -> None:
    found = "select name_zh, since_year, until_year from core.division where division_code = %s order by since_year"
    assert shared_warehouse.rows(found, ["330103"]) == [("下城区", 1983, 2021)]
    assert shared_warehouse.rows(found, ["330113"]) == [("临平区", 2021, None)]
    assert shared_warehouse.rows(found, ["810000"]) == [("香港特别行政区", 1997, None)]


@few
@batches(texts)
def test_what_is_shown_of_a_person_never_holds_a_whole_number(ask: Ask, dice, others) -> None:
    values = [some_resident_number(dice) for _ in range(BATCH)] + others
    for value, shown in zip(
        values, ask("staging.identifier_shown('person', staging.identifier_text(v))", values), strict=True
    ):
        plain = identifiers.normalise(value)
        whole = re.search(r"\d{17}[\dX]|\d{15}", plain)
        assert not (whole and shown and whole.group() in shown), f"{shown} shows {plain}"
        if identifiers.resident_id_verdict(plain) is Verdict.VALID:
            assert shown == identifiers.mask_resident_id(plain)


def test_a_token_is_an_hmac_of_the_standard_library(ask: Ask, shared_warehouse) -> None:
    values = ["", "resident_id:1", "org_code:䶮", "x" * 5000]
    key = token_key()
    assert ask("vault.token(v)", values) == [
        hmac.new(key, value.encode(), hashlib.sha256).hexdigest()[:32] for value in values
    ]


def test_no_token_is_computed_without_the_key_of_the_session(shared_warehouse) -> None:
    with psycopg.connect(warehouse_dsn()) as connection, pytest.raises(psycopg.errors.UndefinedObject):
        connection.execute("select vault.token('resident_id:1')")


def test_a_subject_is_the_token_of_its_widest_number(ask: Ask) -> None:
    number, short = "660101198503040017", "660101850304001"
    number = number[:17] + identifiers.resident_id_check(number[:17])
    expected = hmac.new(token_key(), f"resident_id:{number}".encode(), hashlib.sha256).hexdigest()[:32]
    assert ask("staging.subject_id('person', staging.identifier_text(v))", [number, short]) == [expected, expected]
    first17 = "91660101600037341"
    code = hmac.new(token_key(), b"org_code:600037341", hashlib.sha256).hexdigest()[:32]
    values = [first17 + identifiers.uscc_check(first17), "60003734-1", "600037341"]
    assert ask("staging.subject_id('organisation', staging.identifier_text(v))", values) == [code] * 3


@pytest.mark.parametrize("value", ["660101198503040010", "6601011985****0017", "", "123", None])
def test_no_subject_without_a_valid_number(ask: Ask, value: str | None) -> None:
    assert ask("staging.subject_id('person', v)", [value]) == [None]


# ---------- dates (sources.md, common rules)

FORMS = ["2017年05月12日", "2017年5月12日", "20170512", "2017-05-12", "2017/5/12", "2017/05/12", "2017-05-12 00:00:00",
         "2017-05-12T08:30:00", "2017.5.12"]  # fmt: skip
OPEN = ["9999-09-09", "2099-12-31", "9999-12-31", "1900-01-01", "1899-12-31 12:00:00", "2099-12-31 00:00;00"]
BAD = ["2017-02-30", "20171301", "2017年13月1日", "2017-00-10", "201705", "1494547200000", "17-05-12", "某日",
       "2017-05", "2017-05-12x", "99999-01-01"]  # fmt: skip


def test_every_form_of_a_date_is_read(ask: Ask) -> None:
    assert ask("staging.to_date(v)", FORMS) == [date(2017, 5, 12)] * len(FORMS)
    assert ask("staging.is_bad_date(v)", FORMS) == [False] * len(FORMS)


def test_placeholders_and_open_ends_are_no_date_and_no_fault(ask: Ask) -> None:
    assert ask("staging.to_date(v)", OPEN) == [None] * len(OPEN)
    assert ask("staging.is_bad_date(v)", [*OPEN, None]) == [False] * (len(OPEN) + 1)


def test_what_is_no_existing_date_is_a_fault(ask: Ask) -> None:
    assert ask("staging.to_date(v)", BAD) == [None] * len(BAD)
    assert ask("staging.is_bad_date(v)", BAD) == [True] * len(BAD)


@few
@given(st.lists(st.dates(date(1901, 1, 1), date(2098, 1, 1)), min_size=500, max_size=500))
def test_dates_of_all_times_are_read_in_all_forms(ask: Ask, days: list[date]) -> None:
    for form in ("{0:%Y%m%d}", "{0:%Y-%m-%d}", "{0.year}/{0.month}/{0.day}", "{0.year}年{0.month}月{0.day}日"):
        assert ask("staging.to_date(v)", [form.format(day) for day in days]) == days


# ---------- amounts, empty values, sex


@pytest.mark.parametrize(
    ("text", "yuan"),
    [("1234.5", "1234.5"), ("1,234.50元", "1234.50"), ("5,000000", "5000000"), ("0.2万元", "2000"), ("12万", "120000"),
     ("100 万元人民币", "1000000"), ("-3", "-3"), ("5000元人民币", "5000"), ("0", "0")],
)  # fmt: skip
def test_amounts_are_yuan_unless_they_say_otherwise(ask: Ask, text: str, yuan: str) -> None:
    assert str(ask("trim_scale(staging.to_yuan(v))::text", [text])[0]) == (
        yuan.rstrip("0").rstrip(".") if "." in yuan else yuan
    )


@pytest.mark.parametrize("text", ["标的款5000元", "五千", "1.2.3", "", "1e5", "12亿", "10美元", "万元"])
def test_what_is_no_amount_is_not_guessed(ask: Ask, text: str) -> None:
    assert ask("staging.to_yuan(v)", [text]) == [None]


@pytest.mark.parametrize("text", ["", " ", "\u3000", "\\N", "暂无", "无", "— —", "NULL", "未公开", " 暂无\r\n", "N/A"])
def test_every_spelling_of_nothing_is_null(ask: Ask, text: str) -> None:
    assert ask("staging.null_text(v)", [text]) == [None]


def test_text_that_only_contains_a_spelling_of_nothing_stays(ask: Ask) -> None:
    assert ask("staging.null_text(v)", [" 无锡 ", "0", "暂无法履行"]) == ["无锡", "0", "暂无法履行"]


def test_sex_is_read_in_every_code(ask: Ask) -> None:
    assert ask("staging.sex_code(v)", ["男", "男性", "1", "09_00003-1"]) == ["男"] * 4
    assert ask("staging.sex_code(v)", ["女", "女性", "2", "09_00003-2"]) == ["女"] * 4
    assert ask("staging.sex_code(v)", ["0", "未知", "09_00003-3"]) == [None] * 3


# ---------- conduct (法释〔2017〕7号 Art. 1; domain 1.2)


@pytest.mark.parametrize(
    ("text", "codes"),
    [
        ("有履行能力而拒不履行生效法律文书确定义务", ["D1"]),
        ("有履行能力而拒不履行生效法律文书确定义务的", ["D1"]),
        ("其他有履行能力而拒不履行生效法律文书确定义务", ["D1"]),
        ("以伪造证据、暴力、威胁等方法妨碍、抗拒执行", ["D2"]),
        ("伪造证据妨碍、抗拒执行", ["D2"]),
        ("以虚假诉讼、虚假仲裁或者以隐匿、转移财产等方法规避执行", ["D3"]),
        ("其它规避执行", ["D3"]),
        ("其他规避执行", ["D3"]),
        ("违反财产报告制度", ["D4"]),
        ("违反限制消费令", ["D5"]),
        ("违反限制高消费令", ["D5"]),
        ("无正当理由拒不履行执行和解协议", ["D6"]),
        ("被执行人无正当理由拒不履行执行和解协议", ["D6"]),
        (
            "违反财产报告制度,违反限制高消费令,被执行人无正当理由拒不履行执行和解协议,其他有履行能力而拒不履行生效法律文书确定义务",
            ["D1", "D4", "D5", "D6"],
        ),
        ("违反财产报告制度；违反财产报告制度;违反限制消费令，", ["D4", "D5"]),
        ("拖欠物业费", None),
        ("违反财产报告制度,拖欠物业费", None),
        ("", None),
        (",，", None),
    ],
)
def test_conduct_is_one_of_six_or_unknown(ask: Ask, text: str, codes: list[str] | None) -> None:
    assert ask("staging.conduct_codes(v)", [text]) == [codes]


# ---------- case numbers (domain 1.7) and names (domain 5.1)

NEW = re.compile(
    r"^\((\d{4})\)(?!.*字第)(最高法|[京津冀晋内辽吉黑沪苏浙皖闽赣鲁豫鄂湘粤桂琼渝川黔云藏陕甘青宁新兵军]\d{0,4})"
    r"([一-龥]{1,3}?)(\d+)号(?:之[一二三四五六七八九十\d]+)?$"
)
OLD = re.compile(
    r"^\((\d{4})\)([一-龥]{1,6}?)(执[一-龥]*?|[民刑行商知][一-龥]*?)字第0*(\d+)号(?:之[一二三四五六七八九十\d]+|-\d+)?$"
)


@pytest.mark.parametrize(
    ("sent", "normal", "grammar"),
    [
        ("（2017）浙0106执1234号", "(2017)浙0106执1234号", NEW),
        ("〔2017〕浙0106执恢9号", "(2017)浙0106执恢9号", NEW),
        ("【2022】 豫0724 执恢 17号之一", "(2022)豫0724执恢17号之一", NEW),
        ("［2022］最高法执监3号", "(2022)最高法执监3号", NEW),
        ("(2014)杭西执民字第00123号", "(2014)杭西执民字第123号", OLD),
        ("（１９９９）虹执字第7号", "(1999)虹执字第7号", OLD),
        ("[2013]熟辛执字第00077号-1", "(2013)熟辛执字第77号-1", OLD),
        ("(2013)熟辛执字第0号", "(2013)熟辛执字第0号", OLD),
    ],
)
def test_case_numbers_of_both_grammars_have_one_normal_form(ask: Ask, sent: str, normal: str, grammar: Any) -> None:
    assert ask("staging.case_number(v)", [sent]) == [normal]
    assert [known for known in (NEW, OLD) if known.fullmatch(normal)] == [grammar]


def test_a_new_and_an_old_number_are_never_equated(ask: Ask) -> None:
    one, other = ask("staging.case_number(v)", ["（2014）杭西执民字第00123号", "(2014)浙0106执123号"])
    assert one != other


@pytest.mark.parametrize("dot", "·•‧・･∙⋅●．.")
def test_every_dot_between_parts_of_a_name_is_the_same_dot(ask: Ask, dot: str) -> None:
    name = f"阿依{dot}买买提"
    assert [*ask("staging.name_key(v)", [name]), feed_check.name_key(name)] == ["阿依·买买提"] * 2


def test_names_are_compared_without_spaces_and_with_one_kind_of_bracket(ask: Ask) -> None:
    names = ["示例（普通合伙）", "示例(普通合伙)", " 示例 〔普通合伙〕", "示例\u3000【普通合伙】"]
    assert ask("staging.name_key(v)", names) == ["示例(普通合伙)"] * 4
    assert [feed_check.name_key(name) for name in names] == ["示例(普通合伙)"] * 4


@pytest.mark.parametrize("form", [
    "", "公司", "有限公司", "有限责任公司", "股份有限公司", "集团有限公司", "集团股份有限公司",
    "分公司", "有限公司分公司", "合伙企业", "有限公司厂",
])  # fmt: skip
def test_the_legal_form_of_a_name_is_left_out_alike(ask: Ask, form: str) -> None:
    names = [f"{trunk}{form}" for trunk in ("示例商贸", "杭州试样机械", "集团示例科技", "示例公司物业")]
    variants = ask("staging.name_variants(v)", names)
    assert None not in variants and variants == ask("staging.name_variants(v)", [stem(name) for name in names])


def test_look_alikes_stay_different_names(ask: Ask) -> None:
    pairs = ["颜未", "闫未", "颜末", "萧堃", "肖坤", "〇", "○", "零"]
    assert len(set(ask("staging.name_key(v)", pairs))) == len(pairs)
