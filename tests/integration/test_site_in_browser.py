"""The public site as a reader meets it: a real browser, a plain file server, and a feed that the module made once."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

import chromium
from chromium import Page
from credit_warehouse.site.build import build_site
from feed_peer import raw
from public_feed import KEY, RARE, PublicFeed, entry

NANCHANG, QINGDAO, UNIT = "南昌市东湖区人民法院", "青岛市市北区人民法院", "试样新能源有限公司"
THERE = {"court_name": QINGDAO, "court_division": "370203"}
NAMESAKE, ALONE, LEAVES = "同名样", "独名样", "撤下样"
WHOLE = "660001198503040072"
"""The whole number of one of the namesakes; the site has 6600011985****0072."""
ENTRIES = (
    entry(71, subject_name=NAMESAKE, sex="女", published_on="2026-03-01"),
    entry(72, subject_name=NAMESAKE, published_on="2026-03-02", is_contested=True),
    entry(73, subject_name=NAMESAKE, published_on="2026-03-03", **THERE),
    entry(74, subject_name=ALONE, published_on="2026-03-04", **THERE),
    entry(75, subject_name=LEAVES, published_on="2026-03-05"),
    entry(76, subject_name=RARE, published_on="2026-03-06"),
    entry(77, subject_name=UNIT, subject_kind="organisation", identifier_shown="91660101MA00000077", sex=None,
          published_on="2026-03-07", legal_representative="试𬭎", **THERE),
    # More than one page of a court's list.
    *(entry(number, published_on="2026-02-01") for number in range(100, 152)),
)  # fmt: skip
READY = "document.body.dataset.ready === 'yes'"


class Quiet(SimpleHTTPRequestHandler):
    """Files of a folder, and no words about them."""

    def log_message(self, format: str, *args: Any) -> None:
        return


@dataclass
class Site:
    """What is served, and the feed it is made of."""

    feed: PublicFeed
    folder: Path
    address: str

    def build(self) -> None:
        build_site(self.feed.folder / "exports", self.folder, self.feed.folder / "copies", raw(KEY), contact="示例中心")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("site")
    feed = PublicFeed(folder)
    feed.add(*ENTRIES)
    found = Site(feed, folder / "site", "")
    found.build()
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(found.folder))) as server:
        found.address = f"http://127.0.0.1:{server.server_address[1]}"
        thread = Thread(target=server.serve_forever)
        thread.start()
        yield found
        server.shutdown()
        thread.join()


@pytest.fixture(scope="module")
def tab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    program = chromium.executable()
    if program is None:
        pytest.skip("没有 Chromium，网站未在浏览器中检验 no Chromium here (Debian: apt-get install chromium)")
    with chromium.running(program, tmp_path_factory.mktemp("chromium")) as found:
        yield found


@pytest.fixture
def page(tab: Page, site: Site) -> Iterator[Page]:
    """The first page of the site, on a screen of an office; whatever a test does, nobody else is asked."""
    tab.events.clear()
    tab.size(1100, 900)
    tab.open(f"{site.address}/index.html", ready=READY)
    yield tab
    assert [url for url in tab.requests if not url.startswith((f"{site.address}/", "data:,"))] == []
    assert tab.problems == []


def fill(page: Page, field: str, text: str) -> None:
    page.value(f"document.getElementById('{field}').value = ''; document.getElementById('{field}').focus()")
    page.type(text)


def choose(page: Page, field: str, label: str) -> None:
    """An option by the beginning of its words, as somebody who sees them would."""
    page.value(
        f"""(() => {{
            const select = document.getElementById("{field}");
            select.value = [...select.options].find((option) => option.text.startsWith("{label}")).value;
            select.dispatchEvent(new Event("change", {{ bubbles: true }}));
        }})()"""
    )


def ask(page: Page, name: str, number: str = "") -> str:
    """Search with the pointer; what the page answers."""
    fill(page, "name", name)
    fill(page, "number", number)
    page.value("document.getElementById('result').replaceChildren()")
    page.click("#search button[type=submit]")
    page.until("document.getElementById('result').children.length > 0")
    return str(page.value("document.getElementById('result').innerText"))


def test_a_unit_is_found_under_its_whole_name_and_told_whole(page: Page) -> None:
    told = ask(page, UNIT)
    for said in (UNIT, "91660101MA00000077", "(2026)赣0102执77号", QINGDAO, "金钱给付义务，77000元", "试𬭎"):
        assert said in told, said


def test_a_rare_name_is_found_however_its_dot_is_written(page: Page) -> None:
    assert f"1 个号码使用“{RARE}”" in ask(page, RARE)
    assert "1 个号码使用" in ask(page, RARE.replace("·", "•"))


def test_who_is_not_listed_gets_an_answer_that_says_no_more(page: Page) -> None:
    for name in ("无此人样", NAMESAKE[:2], f"{UNIT}分公司"):
        told = ask(page, name)
        assert f"没有姓名或名称为“{name}”的在列条目" in told and "不说明其信用状况" in told


def test_a_shared_name_is_nobody_until_a_number_says_who(page: Page) -> None:
    told = ask(page, NAMESAKE)
    assert f"有 3 个号码使用“{NAMESAKE}”" in told and "只凭姓名不能认定是谁" in told
    for apart in ("号码（遮蔽）", "性别", "执行法院", "发布时间"):
        assert apart in told
    assert page.value("document.querySelectorAll('#result tbody tr').length") == 3
    assert "执72号" not in told and "72000元" not in told and page.value("!document.querySelector('#result article')")


def test_with_a_number_one_of_those_who_share_a_name_is_told_apart(page: Page) -> None:
    told = ask(page, NAMESAKE, WHOLE)
    assert "执72号" in told and "执71号" not in told and "执73号" not in told
    assert "异议中" in told and "仍可能不是同一人" in told
    masked = f"{WHOLE[:10]}****{WHOLE[14:]}"
    assert "执72号" in ask(page, NAMESAKE, masked)
    assert "不是同一人" in ask(page, NAMESAKE, "660001198503040099")


def test_neither_name_nor_number_is_in_what_a_search_fetches(page: Page) -> None:
    before = len(page.requests)
    ask(page, NAMESAKE, WHOLE)
    (fetched,) = page.requests[before:]
    assert "/data/name/" in fetched and fetched.endswith(".json")
    assert not any(secret in url for url in page.requests for secret in (NAMESAKE, "%E5", WHOLE[:10], WHOLE[-4:]))


def test_filters_narrow_down_and_an_empty_remainder_is_said(page: Page) -> None:
    choose(page, "province", "山东省")
    courts = page.value("[...document.getElementById('court').options].map((option) => option.text)")
    assert courts == ["全部", f"{QINGDAO}（3）"]
    assert f"有 1 个号码使用“{NAMESAKE}”" in ask(page, NAMESAKE)
    choose(page, "kind", "单位")
    assert "符合所填条件" in ask(page, NAMESAKE)
    assert UNIT in ask(page, UNIT)


def test_a_court_s_list_is_read_page_by_page(page: Page) -> None:
    choose(page, "court", NANCHANG)
    page.until("document.querySelectorAll('#court-result tbody tr').length === 50")
    assert "共 56 条，第 1 / 2 页" in page.value("document.querySelector('#court-result caption').innerText")
    page.click("#court-result .controls button:last-child")
    page.until("document.querySelectorAll('#court-result tbody tr').length === 6")
    assert page.value("document.querySelector('#court-result .controls button:last-child').disabled")


def test_the_newest_roll_and_stop_when_told(page: Page) -> None:
    first = page.value("document.querySelector('#rolling tbody th').innerText")
    assert first.startswith(UNIT)
    page.click("#next")
    page.until("document.getElementById('rolling-page').textContent.startsWith('第 2 ')")
    assert page.value("document.getElementById('pause').getAttribute('aria-pressed')") == "true"


def focused(page: Page) -> str:
    return str(
        page.value("document.activeElement.id || document.activeElement.className || document.activeElement.tagName")
    )


def test_everything_can_be_done_with_keys_alone(page: Page) -> None:
    page.press("Tab")
    assert focused(page) == "skip"
    assert page.value("document.activeElement.getBoundingClientRect().left") >= 0, "the skip link is seen when reached"
    page.press("Enter")
    page.until("location.hash === '#content'")
    page.press("Tab")
    assert focused(page) == "name"
    page.type(NAMESAKE)
    page.press("Tab")
    page.type(WHOLE)
    page.press("Enter")
    page.until("document.querySelector('#result article') !== null && document.activeElement.id === 'result'")
    outline = page.value("getComputedStyle(document.activeElement).outlineStyle")
    assert outline == "solid"
    reached = []
    for _ in range(4):
        page.press("Tab", shift=True)
        reached.append(focused(page))
    assert reached[1:] == ["court", "province", "kind"]
    page.value("document.getElementById('pause').focus()")
    page.press(" ")
    assert page.value("document.getElementById('pause').getAttribute('aria-pressed')") == "true"


def test_a_telephone_shows_the_whole_width(page: Page, site: Site) -> None:
    page.size(360, 740, mobile=True)
    ask(page, NAMESAKE)
    # A line of a table is a card with the names of its fields.
    label = page.value("getComputedStyle(document.querySelector('#result tbody td'), '::before').content")
    assert label == '"性别"'
    fields = page.value(
        "[...document.querySelectorAll('input, select, form button')].map((field) => field.offsetHeight)"
    )
    assert min(fields) >= 44, "as wide as a finger"
    for name in (None, "statistics", "objection"):
        if name:
            page.open(f"{site.address}/{name}.html")
        assert page.value("document.documentElement.scrollWidth") <= 360, name


def test_every_curve_of_the_statistics_is_drawn_where_it_is_seen(page: Page, site: Site) -> None:
    page.open(f"{site.address}/statistics.html")
    curves = page.value(
        "[...document.querySelectorAll('figure')].map((figure) => [figure.innerText.split('：')[0],"
        " figure.querySelector('svg').getBoundingClientRect().width, figure.querySelectorAll('circle').length > 0,"
        " getComputedStyle(figure.querySelector('circle')).fill])"
    )
    assert [title for title, *_ in curves] == [
        "在列条目", "曾经曝光（累计）", "撤下（累计）", "曝光后履行（累计）", "在列载明金额",
        "曝光后履行的载明金额（累计）",
    ]  # fmt: skip
    assert all(width > 400 and drawn and fill == "rgb(18, 73, 90)" for _, width, drawn, fill in curves)


def test_a_page_past_its_time_shows_nobody(page: Page, site: Site) -> None:
    later = int(timedelta(days=30).total_seconds() * 1000)
    clock = page.call(
        "Page.addScriptToEvaluateOnNewDocument",
        source=f"{{ const now = Date.now; Date.now = () => now() + {later}; }}",
    )
    page.events.clear()
    page.open(f"{site.address}/index.html", ready="!document.getElementById('stale').hidden")
    page.call("Page.removeScriptToEvaluateOnNewDocument", **clock)
    assert page.value("document.querySelector('main').innerText").startswith("本站数据已过有效期")
    assert page.value("document.querySelectorAll('main section').length") == 0
    assert page.requests and not any("/data/" in url for url in page.requests)


def test_a_search_that_cannot_be_answered_says_so(page: Page) -> None:
    page.call("Network.setBlockedURLs", urls=["*/data/name/*"])
    told = ask(page, ALONE)
    page.call("Network.setBlockedURLs", urls=[])
    assert told == "查询未能完成，请稍后再试。"
    # The browser tells of the request that this test has cut off.
    page.events[:] = [event for event in page.events if event["method"] != "Log.entryAdded"]


def test_who_was_taken_down_between_two_builds_is_gone_from_a_page_that_stayed_open(page: Page, site: Site) -> None:
    """The last test here: it builds the site a second time."""
    assert f"使用“{LEAVES}”" in ask(page, LEAVES)
    site.feed.remove(75, "WITHDRAWN")
    site.build()
    assert f"没有姓名或名称为“{LEAVES}”" in ask(page, LEAVES)
    page.open(f"{site.address}/index.html", ready=READY)
    assert LEAVES not in page.value("document.body.innerText")
    choose(page, "court", NANCHANG)
    page.until("document.querySelectorAll('#court-result tbody tr').length === 50")
    assert "共 55 条" in page.value("document.querySelector('#court-result caption').innerText")
    assert LEAVES not in json.dumps(page.value("document.body.innerText"))
