// Proposals: ask, follow, look at them side by side, choose one.

import { api, el, fill, language, t, tell, tellError, token } from "../shell.js";
import { colour, PALETTE } from "./colours.js";
import { shortened } from "./panels.js";

const ENDED = new Set(["done", "cancelled", "failed"]);
const AGAIN_MS = 1500;
const GOALS = ["minimal-change", "compact", "balanced"];
const FIGURES = [
  ["in_range", (m) => `${m.in_range}/${m.grids}`],
  ["range", (m) => `${m.households_min}–${m.households_max}`],
  ["moved", (m) => `${m.households_moved ?? "—"}`],
  ["border", (m) => `${((m.border_m ?? 0) / 1000).toFixed(1)} km`],
  ["shape", (m) => (m.polsby_popper_mean ?? 0).toFixed(2)],
  ["compounds", (m) => `${m.compounds_cut ?? "—"}`],
];

export class Proposals {
  constructor({ model, acts }) {
    Object.assign(this, { model, acts });
    this.job = null;
    this.stop = null;
  }

  reset() {
    this.stop?.abort();
    this.job = null;
    this.draw();
    this.last();
  }

  async last() {
    try {
      const { proposals } = await api(`/api/v1/plans/${this.model.plan.id}/proposals`);
      if (proposals.length === 0) return;
      this.job = await api(`/api/v1/plans/${this.model.plan.id}/proposals/${proposals[0].id}`);
      this.draw();
      if (!ENDED.has(this.job.state)) this.follow();
    } catch (error) {
      tellError(error);
    }
  }

  draw() {
    const draft = this.model.plan.state === "draft";
    const goal = el("select", { id: "goal" }, GOALS.map((one) => el("option", { value: one }, t(`studio.propose.goal_${one.replace("-", "_")}`))));
    const seconds = el("input", { id: "seconds", type: "number", min: "2", max: "600", value: "20" });
    const count = el("input", { id: "k", type: "number", min: "1", placeholder: t("studio.propose.free") });
    const form = el(
      "form",
      { id: "propose-form", onsubmit: (event) => { event.preventDefault(); this.ask({ goal: goal.value, seconds: Number(seconds.value), k: count.value ? Number(count.value) : null }); } },
      el("label", { for: "goal" }, t("studio.propose.goal")),
      goal,
      el("div", { class: "form-row" }, el("div", {}, el("label", { for: "seconds" }, t("studio.propose.seconds")), seconds), el("div", {}, el("label", { for: "k" }, t("studio.propose.k")), count)),
      el("p", {}, el("button", { type: "submit", class: "main", id: "propose", disabled: !draft }, t("studio.propose.start"))),
    );
    this.status = el("div", { id: "propose-status", "aria-live": "polite" });
    this.cards = el("div", { class: "cards", id: "cards" });
    fill("pane-proposals", el("p", { class: "soft" }, t("studio.propose.note")), form, this.status, this.cards);
    this.progress();
    this.results();
  }

  async ask(wish) {
    try {
      this.job = await api(`/api/v1/plans/${this.model.plan.id}/proposals`, { json: wish });
      this.cards.replaceChildren();
      this.progress();
      await this.follow();
    } catch (error) {
      tellError(error);
    }
  }

  // Follow the search to its end; a stream that breaks off on the way is taken up again.
  async follow() {
    this.stop?.abort();
    const stop = (this.stop = new AbortController());
    const path = `/api/v1/plans/${this.model.plan.id}/proposals/${this.job.id}`;
    this.last = null;
    try {
      for (;;) {
        await this.#stream(`${path}/events`, stop.signal);
        this.job = await api(path, { signal: stop.signal });
        this.progress();
        if (ENDED.has(this.job.state)) break;
        await new Promise((done) => setTimeout(done, AGAIN_MS));
      }
      this.results();
      tell(t(`studio.propose.state_${this.job.state}`));
    } catch (error) {
      if (error.name !== "AbortError") tellError(error);
    }
  }

