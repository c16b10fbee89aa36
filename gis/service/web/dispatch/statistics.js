// Weekly and monthly statistics: one period's figures and grids, how it went over time, and all of it as files.
import { api, el, fill, language, t, tellError } from "../shell.js";
import { download } from "./batch.js";

const BLUE = "#1f6fb2";
const GREY = "#9aa7ab";
const GREEN = "#2f9d6b";
const DAY_MS = 86_400_000;
const DARK = globalThis.matchMedia("(prefers-color-scheme: dark)");

// What is told of a grid: how it is read from a row, how it is written, and how long its bar is.
const COLUMNS = [
  { key: "name", of: (row) => row.name || row.grid_code, text: (value) => value },
  { key: "reported", of: (row) => row.reported, bar: "reported" },
  { key: "closed", of: (row) => row.closed, bar: "reported" },
  { key: "closure_rate", of: (row) => row.closure_rate, text: (value) => `${Math.round(value * 100)}%`, bar: 1 },
  { key: "hours_to_close", of: (row) => row.hours_to_close, text: (value) => hours(value), bar: "hours_to_close" },
  { key: "late", of: (row) => row.late, bad: true },
  { key: "rating", of: (row) => row.rating, text: (value) => `${value.toFixed(1)} ★` },
  { key: "visits", of: (row) => row.visits, bar: "visits" },
  { key: "households_visited", of: (row) => row.households_visited },
];

let charts = [];

/** Draw the statistics of the token's division. */
export function drawStatistics(sheet) {
  const unit = el("select", { id: "period" }, ["week", "month"].map((one) => el("option", { value: one }, t(`dispatch.statistics.${one}`))));
  const which = el("select", { id: "which" });
  const body = el("div", { id: "statistics-body" });
  let rows = [];
  const show = () => drawPeriod(body, rows, which.value, unit.value);
  const read = async () => {
    try {
      ({ rows } = await api(`/api/v1/statistics?period=${unit.value}`));
      const periods = [...new Set(rows.map((row) => row.period))].sort().reverse();
      fill(which, periods.map((one) => el("option", { value: one }, named(one, unit.value))));
      which.disabled = periods.length === 0;
      if (periods.length) show();
      else fill(body, el("p", { class: "card" }, t("dispatch.statistics.none")));
      await offerFiles(files, unit.value);
    } catch (error) {
      tellError(error);
    }
  };
  const files = el("div", { class: "acts files" });
  unit.addEventListener("change", read);
  which.addEventListener("change", show);
  fill(
    sheet,
    el("div", { class: "stat-head" }, el("h1", {}, t("dispatch.statistics.title")), el("div", {}, el("label", { for: "period" }, t("dispatch.statistics.choose")), unit), el("div", {}, el("label", { for: "which" }, t("dispatch.statistics.which")), which), files),
    body,
  );
  DARK.onchange = () => { if (rows.length && !sheet.hidden) show(); };
  read();
}

async function offerFiles(files, unit) {
  const made = [];
  for (const kind of ["csv", "xlsx"]) made.push(download(await api(`/api/v1/statistics?period=${unit}&format=${kind}`), `statistics.${kind}`, t(`dispatch.statistics.${kind}`)));
  fill(files, made);
}

