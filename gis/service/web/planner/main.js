// The studio: puts plan, map, tools and panels together.

import { api, el, fill, groundMap, language, signedIn, t, tellError, watchHealth } from "../shell.js";
import { PlanLayer } from "./canvas.js";
import { Compare } from "./compare.js";
import { askAfterConflict } from "./conflict.js";
import { Cutting } from "./cutting.js";
import { editGridDialog, newPlanDialog } from "./dialogs.js";
import { Editions } from "./editions.js";
import { Model, shortOf } from "./model.js";
import { More } from "./more.js";
import { Nets } from "./nets.js";
import { nameCompounds, Panels, shortened } from "./panels.js";
import { Proposals } from "./proposals.js";
import { Publisher } from "./publish.js";
import { Queue } from "./queue.js";
import { Tools } from "./tools.js";
import { Views } from "./views.js";

const L = globalThis.L;
const $ = (id) => document.getElementById(id);

await signedIn(() => api("/api/v1/me"));
$("studio").hidden = false;

const model = new Model();
const map = groundMap("map", { zoomAnimation: false, fadeAnimation: false, zoomSnap: 0.25, keyboard: false, doubleClickZoom: false, boxZoom: false });
const layer = new PlanLayer(map, model);
const say = (words, bad = false) => {
  $("hint").textContent = words;
  $("hint").classList.toggle("bad", bad);
};

const acts = {
  choose(label) {
    model.choose(model.chosen === label ? null : label);
  },

  pick(place, several) {
    const label = place < 0 ? null : model.labels()[place];
    if (label === null) return model.choose(null);
    if (several) return acts.mark(label, !model.picked.has(label));
    return model.choose(label);
  },

  mark(label, on) {
    if (on) model.picked.add(label);
    else model.picked.delete(label);
    layer.top();
    panels.chosen();
  },

  // A stroke that the page has shown already.
  async commit(places, stroke) {
    const units = places.map((place) => model.ids[place]);
    const takeBack = () => {
      for (const [place, label] of stroke.was) model.put(place, label);
      if (stroke.fresh) model.dropNew();
      refreshed(places);
    };
    const about = t("studio.conflict.move", { count: units.length, grid: stroke.fresh ? t("studio.grid.new") : shortOf(stroke.label) });
    if (stroke.fresh) model.pendingNew = null;
    const outcome = await send({ path: "/move", body: { units, label: stroke.fresh ? null : stroke.label }, undo: takeBack, about });
    if (stroke.fresh) {
      model.grids.delete(stroke.label);
      if (outcome) model.choose(outcome.units[units[0]]);
      refreshed(places);
    }
  },

  async move(places, label) {
    const was = new Map();
    for (const place of places) {
      if (model.label[place] !== label && !model.isLocked(label)) was.set(place, model.label[place]);
    }
    if (model.isLocked(label)) return say(t("studio.hint.locked", { grid: model.nameOf(label) }), true);
    for (const place of was.keys()) model.put(place, label);
    if (was.size === 0) return undefined;
    refreshed([...was.keys()]);
    return acts.commit([...was.keys()], { was, label, fresh: label === model.pendingNew });
  },

  async merge() {
    const labels = [...model.picked];
    if (labels.length < 2) return;
    model.picked.clear();
    await send({ path: "/merge", body: { labels }, about: t("studio.act.merge") });
  },

  async lock(label) {
    const grid = model.grids.get(label);
    await send({ path: `/grids/${label}`, method: "PATCH", body: { locked: !grid.locked }, about: t("studio.act.lock") });
  },

  newGrid() {
    tools.use("paint");
    model.choose(model.addGrid());
    say(t("studio.hint.new"));
  },

  undo: () => model.canUndo && send({ path: "/undo", body: {}, about: t("studio.top.undo") }),
  redo: () => model.canRedo && send({ path: "/redo", body: {}, about: t("studio.top.redo") }),

  edit() {
    if (model.chosen !== null) editGridDialog({ model, label: model.chosen, send });
  },

  drawn: () => tools.use("choose"),

  // Units that somebody asked to see.
  showUnits(places) {
    layer.marked = new Set(places);
    fit(boundsOf(places));
    layer.top();
  },

  compareWith(edition) {
    compare.chosen = `e${edition}`;
    panels.open("compare");
  },

  send: (act, options) => send(act, options),

  zoomTo(fault) {
    const box = fault.geometry ? L.geoJSON(fault.geometry).getBounds() : null;
    const labels = fault.subjects.filter((label) => model.grids.has(label));
    const places = labels.flatMap((label) => model.unitsOf(label));
    const inside = box ? places.filter((place) => box.pad(0.001).contains(lonlat(model.at[place]))) : places;
    if (labels.length) model.choose(labels[0]);
    layer.marked = new Set(inside.length ? inside : places);
    fit(box ?? boundsOf(places));
    layer.top();
    say(shortened(fault.words[language]));
  },

  goTo(lon, lat) {
    map.setView([lat, lon], Math.max(map.getZoom(), 17));
  },

  comment(place) {
    panels.place = place;
    panels.log();
    panels.open("log");
    $("comment").focus();
  },

  tip(place, pixel) {
    const tip = $("tip");
    if (place === null || place < 0) return (tip.hidden = true);
    tip.textContent = unitWords(place);
    tip.hidden = false;
    const box = $("map").getBoundingClientRect();
    tip.style.left = `${Math.min(pixel[0] + 14, box.width - 190)}px`;
    tip.style.top = `${Math.min(pixel[1] + 14, box.height - 60)}px`;
    return undefined;
  },

  read(place) {
    $("map-said").textContent = unitWords(place);
  },

  shown(pane) {
    if (pane === "compare") {
      compare.draw();
      compare.ask();
    }
    if (pane === "more") more.draw();
    if (pane !== "more") misfit(null);
    // What a fault showed in red has been seen, and would be taken for a part of the next picture.
    layer.marked.clear();
    layer.top();
  },

  preview(found, plan, title) {
    const label = new Array(model.count).fill(null);
    found.units.forEach((id, k) => {
      const place = model.placeOf.get(id);
      if (place !== undefined) label[place] = found.codes[plan.labels[k]];
    });
    const kept = model.label;
    model.label = label;
    model.previewed ??= kept;
    layer.changed(null);
    say(t("studio.propose.looking", { plan: title }));
    const back = el("button", { type: "button", class: "small", onclick: () => stopPreview() }, t("studio.propose.back"));
    $("hint").append(" ", back);
  },

  leavePreview() {
    if (!model.previewed) return false;
    stopPreview();
    return true;
  },

  async adopt(proposal, number) {
    stopPreview();
    await send({ path: `/proposals/${proposal}/adopt`, body: { number }, about: t("studio.act.propose") });
  },

  reload: (options) => openPlan(model.plan.id, options),

  rebase: () => editions.rebase(),

  colourOf: (label, mode) => layer.colourOf(label, mode),

  // The other editions that the plan can be compared with.
  editionsBefore: () => editions.list.map((one) => one.number).filter((number) => number !== model.plan.base_edition),
};

