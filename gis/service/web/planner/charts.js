// Two pictures that say more than a table: how large the grids are before and after, and who moves where.

import { el, t } from "../shell.js";
import { shortOf } from "./model.js";

const SVG = "http://www.w3.org/2000/svg";
const WIDTH = 340;
const HEIGHT = 150;
const STEP = 50;

export function histogram(before, after, limits) {
  const top = Math.max(limits.max + 2 * STEP, ...before, ...after);
  const bins = Math.ceil((top + 1) / STEP);
  const count = (values) => {
    const found = new Array(bins).fill(0);
    for (const value of values) found[Math.min(Math.floor(value / STEP), bins - 1)] += 1;
    return found;
  };
  const [was, is] = [count(before), count(after)];
  const most = Math.max(1, ...was, ...is);
  const left = 22;
  const bottom = HEIGHT - 20;
  const across = (WIDTH - left) / bins;
  const svg = node("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, class: "chart", role: "img", "aria-label": t("studio.compare.histogram") });
  const x = (households) => left + (households / STEP) * across;
  svg.append(node("rect", { class: "band", x: x(limits.min), y: 4, width: x(limits.max) - x(limits.min), height: bottom - 4 }));
  const height = (value) => (value / most) * (bottom - 14);
  for (let bin = 0; bin < bins; bin += 1) {
    const at = left + bin * across;
    svg.append(
      bar("was", at + across * 0.1, was[bin], across * 0.38),
      bar("is", at + across * 0.52, is[bin], across * 0.38),
    );
  }
  function bar(kind, at, value, width) {
    const made = node("rect", { class: kind, x: at, y: bottom - height(value), width, height: height(value) });
    const title = node("title");
    title.textContent = String(value);
    made.append(title);
    return made;
  }
  svg.append(node("line", { class: "axis", x1: left, x2: WIDTH, y1: bottom, y2: bottom }));
  for (let bin = 0; bin <= bins; bin += bins > 16 ? 4 : 2) svg.append(label(left + bin * across, HEIGHT - 6, String(bin * STEP), "middle"));
  svg.append(label(left - 4, 14, String(most), "end"), label(left - 4, bottom, "0", "end"));
  return el(
    "figure",
    { class: "figure" },
    svg,
    el(
      "figcaption",
      { class: "legend" },
      el("span", { class: "was" }, el("i"), t("studio.compare.was")),
      el("span", { class: "is" }, el("i"), t("studio.compare.is")),
      el("span", {}, t("studio.compare.axis")),
    ),
  );
}

export function moveBars(rows, nameOf, most = 12) {
  const peak = Math.max(1, ...rows.map((row) => row.households));
  const name = (label) => (label === null ? "—" : shortOf(label));
  const list = rows.slice(0, most).map((row) => {
    const bar = el("i", {});
    bar.style.setProperty("--held", `${(row.households / peak) * 100}%`);
    return el(
      "div",
      { class: "move", title: `${nameOf(row.from)} → ${nameOf(row.to)}` },
      el("span", {}, `${name(row.from)} → ${name(row.to)}`),
      bar,
      el("b", {}, t("studio.compare.move", { households: row.households, units: row.units })),
    );
  });
  if (rows.length > most) list.push(el("p", { class: "soft" }, t("studio.compare.more", { count: rows.length - most })));
  return list;
}

function node(name, attributes = {}) {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  return made;
}

function label(x, y, words, anchor) {
  const made = node("text", { x, y, "text-anchor": anchor });
  made.textContent = words;
  return made;
}
