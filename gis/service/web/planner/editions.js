// The editions of the community: which there were, how to go back to one, and how a plan that was begun from
// an older one is put on the latest.

import { api, el, fill, language, t, tell, tellError } from "../shell.js";
import { shortOf } from "./model.js";

const PAIRS = 12;
const day = (time) => new Date(time).toLocaleString(language === "zh" ? "zh-CN" : "en-GB", { timeZone: "Asia/Shanghai", dateStyle: "medium", timeStyle: "short" });

export class Editions {
  constructor({ model, acts }) {
    Object.assign(this, { model, acts });
    this.dialog = document.getElementById("dialog");
    this.list = [];
  }

  // What there is; and whether the plan was begun from an edition that others have changed since.
  async read() {
    const { plan } = this.model;
    const bar = document.getElementById("stale");
    bar.hidden = true;
    try {
      ({ editions: this.list } = await api(`/api/v1/communities/${plan.community_code}/editions`));
    } catch (error) {
      tellError(error);
      return;
    }
    if (plan.id !== this.model.plan.id) return;
    const later = this.list.filter((one) => one.number > plan.base_edition && one.changed > 0);
    if (later.length === 0 || !["draft", "review"].includes(plan.state)) return;
    fill(bar, el("span", {}, t("studio.top.stale", { latest: this.list[0].number, base: plan.base_edition })), el("button", { type: "button", class: "small", id: "stale-look", onclick: () => this.rebase() }, t("studio.top.stale_look")));
    bar.hidden = false;
  }

