"use strict";

// Everything is compared on the reader's device. A name decides which small file is fetched (site/shards.py computes the
// same hash); a number never leaves the page.

const LABELS = {
  identifier_shown: "号码", sex: "性别", age: "列入时年龄", legal_representative: "法定代表人或负责人",
  case_number: "执行案号", court_name: "执行法院", basis_document: "执行依据文号", basis_unit: "作出执行依据单位",
  duty_summary: "义务概要", performance: "履行情况", conduct: "失信行为情形", filed_on: "立案时间",
  published_on: "发布时间",
};
const DOTS = /[•‧・･∙⋅●.]/g;
const DWELL = 8000;
const $ = (id) => document.getElementById(id);
let list = null;

const nameKey = (name) => name.normalize("NFKC").replace(/\s/g, "").replace(/[〔[【]/g, "(").replace(/[〕\]】]/g, ")").replace(DOTS, "·");

function nameHash(name) {
  const key = nameKey(name);
  let value = 0x811c9dc5;
  for (let place = 0; place < key.length; place++) value = Math.imul(value ^ key.charCodeAt(place), 0x01000193) >>> 0;
  return value;
}

// The court's mask: month and day of birth hidden. What is no whole number is compared as it was typed.
function shownNumber(typed) {
  const number = typed.normalize("NFKC").toUpperCase().replace(/[\s-]/g, "");
  return /^\d{17}[\dX]$/.test(number) ? [number, `${number.slice(0, 10)}****${number.slice(14)}`] : [number];
}

function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children.filter((child) => child !== null));
  return made;
}

async function load(path) {
  const answer = await fetch(`data/${path}`, { cache: "no-store" });
  if (!answer.ok) throw new Error(path);
  return answer.json();
}

const entriesOf = (rows) => rows.map((row) => Object.fromEntries(list.fields.map((field, place) => [field, row[place]])));
const isStale = () => Date.now() > Date.parse(document.body.dataset.validUntil);
// A page that stayed open past its time shows nobody either: who was taken off since is not known here.
function expired() {
  if (!isStale()) return false;
  $("stale").hidden = false;
  for (const section of document.querySelectorAll("main section")) section.remove();
  return true;
}

const placeOf = (code) => code ? [...new Set([`${code.slice(0, 2)}0000`, `${code.slice(0, 4)}00`, code])].map((part) => list.places[part] || "").join("") : "";
const contested = () => element("span", { class: "flag" }, "异议中");

function whole(entry) {
  const facts = element("dl");
  for (const [field, label] of Object.entries(LABELS)) {
    if (entry[field] === null || entry[field] === undefined || entry[field] === "") continue;
    const isNumber = field === "identifier_shown";
    facts.append(element("dt", {}, label), element("dd", isNumber ? { class: "number" } : {}, String(entry[field])));
  }
  const heading = element("h3", {}, entry.subject_name, " ");
  if (entry.is_contested) heading.append(contested());
  return element("article", { class: "entry" }, heading, facts);
}

function table(entries, caption, columns) {
  const head = element("tr", {}, ...columns.map(([, label]) => element("th", { scope: "col" }, label)));
  const body = entries.map((entry) => element("tr", {}, ...columns.map(([field, label], place) => {
    const content = entry[field] === null || entry[field] === undefined ? "—" : String(entry[field]);
    const attributes = { "data-label": label, ...(field === "identifier_shown" ? { class: "number" } : {}) };
    const cell = element(place ? "td" : "th", place ? attributes : { ...attributes, scope: "row" }, content);
    if (!place && entry.is_contested) cell.append(" ", contested());
    return cell;
  })));
  return element("table", { class: "stack" }, element("caption", {}, caption), element("thead", {}, head), element("tbody", {}, ...body));
}

const APART = [["identifier_shown", "号码（遮蔽）"], ["sex", "性别"], ["age", "列入时年龄"], ["court_name", "执行法院"], ["published_on", "发布时间"]];
const SHORT = [["subject_name", "姓名/名称"], ["identifier_shown", "号码"], ["case_number", "执行案号"], ["court_name", "执行法院"], ["published_on", "发布时间"]];

function filtered(entries) {
  const court = $("court").value, province = $("province").value, kind = $("kind").value;
  return entries.filter((entry) =>
    (!kind || entry.subject_kind === kind) && (!province || (entry.court_division || "").startsWith(province))
    && (!court || entry.court_name === list.courts[court].court));
}

// Which columns differ among those who share a name: only these tell them apart.
const telling = (entries) => APART.filter(([field]) => new Set(entries.map((entry) => entry[field])).size > 1).map(([, label]) => label);

