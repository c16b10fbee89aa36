// What every page stands on: texts, the token, requests, messages, and the map's ground.
//
// A token comes by typing, or in the address after `#token=`, which a browser never sends to a server. It is
// moved into this tab's session storage and taken out of the address at once.

import { putUnder, under } from "./basemap.js";

const TOKEN = "wangge.token";
export const language = document.documentElement.lang.startsWith("en") ? "en" : "zh";

takeTokenFromAddress();

const catalogue = await fetch(`/api/v1/texts/${language}`).then((answer) => answer.json());

/** Fill in a text of the catalogue. What comes back is plain text: put it into textContent, never into HTML. */
export function t(key, values = {}) {
  const words = catalogue[key];
  if (words === undefined) throw new Error(`no text ${key}`);
  return words.replace(/\{(\w+)\}/g, (whole, name) => (name in values ? String(values[name]) : whole));
}

/** The name of a term, or the term itself where the catalogue has none. */
export function term(kind, value) {
  return catalogue[`terms.${kind}.${value}`] ?? value ?? "";
}

export function token() {
  return sessionStorage.getItem(TOKEN);
}

export function setToken(value) {
  if (value) sessionStorage.setItem(TOKEN, value);
  else sessionStorage.removeItem(TOKEN);
}

/** An error as the API tells it. */
export class ApiError extends Error {
  constructor(status, body) {
    const told = body?.error ?? {};
    super([told.where, told.message].filter(Boolean).join(": ") || t("pages.shell.offline"));
    this.status = status;
    this.code = told.code;
    this.mend = told.mend;
    this.details = told.details;
  }
}

/** Ask the API; `json` is sent as the body. Words come in the page's language. */
export async function api(path, { method = "GET", json, body, headers = {}, signal } = {}) {
  const sent = { ...headers, "Accept-Language": language };
  if (token()) sent.Authorization = `Bearer ${token()}`;
  if (json !== undefined) {
    sent["Content-Type"] = "application/json";
    body = JSON.stringify(json);
  }
  let answer;
  try {
    answer = await fetch(path, { method: json !== undefined && method === "GET" ? "POST" : method, headers: sent, body, signal });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new ApiError(0, null);
  }
  const kind = answer.headers.get("content-type") ?? "";
  const content = kind.includes("json") ? await answer.json() : await answer.blob();
  if (!answer.ok) throw new ApiError(answer.status, content);
  return content;
}

/** Tell the user something for a while; errors stay longer. It stands above an open dialog too. */
export function tell(words, { bad = false } = {}) {
  const told = document.getElementById("told");
  const line = el("p", { class: bad ? "bad" : "" }, words);
  told.append(line);
  if (told.showPopover) {
    told.popover = "manual";
    if (told.matches(":popover-open")) told.hidePopover();
    told.showPopover();
  }
  setTimeout(() => {
    line.remove();
    if (told.childElementCount === 0 && told.popover) told.hidePopover();
  }, bad ? 12000 : 5000);
}

/** Tell what went wrong, with the mend where there is one. */
export function tellError(error) {
  if (error.name === "AbortError") return;
  const words = t("pages.shell.failed", { message: error.message });
  tell(error.mend ? `${words} — ${error.mend}` : words, { bad: true });
}

/** Make an element. Children that are texts become text nodes, so nothing in them is ever read as HTML. */
export function el(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (key.startsWith("on")) made.addEventListener(key.slice(2), value);
    else if (key in made && typeof value !== "string") made[key] = value;
    else made.setAttribute(key, value === true ? "" : value);
  }
  made.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined));
  return made;
}

/** Put children in the place of an element's own. */
export function fill(target, ...children) {
  const at = typeof target === "string" ? document.getElementById(target) : target;
  at.replaceChildren(...children.flat(Infinity).filter((child) => child !== null && child !== undefined));
  return at;
}

/** A field for files in the page's own language, which a browser's own is not. `input` is the field itself. */
export function filePick(id, { accept, multiple = false, disabled = false, onchange }) {
  const input = el("input", { type: "file", id, accept, multiple, disabled });
  return { input, box: dressFile(input, onchange) };
}

/** Put our own button and words around a file field: a browser's speak its own language, not the page's. */
export function dressFile(input, onchange = null) {
  const name = el("span", { class: "soft" }, t("pages.shell.no_file"));
  const say = () => fill(name, input.files.length ? [...input.files].map((one) => one.name).join(", ") : t("pages.shell.no_file"));
  input.classList.add("unseen");
  input.addEventListener("change", () => {
    say();
    onchange?.(input);
  });
  input.form?.addEventListener("reset", () => setTimeout(say));
  const box = el("div", { class: "file-pick" });
  if (input.parentNode) input.replaceWith(box);
  box.append(input, el("label", { class: "button", for: input.id }, t(input.multiple ? "pages.shell.choose_files" : "pages.shell.choose_file")), name);
  return box;
}

/** A photo may know where it was taken. That is offered, and used only when somebody says so; another photo, or
    none any more, makes it forgotten. */
