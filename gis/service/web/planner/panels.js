// The panel beside the map: sums, the grids with their gauges, faults, and the log.

import { api, el, fill, language, t, tellError, term } from "../shell.js";
import { shortOf } from "./model.js";

const SCALE = 1.6;
const LOCK = "M6 9V6a4 4 0 0 1 8 0v3M4 9h12v8H4z";

export class Panels {
  constructor({ model, layer, acts }) {
    Object.assign(this, { model, layer, acts });
    this.tabs = [...document.querySelectorAll('[role="tab"]')];
    for (const tab of this.tabs) {
      tab.addEventListener("click", () => this.show(tab));
      tab.addEventListener("keydown", (event) => this.#arrows(event, tab));
    }
    this.rows = new Map();
  }

  show(tab) {
    for (const one of this.tabs) {
      const chosen = one === tab;
      one.setAttribute("aria-selected", String(chosen));
      one.tabIndex = chosen ? 0 : -1;
      document.getElementById(one.getAttribute("aria-controls")).hidden = !chosen;
    }
    this.acts.shown(tab.id.replace("tab-", ""));
  }

  open(name) {
    this.show(document.getElementById(`tab-${name}`));
  }

  get current() {
    return this.tabs.find((tab) => tab.getAttribute("aria-selected") === "true").id.replace("tab-", "");
  }

  #arrows(event, tab) {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (step === undefined) return;
    const next = this.tabs[(this.tabs.indexOf(tab) + step + this.tabs.length) % this.tabs.length];
    this.show(next);
    next.focus();
    event.preventDefault();
  }

  // Everything that has to keep up with a brush: sums, and the rows that are there already.
  live() {
    const { model } = this;
    const rows = [...model.grids.values()].filter((row) => row.units > 0);
    const bound = rows.filter((row) => row.grid_type === "basic");
    const within = bound.filter((row) => row.verdict === "within").length;
    const moved = model.movedHouseholds();
    const total = model.households.reduce((sum, one) => sum + (Number.isNaN(one) ? 0 : one), 0);
    const tiles = [
      ["grids", bound.length, ""],
      ["within", `${within}/${bound.length}`, within === bound.length ? "good" : "bad"],
      ["households", total, ""],
      ["moved", moved, ""],
    ];
    fill("sums", tiles.map(([key, value, kind]) => el("div", { class: `sum ${kind}` }, el("b", { id: `sum-${key}` }, String(value)), el("span", {}, t(`studio.sum.${key}`)))));
    const labels = rows.map((row) => row.label).sort();
    if (labels.join() !== [...this.rows.keys()].join()) this.grids();
    else for (const row of rows) this.#refresh(row);
  }