const panels = new Panels({ model, layer, acts });
const compare = new Compare({ model, acts });
const proposals = new Proposals({ model, acts });
const publisher = new Publisher({ model, acts });
const editions = new Editions({ model, acts });
const nets = new Nets({ model, acts });
const more = new More({ model, acts, editions, nets, misfit });
const cutting = new Cutting({ map, model, acts });
const tools = new Tools({ map, layer, model, box: $("map"), acts, say, cutting });
const views = new Views({ model, layer, leave: () => { stopPreview(); tools.cancel(); } });
const queue = new Queue(model, { onState: saved, onConflict: conflict, onError: tellError });

// What other pages and the tests may look at.
globalThis.studio = { model, layer, tools, queue, map, cutting };

model.addEventListener("changed", (event) => refreshed(event.detail.places, false));
model.addEventListener("chosen", () => {
  layer.marked.clear();
  panels.chosen();
  layer.top();
  tools.hint();
  if (tools.tool === "cut" && tools.ready) cutting.start();
});

$("undo").addEventListener("click", acts.undo);
$("redo").addEventListener("click", acts.redo);
$("publish").addEventListener("click", () => publisher.open());
$("new-plan").addEventListener("click", newPlan);
$("whole").addEventListener("click", wholeMap);
$("community").addEventListener("change", (event) => openCommunity(event.target.value));
$("plan").addEventListener("change", (event) => openPlan(Number(event.target.value)));
globalThis.addEventListener("beforeunload", (event) => {
  if (queue.open > 0) event.preventDefault();
});

watchHealth();
await openFirst();

async function send(act, { reload = false } = {}) {
  layer.marked.clear();
  const outcome = await queue.send(act);
  if (outcome === null) return null;
  if (reload || outcome.recut) await acts.reload();
  else {
    model.apply(outcome);
    said(outcome);
  }
  return outcome;
}

function said(outcome) {
  const words = [...outcome.made.map((one) => `＋ ${shortened(one.words[language])}`), ...outcome.cured.map((one) => `✓ ${shortened(one.words[language])}`)];
  if (words.length) say(words.slice(0, 2).join("　"), outcome.made.some((one) => one.severity === "error"));
}

function refreshed(places, draw = true) {
  if (draw || !tools?.stroke) layer.changed(places);
  panels.live();
  if (!tools?.stroke) {
    panels.faults();
    panels.log();
    compare.draw();
  }
  panels.chosen();
  buttons();
}

function buttons() {
  const draft = model.plan?.state === "draft";
  $("undo").disabled = !draft || !model.canUndo;
  $("redo").disabled = !draft || !model.canRedo;
  $("publish").disabled = !["draft", "review"].includes(model.plan?.state);
  const state = model.plan?.state ?? "draft";
  $("state").textContent = t(`studio.state.${state}`);
  saved();
  $("state").className = `tag ${state === "published" ? "good" : state === "draft" ? "" : "warm"}`;
}