export function offerPosition({ use, forget = () => {} }) {
  const field = document.getElementById("photo");
  const offer = document.getElementById("photo-offer");
  let found = null;
  dressFile(field);
  field.addEventListener("change", async () => {
    const [photo] = field.files;
    found = null;
    offer.hidden = true;
    forget();
    if (!photo) return;
    const body = new FormData();
    body.append("photo", photo);
    try {
      const { position } = await api("/api/v1/incidents/photo-position", { method: "POST", body });
      if (field.files[0] !== photo) return;
      found = position;
      offer.hidden = found === null;
    } catch (error) {
      tellError(error);
    }
  });
  // Chosen before the page was ready, or put back by the browser.
  if (field.files.length) field.dispatchEvent(new Event("change"));
  document.getElementById("use-photo").addEventListener("click", () => {
    offer.hidden = true;
    use(found);
  });
}

/** A phone number as a link that calls it. */
export function phone(number) {
  return el("a", { href: `tel:${String(number).replace(/[^\d+*#,-]/g, "")}` }, number);
}

/**
 * Ask for a token unless one is there that works, then go on. `check` asks the API for something that needs it
 * and its answer is handed on.
 */
export async function signedIn(check) {
  for (;;) {
    if (token()) {
      try {
        const found = await check();
        showWho(found);
        return found;
      } catch (error) {
        if (error.status !== 401 && error.status !== 403) throw error;
        setToken(null);
        await askForToken(t("pages.shell.token_wrong"));
        continue;
      }
    }
    await askForToken();
  }
}

function askForToken(problem) {
  return new Promise((done) => {
    const field = el("input", { id: "token", type: "password", autocomplete: "off", required: true, "aria-describedby": "token-hint" });
    const form = el(
      "form",
      {
        class: "card gate",
        onsubmit: (event) => {
          event.preventDefault();
          setToken(field.value.trim());
          gate.remove();
          done();
        },
      },
      el("label", { for: "token" }, t("pages.shell.token")),
      field,
      el("p", { id: "token-hint", class: "soft" }, t("pages.shell.token_hint")),
      problem ? el("p", { class: "tag bad", role: "alert" }, problem) : null,
      el("button", { class: "main", type: "submit" }, t("pages.shell.token_enter")),
    );
    const gate = el("div", { class: "gate", id: "gate" }, form);
    document.getElementById("main").prepend(gate);
    field.focus();
  });
}

function showWho(actor) {
  if (!actor?.name) return;
  const leave = el("button", { class: "small", type: "button", onclick: () => { setToken(null); location.reload(); } }, t("pages.shell.sign_out"));
  const who = fill("who", actor.name, leave);
  who.hidden = false;
}

function takeTokenFromAddress() {
  const found = /^#token=([\w.~-]+)$/.exec(location.hash);
  if (!found) return;
  sessionStorage.setItem(TOKEN, found[1]);
  history.replaceState(null, "", location.pathname + location.search);
}

/** A map with the operator's basemap under it, or nothing but our own layers. Needs Leaflet's script (window.L) on the page. */
export function groundMap(id, options = {}) {
  const map = L.map(id, { zoomControl: false, attributionControl: false, preferCanvas: true, zoomSnap: 0.25, minZoom: 3, maxZoom: 21, ...options });
  L.control.zoom({ zoomInTitle: t("pages.shell.zoom_in"), zoomOutTitle: t("pages.shell.zoom_out") }).addTo(map);
  map.setView([40.81, 111.62], 15);
  putUnder(map).catch(tellError);
  return map;
}

const BARRIERS = {
  arterial: { color: "#9aa7ab", weight: 5, opacity: 0.65 },
  lane: { color: "#b4bfc2", weight: 2.5, opacity: 0.65 },
  river: { color: "#5b9bc4", weight: 6, opacity: 0.6 },
  wall: { color: "#8a8178", weight: 1.5, dashArray: "2 3", opacity: 0.7 },
};

/** Draw the ground that we have ourselves: compounds, buildings, streets. Returns a Leaflet layer. */
export async function ground(division) {
  const [compounds, buildings, streets] = await Promise.all(
    ["compounds", "buildings", "streets"].map((layer) => api(`/api/v1/layers/${layer}?division=${division}`)),
  );
  const plain = { interactive: false };
  // A basemap shows houses and streets itself.
  if (under !== null) return L.layerGroup([L.geoJSON(compounds, { ...plain, style: { color: "#6f6757", weight: 1.5, dashArray: "3 4", fill: false } })]);
  return L.layerGroup([
    L.geoJSON(compounds, { ...plain, style: { color: "#a99f8f", weight: 1, fillColor: "#cfc7b8", fillOpacity: 0.35 } }),
    L.geoJSON(streets, { ...plain, style: (one) => BARRIERS[one.properties.barrier_class] ?? BARRIERS.lane }),
    L.geoJSON(buildings, { ...plain, style: { color: "#8d8578", weight: 0.7, fillColor: "#b3aa9b", fillOpacity: 0.55 } }),
  ]);
}

/** Escape a text for the few places of Leaflet that read HTML. */
export function escapeHtml(value) {
  return String(value ?? "").replace(/[&<>"'`]/g, (sign) => `&#${sign.charCodeAt(0)};`);
}

/** Say on the page whether the database is away; looks now and then. */
export async function watchHealth() {
  const look = async () => {
    try {
      const health = await fetch("/healthz").then((answer) => answer.json());
      document.getElementById("away").hidden = health.database === "ok";
    } catch {
      document.getElementById("away").hidden = false;
    }
  };
  await look();
  setInterval(look, 15000);
}
