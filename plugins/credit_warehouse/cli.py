"""``credit-warehouse``: the public commands."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, TypeVar

import typer
from rich.console import Console

if TYPE_CHECKING:
    from credit_warehouse.feed_consumer import Copy
    from credit_warehouse.stack.airflow_api import AirflowApi

app = typer.Typer(
    help="公共信用数据仓库 | credit data integration warehouse", no_args_is_help=True, add_completion=False
)
archive_commands = typer.Typer(help="原件归档 | the archive of originals", no_args_is_help=True)
app.add_typer(archive_commands, name="archive")
feed_commands = typer.Typer(help="出库清单 | the feeds", no_args_is_help=True)
app.add_typer(feed_commands, name="feed")
key_commands = typer.Typer(help="清单签名密钥 | the keys that sign the feeds", no_args_is_help=True)
feed_commands.add_typer(key_commands, name="key")
review_commands = typer.Typer(help="身份候选审核 | candidates for a reviewer", no_args_is_help=True)
app.add_typer(review_commands, name="review")
vault_commands = typer.Typer(help="完整号码保险库 | the vault of full identifiers", no_args_is_help=True)
app.add_typer(vault_commands, name="vault")
site_commands = typer.Typer(help="公开查询网站 | the site of the public list", no_args_is_help=True)
app.add_typer(site_commands, name="site")
channel_commands = typer.Typer(help="曝光渠道 | channels of exposure", no_args_is_help=True)
app.add_typer(channel_commands, name="channel")
access_commands = typer.Typer(help="数据库账号 | logins of the database", no_args_is_help=True)
app.add_typer(access_commands, name="access")
ledger_commands = typer.Typer(help="防篡改台账 | the tamper-evident ledger", no_args_is_help=True)
app.add_typer(ledger_commands, name="ledger")
console = Console()
T = TypeVar("T")
FAILED = 1
FeedFolder = Annotated[Path, typer.Argument(exists=True, file_okay=False, help="清单目录 folder of one feed")]
KeyFile = Annotated[
    Path | None, typer.Option("--key", exists=True, dir_okay=False, help="另行取得的公钥 public key received by hand")
]
KeyFolder = Annotated[
    Path | None, typer.Option("--keys", file_okay=False, help="公告密钥目录 announced keys; default: keys beside DIR")
]
FeedHome = Annotated[Path, typer.Option("--home", file_okay=False, help="本单位副本目录 folder of the copies")]
FEED_HOME = Path("feed-home")
Exports = Annotated[
    Path, typer.Option("--exports", exists=True, file_okay=False, help="出库目录 folder of the exports")
]
Out = Annotated[Path, typer.Option("--out", file_okay=False, help="输出目录，整体替换 folder, replaced as a whole")]
Contact = Annotated[str, typer.Option(help="受理异议的联系方式 where objections are taken")]
Reviewer = Annotated[str, typer.Option("--reviewer", help="审核员 who decides")]
Reason = Annotated[str, typer.Option("--reason", help="理由 why")]
Decider = Annotated[str, typer.Option("--by", help="批准人 who decides")]
LoginName = Annotated[str, typer.Argument(metavar="LOGIN", help="账号 login")]
OsUser = Annotated[str, typer.Argument(metavar="USER", help="操作系统用户 user of the operating system")]
Item = Annotated[str, typer.Argument(metavar="ITEM", help="条目标识 item_id")]
Subject = Annotated[str | None, typer.Option("--subject", help="有多个候选时指明主体 which of several candidates")]
Day = Annotated[datetime, typer.Option("--date", formats=["%Y-%m-%d"], help="业务日期 business date")]


@app.command()
def start(
    sandbox: Annotated[bool, typer.Option(help="同时启动模拟来源 with simulated providers")] = False,
    subjects: Annotated[int, typer.Option(help="模拟主体数 simulated subjects")] = 5000,
    days: Annotated[int, typer.Option(help="模拟天数 simulated days")] = 3,
) -> None:
    """启动数据库与 Airflow | start database and Airflow and leave them running."""
    from credit_warehouse import day, rehearsal, stack
    from credit_warehouse.preparation import prepare
    from credit_warehouse.stack.airflow_environment import ADMIN

    if stack.status().running:
        console.print(f"已在运行 already running: {stack.status().url}", highlight=False)
        return
    with console.status("启动中 starting …"):
        api = stack.start(
            rehearsal.connections if sandbox else _given_connections(),
            dag_ids=day.dag_ids(),
            bootstrap=rehearsal.steps(subjects, days) if sandbox else [lambda _processes: prepare()],
        )
        day.end_leftovers(api)
    console.print(f"界面 UI: {api.base_url}  用户 user: {ADMIN}", highlight=False)
    console.print("密码 password: credit-warehouse password", highlight=False)


@app.command()
def stop() -> None:
    """停止本目录启动的全部进程 | stop every process started in this home, and only those."""
    from credit_warehouse import stack

    stack.stop()
    console.print("已停止 stopped")


@app.command()
def status() -> None:
    """显示运行状态 | show what runs; exit status 1 when something is down."""
    from credit_warehouse import stack

    found = stack.status()
    for name, running in found.processes.items():
        console.print(f"{'运行 up  ' if running else '停止 down'}  {name}", highlight=False)
    console.print(f"界面 UI: {found.url or '—'}", highlight=False)
    if not found.running:
        raise typer.Exit(FAILED)


@app.command()
def dsn() -> None:
    """输出数据仓库连接串 | print the warehouse DSN on one line."""
    from credit_warehouse.db import NoDatabase, warehouse_dsn

    try:
        typer.echo(warehouse_dsn())
    except NoDatabase as error:
        raise _fail(str(error)) from None


@app.command()
def password() -> None:
    """输出界面管理员密码 | print the password of the UI."""
    from credit_warehouse.stack.airflow_environment import admin_password

    typer.echo(admin_password())


@app.command()
def prepare() -> None:
    """建立库表、函数与规则种子 | create schemas, functions and rule seeds in the database."""
    from credit_warehouse.preparation import prepare as prepare_database

    prepare_database()


@app.command()
def run(
    business_date: Day,
    landing: Annotated[
        Path | None,
        typer.Option(exists=True, file_okay=False, help="只处理该目录 only DIR/<source>/*"),
    ] = None,
) -> None:
    """处理一个业务日 | process one business day through the real DAGs; exit status 1 if anything failed."""
    from credit_warehouse.build import BUSINESS_ZONE
    from credit_warehouse.day import run_day

    if business_date.date() > datetime.now(BUSINESS_ZONE).date():
        raise _fail(f"业务日期尚未到来 {business_date.date()} has not come yet")
    with _running_stack() as api:
        result = run_day(api, business_date.date(), _progress, landing=landing.resolve() if landing else None)
        _close(result.missing, result.failures)


@app.command()
def simulate(
    subjects: Annotated[int, typer.Option(help="模拟主体数 simulated subjects")] = 5000,
    days: Annotated[int, typer.Option(help="模拟天数 simulated business days")] = 3,
) -> None:
    """模拟若干业务日并停止 | rehearse business days with simulated providers, then stop everything."""
    from credit_warehouse import day, rehearsal, stack

    # The rehearsal decides when a day happens; the clock of the machine must not add runs of its own.
    os.environ["WAREHOUSE_SCHEDULES"] = "off"
    missing: list[str] = []
    failures: list[str] = []
    try:
        with console.status("启动中 starting …"):
            api = stack.start(rehearsal.connections, dag_ids=day.dag_ids(), bootstrap=rehearsal.steps(subjects, days))
        day.end_leftovers(api)
        for business_date in rehearsal.days_to_play(days):
            number = rehearsal.business_days(days).index(business_date) + 1
            console.rule(f"业务日 business day {business_date} ({number}/{days})")
            rehearsal.deliver(business_date)
            result = day.run_day(api, business_date, _progress)
            missing += [f"{business_date} {source}" for source in result.missing]
            failures += [f"{business_date} {failure}" for failure in result.failures]
        _close(missing, failures)
    finally:
        with console.status("停止中 stopping …"):
            stack.stop()


@app.command("as-known")
def as_known(
    known_at: Annotated[
        datetime, typer.Option("--at", formats=["%Y-%m-%dT%H:%M:%S", "%Y-%m-%d"], help="所知时点 known at")
    ],
    day: Annotated[datetime, typer.Option("--on", formats=["%Y-%m-%d"], help="问及之日 the day asked for")],
    listing: Annotated[str | None, typer.Option(help="法院记录号 one listing")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="JSON")] = False,
) -> None:
    """某时点所知、某日的档案与两个产品 | record and products as known at a moment, for a day."""
    import json

    from credit_warehouse import past
    from credit_warehouse.build import BUSINESS_ZONE

    found = past.as_known(known_at.replace(tzinfo=BUSINESS_ZONE), day.date(), listing)
    if as_json:
        typer.echo(json.dumps(found, ensure_ascii=False, default=str, indent=2))
        return
    for line in past.in_words(found):
        console.print(line, highlight=False)


@app.command()
def explain(
    kind: Annotated[
        Literal["publication", "directive", "item", "link"], typer.Argument(help="曝光、指令、条目或关联 what of it")
    ],
    given: Annotated[
        str,
        typer.Argument(
            metavar="ID",
            help="条目、法院记录、指令或关联的标识 item_id, listing number, directive_id or link_id",
        ),
    ],
    original: Annotated[
        bool, typer.Option("--original", help="查阅原件全文，记入查阅日志 full lines; every reading is logged")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="JSON")] = False,
) -> None:
    """从收到的那一行到最后一次出库的全部依据 | the chain from the received line to the last delivery."""
    import json

    from credit_warehouse.archive import ArchiveDamaged
    from credit_warehouse.explain import UnknownId, explain_link, in_words, link_in_words
    from credit_warehouse.explain import explain as chain_of

    try:
        found = explain_link(given) if kind == "link" else chain_of(kind, given, original=original)
    except (UnknownId, ArchiveDamaged) as error:
        raise _fail(str(error)) from None
    if as_json:
        typer.echo(json.dumps(found, ensure_ascii=False, default=str, indent=2))
        return
    for line in link_in_words(found) if kind == "link" else in_words(found):
        console.print(line, highlight=False, markup=False, soft_wrap=True)


@app.command()
def sandbox(
    out: Annotated[Path, typer.Option(help="输出目录 output folder")],
    subjects: Annotated[int, typer.Option(help="主体数 subjects")] = 5000,
    seed: Annotated[int, typer.Option(help="随机种子 seed")] = 20260302,
    days: Annotated[int, typer.Option(help="天数 business days")] = 3,
    first_day: Annotated[
        datetime, typer.Option("--start", formats=["%Y-%m-%d"], help="首个业务日 first business day")
    ] = datetime(2026, 3, 2),
) -> None:
    """生成合成来源文件与真值 | write synthetic provider files, and the truth behind them apart."""
    from credit_warehouse.sandbox import generate

    console.print(generate(out, subjects=subjects, seed=seed, days=days, start=first_day.date()))


@app.command()
def replay(
    since: Annotated[datetime, typer.Option("--from", formats=["%Y-%m-%d"], help="自该日起 from this day")],
) -> None:
    """用归档原件重建数据仓库 | rebuild the warehouse from the archived originals; the stack must be up."""
    from credit_warehouse.archive import ArchiveDamaged
    from credit_warehouse.replay import replay as rebuild

    try:
        with console.status("重建中 rebuilding …"):
            batches, build_id = rebuild(since.date())
    except ArchiveDamaged as error:
        raise _fail(str(error)) from None
    console.print(f"重新装载 {batches} 批，构建 {build_id} | {batches} batches loaded again, build {build_id}")


@archive_commands.command()
def prune(
    on: Annotated[datetime, typer.Option("--on", formats=["%Y-%m-%d"], help="以该日为准 as of this day")],
    remove: Annotated[bool, typer.Option("--remove", help="真正删除，否则只列出 without it, list only")] = False,
) -> None:
    """列出或删除保存期满的原件 | list, or remove, originals past their retention that nothing current rests on."""
    from credit_warehouse import retention
    from credit_warehouse.build import BUSINESS_ZONE

    if on.date() > datetime.now(BUSINESS_ZONE).date():
        raise _fail(f"日期尚未到来 {on.date()} has not come yet")
    try:
        found = (retention.prune if remove else retention.expired)(on.date())
    except retention.UnknownClass as error:
        raise _fail(str(error)) from None
    for original in found:
        console.print(
            f"{original.source}  {original.newest_date}  {original.sha256[:12]}…  {original.bytes} B  "
            f"{original.rule.name}：{original.rule.years} 年 years，{original.rule.legal_basis}",
            highlight=False,
            soft_wrap=True,
        )
    done = "已删除 removed" if remove else "可删除 could be removed (--remove)"
    console.print(f"{done}: {len(found)}", highlight=False)


@review_commands.command("list")
def review_list(
    reviewer: Reviewer,
    limit: Annotated[int, typer.Option(min=1, help="至多显示 at most")] = 20,
    as_json: Annotated[bool, typer.Option("--json", help="JSON")] = False,
) -> None:
    """列出待审核的候选，记入查阅日志 | candidates with their evidence; every reading is logged."""
    import json

    from credit_warehouse import review

    try:
        found = review.queue(reviewer, limit)
    except review.NotPossible as error:
        raise _fail(str(error)) from None
    if as_json:
        typer.echo(json.dumps(found, ensure_ascii=False, default=str, indent=2))
        return
    for line in review.in_words(found):
        console.print(line, highlight=False, markup=False, soft_wrap=True)


@review_commands.command("accept")
def review_accept(item: Item, reviewer: Reviewer, reason: Reason, subject: Subject = None) -> None:
    """采纳候选，写入关联台账 | accept a candidate: a row of the ledger, in the record with the next build."""
    from credit_warehouse import review

    _decide(lambda: f"已关联 linked {review.accept(item, subject, reviewer, reason)}")


@review_commands.command("reject")
def review_reject(item: Item, reviewer: Reviewer, reason: Reason, subject: Subject = None) -> None:
    """否定候选，不再提出 | refuse a candidate: it is not proposed again while the item says the same."""
    from credit_warehouse import review

    _decide(lambda: f"已否定 refused {review.reject(item, subject, reviewer, reason)}")


@review_commands.command("undo")
def review_undo(item: Item, reviewer: Reviewer, reason: Reason) -> None:
    """解除关联，立即撤下依其出库的内容 | undo a link; what left on the strength of it is taken down at once."""
    from credit_warehouse import review

    _decide(lambda: f"已解除 undone {review.undo(item, reviewer, reason)}")


@ledger_commands.command("seal")
def ledger_seal() -> None:
    """将待入链条目入链并锚定 | chain what was entered and write the anchor; runs after every export by itself."""
    from credit_warehouse import ledger
    from credit_warehouse.export.keys import KeyProblem

    try:
        sequence = ledger.seal()
    except KeyProblem as error:
        raise _fail(str(error)) from None
    console.print(f"链头 head of the chain: {sequence}" if sequence else "没有待入链条目 nothing waited")


@ledger_commands.command("verify")
def ledger_verify() -> None:
    """核验台账，逐条指出被改、被删、被插入的行 | name every row that was changed, removed or put in; exit status 1."""
    from credit_warehouse import ledger

    found = ledger.verify()
    for finding in found.findings:
        console.print(str(finding), highlight=False, markup=False, soft_wrap=True)
    console.print(
        f"链 entries {found.sequence}，待入链 waiting {found.waiting}，锚定 anchors {found.anchors}，"
        f"异常 findings {len(found.findings)}",
        highlight=False,
        soft_wrap=True,
    )
    if found.findings:
        raise typer.Exit(FAILED)


@access_commands.command("grant")
def access_grant(
    login: LoginName,
    role: Annotated[
        Literal["loader", "transformer", "analyst", "auditor", "exporter", "department"],
        typer.Option("--role", help="角色 what it may do: docs/access.md"),
    ],
    decided_by: Decider,
    reason: Reason,
    department: Annotated[str | None, typer.Option("--department", help="部门代码 department_code")] = None,
) -> None:
    """开通账号 | make a login; its password is a file below secrets."""
    from credit_warehouse import access

    _with_access(lambda: access.grant(login, role, decided_by, reason, department))
    console.print("连接串 how to connect: credit-warehouse access dsn " + login, highlight=False)


@access_commands.command("rotate")
def access_rotate(login: LoginName, decided_by: Decider, reason: Reason) -> None:
    """更换账号密码 | a new password for a login, in force at once."""
    from credit_warehouse import access

    _with_access(lambda: access.rotate(login, decided_by, reason))


@access_commands.command("revoke")
def access_revoke(login: LoginName, decided_by: Decider, reason: Reason) -> None:
    """收回账号，结束其会话 | take a login away and end its sessions."""
    from credit_warehouse import access

    _with_access(lambda: access.revoke(login, decided_by, reason))


@access_commands.command("list")
def access_list() -> None:
    """列出账号与角色 | logins and what they are members of."""
    from credit_warehouse import access

    for found in access.logins():
        console.print(f"{found.name}  {found.role}", highlight=False)


@access_commands.command("dsn")
def access_dsn(login: LoginName) -> None:
    """输出账号的连接串，含密码 | print how a login connects, password included."""
    from credit_warehouse import access

    typer.echo(_with_access(lambda: access.login_dsn(login)))


@vault_commands.command("rotate")
def vault_rotate() -> None:
    """更换保险库密钥并重新加密；中断后再次运行即续做 | a new key for every value; run again to go on after a kill."""
    from credit_warehouse import vault

    try:
        with console.status("重新加密中 re-encrypting …"):
            done = vault.rotate()
    except vault.KeyMissing as error:
        raise _fail(str(error)) from None
    console.print(f"密钥 key {done.key_id}：已重新加密 re-encrypted {done.rekeyed}", highlight=False)
    if done.unreadable:
        raise _fail(f"无法解密 values that their own key does not open: {done.unreadable}")
    if done.left:
        raise _fail(f"仍需旧密钥 still under other keys: {done.left}；再次运行 run again")
    console.print("旧密钥已不再需要，备份除外 old keys open nothing here any more, backups apart", highlight=False)


@vault_commands.command("status")
def vault_status() -> None:
    """各密钥所加密的号码数 | how many values need which key."""
    from credit_warehouse import vault

    newest = vault.key_id()
    for name, count in sorted({newest: 0, **vault.in_use()}.items()):
        console.print(f"{name}  {count}{'  现用 in use' if name == newest else ''}", highlight=False)


@vault_commands.command("grant")
def vault_grant(user: OsUser, decided_by: Decider, reason: Reason) -> None:
    """授权查阅完整号码 | let a user read full identifiers."""
    from credit_warehouse import vault

    vault.grant(user, decided_by, reason)


@vault_commands.command("revoke")
def vault_revoke(user: OsUser, decided_by: Decider, reason: Reason) -> None:
    """收回查阅授权 | end the grant of a user."""
    from credit_warehouse import vault

    vault.grant(user, decided_by, reason, revoke=True)


@vault_commands.command("open")
def vault_open(
    token: Annotated[str, typer.Argument(metavar="SUBJECT", help="主体标识 subject_id")], reason: Reason
) -> None:
    """查阅一个完整号码，须获授权，记入查阅日志 | read one full identifier; needs a grant, and is logged."""
    from credit_warehouse import vault

    try:
        typer.echo(vault.open_identifier(token, reason))
    except (vault.NotGranted, vault.KeyMissing) as error:
        raise _fail(str(error)) from None
    except KeyError:
        raise _fail("保险库中没有该主体的号码 the vault holds no number of this subject") from None


@feed_commands.command("verify")
def feed_verify(
    folder: FeedFolder,
    key: KeyFile = None,
    keys: KeyFolder = None,
    start: Annotated[int, typer.Option("--from", min=1, help="自该序号的全集起 begin with this full set")] = 1,
    at: Annotated[datetime | None, typer.Option("--at", help="以该时刻判断有效期 judge the expiry at")] = None,
) -> None:
    """以接收方身份核验清单 | follow a feed as its consumer would; exit status 1 at the first thing that is wrong."""
    from contextlib import closing

    from credit_warehouse import feed_consumer
    from credit_warehouse.feed_protocol import KEYS

    beside = keys or folder.resolve().parent / KEYS
    try:
        trusted = _public_key(key) if key else feed_consumer.published_key(folder, beside, start)
        with closing(feed_consumer.verify(folder, beside, trusted, start)) as copy:
            copy.check_fresh((at or datetime.now()).astimezone())
            _say_standing(copy)
    except feed_consumer.FeedRefused as error:
        raise _fail(str(error)) from None
    if not key:
        console.print(
            "公钥取自清单旁，未与另行取得者比对 | the key was found beside the feed; compare its id with one received"
            " by hand, or give --key",
            style="yellow",
        )


@feed_commands.command("apply")
def feed_apply(
    folder: FeedFolder,
    state: Annotated[Path, typer.Option(dir_okay=False, help="本地副本（SQLite） the local copy")],
    key: KeyFile = None,
    keys: KeyFolder = None,
) -> None:
    """接收新清单到本地副本 | take what is new into a local copy; refuses gaps and changes, ignores repetitions."""
    from contextlib import closing

    from credit_warehouse import feed_consumer
    from credit_warehouse.feed_protocol import KEYS

    try:
        with closing(feed_consumer.Copy(state, _public_key(key) if key else None)) as copy:
            copy.begin_at(feed_consumer.newest_full(folder))
            taken = copy.catch_up(folder, keys or folder.resolve().parent / KEYS)
            console.print(f"接收 {len(taken)} 份清单 deliveries taken", highlight=False)
            copy.check_fresh(datetime.now().astimezone())
            _say_standing(copy)
    except (feed_consumer.FeedRefused, ValueError) as error:
        raise _fail(str(error)) from None


@feed_commands.command("pull")
def feed_pull(
    source: Annotated[str, typer.Argument(help="出库目录或 http(s) 地址 folder or address of the exports")],
    feed: Annotated[
        list[str] | None, typer.Option("--feed", help="清单名称，首次必需 name of a feed; default: those held")
    ] = None,
    home: FeedHome = FEED_HOME,
    key: KeyFile = None,
    resync: Annotated[
        bool, typer.Option("--resync", help="缺号时自较新的全集重新开始 after a gap begin again with a later full set")
    ] = False,
) -> None:
    """接收新清单并出具回执 | take what is new, verified, into this department's copies, and write receipts."""
    from sqlite3 import OperationalError

    from credit_warehouse.feed_consumer import FeedRefused
    from credit_warehouse.feed_home import Home, SourceProblem, source_of

    held = Home(home)
    names = feed or held.feeds()
    if not names:
        raise _fail("首次接收须给出清单名称与公钥 name the feed and give its key the first time (--feed, --key)")
    trusted, failed = _public_key(key) if key else None, False
    try:
        place = source_of(source)
    except SourceProblem as error:
        raise _fail(str(error)) from None
    for name in names:
        try:
            done = held.pull(place, name, trusted, resync=resync)
            begun = f"，自 {done.anew:08d} 全集重新开始 begun again" if done.anew else ""
            console.print(f"接收 {len(done.taken)} 份清单 deliveries taken{begun}", highlight=False, soft_wrap=True)
            with held.copy(name) as copy:
                copy.check_fresh(datetime.now().astimezone())
                _say_standing(copy)
        except (FeedRefused, SourceProblem, ValueError) as error:
            _fail(str(error))
            failed = True
        except OperationalError:
            _fail(
                f"{name}：副本正被另一进程使用，或磁盘已满 the copy is in use by another process, or the disk is full"
            )
            failed = True
    if failed:
        raise typer.Exit(FAILED)


