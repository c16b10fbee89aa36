// The dispatch console: map, queue, panel, and the keys that work them.
import { api, el, fill, ground, groundMap, language, signedIn, t, tell, tellError, watchHealth } from "./shell.js";
import { under as basemap } from "./basemap.js";
import { ask, showAnswer } from "./dispatch/answer.js";
import { drawBatch } from "./dispatch/batch.js";
import { listen } from "./dispatch/feed.js";
import { KEYS, begin, showIncident, time } from "./dispatch/incident.js";
import { writeNames } from "./dispatch/names.js";
import { Sign } from "./dispatch/sign.js";
import { drawStatistics } from "./dispatch/statistics.js";

const panel = document.getElementById("panel");
const PAIR = /^\s*[(（]?\s*(-?\d+(?:\.\d+)?)\s*[°]?\s*[,，;；\s]\s*(-?\d+(?:\.\d+)?)\s*[°]?\s*[)）]?\s*$/;
const DARK = globalThis.matchMedia("(prefers-color-scheme: dark)");
const NARROW = globalThis.matchMedia("(max-width: 60rem)");
const TONES = { person: "#e08e2b", assigned: "#1f6fb2", accepted: "#2f9d6b" };

const actor = await signedIn(() => api("/api/v1/me"));
document.getElementById("desk").hidden = false;
watchHealth();

let kinds = { categories: [], sources: [] };
let incidents = [];
let open = null;
let choosing = null;
const grids = new Map();

const map = groundMap("map");
const marks = L.layerGroup().addTo(map);
const asked = L.layerGroup().addTo(map);
const NEAR = 16;

const desk = {
  get kinds() { return kinds; },
  gridName: (code) => grids.get(code)?.name || code,
  gridCodes: () => [...grids.keys()].sort(),
  open: openIncident,
  close: closePanel,
  choosePoint,
};

async function drawGround() {
  const [collection, under, { communities }] = await Promise.all([api(`/api/v1/layers/grids?division=${actor.division_code}`), ground(actor.division_code), api("/api/v1/communities")]);
  under.addTo(map);
  grids.clear();
  for (const one of collection.features) grids.set(one.properties.grid_code, one.properties);
  const rank = { basic: 0, exclusive: 1, micro: 2 };
  collection.features.sort((a, b) => rank[a.properties.grid_type] - rank[b.properties.grid_type]);
  // On dark paper dark lines are not seen; a basemap is light, whatever the page is.
  const [line, special] = DARK.matches && basemap === null ? ["#6fc3cf", "#cf9df0"] : ["#0f5b66", "#7a3e9d"];
  const style = (one) => ({
    basic: { color: line, weight: 2.5, fillOpacity: 0.04, fillColor: line },
    exclusive: { color: special, weight: 2, dashArray: "6 4", fillOpacity: 0.08, fillColor: special },
    micro: { color: line, weight: 1, dashArray: "2 4", fill: false },
  })[one.properties.grid_type];
  const shapes = L.geoJSON(collection, { interactive: false, style }).addTo(map);
  writeNames(map, collection.features, communities);
  map.invalidateSize();  // the panels beside it may have come in since it was made
  // Who has asked for a place already is looking at it.
  if (collection.features.length && !asked.getLayers().length) map.fitBounds(shapes.getBounds(), { padding: [10, 10] });
}

// What was looked for is seen from near; what was pointed at is on the map already.
function goTo(lat, lon) {
  if (map.getZoom() < NEAR || !map.getBounds().contains([lat, lon])) map.setView([lat, lon], Math.max(map.getZoom(), NEAR));
}

const toneOf = (one) => (one.state === "reported" ? "person" : one.state);

async function readQueue() {
  const { incidents: found, total } = await api("/api/v1/incidents?limit=500");
  incidents = found;
  fill("count", total ? t("dispatch.console.queue_count", { count: total }) : t("dispatch.console.queue_empty"));
  drawQueue();
}

function drawQueue() {
  const needs = incidents.filter((one) => one.state === "reported");
  const rest = incidents.filter((one) => one.state !== "reported");
  const focused = document.activeElement?.dataset?.number;
  const head = (key, list) => (list.length ? el("li", { class: "head" }, `${t(`dispatch.console.${key}`)} · ${list.length}`) : null);
  fill("queue", head("needs_person", needs), needs.map(queueLine), head("by_deadline", rest), rest.map(queueLine));
  if (focused) document.querySelector(`#queue [data-number="${CSS.escape(focused)}"]`)?.focus();
  drawMarks();
}