function saved() {
  const open = queue.open;
  const state = queue.stopped ? "halted" : queue.away ? "offline" : open > 0 ? "saving" : "saved";
  $("saved").textContent = t(`studio.top.${state}`, { count: open, version: model.version ?? 0 });
  $("saved").classList.toggle("bad", Boolean(queue.stopped) || queue.away);
}

function conflict(error, act) {
  const reload = () => openPlan(model.plan.id, { keepQueue: true });
  askAfterConflict({ model, queue, error, act, reload, settled: () => refreshed(null) });
}

// Where a drawing and whole units part; null takes it off the map.
function misfit(pieces) {
  layer.misfit = pieces === null ? null : pieces.features.flatMap((one) => rings(one.geometry));
  layer.reproject();
  layer.top();
}

function rings({ type, coordinates, geometries = [] }) {
  if (type === "Polygon") return [coordinates.map((ring) => ring.flatMap(([lon, lat]) => model.toSteps(lon, lat)))];
  if (type === "MultiPolygon") return coordinates.flatMap((one) => rings({ type: "Polygon", coordinates: one }));
  return geometries.flatMap(rings);
}

function stopPreview() {
  if (!model.previewed) return;
  model.label = model.previewed;
  model.previewed = null;
  layer.changed(null);
  say("");
}

function unitWords(place) {
  const label = model.labels()[place];
  const households = model.households[place];
  const compound = model.compounds.find((one) => one.code === model.compoundOf[place]);
  return [label === null ? t("studio.map.nobody") : `${shortOf(label)} ${model.nameOf(label)}`, compound?.name, t("studio.map.unit", { households: Number.isNaN(households) ? "?" : households, area: Math.round(model.area[place]) })].filter(Boolean).join(" · ");
}

function lonlat(steps) {
  const [lon, lat] = model.toLonLat(steps);
  return [lat, lon];
}

function boundsOf(places) {
  const [x0, y0, x1, y1] = model.boxOfUnits(places);
  return L.latLngBounds(lonlat([x0, y0]), lonlat([x1, y1]));
}

function fit(bounds) {
  if (bounds.isValid()) map.fitBounds(bounds, { padding: [30, 30], animate: false, maxZoom: 18 });
}

async function openFirst() {
  const { communities } = await api("/api/v1/communities");
  fill("community", communities.map((one) => el("option", { value: one.community_code }, one.name)));
  const asked = new URLSearchParams(location.search);
  const code = asked.get("community") ?? communities[0]?.community_code;
  if (!code) {
    document.querySelector(".studio-frame").replaceChildren(el("div", { class: "card gate", id: "nothing" }, el("p", {}, t("studio.top.no_community"))));
    return null;
  }
  $("community").value = code;
  return openCommunity(code, Number(asked.get("plan")) || null);
}

async function openCommunity(code, wanted = null) {
  try {
    const { plans } = await api(`/api/v1/communities/${code}/plans`);
    list(plans);
    const first = plans.find((one) => one.id === wanted) ?? plans.find((one) => one.state === "draft") ?? plans[0];
    if (first) await openPlan(first.id);
    else await newPlan();
  } catch (error) {
    tellError(error);
  }
}

function list(plans) {
  compare.plans = plans;
  fill("plan", plans.map((one) => el("option", { value: String(one.id) }, `${one.name} · ${t(`studio.state.${one.state}`)}`)));
}

async function openPlan(id, { keepQueue = false, list: again = false } = {}) {
  try {
    if (!keepQueue) queue.clear();
    const another = model.plan?.id !== id;
    const body = await api(`/api/v1/plans/${id}`);
    layer.cursor = -1;
    layer.marked.clear();
    model.previewed = null;
    nameCompounds(body.compounds);
    model.load(body);
    if (another) {
      map.invalidateSize({ animate: false });
      wholeMap();
      model.picked.clear();
      layer.colours = { after: new Map(), before: new Map() };
    }
    layer.rebuild();
    cutting.load();
    refreshed(null);
    panels.grids();
    await editions.read();
    if (panels.current === "more") more.draw();
    if (another) {
      compare.chosen = "";
      proposals.reset();
    }
    if (another || again) {
      const { plans } = await api(`/api/v1/communities/${body.plan.community_code}/plans`);
      list(plans);
    }
    $("plan").value = String(id);
    const address = new URL(location.href);
    address.searchParams.set("community", body.plan.community_code);
    address.searchParams.set("plan", String(id));
    history.replaceState(null, "", address);
    saved();
  } catch (error) {
    tellError(error);
  }
}

function wholeMap() {
  if (model.count) fit(boundsOf(model.ids.map((_, place) => place)));
}

function newPlan() {
  newPlanDialog({ code: $("community").value, plans: compare.plans ?? [], open: openPlan });
}
