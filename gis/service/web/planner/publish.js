// Publishing: what the plan becomes, what stands in its way, reasons, incidents that move, and the date.

import { api, el, fill, language, t, tell, tellError, term } from "../shell.js";
import { shortOf } from "./model.js";
import { shortened } from "./panels.js";

export class Publisher {
  constructor({ model, acts }) {
    Object.assign(this, { model, acts });
    this.dialog = document.getElementById("dialog");
  }

  async open() {
    const { dialog } = this;
    fill(dialog, el("h2", { id: "dialog-title" }, t("studio.publish.title")), el("p", {}, t("studio.publish.checking")));
    dialog.showModal();
    try {
      this.review = await api(`/api/v1/plans/${this.model.plan.id}/review`);
      this.#draw();
    } catch (error) {
      dialog.close();
      tellError(error);
    }
  }

  #draw() {
    const { review } = this;
    const stops = review.violations.filter((one) => one.stops);
    const open = review.violations.filter((one) => one.needs_reason);
    const reasons = new Map();
    const note = el("input", { id: "publish-note", maxlength: "500", value: this.model.plan.name });
    const when = el("input", { id: "publish-when", type: "datetime-local" });
    const send = el("button", { type: "submit", class: "main", id: "publish-now" }, t("studio.publish.publish"));
    const problem = el("p", { class: "notice bad", role: "alert", hidden: true });
    const check = () => (send.disabled = stops.length > 0 || open.some((one) => !reasons.get(one.key)?.value.trim()));
    const waivers = open.map((one, place) => {
      const field = el("input", { id: `reason-${place}`, maxlength: "500", placeholder: t("studio.publish.reason"), oninput: check });
      reasons.set(one.key, field);
      return el("div", { class: "waiver" }, el("p", {}, shortened(one.words[language])), el("label", { class: "unseen", for: `reason-${place}` }, t("studio.publish.reason")), field);
    });
    const form = el(
      "form",
      {
        onsubmit: (event) => {
          event.preventDefault();
          this.#send(reasons, when.value, note.value, send, problem);
        },
      },
      this.#proof(),
      stops.map((one) => el("div", { class: "waiver stop" }, el("p", {}, el("span", { class: "tag bad" }, t("studio.publish.stops")), ` ${shortened(one.words[language])}`))),
      waivers.length ? el("h3", {}, t("studio.publish.reasons", { count: waivers.length })) : null,
      waivers,
      waivers.length > 1 ? el("p", {}, el("button", { type: "button", class: "small", onclick: () => { const first = [...reasons.values()].find((one) => one.value.trim()); if (first) for (const one of reasons.values()) one.value ||= first.value; check(); } }, t("studio.publish.same"))) : null,
      this.#impact(),
      this.#codes(),
      el("div", { class: "form-row" }, el("div", {}, el("label", { for: "publish-when" }, t("studio.publish.when")), when, el("small", { class: "soft" }, t("studio.publish.when_hint"))), el("div", {}, el("label", { for: "publish-note" }, t("studio.publish.note")), note)),
      problem,
      el("div", { class: "row" }, el("button", { type: "button", onclick: () => this.dialog.close() }, t("studio.publish.back")), this.model.plan.state === "draft" ? el("button", { type: "button", id: "hand-in", onclick: () => this.#set("review") }, t("studio.publish.hand_in")) : el("button", { type: "button", onclick: () => this.#set("draft") }, t("studio.publish.take_back")), send),
    );
    fill(this.dialog, el("h2", { id: "dialog-title" }, t("studio.publish.title")), form);
    check();
  }

  #proof() {
    const { proof, totals } = this.review;
    const parts = [
      [proof.coverage_valid, t("studio.publish.proof_cover")],
      [proof.difference_m2 === 0, t("studio.publish.proof_community", { area: proof.difference_m2 })],
      [proof.units_loose === 0, t("studio.publish.proof_units", { count: proof.units_loose })],
      [!proof.buildings_uncovered, t("studio.publish.proof_buildings", { count: proof.buildings_uncovered ?? 0 })],
      [totals.within === totals.basic, t("studio.publish.proof_sizes", { within: totals.within, basic: totals.basic })],
    ];
    return el("div", { class: "steps-line" }, parts.map(([good, words]) => el("span", { class: `tag ${good ? "good" : "warm"}` }, `${good ? "✓" : "!"} ${words}`)));
  }

  #impact() {
    const { impact, incidents, staff } = this.review;
    const moving = incidents.map((one) => el("tr", {}, el("td", { class: "code" }, one.incident_number), el("td", {}, shortOf(one.from_grid)), el("td", {}, one.to_grid ? shortOf(one.to_grid) : t("studio.publish.queue")), el("td", {}, term("incident_state", one.state))));
    return [
      el("h3", {}, t("studio.publish.impact", { households: impact.households_moved, incidents: incidents.length, staff: staff.moved })),
      incidents.length
        ? el("details", { open: incidents.length < 12, id: "moving" }, el("summary", {}, t("studio.publish.incidents", { count: incidents.length })), el("div", { class: "scroll" }, el("table", {}, el("thead", {}, el("tr", {}, ["incident", "from", "to", "state"].map((key) => el("th", {}, t(`studio.publish.${key}`))))), el("tbody", {}, moving))))
        : null,
      staff.moves.length
        ? el("details", {}, el("summary", {}, t("studio.publish.staff", { count: staff.moves.length })), el("table", {}, el("tbody", {}, staff.moves.map((one) => el("tr", {}, el("td", {}, term("staff_role", one.role)), el("td", {}, one.from ? shortOf(one.from) : "—"), el("td", {}, one.to ? shortOf(one.to) : t("studio.publish.no_place")))))), el("p", { class: "soft" }, t("studio.publish.staff_days")))
        : null,
    ];
  }