function answer(name, number, entries) {
  if (!entries.length) {
    const narrowed = number || $("court").value || $("province").value || $("kind").value;
    return [element("p", { class: "note" }, `本站没有姓名或名称为“${name}”${narrowed ? "、符合所填条件" : ""}的在列条目。这不说明其信用状况；以法院公布平台为准。`)];
  }
  const people = new Set(entries.map((entry) => entry.identifier_shown)).size;
  if (number) {
    const wanted = shownNumber(number);
    const found = entries.filter((entry) => wanted.includes(entry.identifier_shown));
    if (!found.length) {
    return [element("p", { class: "note" }, `名为“${name}”的在列条目共 ${entries.length} 条，号码都与所填号码不符：不是同一人。`)];
    }
    const isPerson = found[0].subject_kind === "person";
    return [
      element("p", { class: "warn" }, isPerson
        ? `姓名与遮蔽号码相符的条目 ${found.length} 条。出生月日已遮蔽、未经比对，仍可能不是同一人；请再核对性别、案号与执行法院。`
        : `名称与代码相符的条目 ${found.length} 条。`),
      ...found.map(whole),
    ];
  }
  if (entries[0].subject_kind === "organisation" && people === 1) return entries.map(whole);
  const apart = telling(entries);
  return [
    element("p", { class: "warn" }, `本站有 ${people} 个号码使用“${name}”这一姓名或名称，共 ${entries.length} 条。只凭姓名不能认定是谁：`
      + `${apart.length ? `可凭${apart.join("、")}区分` : "未列入的同名者不在此数"}；填写号码后再查看全部内容。`),
    element("div", { class: "wide" }, table(entries, "同名条目", APART)),
  ];
}

async function search(event) {
  event.preventDefault();
  const started = performance.now(), name = $("name").value.trim(), result = $("result");
  if (!name || expired()) return;
  try {
    const rows = await load(`name/${nameHash(name) % list.shards}.json`);
    const key = nameKey(name);
    const entries = filtered(entriesOf(rows).filter((entry) => nameKey(entry.subject_name) === key));
    result.replaceChildren(...answer(name, $("number").value.trim(), entries));
  } catch {
    result.replaceChildren(element("p", { class: "stop" }, "查询未能完成，请稍后再试。"));
  }
  result.dataset.milliseconds = Math.round(performance.now() - started);
  result.focus();
}

async function showCourt(page = 0) {
  const court = list.courts[$("court").value];
  $("court-list").hidden = !court;
  if (!court || expired()) return;
  const entries = entriesOf(await load(`court/${court.number}-${page}.json`)), pages = Math.ceil(court.entries / list.page);
  const turn = (label, target) => {
    const button = element("button", { type: "button" }, label);
    button.disabled = target < 0 || target >= pages;
    button.addEventListener("click", () => showCourt(target));
    return button;
  };
  $("court-result").replaceChildren(
    element("div", { class: "wide" }, table(entries, `${court.court}，${placeOf(court.division)}，共 ${court.entries} 条，第 ${page + 1} / ${pages} 页`, SHORT)),
    element("p", { class: "controls" }, turn("上一页", page - 1), " ", turn("下一页", page + 1)),
  );
}

function offerCourts() {
  const province = $("province").value;
  $("court").replaceChildren(element("option", { value: "" }, "全部"), ...list.courts.flatMap((court, place) =>
    !province || court.division.startsWith(province) ? [element("option", { value: place }, `${court.court}（${court.entries}）`)] : []));
  showCourt();
}

async function roll() {
  const entries = entriesOf(await load("rolling.json")), size = 8, pages = Math.max(Math.ceil(entries.length / size), 1);
  let page = 0, paused = window.matchMedia("(prefers-reduced-motion: reduce)").matches;
  const show = (step) => {
    page = (page + step + pages) % pages;
    $("rolling").replaceChildren(entries.length
      ? table(entries.slice(page * size, (page + 1) * size), "按发布时间", SHORT)
      : element("p", { class: "note" }, "当前没有在列条目。"));
    $("rolling-page").textContent = `第 ${page + 1} / ${pages} 页`;
  };
  const label = () => {
    $("pause").setAttribute("aria-pressed", String(paused));
    $("pause").textContent = paused ? "继续滚动" : "暂停滚动";
  };
  $("pause").addEventListener("click", () => { paused = !paused; label(); });
  $("previous").addEventListener("click", () => { paused = true; label(); show(-1); });
  $("next").addEventListener("click", () => { paused = true; label(); show(1); });
  // Who reads a page is not interrupted.
  setInterval(() => { if (!expired() && !paused && !$("rolling").matches(":hover, :focus-within")) show(1); }, DWELL);
  label();
  show(0);
}

async function begin() {
  if (expired()) return;
  list = await load("list.json");
  const provinces = [...new Set(list.courts.map((court) => court.division.slice(0, 2)).filter(Boolean))].sort();
  $("province").append(...provinces.map((code) => element("option", { value: code }, list.places[`${code}0000`] || code)));
  $("province").addEventListener("change", offerCourts);
  $("court").addEventListener("change", () => showCourt());
  $("search").addEventListener("submit", search);
  offerCourts();
  await roll();
  document.body.dataset.ready = "yes";
}

begin();
