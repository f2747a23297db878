"""A date decides which terms have ended, so a wrong one must not take anybody anywhere."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta

import pytest

from credit_warehouse.build import FutureDate, open_build

DAY = date(2026, 3, 2)
HEADER = "nsrsbh,nsrmc,fddbrxm,zjhm,jydz,sz,qsye,xqs,nsrlx,fbjg,fbrq\n"


def test_a_mistyped_year_in_an_ok_refuses_the_file_and_moves_no_date(unbuilt) -> None:
    path = unbuilt.drop("tax_arrears", "t.csv", HEADER.encode("gb18030") + b"1,a,b,c,d,e,1,1,f,g,2026-03-01\n")
    ok = path.with_name("t.csv.ok")
    ok.write_text(json.dumps({"business_date": "2062-03-02"}))

    unbuilt.ingest(DAY, ["tax_arrears"])

    assert unbuilt.rows("select outcome, rule from audit.ingest_outcome") == [("refused", "DATE_AHEAD")]
    assert unbuilt.rows("select count(*) from audit.batch") == [(0,)]
    assert unbuilt.build(DAY) is not None
    assert unbuilt.rows("select business_date from audit.build") == [(DAY,)]


def test_the_date_of_a_build_comes_from_who_asks_and_never_from_a_file(unbuilt) -> None:
    path = unbuilt.drop("tax_arrears", "t.csv", HEADER.encode("gb18030") + b"1,a,b,c,d,e,1,1,f,g,2026-03-01\n")
    path.with_name("t.csv.ok").write_text(json.dumps({"business_date": "2026-03-01"}))
    unbuilt.ingest(DAY, ["tax_arrears"])
    unbuilt.build(DAY)
    assert unbuilt.rows("select business_date from audit.build") == [(DAY,)]


def test_a_build_of_the_future_is_refused(unbuilt) -> None:
    with pytest.raises(FutureDate):
        open_build((datetime.now(UTC) + timedelta(days=3)).date())
    assert unbuilt.rows("select count(*) from audit.build") == [(0,)]


def test_the_date_never_moves_backwards(unbuilt) -> None:
    unbuilt.build(DAY)
    assert open_build(DAY - timedelta(days=1)) is None
