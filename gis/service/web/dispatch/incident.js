// One incident: what is known, what can be done with it now, and all that was done.
import { api, el, fill, language, t, tell, tellError, term, token } from "../shell.js";
import { percent } from "./answer.js";

export const time = (value) => value && new Date(value).toLocaleString(language === "zh" ? "zh-CN" : "en-GB", { timeZone: "Asia/Shanghai", month: "numeric", day: "numeric", hour: "2-digit", minute: "2-digit" });

const BY = { wangge: "by_machine", resident: "by_resident" };
const who = (actor) => (BY[actor] ? t(`dispatch.incident.${BY[actor]}`) : actor);

const ACTS = {
  reported: ["assign", "move"],
  assigned: ["accept", "transfer", "escalate", "return", "move"],
  accepted: ["resolve", "transfer", "escalate", "return", "move"],
};
const NEEDS_REASON = new Set(["resolve", "escalate", "return"]);
export const KEYS = { a: ["assign", "transfer"], c: ["accept"], r: ["resolve"], e: ["escalate"], m: ["move"] };

/** Show an incident in the panel. `desk` knows the grids, the kinds, and how to choose a point on the map. */
export function showIncident(panel, incident, desk) {
  const category = desk.kinds.categories.find((one) => one.category === incident.category)?.[language] ?? incident.category;
  const source = desk.kinds.sources.find((one) => one.source === incident.source)?.[language] ?? incident.source;
  const rows = [];
  const add = (key, value) => value && rows.push(el("dt", {}, t(`dispatch.incident.${key}`)), el("dd", {}, value));
  add("text", incident.text);
  add("reported", `${time(incident.reported_at)} · ${source}`);
  add("due", incident.due_at && el("span", {}, time(incident.due_at), " ", incident.late ? el("span", { class: "tag bad" }, t("dispatch.console.late")) : null));
  add("owner", incident.grid_code && el("span", {}, desk.gridName(incident.grid_code), " ", el("small", { class: "code" }, incident.grid_code)));
  add("escalated_to", incident.division_code);
  add("address", incident.address);
  add("reporter", incident.reporter);
  add("rating", incident.rating && "★".repeat(incident.rating));
  const tone = incident.owner_status === "inside" || incident.owner_status === "manual" ? "good" : "warm";
  fill(panel,
    el("button", { class: "small", type: "button", onclick: desk.close }, `← ${t("dispatch.console.back")}`),
    el("p", {}, el("span", { class: "tag", id: "incident-state" }, term("incident_state", incident.state)), " ",
      incident.owner_status ? el("span", { class: `tag ${tone}` }, term("owner_status", incident.owner_status)) : null),
    el("h2", { id: "incident-title" }, category), el("p", { class: "code soft", id: "incident-number" }, incident.incident_number),
    el("dl", {}, rows), photo(incident), offer(incident, desk), buttons(incident, desk), candidates(incident, desk),
    doubles(incident, desk), history(incident, desk));
}

/** Make a step, and show what came of it. */
export async function step(incident, act, body, desk) {
  try {
    const path = act === "transfer" ? "assign" : act;
    await api(`/api/v1/incidents/${incident.incident_number}/${path}`, { json: { version: incident.version, ...body } });
    await desk.open(incident.incident_number);
  } catch (error) {
    if (error.code === "conflict") tell(t("dispatch.incident.gone"), { bad: true });
    else tellError(error);
    if (error.status === 409) await desk.open(incident.incident_number);
  }
}

/** Begin an act: ask for what it needs, then make the step. */
export function begin(incident, act, desk) {
  if (!(ACTS[incident.state] ?? []).includes(act)) return;
  if (act === "accept") step(incident, act, {}, desk);
  else if (act === "move") desk.choosePoint(t("dispatch.incident.move_now"), (lon, lat) => step(incident, "move", { lon, lat, crs: "cgcs2000" }, desk));
  else askFor(incident, act, desk);
}

function buttons(incident, desk) {
  const acts = ACTS[incident.state] ?? [];
  return el("div", { class: "acts" }, acts.map((act, at) =>
    el("button", { type: "button", class: at === 0 ? "main" : "", "data-act": act, onclick: () => begin(incident, act, desk) }, t(`dispatch.act.${act}`))));
}

