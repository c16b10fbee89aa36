// What the plan changes against the edition that it started from: sizes, households, staff, incidents.

import { api, el, fill, t, tellError } from "../shell.js";
import { histogram, moveBars } from "./charts.js";

export class Compare {
  constructor({ model, acts }) {
    Object.assign(this, { model, acts });
  }

  // The pictures follow the brush; what needs the server is asked for when the pane is opened.
  draw() {
    const { model } = this;
    const pane = document.getElementById("pane-compare");
    if (pane.hidden || !model.plan) return;
    const moves = model.moves();
    this.figures ??= el("div", { id: "impact" });
    const other = el("select", { id: "compare-with", onchange: (event) => this.ask(event.target.value) }, el("option", { value: "" }, t("studio.compare.base", { number: model.plan.base_edition })), this.acts.editionsBefore().map((number) => el("option", { value: `e${number}` }, t("studio.compare.edition", { number }))), (this.plans ?? []).filter((one) => one.id !== model.plan.id).map((one) => el("option", { value: String(one.id) }, one.name)));
    other.value = this.chosen ?? "";
    fill(
      pane,
      el("h2", {}, t("studio.compare.histogram")),
      histogram([...model.sizes("before").values()], [...model.sizes("after").values()], model.limits),
      el("h2", {}, t("studio.compare.moves", { households: model.movedHouseholds() })),
      el("div", { id: "moves" }, moves.length ? moveBars(moves, { nameOf: (label) => model.nameOf(label), colourOf: (label, mode) => this.acts.colourOf(label, mode) }) : el("p", { class: "soft" }, t("studio.compare.nothing"))),
      el("h2", {}, t("studio.compare.impact")),
      el("label", { for: "compare-with" }, t("studio.compare.with")),
      other,
      this.figures,
    );
  }

  async ask(plan = this.chosen ?? "") {
    this.chosen = plan;
    try {
      const found = await api(`/api/v1/plans/${this.model.plan.id}/compare${asked(plan)}`);
      const { totals } = found;
      const rows = [
        ["households", `${totals.households} (${(100 * totals.households_share).toFixed(1)} %)`],
        ["residents", totals.residents],
        ["buildings", totals.buildings],
        ["units", totals.units],
        ["incidents", totals.incidents],
        ["staff", totals.staff],
        ["new", totals.grids_new.length],
        ["gone", totals.grids_gone.length],
      ];
      fill(this.figures, el("table", {}, el("tbody", {}, rows.map(([key, value]) => el("tr", {}, el("th", { scope: "row" }, t(`studio.compare.${key}`)), el("td", { class: "number" }, String(value ?? 0)))))));
    } catch (error) {
      tellError(error);
    }
  }
}

// `12` is a plan, `e3` an edition.
function asked(other) {
  if (!other) return "";
  return other.startsWith("e") ? `?with_edition=${other.slice(1)}` : `?with_plan=${other}`;
}