  // Events over fetch, for EventSource can send no token.
  async #stream(path, signal) {
    const headers = { Authorization: `Bearer ${token()}`, Accept: "text/event-stream" };
    if (this.last !== null) headers["Last-Event-ID"] = this.last;
    try {
      const answer = await fetch(path, { headers, signal });
      if (!answer.ok) return;
      const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
      let rest = "";
      for (;;) {
        const { value, done } = await reader.read();
        if (done) return;
        const events = (rest + value).split("\n\n");
        rest = events.pop();
        for (const line of events.flatMap((event) => event.split("\n"))) {
          if (line.startsWith("id: ")) this.last = line.slice(4);
          if (line.startsWith("data: ")) this.job = { ...this.job, ...JSON.parse(line.slice(6)) };
        }
        this.progress();
      }
    } catch (error) {
      if (error.name === "AbortError") throw error;
      // Whatever broke it: how the search stands is asked for, and the stream begun again.
    }
  }

  progress() {
    const { job } = this;
    if (!job) return fill(this.status);
    const done = job.progress?.done ?? 0;
    const bar = el("i");
    bar.style.setProperty("--done", `${done * 100}%`);
    const going = job.state === "waiting" || job.state === "running";
    const best = job.progress?.best;
    fill(
      this.status,
      going ? el("div", { class: "bar-line", role: "progressbar", "aria-valuenow": String(Math.round(done * 100)), "aria-label": t("studio.propose.progress") }, bar) : null,
      el("p", { class: "soft" }, t(going && job.progress?.stage === "preparing" ? "studio.propose.preparing" : `studio.propose.state_${job.state}`), best && going ? ` · ${t("studio.propose.best", { range: FIGURES[0][1](best), moved: best.households_moved ?? 0 })}` : ""),
      going ? el("button", { type: "button", class: "small", id: "cancel-proposal", onclick: () => this.cancel() }, t("studio.propose.cancel")) : null,
      (job.words ?? []).length ? el("ul", { class: "plain reasons" }, job.words.map((one) => el("li", {}, shortened(one[language])))) : null,
    );
    return undefined;
  }

  async cancel() {
    try {
      await api(`/api/v1/plans/${this.model.plan.id}/proposals/${this.job.id}/cancel`, { method: "POST" });
    } catch (error) {
      tellError(error);
    }
  }

  results() {
    const found = this.job?.results;
    if (!found?.plans) return fill(this.cards);
    fill(this.cards, found.plans.map((plan, number) => this.#card(found, plan, number)));
    return undefined;
  }

  #card(found, plan, number) {
    const picture = el("canvas", { width: 340, height: 220, role: "img", "aria-label": t("studio.propose.picture", { number: number + 1 }) });
    drawSmall(picture, this.model, found, plan);
    const title = variantName(plan.variant);
    return el(
      "article",
      { class: `proposal ${number === 0 ? "best" : ""}` },
      el("b", {}, `${number + 1} · ${title}`),
      picture,
      plan.feasible ? null : el("span", { class: "tag bad" }, t("studio.propose.broken")),
      el("dl", {}, FIGURES.flatMap(([key, value]) => [el("dt", {}, t(`studio.propose.${key}`)), el("dd", {}, value(plan.metrics))])),
      el(
        "div",
        { class: "row" },
        el("button", { type: "button", class: "small", onclick: () => this.acts.preview(found, plan, title) }, t("studio.propose.look")),
        el("button", { type: "button", class: "small main", id: `adopt-${number}`, disabled: this.model.plan.state !== "draft", onclick: () => this.acts.adopt(this.job.id, number) }, t("studio.propose.adopt")),
      ),
    );
  }
}

export function variantName(variant) {
  try {
    return t(`proposals.variant.${variant}`);
  } catch {
    return variant;
  }
}

function drawSmall(canvas, model, found, plan) {
  const to = canvas.getContext("2d");
  const [x0, y0, x1, y1] = model.extent;
  const scale = Math.min(canvas.width / (x1 - x0), canvas.height / ((y1 - y0) * model.stretch)) * 0.96;
  const shift = [(canvas.width - (x1 - x0) * scale) / 2, (canvas.height - (y1 - y0) * scale * model.stretch) / 2];
  const label = new Array(model.count).fill(-1);
  found.units.forEach((id, k) => {
    const place = model.placeOf.get(id);
    if (place !== undefined) label[place] = plan.labels[k];
  });
  const graph = new Map();
  for (const one of label) if (!graph.has(one)) graph.set(one, new Set());
  for (const pair of model.pairs) {
    const [a, b] = [label[pair.a], label[pair.b]];
    if (a === b) continue;
    graph.get(a).add(b);
    graph.get(b).add(a);
  }
  const colours = colour(graph, new Map());
  const at = (x, y) => [shift[0] + (x - x0) * scale, shift[1] + (y1 - y) * scale * model.stretch];
  for (let place = 0; place < model.count; place += 1) {
    to.beginPath();
    for (const ring of model.rings[place]) {
      for (let k = 0; k < ring.length; k += 2) {
        const [x, y] = at(ring[k], ring[k + 1]);
        if (k) to.lineTo(x, y);
        else to.moveTo(x, y);
      }
    }
    to.fillStyle = to.strokeStyle = PALETTE[colours.get(label[place]) ?? 0];
    to.fill("evenodd");
    to.lineWidth = 0.6;
    to.stroke();
  }
  to.beginPath();
  for (const pair of model.pairs) {
    if (label[pair.a] === label[pair.b]) continue;
    for (let k = 0; k < pair.lines.length; k += 4) {
      to.moveTo(...at(pair.lines[k], pair.lines[k + 1]));
      to.lineTo(...at(pair.lines[k + 2], pair.lines[k + 3]));
    }
  }
  to.strokeStyle = "#2b2f36";
  to.lineWidth = 1.6;
  to.stroke();
}