  lines() {
    return el("ul", { class: "plain", id: "edition-list" }, this.list.map((one) => el(
      "li",
      {},
      el("b", {}, t("studio.edition.number", { number: one.number })),
      " ",
      el("span", { class: `tag ${one.standing === "in_force" ? "good" : one.standing === "scheduled" ? "warm" : ""}` }, t(`studio.edition.${one.standing}`)),
      el("div", { class: "meta" }, t("studio.edition.line", { time: day(one.effective_from), who: one.published_by, grids: one.grids })),
      el("div", { class: "meta" }, one.changed ? t("studio.edition.changed") : t("studio.edition.unchanged"), one.note ? ` · ${one.note}` : ""),
      el(
        "div",
        { class: "row start" },
        el("button", { type: "button", class: "small", onclick: () => this.acts.compareWith(one.number) }, t("studio.edition.compare")),
        one.number === this.list[0].number ? null : el("button", { type: "button", class: "small", "data-back": String(one.number), onclick: () => this.#askBack(one) }, t("studio.edition.back")),
      ),
    )));
  }

  #askBack(one) {
    const last = this.list[0].number;
    const reason = el("input", { id: "back-reason", required: true, maxlength: "500" });
    const when = el("input", { id: "back-when", type: "datetime-local" });
    const problem = el("p", { class: "notice bad", role: "alert", hidden: true });
    const yes = el("button", { type: "submit", class: "main", id: "back-yes" }, t("studio.edition.back_yes", { next: last + 1 }));
    const form = el(
      "form",
      {
        onsubmit: async (event) => {
          event.preventDefault();
          yes.disabled = true;
          problem.hidden = true;
          try {
            const json = { number: one.number, reason: reason.value, effective_from: when.value ? `${when.value}:00+08:00` : null };
            const { edition } = await api(`/api/v1/communities/${this.model.plan.community_code}/rollback`, { json });
            this.dialog.close();
            tell(t("studio.edition.back_done", { number: edition.number }));
            await this.acts.reload();
          } catch (error) {
            yes.disabled = false;
            problem.textContent = error.mend ? `${error.message} — ${error.mend}` : error.message;
            problem.hidden = false;
          }
        },
      },
      el("ul", { class: "says" }, [
        t("studio.edition.back_does", { community: this.model.community.name, number: one.number, grids: one.grids, next: last + 1 }),
        t("studio.edition.back_keeps", { last }),
        t("studio.edition.back_moves"),
      ].map((words) => el("li", {}, words))),
      el("label", { for: "back-reason" }, t("studio.edition.back_reason")),
      reason,
      el("label", { for: "back-when" }, t("studio.publish.when")),
      when,
      el("small", { class: "soft" }, t("studio.publish.when_hint")),
      problem,
      el("div", { class: "row" }, el("button", { type: "button", onclick: () => this.dialog.close() }, t("studio.new.cancel")), yes),
    );
    fill(this.dialog, el("h2", { id: "dialog-title" }, t("studio.edition.back_title", { number: one.number })), form);
    this.dialog.showModal();
    reason.focus();
  }

  // What the latest edition changed, and what becomes of it in this plan.
  async rebase() {
    const { model } = this;
    let news;
    try {
      news = await api(`/api/v1/plans/${model.plan.id}/news`);
    } catch (error) {
      tellError(error);
      return;
    }
    const { latest, base } = news;
    const places = Object.keys(news.units).map((id) => model.placeOf.get(id)).filter((place) => place !== undefined);
    const now = (place) => news.units[model.ids[place]] || null;
    const free = places.filter((place) => model.label[place] === model.before[place]);
    const clash = places.filter((place) => model.label[place] !== model.before[place] && model.label[place] !== now(place));
    const households = (list) => list.reduce((sum, place) => sum + (model.households[place] || 0), 0);
    const take = el("input", { type: "checkbox", id: "news-take", checked: true });
    const yes = el("button", { type: "button", class: "main", id: "news-yes", disabled: model.plan.state !== "draft", onclick: () => this.#putOn(latest, take.checked ? free : [], now, yes) }, t("studio.edition.news_yes", { latest }));
    const show = (list) => el("button", { type: "button", class: "small", onclick: () => { this.dialog.close(); this.acts.showUnits(list); } }, t("studio.edition.news_show"));
    fill(
      this.dialog,
      el("h2", { id: "dialog-title" }, t("studio.edition.news_title", { latest })),
      places.length ? [el("p", {}, t("studio.edition.news_lead", { base, count: places.length, households: households(places) }), " ", show(places)), this.#pairs(places, now, news.names)] : el("p", {}, t("studio.edition.news_none")),
      free.length ? el("label", { class: "tick" }, take, el("span", {}, t("studio.edition.news_free", { count: free.length, latest }))) : null,
      clash.length ? el("p", { class: "notice" }, t("studio.edition.news_clash", { count: clash.length }), " ", show(clash)) : null,
      model.plan.state === "draft" ? null : el("p", { class: "notice" }, t("studio.hint.not_draft")),
      el("div", { class: "row" }, el("button", { type: "button", onclick: () => this.dialog.close() }, t("studio.new.cancel")), yes),
    );
    this.dialog.showModal();
  }

  #pairs(places, now, names) {
    const { model } = this;
    const rows = new Map();
    for (const place of places) {
      const [from, to] = [model.before[place], now(place)];
      const key = `${from}\u0000${to}`;
      const row = rows.get(key) ?? { from, to, units: 0, households: 0 };
      row.units += 1;
      row.households += model.households[place] || 0;
      rows.set(key, row);
    }
    const called = (code) => (code === null ? "—" : [shortOf(code), names[code] ?? model.base.names[code]].filter(Boolean).join(" "));
    return el("div", { class: "scroll" }, el(
      "table",
      { id: "news" },
      el("thead", {}, el("tr", {}, [["publish.from", ""], ["publish.to", ""], ["edition.units", "number"], ["compare.households", "number"]].map(([key, kind]) => el("th", { scope: "col", class: kind }, t(`studio.${key}`))))),
      el("tbody", {}, [...rows.values()].sort((a, b) => b.households - a.households).slice(0, PAIRS).map((row) => el("tr", {}, el("td", {}, called(row.from)), el("td", {}, called(row.to)), el("td", { class: "number" }, String(row.units)), el("td", { class: "number" }, String(row.households))))),
    ));
  }

  async #putOn(latest, places, now, button) {
    button.disabled = true;
    const { model } = this;
    // Written down first: from the moment that the plan stands on the latest edition, all of this is its base.
    const rows = places.filter((place) => now(place) !== null).map((place) => `${model.ids[place]},${now(place)}`);
    const done = await this.acts.send({ path: "/rebase", body: {}, about: t("studio.act.rebase") }, { reload: true });
    if (done !== null && rows.length) {
      const form = new FormData();
      form.append("file", new Blob([`unit_id,grid_code\n${rows.join("\n")}\n`], { type: "text/csv" }), `edition-${latest}.csv`);
      await this.acts.send({ path: "/units.csv", form, about: t("studio.act.import") });
    }
    this.dialog.close();
    if (done !== null) tell(t("studio.edition.news_done", { latest }));
  }
}