@feed_commands.command("status")
def feed_status(home: FeedHome = FEED_HOME) -> None:
    """本地副本的状态 | what is held; exit status 1 when a copy has expired or none is held."""
    from credit_warehouse.feed_home import Home

    held, now, stale = Home(home), datetime.now().astimezone(), False
    for name in held.feeds():
        found = held.status(name, now)
        if found is None:
            console.print(f"{name}  尚未接收 nothing taken yet", highlight=False)
            stale = True
            continue
        age = now - found.taken_at if found.taken_at else None
        stale |= found.is_stale
        console.print(
            f"{name}  {found.standing.sequence:08d}  {found.standing.total} 条 entries"
            f"  业务日期 business date {found.standing.business_date}"
            f"  接收于 taken {f'{age.days} 天 {age.seconds // 3600} 小时前 d h ago' if age else '—'}"
            f"  {'已过期，不得据以惩戒 EXPIRED, not to be acted on' if found.is_stale else '有效 valid'}"
            f"（至 until {found.standing.valid_until}）"
            + f"  拆分待处理 splits to settle: {found.splits}"
            * bool(found.splits),
            highlight=False,
            soft_wrap=True,
        )
    if not held.feeds():
        raise _fail(f"{home}：没有副本 no copy is held here; begin with feed pull")
    if stale:
        raise typer.Exit(FAILED)