  #codes() {
    const { grids, closed, micro_closed: micro } = this.review;
    const fresh = grids.filter((one) => !one.kept);
    if (fresh.length === 0 && closed.length === 0) return el("p", { class: "soft" }, t("studio.publish.codes_same"));
    return el(
      "details",
      {},
      el("summary", {}, t("studio.publish.codes", { fresh: fresh.length, closed: closed.length })),
      el("table", { class: "codes" }, el("thead", {}, el("tr", {}, ["code", "name", "made_from"].map((key) => el("th", {}, t(`studio.publish.${key}`))))), el("tbody", {}, fresh.map((one) => el("tr", {}, el("td", { class: "code" }, one.grid_code), el("td", {}, one.name ?? "—"), el("td", {}, one.predecessors.map(shortOf).join("、")))))),
      closed.length ? el("p", {}, t("studio.publish.closed", { codes: closed.map((code) => code.slice(12)).join("、") })) : null,
      micro.length ? el("p", { class: "soft" }, t("studio.publish.micro", { count: micro.length })) : null,
    );
  }

  async #set(state) {
    try {
      await api(`/api/v1/plans/${this.model.plan.id}`, { method: "PATCH", json: { version: this.review.version, state } });
      this.dialog.close();
      await this.acts.reload();
    } catch (error) {
      tellError(error);
    }
  }

  async #send(reasons, when, note, button, problem) {
    button.disabled = true;
    problem.hidden = true;
    const waivers = Object.fromEntries([...reasons].map(([key, field]) => [key, field.value.trim()]));
    // The date is the place's own, whatever zone the planner's computer keeps.
    const effective = when ? `${when}:00+08:00` : null;
    try {
      const done = await api(`/api/v1/plans/${this.model.plan.id}/publish`, { json: { version: this.review.version, effective_from: effective, waivers, note } });
      this.dialog.close();
      tell(t("studio.publish.done", { number: done.edition.number, incidents: done.incidents_moved }));
      await this.acts.reload();
    } catch (error) {
      fill(problem, error.mend ? `${error.message} — ${error.mend}` : error.message);
      // Somebody published other borders meanwhile: the way on is to put the plan on their edition.
      if (error.details?.last) problem.append(" ", el("button", { type: "button", class: "small", onclick: () => { this.dialog.close(); this.acts.rebase(); } }, t("studio.top.stale_look")));
      problem.hidden = false;
      button.disabled = false;
    }
  }
}