function drawPeriod(body, rows, period, unit) {
  for (const one of charts) one.dispose();
  charts = [];
  const periods = [...new Set(rows.map((row) => row.period))].sort();
  const now = rows.filter((row) => row.period === period);
  const former = periods[periods.indexOf(period) - 1];
  const before = former === undefined ? null : sums(rows.filter((row) => row.period === former));
  const trend = ["counts", "rate", "visits"].map((key) => el("figure", { class: "card" }, el("figcaption", {}, t(`dispatch.statistics.trend_${key}`)), el("div", { class: "chart", role: "img", "aria-label": t(`dispatch.statistics.trend_${key}`) })));
  fill(
    body,
    tiles(sums(now), before, unit),
    el("section", { class: "card" }, el("h2", {}, t("dispatch.statistics.by_grid", { period: named(period, unit) })), table(now)),
    el("h2", {}, t(`dispatch.statistics.trend_${unit}`)),
    el("div", { class: "three" }, trend),
  );
  const over = periods.map((one) => sums(rows.filter((row) => row.period === one)));
  const labels = periods.map((one) => named(one, unit, true));
  const [counts, rate, visits] = trend.map((figure) => figure.querySelector(".chart"));
  chart(counts, labels, [bars("closed", GREEN, over.map((one) => one.closed)), bars("not_closed", GREY, over.map((one) => one.reported - one.closed), true)]);
  chart(rate, labels, [{ name: t("dispatch.statistics.closure_rate"), type: "line", symbol: "circle", symbolSize: 9, itemStyle: { color: GREEN }, lineStyle: { width: 3 }, label: { show: over.length <= 8, formatter: "{c}%", color: ink() }, data: over.map((one) => (one.rate === null ? null : Math.round(one.rate * 100))) }], { max: 100, suffix: "%" });
  if (over.some((one) => one.visits > 0)) chart(visits, labels, [bars("visits", BLUE, over.map((one) => one.visits))]);
  else visits.replaceWith(el("p", { class: "soft" }, t("dispatch.statistics.no_visits")));
}

function sums(rows) {
  const sum = (key) => rows.reduce((all, row) => all + (row[key] ?? 0), 0);
  const [reported, closed] = [sum("reported"), sum("closed")];
  return { reported, closed, rate: reported ? closed / reported : null, late: sum("late"), visits: sum("visits"), households_visited: sum("households_visited") };
}

// The figures of the period, each beside the one before: a word and a sign, not a colour, say which way it went.
function tiles(now, before, unit) {
  const percent = (value) => (value === null ? "–" : `${Math.round(value * 100)}%`);
  const than = (value, was, write = String) => {
    if (before === null || was === null || value === null) return t("dispatch.statistics.no_before");
    const sign = value > was ? "▲" : value < was ? "▼" : "＝";
    return `${sign} ${t(`dispatch.statistics.before_${unit}`, { value: write(was) })}`;
  };
  const tile = (key, value, note) => el("div", { class: "card tile" }, el("span", {}, t(`dispatch.statistics.${key}`)), el("b", {}, value), el("small", { class: "soft" }, note));
  return el(
    "div",
    { class: "tiles", id: "tiles" },
    tile("reported", String(now.reported), than(now.reported, before?.reported)),
    tile("closure_rate", percent(now.rate), than(now.rate, before?.rate, percent)),
    tile("late", String(now.late), than(now.late, before?.late)),
    tile("visits", String(now.visits), than(now.visits, before?.visits)),
  );
}