@feed_commands.command("events")
def feed_events(
    home: FeedHome = FEED_HOME,
    settle: Annotated[
        str | None,
        typer.Option("--settle", metavar="ID", help="已处理，清除所涉信息 dealt with: forget who it was"),
    ] = None,
) -> None:
    """误认与并认 | who was taken for another (SPLIT: undo what was done), and who is taken for whom (MERGE)."""
    from credit_warehouse.feed_home import Home

    held, settled = Home(home), False
    for name in held.feeds():
        with held.copy(name) as copy:
            settled |= settle is not None and copy.settle(settle)
            for event in copy.events() if settle is None else ():
                meaning = (
                    "误认，须撤销据此采取的措施 taken for another: undo"
                    if event.op == "SPLIT"
                    else "并认 taken for one"
                )
                console.print(
                    f"{name} {event.sequence:08d}  {event.id}  {event.op} {meaning}"
                    f"  {event.business_date}  {event.reason}  条目 item {event.item}",
                    highlight=False, soft_wrap=True, markup=False,
                )  # fmt: skip
                for entry in event.held:
                    console.print(
                        f"- {entry.get('measure_code') or ''} {entry.get('subject_name')}"
                        f" {entry.get('identifier_shown')} {entry.get('directive_id') or entry['item_id']}",
                        highlight=False, soft_wrap=True, markup=False,
                    )  # fmt: skip
    if settle is not None and not settled:
        raise _fail(f"没有此项 no such event: {settle}")