function queueLine(one) {
  const category = kinds.categories.find((kind) => kind.category === one.category)?.[language] ?? one.category;
  const tags = [
    one.owner_status && one.state === "reported" ? el("span", { class: "tag warm" }, t(`terms.owner_status.${one.owner_status}`)) : null,
    one.late ? el("span", { class: "tag bad" }, t("dispatch.console.late")) : null,
    one.due_at && !one.late ? el("span", {}, t("dispatch.console.due", { time: time(one.due_at) })) : null,
  ];
  return el("li", {}, el("button", { type: "button", class: toneOf(one), "data-number": one.incident_number, "aria-current": open?.incident_number === one.incident_number ? "true" : "false", onclick: () => openIncident(one.incident_number, { looked: true }) },
    el("strong", {}, category), el("span", { class: "words" }, one.text),
    el("span", { class: "line" }, one.grid_code ? el("span", {}, desk.gridName(one.grid_code)) : null, tags)));
}

function drawMarks() {
  marks.clearLayers();
  for (const one of incidents) {
    if (one.lon === null) continue;
    const chosen = open?.incident_number === one.incident_number;
    const mark = new Sign([one.lat, one.lon], { radius: chosen ? 11 : 7, color: one.late ? "#b3261e" : "#ffffff", weight: one.late ? 3.5 : 2, fillColor: TONES[toneOf(one)], fillOpacity: 1, shape: toneOf(one) });
    mark.on("click", (event) => {
      if (choosing) return;
      L.DomEvent.stop(event);
      openIncident(one.incident_number);
    });
    marks.addLayer(mark);
  }
}

async function openIncident(number, { looked = false } = {}) {
  try {
    open = await api(`/api/v1/incidents/${encodeURIComponent(number)}`);
  } catch (error) {
    tellError(error);
    return;
  }
  showIncident(panel, open, desk);
  bringUp();
  asked.clearLayers();
  if (open.lon !== null) {
    if (looked) goTo(open.lat, open.lon);
    if (open.accuracy_m) L.circle([open.lat, open.lon], { radius: open.accuracy_m, color: "#b4540a", weight: 1, fillOpacity: 0.1, interactive: false }).addTo(asked);
  }
  await readQueue();
}

function closePanel() {
  open = null;
  asked.clearLayers();
  fill(panel, el("p", { class: "soft" }, t("dispatch.console.start")));
  drawMarks();
  for (const one of document.querySelectorAll('#queue [aria-current="true"]')) one.setAttribute("aria-current", "false");
}

async function locate(position, { looked = true } = {}) {
  try {
    const answer = await ask(position);
    open = null;
    const [lon, lat] = answer.point.cgcs2000;
    asked.clearLayers();
    L.circleMarker([lat, lon], { radius: 8, color: "#16262b", weight: 3, fillColor: "#ffffff", fillOpacity: 1, interactive: false }).addTo(asked);
    if (position.accuracy_m) L.circle([lat, lon], { radius: position.accuracy_m, color: "#16262b", weight: 1, fillOpacity: 0.06, interactive: false }).addTo(asked);
    if (looked) goTo(lat, lon);
    showAnswer(panel, answer, { kinds, asked: position, recorded: (done) => openIncident(done.incident_number) });
    bringUp();
    drawMarks();
  } catch (error) {
    tellError(error);
  }
}

// Where the panel lies under the queue, it comes to the eye that has to read it.
function bringUp() {
  if (NARROW.matches) panel.scrollIntoView({ block: "start" });
}

function choosePoint(words, then) {
  tell(words);
  choosing = then;
  document.getElementById("map").classList.add("choosing");
}

function stopChoosing() {
  choosing = null;
  document.getElementById("map").classList.remove("choosing");
}

function pointed({ lat, lng }) {
  const [lon, north] = [Number(lng.toFixed(8)), Number(lat.toFixed(8))];
  if (choosing) {
    const then = choosing;
    stopChoosing();
    then(lon, north);
  } else locate({ lon, lat: north, crs: "cgcs2000" }, { looked: false });
}

map.on("click", (event) => pointed(event.latlng));
document.getElementById("map").addEventListener("keydown", (event) => {
  if (event.key === "Enter") pointed(map.getCenter());
});

