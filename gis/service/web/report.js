// A resident reports something, comes back to see what became of it, and rates it.
import { api, el, fill, ground, groundMap, language, offerPosition, t, tellError, term, watchHealth } from "./shell.js";

const map = groundMap("map");
const mark = L.layerGroup().addTo(map);
let position = null;
let key = crypto.randomUUID();

async function place(found) {
  position = found;
  try {
    const answer = await api("/api/v1/locate", { json: found });
    const [lon, lat] = answer.point.cgcs2000;
    mark.clearLayers();
    L.circleMarker([lat, lon], { radius: 9, color: "#16262b", weight: 3, fillColor: "#f2b950", fillOpacity: 1, interactive: false }).addTo(mark);
    map.setView([lat, lon], Math.max(map.getZoom(), 17));
    fill("place", t("pages.report.position", { why: answer.why }));
  } catch (error) {
    position = null;
    tellError(error);
  }
}

map.on("click", ({ latlng }) => place({ lon: Number(latlng.lng.toFixed(7)), lat: Number(latlng.lat.toFixed(7)), crs: "cgcs2000" }));
document.getElementById("map").addEventListener("keydown", (event) => {
  const { lat, lng } = map.getCenter();
  if (event.key === "Enter") place({ lon: lng, lat, crs: "cgcs2000" });
});

document.getElementById("use-device").addEventListener("click", () => {
  navigator.geolocation.getCurrentPosition(
    ({ coords }) => place({ lon: coords.longitude, lat: coords.latitude, crs: "wgs84", accuracy_m: coords.accuracy }),
    (error) => tellError(error),
    { enableHighAccuracy: true, timeout: 15000 },
  );
});

offerPosition({ use: place });

document.getElementById("report").addEventListener("submit", async (event) => {
  event.preventDefault();
  const send = document.getElementById("send");
  const body = new FormData();
  for (const name of ["category", "text", "reporter"]) {
    const { value } = document.getElementById(name);
    if (value) body.append(name, value);
  }
  for (const [name, value] of Object.entries(position ?? {})) body.append(name, String(value));
  const [photo] = document.getElementById("photo").files;
  if (photo) body.append("photo", photo);
  send.disabled = true;
  try {
    const done = await api("/api/v1/incidents/snapshot", { method: "POST", body, headers: { "Idempotency-Key": key } });
    const sent = fill("sent", t("pages.report.sent", { number: done.incident_number, key: done.follow_up }));
    sent.hidden = false;
    document.getElementById("number").value = done.incident_number;
    document.getElementById("key").value = done.follow_up;
    document.getElementById("text").value = "";
    document.getElementById("photo").value = "";
    document.getElementById("photo").dispatchEvent(new Event("change"));
    key = crypto.randomUUID();
  } catch (error) {
    tellError(error);
  } finally {
    send.disabled = false;
  }
});

document.getElementById("follow").addEventListener("submit", async (event) => {
  event.preventDefault();
  await look();
});

async function look() {
  const incident_number = document.getElementById("number").value.trim();
  const follow_up = document.getElementById("key").value.trim();
  try {
    const found = await api("/api/v1/follow", { json: { incident_number, follow_up } });
    const stars = [1, 2, 3, 4, 5].map((count) => el("button", { type: "button", "data-stars": String(count), "aria-label": String(count), onclick: () => rate(incident_number, follow_up, count) }, `${count} ★`));
    const when = (value) => new Date(value).toLocaleString(language === "zh" ? "zh-CN" : "en-GB", { timeZone: "Asia/Shanghai", dateStyle: "short", timeStyle: "short" });
    fill("followed",
      el("p", { id: "state" }, t("pages.report.state", { state: term("incident_state", found.state) })),
      el("ul", {}, found.steps.map((step) => el("li", {}, `${when(step.at)} · ${t(`dispatch.act.${step.act}`)}`))),
      found.state === "resolved" ? el("div", {}, el("h3", {}, t("pages.report.rate")), el("p", {}, t("pages.report.rate_how")), el("div", { class: "stars" }, stars)) : null,
      found.rating ? el("p", { class: "tag good", id: "rating" }, "★".repeat(found.rating)) : null);
  } catch (error) {
    tellError(error);
  }
}

async function rate(number, follow_up, stars) {
  try {
    await api(`/api/v1/incidents/${encodeURIComponent(number)}/rating`, { json: { follow_up, stars } });
    await look();
  } catch (error) {
    tellError(error);
  }
}

// Everything above works from the first moment on; what has to be fetched comes last.
watchHealth();
try {
  const [{ categories }, { communities }] = await Promise.all([api("/api/v1/incidents/kinds"), api("/api/v1/communities")]);
  fill("category", categories.map((one) => el("option", { value: one.category }, one[language])));
  if (communities.length) {
    const county = `${communities[0].community_code.slice(0, 6)}000000`;
    const boxes = communities.map((one) => one.bounds).filter(Boolean);
    if (boxes.length) map.fitBounds(boxes.flatMap(([west, south, east, north]) => [[south, west], [north, east]]));
    (await ground(county)).addTo(map);
  }
} catch (error) {
  tellError(error);
}