@feed_commands.command("check")
def feed_check(
    number: Annotated[
        str | None, typer.Option("--id", help="完整号码；- 自标准输入读取 whole number; - reads it from standard input")
    ] = None,
    name: Annotated[str | None, typer.Option("--name", help="姓名/名称 name")] = None,
    measure: Annotated[str | None, typer.Option("--measure", help="措施代码 measure code")] = None,
    matter: Annotated[str | None, typer.Option("--matter", help="办理事项用词 words of the matter")] = None,
    feed: Annotated[str | None, typer.Option("--feed", help="清单名称 feed; default: the only one held")] = None,
    home: FeedHome = FEED_HOME,
) -> None:
    """办理前查询是否受限 | is this person restricted for this matter; answers offline from the copy.

    退出码 exit status: 0 未见限制 none, 3 限制 restricted, 4 不能认定 undecided, 5 审慎参考 consider, 1 无法回答 error.
    """
    from credit_warehouse.feed_check import Answer, InvalidNumber
    from credit_warehouse.feed_check import check as ask
    from credit_warehouse.feed_consumer import FeedRefused
    from credit_warehouse.feed_home import Home

    if number == "-":
        number = sys.stdin.readline().strip()
    if not number and not name:
        raise _fail("请给出号码与姓名 give the number and the name (--id, --name)")
    held = Home(home)
    names = [feed] if feed else held.feeds()
    if len(names) != 1:
        raise _fail("请指明清单 name the feed (--feed): " + ", ".join(names))
    now = datetime.now().astimezone()
    try:
        with held.copy(names[0]) as copy:
            copy.hurry()
            if copy.standing() is None:
                raise _fail(f"{names[0]}：尚未接收 nothing taken yet")
            copy.check_fresh(now)
            found = ask(copy, now.date(), number=number or None, name=name, measure=measure, matter=matter)
            copy.count_compare(hit=found.answer in (Answer.RESTRICTED, Answer.CONSIDER))
    except (FeedRefused, InvalidNumber, ValueError) as error:
        raise _fail(str(error)) from None
    console.print(f"{found.answer}\n依据 basis: {found.basis}", highlight=False, soft_wrap=True, markup=False)
    for entry in found.entries:
        flags = "，异议中 contested" * bool(entry.get("is_contested"))
        flags += "，待法院确认 awaits the court" * bool(entry.get("awaits_court_confirmation"))
        flags += "，依法院令连带，本人未被列入 named in an order, not listed" * bool(entry.get("court_order"))
        flags += "，退出名单后依法保留 retained by law" * bool(entry.get("is_retained"))
        console.print(
            f"- {entry['measure_code']} {entry.get('measure_zh')}（{entry.get('effect_type')}{flags}）"
            f" {entry.get('legal_basis')}；指令 directive {entry.get('directive_id')}",
            highlight=False, soft_wrap=True, markup=False,
        )  # fmt: skip
    if found.answer is Answer.UNDECIDED and not found.entries:
        console.print(
            f"同名或掩码相同者 who share it: {len(found.candidates)} 人", highlight=False, soft_wrap=True, markup=False
        )
        for shown in found.candidates[:20]:
            console.print(f"- {shown}", highlight=False, markup=False)
        console.print("以完整号码与姓名再问 ask again with the whole number and the name", highlight=False)
    raise typer.Exit({Answer.NONE: 0, Answer.RESTRICTED: 3, Answer.UNDECIDED: 4, Answer.CONSIDER: 5}[found.answer])