function askFor(incident, act, desk) {
  const reason = el("textarea", { id: "step-reason", required: true, maxlength: "1000" });
  const gives = act === "assign" || act === "transfer";
  const likely = (incident.candidates ?? []).map((one) => one.grid_code).filter(Boolean);
  const codes = [...new Set([...likely, ...desk.gridCodes()])].filter((code) => code !== incident.grid_code);
  const grid = el("select", { id: "step-grid" }, codes.map((code) => el("option", { value: code }, `${desk.gridName(code)} · ${code.slice(12)}`)));
  const dialog = el("dialog", { "aria-label": t(`dispatch.act.${act}`) },
    el("form", {
      method: "dialog",
      onsubmit: (event) => {
        if (event.submitter?.value !== "yes") return;
        const body = NEEDS_REASON.has(act) || gives ? { reason: reason.value } : {};
        step(incident, act, gives ? { ...body, grid_code: grid.value } : body, desk);
      },
    },
      el("h2", {}, t(`dispatch.act.${act}`)),
      gives ? [el("label", { for: "step-grid" }, t("dispatch.act.to_grid")), grid] : null,
      el("label", { for: "step-reason" }, t(act === "resolve" ? "dispatch.act.what_was_done" : "dispatch.act.reason")), reason,
      el("div", { class: "row" },
        el("button", { type: "submit", value: "no", formnovalidate: true }, t("pages.shell.cancel")),
        el("button", { type: "submit", value: "yes", class: "main" }, t("dispatch.act.confirm")))));
  document.body.append(dialog);
  dialog.addEventListener("close", () => dialog.remove());
  dialog.showModal();
  (gives ? grid : reason).focus();
}

function offer(incident, desk) {
  if (!incident.offer) return null;
  const grid = desk.gridName(incident.offer);
  const act = incident.grid_code ? "transfer" : "assign";
  return el("div", { class: "notice", id: "offer" }, t("dispatch.incident.offer", { grid }), " ",
    el("button", { type: "button", class: "small main", onclick: () => step(incident, act, { grid_code: incident.offer, reason: t("dispatch.incident.offer_reason") }, desk) }, t("dispatch.incident.take_offer", { grid })));
}

function candidates(incident, desk) {
  const listed = (incident.candidates ?? []).filter((one) => one.probability > 0 && one.probability < 0.9999);
  if (!listed.length) return null;
  return el("div", {}, el("h3", {}, t("dispatch.answer.candidates")),
    el("ul", { class: "chances" }, listed.map((one) => {
      const name = one.grid_code ? desk.gridName(one.grid_code) : t("dispatch.answer.outside");
      return el("li", {}, el("span", {}, name), el("meter", { min: "0", max: "1", value: String(one.probability), "aria-label": name }), el("span", { class: "number" }, percent(one.probability)));
    })));
}

function doubles(incident, desk) {
  if (!incident.perhaps_doubles?.length) return null;
  return el("div", {}, el("h3", {}, t("dispatch.incident.doubles")), incident.perhaps_doubles.map((one) =>
    el("div", { class: "acts" },
      el("button", { type: "button", class: "small", onclick: () => desk.open(one.incident_number) }, one.incident_number),
      el("button", { type: "button", class: "small", onclick: async () => {
        try {
          await api(`/api/v1/incidents/${incident.incident_number}/merge`, { json: { version: incident.version, into: one.incident_number } });
          await desk.open(one.incident_number);
        } catch (error) { tellError(error); }
      } }, t("dispatch.act.merge", { number: one.incident_number })))));
}

function history(incident, desk) {
  return el("div", {}, el("h3", {}, t("dispatch.incident.history")), el("ol", { class: "history", id: "history" }, incident.history.map((one) => {
    const moved = one.to_grid && one.to_grid !== one.from_grid ? ` → ${desk.gridName(one.to_grid)}` : "";
    const edition = one.edition ? ` · ${t("dispatch.incident.edition", { number: one.edition })}` : "";
    return el("li", {}, el("strong", {}, t(`dispatch.act.${one.act}`), moved), el("br"),
      el("small", {}, `${time(one.at)} · ${who(one.actor)}${edition}`), one.reason ? el("div", {}, one.reason) : null);
  })));
}

function photo(incident) {
  if (!incident.photo) return null;
  const picture = el("img", { class: "photo", alt: t("dispatch.incident.photo"), loading: "lazy" });
  // The photo needs the token, which an <img> cannot send; it never gets an address that could be passed on.
  fetch(`/api/v1/incidents/${incident.incident_number}/photo`, { headers: { Authorization: `Bearer ${token()}` } })
    .then((answer) => (answer.ok ? answer.blob() : null))
    .then((blob) => {
      if (!blob) return picture.remove();
      picture.src = URL.createObjectURL(blob);
      picture.onload = () => URL.revokeObjectURL(picture.src);
      return null;
    });
  return picture;
}
