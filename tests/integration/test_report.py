"""The quality report against a real database: numbers counted by hand, and no person in it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from datetime import date, datetime

import pytest

from credit_warehouse.identifiers import resident_id_check
from credit_warehouse.report import write_report

DAY = date(2026, 3, 2)
COURT, TAX, BANK = "court_defaulters", "tax_arrears", "bank_credit_events"
TAX_COLUMNS = "nsrsbh,nsrmc,fddbrxm,zjhm,jydz,sz,qsye,xqs,nsrlx,fbjg,fbrq"


def resident(first17: str) -> str:
    return first17 + resident_id_check(first17)


OWNER = resident("37020319900101123")
DEBTOR = resident("37020319850505235")  # odd before the check digit: male
STRAY = resident("37020319770707345")
NAMES = ("欧阳明月", "司马长风", "诸葛青云")
STREET = "云溪路九百号"


def cards(page: str) -> dict[str, str]:
    """Headline numbers by their English name."""
    return dict(re.findall(r'<span class="en" lang="en">([^<]+)</span></span><b>([^<]+)</b>', page))


def row(page: str, head: str) -> list[str]:
    """Texts of the table row whose first cell starts with ``head``."""
    for found in re.findall(r"<tr>(.*?)</tr>", page, re.DOTALL):
        cells = [
            re.sub(r"<svg.*?</svg>|<[^>]+>", " ", cell, flags=re.DOTALL).split()
            for cell in re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", found, re.DOTALL)
        ]
        if cells and cells[0][:1] == [head]:
            return [" ".join(cell) for cell in cells]
    raise AssertionError(f"no row {head}")


def tax_row(number: str, name: str, tax: str, balance: str, kind: str = "个人") -> str:
    return f"{number},{name},{NAMES[2]},{OWNER},{STREET},{tax},{balance},0,{kind},税务局,2026-03-01"


def tax_file(rows: Iterable[str]) -> bytes:
    return ("\r\n".join([TAX_COLUMNS, *rows]) + "\r\n").encode("gb18030")


def listing(number: int, **changes: object) -> dict[str, object]:
    known: dict[str, object] = {
        "id": str(number),
        "iname": NAMES[0],
        "caseCode": f"（2026）鲁0203执{number}号",
        "age": "40",
        "sexy": "男",
        "cardNum": DEBTOR[:10] + "****" + DEBTOR[14:],
        "courtName": "市北区人民法院",
        "areaName": "山东",
        "partyTypeName": "580",
        "performance": "全部未履行",
        "disruptTypeName": "有履行能力而拒不履行生效法律文书确定义务",
        "regDate": "2026年01月05日",
        "publishDate": "2026年02月01日",
        "infoActionType": "A",
        "cardNumFull": DEBTOR,
        "termMonths": "24",
        "publicity": "Y",
        "updatedAt": "2026-03-01T10:00:00+08:00",
    }
    # A declared column may be missing from JSON only if it is optional; the file states what it has.
    return known | {"deleteReason": None, "birthDate": None, "duty": None} | changes


def court_file(rows: Iterable[dict[str, object]]) -> bytes:
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode()


def report() -> str:
    return write_report().read_text(encoding="utf-8")


@pytest.fixture
def warehouse(unbuilt):
    """The report speaks of the first build, too."""
    return unbuilt


@pytest.fixture(scope="module")
def busy_original(other_warehouse, tmp_path_factory):
    with other_warehouse(tmp_path_factory.mktemp("busy"), unbuilt=True) as warehouse:
        yield fill(warehouse)


@pytest.fixture
def busy_day(busy_original, other_warehouse, tmp_path):
    """Ten rows from three files: tax 5 (2 bad), court 4 (1 bad), and a second court file of 1 row that is refused."""
    with other_warehouse(tmp_path, like=busy_original) as copy:
        yield copy


def fill(warehouse):
    warehouse.drop(
        TAX,
        "tax.csv",
        tax_file(
            [
                tax_row(OWNER, NAMES[1], "增值税", "100.00"),
                tax_row(OWNER, NAMES[1], "房产税", "200.00"),
                tax_row(STRAY[:-1] + ("1" if STRAY[-1] != "1" else "2"), NAMES[2], "增值税", "5"),
                tax_row(OWNER, NAMES[1], "契税", "约三百"),
                tax_row(OWNER, NAMES[1], "印花税", "7", kind=STRAY),
            ]
        ),
    )
    warehouse.drop(
        COURT,
        "a.jsonl",
        court_file(
            [
                listing(1),
                listing(2, publicity="N"),
                listing(3, cardNumFull=None),
                listing(4, sexy=NAMES[0]),
            ]
        ),
    )
    refused = warehouse.drop(COURT, "b.jsonl", court_file([listing(5)]))
    refused.with_name("b.jsonl.ok").write_text(json.dumps({"rows": 9}))
    held = warehouse.day(DAY)
    assert held == {}
    return warehouse


class TestBusyDay:
    def test_numbers_counted_by_hand(self, busy_day):
        page = report()
        found = cards(page)
        # 5 + 4 read, and the 9 rows the refused file was said to hold.
        assert found["received"] == "18"
        assert found["loaded"] == "6"
        assert found["quarantined"] == "3"
        assert found["refused files"] == "1"
        assert "收到 18 ＝ 装载 6 ＋ 隔离 3 ＋ 拒收 9 ＋ 待处理 0" in page
        assert "对账一致" in page
        # The owner and the debtor; the taxpayer with the wrong check digit is nobody.
        assert found["subjects"] == "2"
        assert found["published"] == "1"
        # Listing 1 alone: every measure of the place for persons without a court's order, with all its departments.
        measured = busy_day.rows(
            "select count(*) from core.measure_department join core.measure using (measure_code)"
            " where applies_to_person and not needs_court_order and jurisdiction = '370203'"
        )[0][0]
        assert found["directives"] == f"{measured:,}"
        assert found["removed"] == "0"

        assert row(page, "失信被执行人")[2:8] == ["2", "13", "3", "1", "9", "75.0%"]
        assert row(page, "欠税公告")[2:8] == ["1", "5", "3", "2", "0", "60.0%"]
        assert row(page, "银行信用事件")[1] == "未送达"

        # Rows, then the verdicts that occur: 有效, 已遮蔽, 校验位不符; then those of no subject.
        verdicts = page[page.index('id="identifiers"') :]
        assert row(verdicts, "失信被执行人")[2:] == ["3", "2", "1", "0", "1"]
        assert row(verdicts, "欠税公告")[2:] == ["3", "2", "0", "1", "1"]

        assert "全部 3 条列入情形" in page
        assert row(page, "依法不宜公开，改为通报所在单位")[2:] == ["1", "1"]
        assert row(page, "没有有效证件号码，不能确认是谁")[2:] == ["1", "1"]

    def test_says_where_and_why_but_never_who(self, busy_day):
        page = report()
        # Line 1 of the CSV is its header.
        assert row(page, "tax.csv") == ["tax.csv", "5", "欠税余额（元） qsye", "约**"]
        assert ["tax.csv", "6", "纳税人类型（企业/个体/个人） nsrlx", STRAY[:4] + "*" * 14] in [
            row(part, "tax.csv") for part in page.split("</article>") if "PARTY_TYPE_UNKNOWN" in part
        ]
        assert row(page, "a.jsonl") == ["a.jsonl", "4", "性别 sexy", "欧***"]

        notices = page[page.index('id="attention"') : page.index('id="sources"')]
        assert "失信被执行人：拒收 b.jsonl" in notices
        assert "OK_MISMATCH" in notices
        assert "欠税公告：40.0% 的行被隔离" in notices

        for secret in (OWNER, DEBTOR, STRAY, DEBTOR[:10] + "****" + DEBTOR[14:], STREET, *NAMES):
            assert secret not in page
        # Nor any number of fifteen or eighteen digits from elsewhere.
        assert not re.search(r"\d{15}|\d{17}[\dX]", page)

    def test_withdrawal_is_told_with_its_reason(self, busy_day):
        busy_day.drop(
            COURT,
            "c.jsonl",
            court_file([listing(1, infoActionType="D", deleteReason="X1", updatedAt="2026-03-03T09:00:00+08:00")]),
        )
        busy_day.day(date(2026, 3, 3))
        page = report()
        found = cards(page)
        assert found["published"] == "0"
        assert found["removed"] == str(1 + int(row(page, "联合惩戒指令")[3]))
        assert row(page, "曝光清单")[-1] != ""
        removal = page[page.index("本期撤下的理由") :]
        assert row(removal, "曝光清单") == [
            "曝光清单", "法院已删除 WITHDRAWN", "法释〔2013〕17号（2017年修正）第十条", "1"
        ]  # fmt: skip
        assert "应撤未撤" not in page
        # The deletion is of March and came today: gone at once, and after its last day all the same.
        assert row(page[page.index('id="takedowns"') :], "法院已删除")[1:8] == ["1", "0", "0", "1", "0", "0", "0"]
        assert "超过时限" not in page

    def test_a_removal_is_measured_against_its_clock(self, busy_day):
        now = datetime.now().astimezone().isoformat(timespec="seconds")
        busy_day.drop(COURT, "c.jsonl", court_file([listing(1, infoActionType="D", deleteReason="X1", updatedAt=now)]))
        busy_day.day(date(2026, 3, 3))
        page = report()
        clocks = page[page.index('id="takedowns"') : page.index('id="court-questions"')]
        # One message, one reason: received, found and sent within this test.
        found = row(clocks, "法院已删除")
        assert found[1:7] == ["1", "1", "0", "0", "0", "0"]
        assert found[8].endswith(("秒", "分"))
        assert row(page, "已删除")[1:] == ["1", "1", "0"]

    def test_a_removal_that_is_late_and_one_that_nobody_had_been_told_of(self, busy_day):
        # The person who may not be published, and one of whom the feeds still speak ten days after the deletion.
        busy_day.execute(
            "insert into exports.removal (item_id, reason, source, effective_at, received_at)"
            " select item_id, 'WITHDRAWN', 'court_defaulters', '2026-03-02', '2026-03-02'"
            " from marts.defaulter_listing where listing_id in ('1', '3')"
        )
        page = report()
        clocks = page[page.index('id="takedowns"') :]
        assert row(clocks, "法院已删除") == ["法院已删除 WITHDRAWN", "2", "0", "1", "0", "0", "0", "1", "—"]
        notices = page[page.index('id="attention"') : page.index('id="sources"')]
        assert "1 项撤下超过时限" in notices

    def test_what_to_ask_of_the_courts_is_counted_without_a_name(self, busy_day):
        questions = report()
        questions = questions[questions.index('id="court-questions"') : questions.index('id="gates"')]
        # Listing 2 may not be published and names no unit that could be told.
        assert row(questions, "不宜公开而未说明通报单位") == [
            "不宜公开而未说明通报单位 NO_UNIT_TO_NOTIFY",
            "R9",
            "1",
            "1",
            "—",
        ]
        assert "市北区人民法院" not in questions

    def test_an_entry_that_should_have_left_is_shouted(self, busy_day):
        busy_day.execute("update exports.listing_decision set exposure_reasons = 'WITHDRAWN'")
        assert "曝光清单仍有 1 条应撤未撤" in report()


class TestEvidence:
    """Synthetic rows in the evidence tables."""

    @pytest.fixture
    def evidence(self, warehouse):
        warehouse.execute(
            """
            insert into audit.build (business_date, status, started_at, finished_at, exported_at) values
                ('2026-03-01', 'succeeded', '2026-03-01 04:00+08', '2026-03-01 04:01+08', '2026-03-01 04:02+08'),
                ('2026-03-02', 'succeeded', '2026-03-02 04:00+08', '2026-03-02 04:01+08', '2026-03-02 04:02+08');
            insert into audit.batch
                (source, file_name, sha256, bytes, mode, business_date, received_at, status, rows_in, rows_loaded,
                 rows_rejected, build_id)
            select
                source, name, name, 1, 'delta', day::date, (at || '+08')::timestamptz, status, sent, loaded, bad, build
            from (values
                ('tax_arrears', 'old.csv', '2026-03-01', '2026-03-01 03:00', 'accepted', 50, 50, 0, 1),
                ('tax_arrears', 'late.csv', '2026-03-01', '2026-03-02 02:00', 'accepted', 100, 98, 2, 2),
                ('tax_arrears', 'new.csv', '2026-03-02', '2026-03-02 03:00', 'accepted', 200, 200, 0, 2),
                ('court_defaulters', 'cut.jsonl', '2026-03-02', '2026-03-02 03:00', 'refused', null, null, null, null),
                ('bank_credit_events', 'wait.xlsx', '2026-03-02', '2026-03-02 05:00', 'accepted', 7, 7, 0, null)
            ) as sent (source, name, day, at, status, sent, loaded, bad, build);
            update audit.batch
            set refused_rule = 'FILE_TRUNCATED', refused_zh = '残缺', refused_en = 'cut'
            where status = 'refused';
            insert into audit.rejected_row (batch_id, row_no, stage, rule, field) values
                (1, 9, 'staging', 'AMOUNT_INVALID', 'qsye'),
                (2, 3, 'load', 'FIELD_COUNT', ''), (2, 4, 'load', 'FIELD_COUNT', ''),
                (3, 3, 'staging', 'NAME_MISSING', 'nsrmc');
            insert into audit.rejected_row (batch_id, row_no, stage, rule, field)
                select 3, n, 'staging', 'AMOUNT_INVALID', 'qsye' from generate_series(10, 21) as n;
            insert into audit.ingest_outcome (run_id, source, business_date, outcome, recorded_at) values
                ('r', 'registry_entities', '2026-03-02', 'absent', '2026-03-02 03:00+08');
            """
        )
        return warehouse

    def test_late_files_count_where_they_were_taken_in(self, evidence):
        page = report()
        # late 100 + new 200 + waiting 7; old belongs to the day before.
        assert "收到 307 ＝ 装载 285 ＋ 隔离 15 ＋ 拒收 0 ＋ 待处理 7" in page
        assert "另有 1 份文件未能计数" in page
        assert row(page, "欠税公告")[2:8] == ["2", "300", "285", "15", "0", "95.0%"]

    def test_states(self, evidence):
        page = report()
        assert row(page, "失信被执行人")[1].startswith("拒收")
        assert row(page, "银行信用事件")[1].startswith("待处理")
        assert row(page, "市场主体登记")[1] == "未送达"
        assert row(page, "法定代表人及主要人员")[1] == "未接入"

    def test_rules_with_five_examples_at_most(self, evidence):
        page = report()
        rules = {
            code: part
            for part in page.split("</article>")
            for code in re.findall(r"<h3>[^<]*<code>([A-Z_]+)</code>", part)
        }
        assert "<b>12</b> 行" in rules["AMOUNT_INVALID"]
        assert rules["AMOUNT_INVALID"].count("<td><code>new.csv</code>") == 5
        # Rejected before they reached a table: the value is only in the archive.
        assert "<b>2</b> 行" in rules["FIELD_COUNT"]
        assert "整行（原文在归档文件中）" in rules["FIELD_COUNT"]
        # The name of a person is not even looked up.
        assert row(rules["NAME_MISSING"], "new.csv") == ["new.csv", "3", "纳税人名称 nsrmc", "「已隐去」"]

    def test_rows_that_do_not_add_up(self, evidence):
        evidence.execute("update audit.batch set rows_loaded = 199 where file_name = 'new.csv'")
        page = report()
        assert "对账不符" in page
        assert "欠税公告：行数对不上" in page

    def test_a_file_sent_again_is_no_longer_urgent(self, evidence):
        assert "待重送" in report()
        evidence.execute(
            "insert into audit.batch (source, file_name, sha256, bytes, mode, business_date, received_at, status,"
            " rows_in, rows_loaded, rows_rejected) values ('court_defaulters', 'whole.jsonl', 'f', 1, 'delta',"
            " '2026-03-02', '2026-03-02 06:00+08', 'accepted', 1, 1, 0)"
        )
        page = report()
        assert "待重送" not in page
        assert "已重送" in page

    def test_gates(self, evidence):
        evidence.execute(
            """
            insert into audit.quality_result
                (suite, target, rule_id, title_zh, severity, success, vacuous, expected, observed, batch_id, build_id)
            values
                ('raw', 'tax_arrears', 'KEY', '主键', 'stop', true, false, 'column=a, mostly=0.9', '0 / 9', 3, null),
                ('raw', 'tax_arrears', 'KEY', '主键', 'stop', true, true, 'column=b, mostly=0.9', '0 / 0', 3, null),
                ('raw', 'tax_arrears', 'KEY', '主键', 'stop', false, false, 'column=a', '9 / 9', 1, null),
                ('exports', 'exposure_publication', 'ADULT', '成年', 'stop', false, false, '', '1', null, 2),
                ('exports', 'exposure_publication', 'ADULT', '成年', 'stop', true, false, '', '0', null, 2),
                ('exports', 'exposure_publication', 'MASKED', '遮蔽', 'stop', true, false, '', '0', null, 2),
                ('exports', 'exposure_publication', 'MASKED', '遮蔽', 'stop', false, false, '', '2', null, 2);
            """
        )
        page = report()
        # Two columns of the newest file, one of them empty; the file of the day before does not count.
        assert row(page, "主键")[-4:] == ["2", "1", "1", "0"]
        # Repeated checks: the newest word counts, in both directions.
        assert row(page, "成年")[-4:] == ["1", "1", "0", "0"]
        assert row(page, "遮蔽")[-4:] == ["1", "0", "0", "1"]
        assert "1 项检验通过，但没有检验到任何值" in page

    def test_dbt_results_of_this_build_only(self, evidence):
        evidence.execute(
            """
            insert into audit.dbt_result (build_id, unique_id, resource_type, status, seconds, failures, message) values
                (1, 'test.p.older_failure.1', 'test', 'fail', 1, 3, 'Got 3 results'),
                (2, 'test.p.newer_failure.1', 'test', 'fail', 1, 2, 'Got 2 results'),
                (2, 'model.p.slow', 'model', 'success', 12.5, null, 'INSERT 0 1')
            """
        )
        page = report()
        assert "内部检验不通过：newer_failure" in page
        assert "older_failure" not in page
        assert row(page, "slow")[1] == "12.50"

    def test_a_full_number_where_none_is_allowed(self, evidence):
        # Row 3 is at fault in its name, row 10 in its amount; the detail of a refusal quotes a value.
        evidence.execute(
            "insert into raw.tax_arrears (_batch_id, _row_no, qsye, nsrmc) values (3, 10, %s, %s), (3, 3, '1', %s)",
            [OWNER, NAMES[0], NAMES[2]],
        )
        evidence.execute(
            "update audit.batch set refused_zh = %s where file_name = 'cut.jsonl'", [f"值 “{NAMES[1]}” {OWNER}"]
        )
        page = report()
        assert OWNER[:4] + "*" * 14 in page
        for secret in (OWNER, *NAMES):
            assert secret not in page


class TestFresh:
    def test_without_any_table(self, warehouse):
        warehouse.execute("drop schema audit, core, raw, staging, marts, exports cascade")
        path = write_report()
        page = path.read_text(encoding="utf-8")
        assert "数据库还没有初始化" in page
        assert path.name.endswith("_0.html")

    def test_before_the_first_run(self, warehouse):
        page = report()
        assert "还没有构建过信用档案" in page
        assert cards(page)["received"] == "0"
        assert cards(page)["subjects"] == "—"
        assert row(page, "欠税公告")[1] == "未接入"

    def test_between_ingest_and_first_build(self, warehouse):
        warehouse.drop(TAX, "tax.csv", tax_file([tax_row(OWNER, NAMES[1], "增值税", "100.00")]))
        warehouse.ingest(DAY)
        page = report()
        assert "收到 1 ＝ 装载 0 ＋ 隔离 0 ＋ 拒收 0 ＋ 待处理 1" in page
        assert "2026年3月2日" in page

    def test_without_rule_seeds(self, warehouse):
        warehouse.execute("drop table core.reject_rule, core.exclusion_reason, core.department cascade")
        warehouse.execute(
            "insert into audit.batch (source, file_name, sha256, bytes, mode, business_date, status, rows_in,"
            " rows_loaded, rows_rejected)"
            " values ('tax_arrears', 'x.csv', 'a', 1, 'full', '2026-03-02', 'loaded', 2, 1, 1);"
            " insert into audit.rejected_row values (1, 3, 'load', 'FIELD_COUNT')"
        )
        assert "FIELD_COUNT" in report()


class TestFile:
    def test_latest_is_the_newest_report_and_no_draft_is_left(self, warehouse):
        path = write_report()
        again = write_report()
        assert path == again
        assert path.parent == warehouse.home / "reports"
        assert sorted(entry.name for entry in path.parent.iterdir()) == [path.name, "quality_latest.html"]
        assert (path.parent / "quality_latest.html").read_bytes() == path.read_bytes()

    def test_name_carries_business_date_and_build(self, warehouse):
        warehouse.execute("insert into audit.build (business_date, status) values ('2026-03-02', 'succeeded')")
        build_id = warehouse.rows("select max(build_id) from audit.build")[0][0]
        assert write_report().name == f"quality_2026-03-02_{build_id}.html"