@feed_commands.command("receipts")
def feed_receipts(
    folder: Annotated[Path, typer.Argument(exists=True, file_okay=False, help="回执目录 folder with receipts")],
) -> None:
    """接收各单位回执，核对台账 | take in receipts and compare them with the ledger; exit status 1 if any is refused."""
    from credit_warehouse import receipts

    done = receipts.take_in(folder)
    console.print(f"接收 {done.accepted} 份回执 receipts taken，已有 known {done.known}", highlight=False)
    for refusal in done.refused:
        console.print(str(refusal), style="red", highlight=False, soft_wrap=True, markup=False)
    if done.refused:
        raise typer.Exit(FAILED)


@key_commands.command("rotate")
def feed_key_rotate(
    overlap_days: Annotated[int, typer.Option(min=0, help="公告后多少天启用 days from announcement to first use")] = 7,
    unannounced: Annotated[bool, typer.Option("--unannounced", help="旧钥遗失或泄露 old key lost or stolen")] = False,
) -> None:
    """更换签名密钥 | make the next key, announced under the signature of the one in use."""
    from datetime import timedelta

    from credit_warehouse.export import keys

    try:
        name, starts = keys.rotate(timedelta(days=overlap_days), announced=not unannounced)
    except keys.KeyProblem as error:
        raise _fail(str(error)) from None
    console.print(f"新密钥 new key {name}，启用 in use from {starts.astimezone():%Y-%m-%d %H:%M}", highlight=False)
    if unannounced:
        console.print("须另行送达各接收方 give keys/*.pub to every consumer by hand", style="yellow", highlight=False)


