"""The league table of suppliers against figures worked out by hand, and the monthly report that shows it."""

from __future__ import annotations

import re
from datetime import date
from typing import Any

import pytest
from typer.testing import CliRunner

from credit_warehouse.cli import app

MARCH = date(2026, 3, 1)
TAX, BANK = "tax_arrears", "bank_credit_events"
EVIDENCE = """
update audit.source set fresh_days = 10 where source = 'tax_arrears';
insert into audit.batch
    (source, file_name, sha256, bytes, mode, business_date, received_at, status, rows_in, rows_loaded, rows_rejected)
values
    ('tax_arrears', 'a.csv', 'a', 1, 'full', '2026-03-02', '2026-03-03 20:00+08', 'accepted', 100, 98, 2),
    ('tax_arrears', 'b.csv', 'b', 1, 'full', '2026-03-03', '2026-03-05 08:00+08', 'accepted', 100, 99, 1),
    ('tax_arrears', 'c.csv', 'c', 1, 'full', '2026-03-04', '2026-03-04 08:00+08', 'refused', 50, null, null),
    ('tax_arrears', 'd.csv', 'd', 1, 'full', '2026-02-27', '2026-02-27 08:00+08', 'accepted', 10, 10, 0),
    ('bank_credit_events', 'e.xlsx', 'e', 1, 'delta', '2026-03-02', '2026-03-02 08:00+08', 'accepted', 10, 10, 0);
insert into audit.rejected_row (batch_id, row_no, stage, rule, field)
select batch_id, row_no, 'staging', rule, field
from (values
    ('a.csv', 1, 'NAME_MISSING', 'nsrmc'),
    ('a.csv', 1, 'AMOUNT_INVALID', 'qsye'), ('a.csv', 2, 'AMOUNT_INVALID', 'qsye'),
    ('b.csv', 5, 'KEY_MISSING', 'nsrsbh'), ('b.csv', 5, 'KEY_MISSING', 'sz'), ('c.csv', 1, 'NAME_MISSING', 'nsrmc')
) as said (file_name, row_no, rule, field)
inner join audit.batch using (file_name);
insert into audit.ingest_outcome (run_id, source, business_date, outcome) values
    ('r1', 'tax_arrears', '2026-03-10', 'absent'), ('r2', 'tax_arrears', '2026-03-20', 'absent'),
    ('r3', 'tax_arrears', '2026-03-20', 'absent'), ('r4', 'bank_credit_events', '2026-03-03', 'absent');
insert into core.item_event (_batch_id, source, item_action)
select batch_id, 'tax_arrears', said.action
from audit.batch cross join (values ('A'), ('A'), ('U'), ('R')) as said (action)
where file_name = 'a.csv';
insert into exports.removal (item_id, reason, source, effective_at, received_at) values
    ('x', 'WITHDRAWN', 'tax_arrears', '2026-03-03 09:00+08', '2026-03-05 09:00+08'),
    ('y', 'WITHDRAWN', 'tax_arrears', '2026-03-03 09:00+08', '2026-03-09 09:00+08'),
    ('z', 'WITHDRAWN', 'tax_arrears', '2026-02-02 09:00+08', '2026-02-03 09:00+08');
"""


@pytest.fixture(scope="module")
def rated(shared_warehouse: Any) -> Any:
    shared_warehouse.execute(EVIDENCE)
    return shared_warehouse


def march(warehouse: Any, columns: str) -> dict[str, tuple[Any, ...]]:
    rows = warehouse.rows(f"select source, {columns} from marts.supplier_score where month = %s", [MARCH])
    return {source: tuple(values) for source, *values in rows}


def test_each_criterion_is_what_its_definition_says(rated: Any) -> None:
    found = march(
        rated,
        "rows_in, rows_missing, rows_invalid, rows_refused, deliveries, refused_deliveries, overdue_days,"
        " round(completeness, 4)::text, round(validity, 4)::text, round(timeliness, 4)::text,"
        " round(correction, 4)::text, round(removal, 4)::text",
    )
    # Of 200 rows two lack something; of 250 two are invalid and 50 were refused; of two files one came by the next
    # day, and of two days without a file one was beyond ten days; two of four messages correct earlier ones; the clock
    # of three working days ended on Friday 6 March.
    assert found == {
        TAX: (250, 2, 2, 50, 2, 1, 1, "0.9900", "0.7920", "0.3333", "0.5000", "0.5000"),
        BANK: (10, 0, 0, 0, 1, 0, 0, "1.0000", "1.0000", "1.0000", None, None),
    }


def test_the_score_is_the_weighted_mean_of_what_can_be_computed(rated: Any) -> None:
    # 100 * (0.20*0.99 + 0.25*0.792 + 0.15/3 + 0.15*0.5 + 0.25*0.5); of the bank three criteria count, all of them 1.
    assert march(rated, "score::text, place") == {TAX: ("64.6", 2), BANK: ("100.0", 1)}


def test_a_month_is_rated_with_the_weights_of_its_last_day(rated: Any) -> None:
    ended = "update core.score_weight set valid_to = %s where criterion = 'timeliness'"
    try:
        rated.execute(ended, [date(2026, 3, 15)])
        # (0.198 + 0.198 + 0.075 + 0.125) / 0.85
        assert march(rated, "score::text")[TAX] == ("70.1",)
        february = "select timeliness is not null, score::text from marts.supplier_score where month = '2026-02-01'"
        # A file by the next day, a removal in time, nothing missing, nothing wrong.
        assert rated.rows(february) == [(True, "100.0")]
    finally:
        rated.execute(ended, [None])


def test_the_monthly_report_shows_the_table_and_its_definition(rated: Any) -> None:
    done = CliRunner().invoke(app, ["report", "--month", "2026-03"])
    assert done.exit_code == 0, done.output
    page = (rated.home / "reports" / "month_2026-03.html").read_text(encoding="utf-8")
    places = re.findall(r'<td class="n">(\d+|—)</td><th scope="row">([^<]+)<br>.*?<b>([\d.]+)</b>', page, re.DOTALL)
    assert [(place, score) for place, _, score in places] == [("1", "100.0"), ("2", "64.6")]
    assert "撤下告知及时率" in page and "share of the rows received" in page
    # 35.4 points against a month without a fault, and written out.
    assert "-35.4" in page
    amounts = next(row for row in page.split("<tr>") if "AMOUNT_INVALID" in row)
    assert '<td>欠税公告</td><td class="n">2</td>' in amounts
    removals = page.split('id="removals"')[1].split("</section>")[0]
    assert re.findall(r'<td class="n[^"]*">(\d+)</td>', removals)[0] == "2"
    assert "http://" not in page and "https://" not in page


def test_a_month_without_deliveries_says_so(rated: Any) -> None:
    assert CliRunner().invoke(app, ["report", "--month", "2019-01"]).exit_code == 0
    page = (rated.home / "reports" / "month_2019-01.html").read_text(encoding="utf-8")
    assert "本月没有可评的报送" in page
