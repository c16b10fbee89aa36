// Somebody else went on with the plan meanwhile: show what, keep what is mine, and let the planner say.

import { el, fill, t } from "../shell.js";
import { shortOf } from "./model.js";
import { actName } from "./panels.js";

const SHOWN = 5;

// `reload` opens the plan anew, where units were cut; `settled` draws what came of it.
export function askAfterConflict({ model, queue, error, act, reload, settled }) {
  const { details } = error;
  const others = [...new Set(details.steps.map((step) => step.actor))].join("、");
  const mine = new Map();
  for (const id of act.body?.units ?? []) mine.set(model.placeOf.get(id), model.label[model.placeOf.get(id)]);
  act.undo?.();
  const settle = async (again) => {
    box.hidden = true;
    if (details.recut) await reload();
    else model.apply(details);
    model.version = details.version;
    if (again) for (const [place, label] of mine) if (model.grids.has(label) || act.body.label === null) model.put(place, label);
    queue.resume({ again });
    settled();
  };
  const box = fill(
    "conflict",
    el("h2", { id: "conflict-title" }, t("studio.conflict.title", { who: others })),
    el("ul", { class: "plain" }, details.steps.slice(-SHOWN).map((step) => el("li", {}, `${step.sequence} · ${step.actor} · ${actName(step)} ${(step.labels ?? []).map(shortOf).join("、")}`))),
    el("p", {}, t("studio.conflict.mine", { act: act.about ?? "" })),
    el("div", { class: "row" }, el("button", { type: "button", class: "main", id: "again", onclick: () => settle(true) }, t("studio.conflict.again")), el("button", { type: "button", id: "drop", onclick: () => settle(false) }, t("studio.conflict.drop"))),
  );
  box.hidden = false;
  document.getElementById("again").focus();
}