@site_commands.command("build")
def site_build(
    exports: Exports,
    out: Out,
    key: KeyFile = None,
    home: FeedHome = FEED_HOME,
    contact: Contact = "",
    queries: Annotated[
        Path | None,
        typer.Option(exists=True, dir_okay=False, help="每日查询次数 queries by day, as the web server counted them"),
    ] = None,
) -> None:
    """由公开清单生成查询网站 | make the static site of the public list from its feed, verified as a consumer would."""
    from credit_warehouse.feed_consumer import FeedRefused
    from credit_warehouse.feed_home import SourceProblem
    from credit_warehouse.site.build import build_site
    from credit_warehouse.site.held import StaleFeed

    try:
        done = build_site(exports, out, home, _public_key(key) if key else None, contact=contact, queries=queries)
    except (FeedRefused, SourceProblem, StaleFeed, ValueError) as error:
        raise _fail(str(error)) from None
    console.print(
        f"{done.entries} 条 entries，业务日期 business date {done.business_date}，清单 delivery {done.sequence:08d}："
        f"{done.files} 个文件 files，{done.bytes / 1e6:.1f} MB，{out}",
        highlight=False,
        soft_wrap=True,
    )


@site_commands.command("queries")
def site_queries(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="CSV：day,queries")],
    feed: Annotated[str, typer.Option("--feed", help="网站所示清单 the feed that the site shows")] = "exposure",
) -> None:
    """接收网站每日查询次数 | take in how often the site was asked, by day; a later report corrects an earlier one."""
    from credit_warehouse.build import BUSINESS_ZONE
    from credit_warehouse.db import connect
    from credit_warehouse.site.queries import take_in

    try:
        with connect(tokens=False) as connection:
            done = take_in(connection, feed, file, datetime.now(BUSINESS_ZONE).date())
    except ValueError as error:
        raise _fail(str(error)) from None
    console.print(
        f"新增 {done.new} 天 days，更正 corrected {done.corrected}，已有 known {done.known}；见 see marts.exposure_day",
        highlight=False,
    )


@channel_commands.command("list")
def channel_list() -> None:
    """各渠道：是否启用、清单、遮蔽与下限 | channels with their feeds, masks and floors."""
    from credit_warehouse.db import connect

    with connect() as connection:
        found = connection.execute(
            "select channel, channel_zh, recipient_zh, feed, is_enabled, number_mask, min_birthdays, format,"
            " concat_ws(' ', cadence, weekday), legal_basis from core.exposure_channel where valid_to is null"
            " order by channel"
        ).fetchall()
    for channel, zh, recipient, feed, on, mask, floor, form, cadence, basis in found:
        console.print(
            f"{channel}  {'启用 on' if on else '停用 off'}  {zh} → {recipient}\n    清单 feed {feed}，"
            f"号码 number {mask}，出生日下限 birthdays at least {floor or '—'}，{form}，{cadence}；{basis}",
            highlight=False, soft_wrap=True, markup=False,
        )  # fmt: skip


