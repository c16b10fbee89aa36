// Weekly and monthly statistics: two charts, the table, and both as files.
import { api, el, fill, t, tellError } from "../shell.js";
import { download } from "./batch.js";

const COLUMNS = ["period", "name", "reported", "closed", "closure_rate", "hours_to_close", "late", "rating", "visits", "households_visited"];
const BLUE = "#1f6fb2";
const GREEN = "#2f9d6b";

/** Draw the statistics of the token's division. */
export function drawStatistics(sheet) {
  const period = el("select", { id: "period" }, ["week", "month"].map((one) => el("option", { value: one }, t(`dispatch.statistics.${one}`))));
  const body = el("div", { id: "statistics-body" });
  const draw = async () => {
    try {
      const { rows } = await api(`/api/v1/statistics?period=${period.value}`);
      if (!rows.length) return fill(body, el("p", {}, t("dispatch.statistics.none")));
      const counts = el("div", { class: "chart", role: "img", "aria-label": t("dispatch.statistics.chart_counts") });
      const trend = el("div", { class: "chart", role: "img", "aria-label": t("dispatch.statistics.chart_trend") });
      const files = el("p", { class: "acts" });
      fill(body, el("div", { class: "two" }, counts, trend), files, el("div", { class: "scroll" }, table(rows)));
      chart(counts, t("dispatch.statistics.chart_counts"), totals(rows, (row) => row.name || row.grid_code));
      chart(trend, t("dispatch.statistics.chart_trend"), totals(rows, (row) => row.period));
      for (const kind of ["csv", "xlsx"]) {
        const blob = await api(`/api/v1/statistics?period=${period.value}&format=${kind}`);
        files.append(download(blob, `statistics.${kind}`, t(`dispatch.statistics.${kind}`)));
      }
    } catch (error) {
      tellError(error);
    }
    return null;
  };
  period.addEventListener("change", draw);
  fill(sheet, el("h1", {}, t("dispatch.statistics.title")), el("div", { class: "row" }, el("div", {}, el("label", { for: "period" }, t("dispatch.statistics.choose")), period)), body);
  draw();
}

function totals(rows, key) {
  const sums = new Map();
  for (const row of rows) {
    const sum = sums.get(key(row)) ?? { reported: 0, closed: 0 };
    sum.reported += row.reported;
    sum.closed += row.closed;
    sums.set(key(row), sum);
  }
  return sums;
}

function chart(target, title, sums) {
  const ink = getComputedStyle(document.documentElement).getPropertyValue("--ink").trim();
  const drawn = echarts.init(target, null, { renderer: "canvas" });
  const series = (key, color, decal) => ({ name: t(`dispatch.statistics.${key}`), type: "bar", itemStyle: { color, decal }, data: [...sums.values()].map((sum) => sum[key]) });
  drawn.setOption({
    animation: false,
    title: { text: title, left: 0, textStyle: { color: ink, fontSize: 14 } },
    textStyle: { color: ink },
    legend: { top: 0, right: 0, textStyle: { color: ink } },
    grid: { top: 44, bottom: 10, left: 10, right: 10, containLabel: true },
    // Rich text is drawn on the canvas: no HTML is made of any name.
    tooltip: { trigger: "axis", renderMode: "richText" },
    xAxis: { type: "category", data: [...sums.keys()], axisLabel: { color: ink, rotate: sums.size > 6 ? 35 : 0 } },
    yAxis: { type: "value", minInterval: 1, axisLabel: { color: ink } },
    series: [series("reported", BLUE), series("closed", GREEN, { symbol: "rect", dashArrayX: [1, 0], dashArrayY: [2, 5], rotation: -Math.PI / 4 })],
  });
  new ResizeObserver(() => drawn.resize()).observe(target);
}

function table(rows) {
  const shown = (name, value) => {
    if (value === null || value === undefined) return "–";
    return name === "closure_rate" ? `${(value * 100).toFixed(1)}%` : String(value);
  };
  return el("table", {},
    el("thead", {}, el("tr", {}, COLUMNS.map((name) => el("th", { scope: "col", class: name === "name" || name === "period" ? "" : "number" }, t(`dispatch.statistics.${name}`))))),
    el("tbody", {}, rows.map((row) => el("tr", {}, COLUMNS.map((name) => el("td", { class: name === "name" || name === "period" ? "" : "number" }, shown(name, name === "name" ? row.name || row.grid_code : row[name])))))));
}
