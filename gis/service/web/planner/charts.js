// Two pictures that say more than a table: how large the grids are before and after, and who moves where.

import { el, t } from "../shell.js";
import { shortOf } from "./model.js";

const SVG = "http://www.w3.org/2000/svg";
const WIDTH = 340;
const HEIGHT = 180;
const LEFT = 14;
const TOP = 30;
const STEP = 50;
const ROOM = 2 * STEP;

// Before is an outline, the plan a solid bar: they differ in more than colour. Figures stand on the bars.
export function histogram(before, after, limits) {
  const all = [...before, ...after];
  const low = Math.max(0, Math.floor(Math.min(limits.min - ROOM, ...all) / STEP) * STEP);
  const high = Math.max(limits.max + ROOM, ...all) + 1;
  const bins = Math.ceil((high - low) / STEP);
  const count = (values) => {
    const found = new Array(bins).fill(0);
    for (const value of values) found[Math.floor((value - low) / STEP)] += 1;
    return found;
  };
  const [was, is] = [count(before), count(after)];
  const most = Math.max(1, ...was, ...is);
  const bottom = HEIGHT - 20;
  const across = (WIDTH - 2 * LEFT) / bins;
  const x = (households) => LEFT + ((households - low) / STEP) * across;
  const height = (value) => (value / most) * (bottom - TOP - 14);
  const svg = node("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, class: "chart", role: "img", "aria-label": t("studio.compare.histogram") });
  svg.append(node("rect", { class: "band", x: x(limits.min), y: 4, width: x(limits.max) - x(limits.min), height: bottom - 4 }));
  svg.append(label((x(limits.min) + x(limits.max)) / 2, 17, t("studio.grid.band", limits), "middle"));
  for (let bin = 0; bin < bins; bin += 1) {
    const at = LEFT + bin * across;
    const from = low + bin * STEP;
    const words = t("studio.compare.picture", { bin: `${from}–${from + STEP - 1}`, was: was[bin], is: is[bin] });
    for (const [kind, value, shift] of [["was", was[bin], 0.08], ["is", is[bin], 0.52]]) {
      if (value === 0) continue;
      const bar = node("rect", { class: kind, x: at + across * shift, y: bottom - height(value), width: across * 0.4, height: height(value) });
      const title = node("title");
      title.textContent = words;
      bar.append(title);
      svg.append(bar, label(at + across * (shift + 0.2), bottom - height(value) - 4, String(value), "middle"));
    }
  }
  svg.append(node("line", { class: "axis", x1: LEFT, x2: WIDTH - LEFT, y1: bottom, y2: bottom }));
  const every = Math.ceil(bins / 8);
  for (let bin = 0; bin <= bins; bin += every) svg.append(label(Math.min(LEFT + bin * across, WIDTH - 14), HEIGHT - 6, String(low + bin * STEP), "middle"));
  return el(
    "figure",
    { class: "figure" },
    svg,
    el("figcaption", { class: "legend" }, el("span", { class: "was" }, el("i"), t("studio.compare.was")), el("span", { class: "is" }, el("i"), t("studio.compare.is")), el("span", {}, t("studio.compare.axis"))),
  );
}

// A line for each pair of grids, in the colours that the map has them in.
export function moveBars(rows, { nameOf, colourOf, most = 12 }) {
  const peak = Math.max(1, ...rows.map((row) => row.households));
  const grid = (label, mode) => {
    const swatch = el("i", { class: "swatch" });
    swatch.style.background = colourOf(label, mode);
    return el("span", { class: "end" }, swatch, label === null ? "—" : shortOf(label));
  };
  const list = rows.slice(0, most).map((row) => {
    const bar = el("i", { class: "moved" });
    bar.style.setProperty("--held", `${(row.households / peak) * 100}%`);
    return el(
      "div",
      { class: "move", title: `${nameOf(row.from)} → ${nameOf(row.to)} · ${t("studio.log.units", { count: row.units })}` },
      el("span", { class: "ends" }, grid(row.from, "before"), " → ", grid(row.to, "after")),
      bar,
      el("b", {}, t("studio.compare.move", { households: row.households })),
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