@channel_commands.command("key")
def channel_key(channel: Annotated[str, typer.Argument(help="渠道 channel")]) -> None:
    """输出交给接收方的号码散列密钥 | print the key of a tokenised channel, to be handed to its recipient alone."""
    from credit_warehouse import secrets
    from credit_warehouse.db import connect

    with connect() as connection:
        known = connection.execute(
            "select from core.exposure_channel where channel = %s and is_tokenised", [channel]
        ).fetchone()
    if known is None:
        raise _fail(f"{channel}：不是号码散列渠道 is no channel of tokens")
    typer.echo(secrets.channel_key(channel).hex())


@channel_commands.command("screens")
def channel_screens(
    exports: Exports,
    out: Out,
    feed: Annotated[str, typer.Option("--feed", help="清单 feed of the channel")] = "exposure-screen",
    key: KeyFile = None,
    home: FeedHome = FEED_HOME,
    page_length: Annotated[
        int | None, typer.Option(min=1, help="每页条数，默认依声明 entries a page; default: as declared")
    ] = None,
    dwell: Annotated[
        int | None, typer.Option(min=1, help="每页秒数，默认依声明 seconds a page; default: as declared")
    ] = None,
) -> None:
    """由渠道清单生成滚动屏分页 | write the pages of a rolling screen from its feed, verified as a consumer would."""
    from credit_warehouse.feed_consumer import FeedRefused
    from credit_warehouse.feed_home import SourceProblem
    from credit_warehouse.site.held import StaleFeed
    from credit_warehouse.site.screen import declared_pages, write_pages

    length, seconds = declared_pages(feed) or (None, None)
    length, seconds = page_length or length, dwell or seconds
    if length is None or seconds is None:
        raise _fail(f"{feed}：未声明每页条数与秒数 no pages are declared for it; give --page-length and --dwell")
    try:
        done = write_pages(
            exports, feed, out, home, _public_key(key) if key else None, page_length=length, dwell_seconds=seconds
        )
    except (FeedRefused, SourceProblem, StaleFeed, ValueError) as error:
        raise _fail(str(error)) from None
    console.print(
        f"{done.entries} 条 entries，{done.pages} 页 pages，一轮 {done.seconds} 秒 seconds a round，{out}",
        highlight=False, soft_wrap=True,
    )  # fmt: skip


@channel_commands.command("bulletin")
def channel_bulletin(
    exports: Exports,
    out: Annotated[Path, typer.Option("--out", dir_okay=False, help="PDF 文件 file, replaces an older one")],
    centre: Annotated[str, typer.Option(help="发布单位 who publishes")],
    feed: Annotated[str, typer.Option("--feed", help="清单 feed of the channel")] = "exposure-bulletin",
    key: KeyFile = None,
    home: FeedHome = FEED_HOME,
    contact: Contact = "",
    only_new: Annotated[
        bool, typer.Option("--only-new", help="只印本周新增 only whom the feed added in the week")
    ] = False,
    font: Annotated[
        Path | None,
        typer.Option(exists=True, dir_okay=False, help="另用字体 another font, for rare characters"),
    ] = None,
) -> None:
    """由渠道清单生成报纸公告 PDF | write the newspaper bulletin from its feed, verified as a consumer would."""
    from credit_warehouse.feed_consumer import FeedRefused
    from credit_warehouse.feed_home import SourceProblem
    from credit_warehouse.site.bulletin import write_bulletin
    from credit_warehouse.site.held import StaleFeed

    try:
        done = write_bulletin(
            exports, feed, out, home, _public_key(key) if key else None, centre=centre, contact=contact, font=font,
            only_new=only_new,
        )  # fmt: skip
    except (FeedRefused, SourceProblem, StaleFeed, ValueError) as error:
        raise _fail(str(error)) from None
    console.print(
        f"{done.entries} 条 entries，{done.courts} 个法院 courts，{done.pages} 页 pages，"
        f"业务日期 business date {done.business_date}，清单 delivery {done.sequence:08d}，{out}",
        highlight=False, soft_wrap=True, markup=False,
    )  # fmt: skip


@app.command("was-public")
def was_public(
    listing: Annotated[str, typer.Argument(help="法院记录号或条目标识 listing_id or item_id")],
    on: Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"], help="业务日期 business date")] = None,
) -> None:
    """何时在何渠道公开过 | when and on which channel it was public, on a day or ever; exit status 1 if it was not."""
    from credit_warehouse.db import connect

    with connect() as connection:
        found = connection.execute(
            "select feed, channel, public_from, public_until, ended_by, policy_version from marts.exposure_history"
            " where (listing_id = %(of)s or item_id = %(of)s) and (%(on)s::date is null"
            " or public_from <= %(on)s::date and (public_until is null or %(on)s::date < public_until))"
            " order by shown_at, feed",
            {"of": listing, "on": on.date() if on else None},
        ).fetchall()
    for feed, channel, since, until, ended_by, version in found:
        console.print(
            f"{feed}（{channel}）{since} — {until or '至今 still'}"
            f"{f'，{ended_by}' if ended_by else ''}，规则 rules {version}",
            highlight=False, soft_wrap=True, markup=False,
        )  # fmt: skip
    if not found:
        console.print("未曾公开 it was not public", highlight=False)
        raise typer.Exit(FAILED)


@app.command("check-declarations")
def check_declarations() -> None:
    """校验来源、质量规则与渠道频次的声明 | validate the declarations of sources, quality rules and channels' days."""
    from credit_warehouse.declarations import DeclarationError, load_sources
    from credit_warehouse.export.cadence import CadenceProblem, check
    from credit_warehouse.rules import SUITES, check_rules
    from credit_warehouse.site import channel

    try:
        for source in load_sources():
            typer.echo(f"{source.name}  {source.label}")
        book = check_rules()
    except DeclarationError as error:
        raise _fail(str(error)) from None
    for suite, label in SUITES.items():
        count = sum(found == suite for found, _, _ in book.every())
        typer.echo(f"{suite}  {label}，{count} 条规则 rules")
    for line, row in channel.every_row():
        try:
            check(row)
        except CadenceProblem as problem:
            raise _fail(f"{channel.SEED.name}:{line}: {problem}") from None


