// Several departments' nets over the same land: what every two share, and one net made of them.

import { api, el, filePick, fill, t } from "../shell.js";
import { shortOf } from "./model.js";
import { crsChoice } from "./more.js";

const DRAWN = 30;
const SHADES = 6;
const METRICS = ["area", "buildings", "households"];
const MOST_PAIRS = 400;
const whole = (value) => Math.round(value).toLocaleString("en-US");

export class Nets {
  constructor({ model, acts }) {
    Object.assign(this, { model, acts });
    this.dialog = document.getElementById("dialog");
    this.nets = [];
  }

  open() {
    this.metric = "area";
    this.pairs = null;
    this.#draw();
    this.dialog.classList.add("wide");
    this.dialog.addEventListener("close", () => this.dialog.classList.remove("wide"), { once: true });
    this.dialog.showModal();
  }

  #draw() {
    const file = filePick("net-files", { multiple: true, accept: ".gpkg,.geojson,.json,.zip,.parquet", onchange: (input) => { this.#add([...input.files]); input.value = ""; } });
    this.field ??= el("input", { id: "net-field", value: "grid_code", maxlength: "100" });
    this.crs ??= crsChoice("net-crs");
    this.list = el("ul", { class: "net-list", id: "net-list" });
    this.problem = el("p", { class: "notice bad", role: "alert", hidden: true });
    this.go = el("button", { type: "button", class: "main", id: "net-compare", onclick: () => this.#compare() }, t("studio.nets.compare"));
    this.shared = el("section", { id: "net-shared", hidden: true, "aria-live": "polite" });
    this.last = el("section", { id: "net-merge", hidden: true });
    fill(
      this.dialog,
      el("h2", { id: "dialog-title" }, t("studio.nets.title")),
      el("p", { class: "soft" }, t("studio.more.nets_note")),
      el("h3", {}, t("studio.nets.step_files")),
      el("p", {}, t("studio.nets.files")),
      el("div", { class: "row start" }, file.box, el("button", { type: "button", id: "net-own", onclick: () => this.#addOwn() }, t("studio.nets.own"))),
      this.list,
      el("div", { class: "form-row" }, el("div", {}, el("label", { for: "net-field" }, t("studio.more.field")), this.field), el("div", {}, el("label", { for: "net-crs" }, t("studio.more.crs")), this.crs)),
      this.problem,
      el("div", { class: "row" }, el("button", { type: "button", onclick: () => this.dialog.close() }, t("pages.shell.close")), this.go),
      el("div", { class: "net-cols" }, this.shared, this.last),
    );
    this.#names();
  }

  #add(files) {
    for (const file of files) {
      const dot = file.name.lastIndexOf(".");
      this.nets.push({ name: dot > 0 ? file.name.slice(0, dot) : file.name, suffix: dot > 0 ? file.name.slice(dot) : "", file });
    }
    this.#stale();
  }

  // The plan's grids as one more net, with their codes in the column that the others have theirs in.
  async #addOwn() {
    try {
      const found = await api(`/api/v1/plans/${this.model.plan.id}/grids.geojson`);
      const body = found instanceof Blob ? JSON.parse(await found.text()) : found;
      for (const one of body.features) one.properties = { [this.field.value.trim() || "grid_code"]: one.properties.grid_code };
      this.nets.push({ name: t("studio.nets.own_name"), suffix: ".geojson", file: new Blob([JSON.stringify(body)], { type: "application/geo+json" }) });
      this.#stale();
    } catch (error) {
      this.#refuse(error);
    }
  }

  #stale() {
    this.pairs = null;
    this.shared.hidden = this.last.hidden = true;
    this.problem.hidden = true;
    this.#names();
  }

  #names() {
    fill(this.list, this.nets.map((net, place) => el(
      "li",
      {},
      el("label", { class: "unseen", for: `net-${place}` }, t("studio.nets.name")),
      el("input", { id: `net-${place}`, value: net.name, maxlength: "60", oninput: (event) => { net.name = event.target.value.trim(); } }),
      el("small", { class: "soft" }, net.suffix),
      el("button", { type: "button", class: "small", onclick: () => { this.nets.splice(place, 1); this.#stale(); } }, t("studio.nets.remove", { net: net.name })),
    )));
    this.list.hidden = this.nets.length === 0;
    this.go.disabled = this.nets.length < 2;
    this.go.title = this.go.disabled ? t("studio.nets.need_two") : "";
  }

  #form() {
    const form = new FormData();
    const taken = new Set();
    for (const net of this.nets) {
      // A name is the net's in every answer: it must be there, be the only one, and be a file's.
      let name = net.name.replaceAll(/[\\/.]/g, "_") || "net";
      while (taken.has(name)) name += "_";
      taken.add(name);
      net.name = name;
      form.append("files", net.file, name + net.suffix);
    }
    form.append("field", this.field.value.trim() || "grid_code");
    if (this.crs.value) form.append("crs", this.crs.value);
    return form;
  }

  async #compare() {
    this.go.disabled = true;
    this.go.textContent = t("studio.nets.comparing");
    this.problem.hidden = true;
    try {
      const form = this.#form();
      const { pairs } = await api(`/api/v1/communities/${this.model.plan.community_code}/crosswalk`, { method: "POST", body: form });
      this.#names();
      this.pairs = pairs;
      this.#show();
      this.#offer();
      this.shared.scrollIntoView({ block: "nearest" });
    } catch (error) {
      this.#refuse(error);
    }
    this.go.disabled = this.nets.length < 2;
    this.go.textContent = t("studio.nets.compare");
  }

  #refuse(error) {
    this.problem.textContent = error.mend ? `${error.message} — ${error.mend}` : error.message;
    this.problem.hidden = false;
  }

  #show() {
    const both = [];
    this.nets.forEach((a, place) => this.nets.slice(place + 1).forEach((b) => both.push([a.name, b.name])));
    const pair = el("select", { id: "net-pair", onchange: () => this.#heat(...both[Number(pair.value)]) }, both.map(([a, b], place) => el("option", { value: String(place) }, t("studio.nets.versus", { a, b }))));
    const choice = METRICS.map((one) => el("button", { type: "button", "data-metric": one, "aria-pressed": String(one === this.metric), onclick: () => {
      this.metric = one;
      for (const other of choice) other.setAttribute("aria-pressed", String(other.dataset.metric === one));
      this.#heat(...both[Number(pair.value)]);
    } }, t(`studio.nets.by_${one}`)));
    this.heat = el("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": t("studio.nets.step_shared") });
    this.rows = el("details", {});
    fill(
      this.shared,
      el("h3", {}, t("studio.nets.step_shared")),
      el("div", { class: "row start" }, el("div", {}, el("label", { for: "net-pair" }, t("studio.nets.pair")), pair), el("div", { class: "segments", role: "group", "aria-label": t("studio.nets.show") }, choice)),
      this.heat,
      this.rows,
    );
    this.shared.hidden = false;
    this.#heat(...both[0]);
  }

  // Rows are the grids of one net, columns those of the other; figures stand in every cell, so that no
  // meaning rests on the shade alone.
  #heat(a, b) {
    const pairs = this.pairs.filter((one) => one.net_a === a && one.net_b === b);
    const largest = (key) => {
      const sums = new Map();
      for (const one of pairs) sums.set(one[key], (sums.get(one[key]) ?? 0) + one.area_m2);
      return [...sums].sort((x, y) => y[1] - x[1]).map(([code]) => code);
    };
    const [allRows, allColumns] = [largest("code_a"), largest("code_b")];
    const rows = allRows.slice(0, DRAWN).sort();
    const columns = allColumns.slice(0, DRAWN).sort();
    const at = new Map(pairs.map((one) => [`${one.code_a}\u0000${one.code_b}`, one]));
    const value = (one) => (this.metric === "area" ? one.share_a : one[this.metric] ?? 0);
    const text = (one) => (this.metric === "area" ? `${Math.round(one.share_a * 100)}%` : whole(one[this.metric] ?? 0));
    const cell = (code, other, peak) => {
      const one = at.get(`${code}\u0000${other}`);
      if (!one || value(one) === 0) return el("td", { class: "h0" }, "·");
      const shade = Math.max(1, Math.ceil((value(one) / peak) * (SHADES - 1)));
      return el("td", { class: `h${shade}`, title: `${code} × ${other}` }, text(one));
    };
    fill(
      this.heat,
      el(
        "table",
        { class: "heat", id: "net-heat" },
        el("caption", {}, t("studio.nets.heat", { a, b })),
        el("thead", {}, el("tr", {}, el("td", {}), columns.map((code) => el("th", { scope: "col", title: code }, shortOf(code))))),
        el("tbody", {}, rows.map((code) => {
          const found = columns.map((other) => at.get(`${code}\u0000${other}`)).filter(Boolean).map(value);
          const peak = this.metric === "area" ? 1 : Math.max(1, found.reduce((sum, one) => sum + one, 0));
          return el("tr", {}, el("th", { scope: "row", title: code }, shortOf(code)), columns.map((other) => cell(code, other, peak)));
        })),
      ),
      el("p", { class: "soft" }, t("studio.nets.shade"), allRows.length > DRAWN || allColumns.length > DRAWN ? ` ${t("studio.nets.few", { count: DRAWN })}` : ""),
    );
    this.#table(pairs);
  }

  #table(pairs) {
    const unknown = pairs.reduce((sum, one) => sum + (one.unknown ?? 0), 0);
    const heads = ["code_a", "code_b", "area", "share_a", "share_b", "buildings", "households"];
    const number = (words) => el("td", { class: "number" }, words);
    fill(
      this.rows,
      el("summary", {}, t("studio.nets.table", { count: pairs.length })),
      el("div", { class: "scroll tall", tabindex: "0", role: "region", "aria-label": t("studio.nets.table", { count: pairs.length }) }, el(
        "table",
        { id: "net-pairs" },
        el("thead", {}, el("tr", {}, heads.map((key, place) => el("th", { scope: "col", class: place > 1 ? "number" : "" }, t(`studio.nets.${key}`))))),
        el("tbody", {}, pairs.slice(0, MOST_PAIRS).map((one) => el("tr", {}, el("td", { class: "code" }, one.code_a), el("td", { class: "code" }, one.code_b), number(whole(one.area_m2)), number(`${(one.share_a * 100).toFixed(1)}%`), number(`${(one.share_b * 100).toFixed(1)}%`), number(whole(one.buildings ?? 0)), number(whole(one.households ?? 0))))),
      )),
      unknown ? el("p", { class: "soft" }, t("studio.nets.unknown", { count: unknown })) : null,
    );
  }

  #offer() {
    const codes = new Map(this.nets.map((net) => [net.name, new Set()]));
    for (const one of this.pairs) {
      codes.get(one.net_a)?.add(one.code_a);
      codes.get(one.net_b)?.add(one.code_b);
    }
    const radios = this.nets.map((net, place) => el("input", { type: "radio", name: "net-base", value: net.name, checked: place === 0 }));
    const draft = this.model.plan.state === "draft";
    const merge = el("button", { type: "button", class: "main", id: "net-go", disabled: !draft, onclick: () => this.#merge(radios.find((one) => one.checked).value, merge) }, t("studio.nets.merge"));
    fill(
      this.last,
      el("h3", {}, t("studio.nets.step_merge")),
      el("p", { id: "net-base-words" }, t("studio.nets.base")),
      el("fieldset", { "aria-labelledby": "net-base-words" }, this.nets.map((net, place) => el("label", { class: "tick" }, radios[place], el("span", {}, t("studio.nets.base_line", { net: net.name, grids: codes.get(net.name).size }))))),
      el("p", { class: "soft" }, draft ? t("studio.nets.replaces") : t("studio.hint.not_draft")),
      el("div", { class: "row" }, merge),
    );
    this.last.hidden = false;
  }

  async #merge(base, button) {
    button.disabled = true;
    const form = this.#form();
    form.append("base", base);
    const outcome = await this.acts.send({ path: "/merge-nets", form, about: t("studio.act.merge_nets"), onError: (error) => this.#refuse(error) });
    button.disabled = false;
    if (outcome === null) {
      this.problem.scrollIntoView({ block: "nearest" });
      return;
    }
    const { report } = outcome;
    const given = outcome.step.facts.codes ?? {};
    const heirs = Object.entries(report.predecessors).sort(([a], [b]) => (a < b ? -1 : 1));
    this.nets = [];
    fill(
      this.dialog,
      el("h2", { id: "dialog-title" }, t("studio.nets.title")),
      el("p", { class: "fine", id: "net-done" }, `✓ ${t("studio.nets.done", { assigned: report.assigned, grids: heirs.length })}`),
      report.missing.length ? el("p", { class: "notice" }, t("studio.nets.uncovered", { count: report.missing.length })) : null,
      report.left_out.length ? el("p", { class: "notice" }, t("studio.nets.left", { count: report.left_out.length, codes: report.left_out.map((one) => `${one.net}:${one.grid_code}`).join("、") })) : null,
      el("div", { class: "scroll tall", tabindex: "0", role: "region", "aria-label": t("studio.nets.heirs") }, el(
        "table",
        { id: "net-heirs" },
        el("thead", {}, el("tr", {}, ["grid", "was", "heirs"].map((key) => el("th", { scope: "col" }, t(`studio.nets.${key}`))))),
        el("tbody", {}, heirs.map(([code, names]) => el("tr", {}, el("td", { class: "code" }, shortOf(given[code] ?? code)), el("td", { class: "code" }, code), el("td", {}, names.join("、"))))),
      )),
      el("div", { class: "row" }, el("button", { type: "button", class: "main", onclick: () => this.dialog.close() }, t("studio.nets.close"))),
    );
  }
}