document.getElementById("search").addEventListener("submit", async (event) => {
  event.preventDefault();
  if (document.getElementById("work").hidden) document.getElementById("tab-work").click();
  const said = document.getElementById("where").value;
  const crs = document.getElementById("datum").value;
  const pair = PAIR.exec(said);
  if (pair) return locate({ lon: pair[1], lat: pair[2], crs });
  if (!said.trim()) return null;
  try {
    const found = await api("/api/v1/addresses", { json: { q: said.slice(0, 200), within: actor.division_code } });
    choosePlace(found);
  } catch (error) {
    tellError(error);
  }
  return null;
});

function choosePlace({ places, needs }) {
  if (!places.length) return fill(panel, el("p", {}, t("dispatch.console.no_place")));
  const go = (place) => locate({ lon: place.lon, lat: place.lat, crs: "cgcs2000", accuracy_m: place.radius_m });
  if (!needs && (places.length === 1 || places[0].score - places[1].score > 0.2)) return go(places[0]);
  fill(panel, el("h2", {}, t(needs ? "dispatch.console.which_compound" : "dispatch.console.which_place")),
    el("div", { class: "acts", id: "places" }, places.map((place) => el("button", { type: "button", onclick: () => go(place) }, place.shown))));
  panel.querySelector("button")?.focus();
  return null;
}

let waiting = null;
function onEvent(kind, body) {
  if (kind === "edition_changed") {
    // A new edition draws everything anew; what is being typed is not touched until then.
    setTimeout(() => location.reload(), 1500);
    return;
  }
  if (kind === "reported") tell(t("dispatch.console.new_incident", { number: body.incident_number }));
  // However many events come at once, the queue is read once.
  clearTimeout(waiting);
  waiting = setTimeout(async () => {
    try {
      await readQueue();
      if (open && body.incident_number === open.incident_number && body.version !== open.version) await openIncident(open.incident_number);
    } catch (error) {
      tellError(error);
    }
  }, 250);
}

const tabs = [...document.querySelectorAll('[role="tab"]')];
const drawers = { batch: () => drawBatch(document.getElementById("batch"), { recorded: readQueue }), statistics: () => drawStatistics(document.getElementById("statistics")), work: () => map.invalidateSize() };
for (const tab of tabs) {
  tab.addEventListener("click", () => {
    for (const one of tabs) {
      const chosen = one === tab;
      one.setAttribute("aria-selected", String(chosen));
      one.tabIndex = chosen ? 0 : -1;
      document.getElementById(one.getAttribute("aria-controls")).hidden = !chosen;
    }
    drawers[tab.getAttribute("aria-controls")]();
  });
  tab.addEventListener("keydown", (event) => {
    const way = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!way) return;
    const next = tabs[(tabs.indexOf(tab) + way + tabs.length) % tabs.length];
    next.focus();
    next.click();
  });
}

const keysDialog = document.getElementById("keys-dialog");
document.getElementById("keys").addEventListener("click", () => keysDialog.showModal());
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape" && choosing) return stopChoosing();
  const typing = event.target.closest("input, textarea, select, dialog");
  if (typing || event.ctrlKey || event.metaKey || event.altKey || document.getElementById("work").hidden) return null;
  const lines = [...document.querySelectorAll("#queue button")];
  const at = lines.indexOf(document.activeElement);
  if (event.key === "/") document.getElementById("where").focus();
  else if (event.key === "?") keysDialog.showModal();
  else if (event.key === "Escape") closePanel();
  else if (event.key === "j") lines[Math.min(at + 1, lines.length - 1)]?.focus();
  else if (event.key === "k") lines[Math.max(at - 1, 0)]?.focus();
  else if (open && KEYS[event.key]) KEYS[event.key].forEach((act) => begin(open, act, desk));
  else return null;
  event.preventDefault();
  return null;
});

// Everything above works from the first moment on; what has to be fetched comes last, and the queue before
// the ground, which of a whole district takes longer.
closePanel();
try {
  kinds = await api("/api/v1/incidents/kinds");
  await Promise.all([readQueue(), drawGround()]);
  drawQueue();
} catch (error) {
  tellError(error);
}
listen(onEvent, (live) => {
  const tag = fill("live", t(live ? "dispatch.console.live" : "dispatch.console.not_live"));
  tag.className = `tag ${live ? "good" : "warm"}`;
});