@app.command()
def rules(
    owner: Annotated[str, typer.Option(help="责任单位代码或名称 code or name of who answers")] = "",
) -> None:
    """列出质量规则：依据、不过时、责任单位 | list the quality rules with article, severity and owner."""
    from credit_warehouse.declarations import DeclarationError
    from credit_warehouse.report.wording import SEVERITIES
    from credit_warehouse.rules import SUITES, check_rules

    try:
        book = check_rules()
    except DeclarationError as error:
        raise _fail(str(error)) from None
    names = {code: found.owner_zh for code, found in book.owners.items()}
    if owner and owner not in {*names, *names.values()}:
        raise _fail(f"没有这个责任单位 no such owner: {owner}；有 there are: {'、'.join(map(' '.join, names.items()))}")
    for suite, label in SUITES.items():
        chosen = [
            rule for found, _, rule in book.every()
            if found == suite and (not owner or owner in (rule.owner, names[rule.owner]))
        ]  # fmt: skip
        if chosen:
            typer.echo(f"{label} {suite}")
        for rule in chosen:
            typer.echo(
                f"  {rule.rule}  {SEVERITIES[rule.severity]}  {names[rule.owner]}  {rule.title}；依据：{rule.basis}"
            )


@app.command()
def dictionary(
    html: Annotated[bool, typer.Option("--html", help="可检索的网页 a page with a search")] = False,
    dbt: Annotated[bool, typer.Option("--dbt", help="另生成 dbt 文档 the docs of dbt as well")] = False,
) -> None:
    """输出数据字典（Markdown） | print the data dictionary."""
    from credit_warehouse.dictionary import build, render
    from credit_warehouse.transform import write_docs

    if dbt:
        typer.echo(write_docs())
    if html:
        typer.echo(build())
    if not (html or dbt):
        typer.echo(render())


@app.command("calendar")
def working_days(
    first_year: Annotated[int, typer.Option("--from", help="起始年 first year")] = 2017,
    last_year: Annotated[int, typer.Option("--to", help="截止年 last year")] = 2030,
) -> None:
    """输出工作日历种子（CSV），需开发环境 | print the seed dim_calendar; needs the extra dev."""
    from credit_warehouse.calendar import write_calendar

    write_calendar(sys.stdout, first_year, last_year)


@app.command()
def report(
    month: Annotated[
        datetime | None, typer.Option("--month", formats=["%Y-%m"], help="月报 the report of a month instead")
    ] = None,
) -> None:
    """重新生成质量报告，或某月的月报 | write the quality report anew, or that of a month."""
    from credit_warehouse.report import write_month, write_report

    try:
        typer.echo(write_month(month.date()) if month else write_report())
    except LookupError as error:
        raise _fail(str(error)) from None


@contextmanager
def _running_stack() -> Iterator[AirflowApi]:
    """The stack of this home: the one that runs, else one for the time of the command."""
    from credit_warehouse import day, stack
    from credit_warehouse.preparation import prepare as prepare_database
    from credit_warehouse.stack import airflow

    if stack.status().running:
        yield airflow.client()
        return
    os.environ["WAREHOUSE_SCHEDULES"] = "off"
    try:
        with console.status("启动中 starting …"):
            api = stack.start(
                _given_connections(), dag_ids=day.dag_ids(), bootstrap=[lambda _processes: prepare_database()]
            )
        day.end_leftovers(api)
        yield api
    finally:
        stack.stop()


def _given_connections() -> dict[str, str]:
    """Airflow connections to real providers, from the environment (``AIRFLOW_CONN_<ID>``)."""
    prefix = "AIRFLOW_CONN_"
    return {name[len(prefix) :].lower(): value for name, value in os.environ.items() if name.startswith(prefix)}


def _progress(dag_id: str, state: str) -> None:
    colour = {"success": "green", "failed": "red"}.get(state, "default")
    console.print(f"{datetime.now():%H:%M:%S}  [{colour}]{state:8}[/]  {dag_id}", highlight=False)


def _close(missing: list[str], failures: list[str]) -> None:
    from credit_warehouse import summary

    summary.show(console, summary.totals())
    for source in missing:
        console.print(f"未收到 nothing received: {source}", highlight=False)
    for failure in failures:
        console.print(f"失败 failed: {failure}", style="red", soft_wrap=True, highlight=False, markup=False)
    if failures:
        raise typer.Exit(FAILED)


def _public_key(path: Path) -> bytes:
    from credit_warehouse.feed_protocol import read_key

    try:
        return read_key(path)
    except ValueError:
        raise _fail(f"{path.name} 不是 Ed25519 公钥（PEM） is no Ed25519 public key in PEM") from None


def _say_standing(copy: Copy) -> None:
    held = copy.standing()
    if held:
        console.print(
            f"一致 good: {held.feed} {held.sequence:08d}，业务日期 business date {held.business_date}，"
            f"{held.total} 条 entries，有效期至 valid until {held.valid_until}，密钥 key {held.key_id}\n"
            f"全集哈希 set hash {held.set_hash}",
            highlight=False,
            soft_wrap=True,
        )


def _decide(decision: Callable[[], str]) -> None:
    from credit_warehouse.review import NotPossible

    try:
        console.print(decision(), highlight=False)
    except NotPossible as error:
        raise _fail(str(error)) from None


def _with_access(do: Callable[[], T]) -> T:
    from credit_warehouse.access import AccessProblem

    try:
        return do()
    except AccessProblem as error:
        raise _fail(str(error)) from None


def _fail(message: str) -> typer.Exit:
    Console(stderr=True).print(message, style="red", soft_wrap=True, highlight=False)
    return typer.Exit(FAILED)