  grids() {
    const { model } = this;
    const draft = model.plan.state === "draft";
    const labels = [...model.grids.values()].filter((row) => row.units > 0).map((row) => row.label).sort();
    this.rows = new Map(labels.map((label) => [label, this.#row(label)]));
    const merge = el("button", { type: "button", id: "merge", class: "small", disabled: true, onclick: () => this.acts.merge() }, t("studio.grid.merge"));
    const make = el("button", { type: "button", class: "small", id: "new-grid", disabled: !draft, onclick: () => this.acts.newGrid() }, t("studio.grid.new"));
    const edit = el("button", { type: "button", class: "small", id: "edit-grid", disabled: true, onclick: () => this.acts.edit() }, t("studio.grid.edit"));
    const { min, max } = model.limits;
    fill(
      "pane-grids",
      el("div", { class: "grid-acts" }, make, merge, edit),
      el("ul", { class: "grid-list", id: "grid-list", "aria-label": t("studio.panel.grids") }, [...this.rows.values()].map((row) => row.item)),
      el("p", { class: "gauge-key" }, el("span", {}, "0"), el("span", {}, t("studio.grid.band", { min, max })), el("span", {}, String(Math.round(max * SCALE)))),
      el("p", { class: "soft" }, t("studio.grid.help")),
    );
    for (const row of labels) this.#refresh(model.grids.get(row));
    this.chosen();
  }

  #row(label) {
    const { model } = this;
    const pick = el("input", { type: "checkbox", "aria-label": t("studio.grid.pick", { grid: model.nameOf(label) }), onchange: (event) => this.acts.mark(label, event.target.checked) });
    const swatch = el("span", { class: "swatch" });
    const named = el("button", { type: "button", class: "named", onclick: () => this.acts.choose(label) });
    const held = el("span", { class: "held" });
    const lock = el("button", { type: "button", class: "lock", onclick: (event) => { event.stopPropagation(); this.acts.lock(label); } });
    lock.innerHTML = `<svg viewBox="0 0 20 20" aria-hidden="true"><path d="${LOCK}"/></svg>`;
    const bar = el("b");
    const gauge = el("div", { class: "gauge", role: "img" }, el("i"), bar);
    const item = el("li", { class: "grid-row", onclick: (event) => { if (event.target === item || event.target === held) this.acts.choose(label); } }, pick, swatch, named, held, lock, gauge);
    item.dataset.label = label;
    return { item, pick, swatch, named, held, lock, gauge };
  }

  #refresh(row) {
    const parts = this.rows.get(row.label);
    if (!parts) return;
    const { min, max } = this.model.limits;
    const top = max * SCALE;
    const of = (value) => `${Math.min((value / top) * 100, 100)}%`;
    parts.swatch.style.background = this.layer.colourOf(row.label);
    const name = this.model.nameOf(row.label);
    parts.named.textContent = name === shortOf(row.label) ? name : `${shortOf(row.label)} ${name}`;
    parts.named.title = row.label;
    parts.held.textContent = `${row.households}${row.unknown ? "+?" : ""}`;
    parts.held.className = `held ${row.verdict}`;
    const words = t(`planning.verdict.${row.verdict}`);
    parts.held.title = words;
    parts.gauge.className = `gauge ${row.verdict}`;
    parts.gauge.setAttribute("aria-label", t("studio.grid.gauge", { households: row.households, verdict: words }));
    parts.gauge.style.setProperty("--from", of(min));
    parts.gauge.style.setProperty("--span", `${((max - min) / top) * 100}%`);
    parts.gauge.style.setProperty("--held", of(row.households));
    parts.lock.setAttribute("aria-pressed", String(row.locked));
    parts.lock.setAttribute("aria-label", t(row.locked ? "studio.grid.unlock" : "studio.grid.lock", { grid: name }));
  }

  chosen() {
    const { model } = this;
    for (const [label, parts] of this.rows) {
      parts.item.classList.toggle("chosen", label === model.chosen);
      parts.named.setAttribute("aria-pressed", String(label === model.chosen));
      parts.pick.checked = model.picked.has(label);
    }
    const draft = model.plan.state === "draft";
    const merge = document.getElementById("merge");
    if (merge) {
      merge.disabled = !draft || model.picked.size < 2;
      document.getElementById("edit-grid").disabled = model.chosen === null;
    }
  }

  faults() {
    const found = [...this.model.violations.values()].sort((a, b) => (a.severity < b.severity ? -1 : 1) || a.rule.localeCompare(b.rule));
    const count = document.querySelector("#tab-faults .count");
    const errors = found.filter((one) => one.severity === "error").length;
    count.hidden = errors === 0;
    count.textContent = String(errors);
    const list = found.map((one) => el("li", {}, faultButton(one, () => this.acts.zoomTo(one))));
    fill("pane-faults", found.length ? el("ul", { class: "faults", id: "fault-list" }, list) : el("p", { class: "fine" }, t("studio.fault.none")), el("p", { class: "soft" }, t("studio.fault.note")));
  }

  log() {
    const { model } = this;
    const at = (time) => new Date(time).toLocaleString(language === "zh" ? "zh-CN" : "en-GB", { dateStyle: "short", timeStyle: "short" });
    const words = el("textarea", { id: "comment", rows: 2, "aria-label": t("studio.log.comment"), placeholder: t("studio.log.comment") });
    const form = el(
      "form",
      {
        onsubmit: async (event) => {
          event.preventDefault();
          if (!words.value.trim()) return;
          try {
            model.comments.push(await api(`/api/v1/plans/${model.plan.id}/comments`, { json: { words: words.value, lon: this.place?.[0], lat: this.place?.[1] } }));
            this.place = null;
            this.log();
          } catch (error) {
            tellError(error);
          }
        },
      },
      words,
      this.place ? el("p", { class: "soft" }, t("studio.log.here")) : null,
      el("button", { class: "small", type: "submit" }, t("studio.log.say")),
    );
    const comments = model.comments.map((one) =>
      el("li", {}, el("div", {}, one.words), el("div", { class: "meta" }, `${one.actor} · ${at(one.at)} `, one.lon === null || one.lon === undefined ? null : el("button", { class: "small", type: "button", onclick: () => this.acts.goTo(one.lon, one.lat) }, t("studio.log.show")))),
    );
    const steps = [...model.steps].reverse().slice(0, 100).map((step) =>
      el("li", {}, el("b", {}, `${step.sequence} `), actName(step), step.labels?.length ? `　${step.labels.slice(0, 4).map(shortOf).join("、")}` : "", step.units ? `　${t("studio.log.units", { count: step.units })}` : "", el("div", { class: "meta" }, `${step.actor} · ${at(step.at)}`)),
    );
    fill("pane-log", el("h2", {}, t("studio.log.comments")), comments.length ? el("ul", { class: "plain" }, comments) : el("p", { class: "soft" }, t("studio.log.no_comments")), form, el("h2", {}, t("studio.log.steps")), el("ol", { class: "plain", id: "steps" }, steps));
  }
}

export function faultButton(one, act) {
  return el(
    "button",
    { type: "button", class: "fault", onclick: act },
    el("span", { class: `tag ${one.severity === "error" ? "bad" : "warm"}` }, t(`planning.severity.${one.severity}`)),
    el("span", {}, shortened(one.words[language])),
  );
}

const names = new Map();

// Compounds are known by their names.
export function nameCompounds(compounds) {
  names.clear();
  for (const one of compounds) names.set(one.code, one.name);
}

// In one community a grid's first twelve digits say nothing, and a compound is known by its name.
export function shortened(words) {
  return words.replace(/(?<![0-9])[0-9]{16}(?![0-9])/g, (code) => names.get(code) ?? code).replace(/(?<![0-9])[0-9]{12}(?=[0-9]{3}(?![0-9]))/g, "");
}

export function actName(step) {
  const key = `studio.act.${step.act}`;
  try {
    return t(key);
  } catch {
    return term("act", step.act);
  }
}