// Every figure stands as a number with a bar under it; a click on a head sorts by it.
function table(rows, by = "reported", down = true) {
  const most = (key) => Math.max(1, ...rows.map((row) => row[key] ?? 0));
  const peaks = { reported: most("reported"), hours_to_close: most("hours_to_close"), visits: most("visits") };
  const sorting = COLUMNS.find((one) => one.key === by);
  const sorted = [...rows].sort((a, b) => {
    const [x, y] = [sorting.of(a), sorting.of(b)];
    if (x === null || y === null) return (x === null) - (y === null);
    return (typeof x === "string" ? x.localeCompare(y, "zh") : x - y) * (down ? -1 : 1);
  });
  const cell = (column, row) => {
    const value = column.of(row);
    const missing = value === null || value === undefined;
    const words = missing ? "–" : column.text ? column.text(value) : String(value);
    if (column.key === "name") return el("th", { scope: "row" }, words);
    const bar = column.bar === undefined || missing ? null : el("i", { class: `held ${column.key}` });
    if (bar) bar.style.setProperty("--held", `${Math.min(100, (value / (column.bar === 1 ? 1 : peaks[column.bar])) * 100)}%`);
    return el("td", { class: `number ${column.bad && value > 0 ? "late" : ""}` }, words, bar);
  };
  const made = el("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": t("dispatch.statistics.title") });
  const head = (column) => {
    const mine = column.key === by;
    const sort = () => {
      const next = table(rows, column.key, mine ? !down : column.key !== "name");
      made.replaceWith(next);
      next.querySelector(`[data-by="${column.key}"]`).focus();
    };
    return el("th", { scope: "col", class: column.key === "name" ? "" : "number", "aria-sort": mine ? (down ? "descending" : "ascending") : null }, el("button", { type: "button", class: "sort", "data-by": column.key, onclick: sort }, t(`dispatch.statistics.${column.key === "hours_to_close" ? "time_to_close" : column.key}`), el("span", { "aria-hidden": "true" }, mine ? (down ? " ▾" : " ▴") : "")));
  };
  return fill(made, el("table", { class: "stat-table" }, el("thead", {}, el("tr", {}, COLUMNS.map(head))), el("tbody", {}, sorted.map((row) => el("tr", {}, COLUMNS.map((column) => cell(column, row)))))));
}

function hours(value) {
  if (value < 1) return t("dispatch.statistics.minutes", { count: Math.round(value * 60) });
  if (value < 48) return t("dispatch.statistics.hours", { count: value.toFixed(1) });
  return t("dispatch.statistics.days", { count: (value / 24).toFixed(1) });
}

// A week by its days, a month by its name; both from the day that it begins with.
function named(period, unit, short = false) {
  const begins = new Date(`${period}T00:00:00Z`);
  const write = (when, options) => new Intl.DateTimeFormat(language === "zh" ? "zh-CN" : "en-GB", { timeZone: "UTC", ...options }).format(when);
  if (unit === "month") return write(begins, short ? { month: "short" } : { year: "numeric", month: "long" });
  const day = { month: "short", day: "numeric" };
  return short ? write(begins, { month: "numeric", day: "numeric" }) : `${write(begins, day)} – ${write(new Date(begins.getTime() + 6 * DAY_MS), day)}`;
}

const ink = () => getComputedStyle(document.documentElement).getPropertyValue("--ink").trim();
const line = () => getComputedStyle(document.documentElement).getPropertyValue("--line").trim();

function bars(key, color, data, hatched = false) {
  const decal = hatched ? { symbol: "rect", dashArrayX: [1, 0], dashArrayY: [2, 5], rotation: -Math.PI / 4, color: "rgba(0,0,0,.45)" } : undefined;
  return { name: t(`dispatch.statistics.${key}`), type: "bar", stack: "all", barMaxWidth: 48, itemStyle: { color, decal }, data };
}

function chart(target, labels, series, { max, suffix = "" } = {}) {
  const drawn = echarts.init(target, null, { renderer: "canvas" });
  charts.push(drawn);
  drawn.setOption({
    animation: false,
    textStyle: { color: ink(), fontSize: 13 },
    legend: { show: series.length > 1, top: 0, left: 0, textStyle: { color: ink(), fontSize: 13 } },
    grid: { top: series.length > 1 ? 34 : 22, bottom: 4, left: 4, right: 14, containLabel: true },
    // Rich text is drawn on the canvas: no HTML is made of any name.
    tooltip: { trigger: "axis", renderMode: "richText", valueFormatter: (value) => `${value ?? "–"}${suffix}` },
    xAxis: { type: "category", data: labels, axisLabel: { color: ink(), fontSize: 12, hideOverlap: true }, axisTick: { show: false } },
    yAxis: { type: "value", minInterval: 1, max, axisLabel: { color: ink(), fontSize: 12, formatter: `{value}${suffix}` }, splitLine: { lineStyle: { color: line() } } },
    series,
  });
  new ResizeObserver(() => { if (!drawn.isDisposed()) drawn.resize(); }).observe(target);
}
