// A resident says that the entry of a service point is wrong, with a photo if they like.
import { api, dressFile, fill, t, tellError, watchHealth } from "./shell.js";

const form = document.getElementById("wrong");
const offer = document.getElementById("photo-offer");
let fromPhoto = null; // what the photo holds
let position = null; // what the resident agreed to tell
let key = crypto.randomUUID();

function forget() {
  fromPhoto = position = null;
  offer.hidden = true;
  document.getElementById("place").hidden = true;
}

const photoField = document.getElementById("photo");
dressFile(photoField);
photoField.addEventListener("change", async (event) => {
  forget();
  const [photo] = event.target.files;
  if (!photo) return;
  const body = new FormData();
  body.append("photo", photo);
  try {
    ({ position: fromPhoto } = await api("/api/v1/incidents/photo-position", { method: "POST", body }));
    offer.hidden = fromPhoto === null;
  } catch (error) {
    tellError(error);
  }
});
// Chosen before this page was ready, or put back by the browser.
if (photoField.files.length) photoField.dispatchEvent(new Event("change"));

document.getElementById("use-photo").addEventListener("click", () => {
  position = fromPhoto;
  offer.hidden = true;
  document.getElementById("place").hidden = false;
});

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  const send = document.getElementById("send");
  const body = new FormData();
  for (const name of ["what", "words", "reporter"]) {
    const { value } = document.getElementById(name);
    if (value) body.append(name, value);
  }
  if (position) {
    body.append("lon", String(position.lon));
    body.append("lat", String(position.lat));
  }
  const [photo] = document.getElementById("photo").files;
  if (photo) body.append("photo", photo);
  send.disabled = true;
  try {
    const done = await api(`/api/v1/service-points/${form.dataset.point}/wrong/snapshot`, { method: "POST", body, headers: { "Idempotency-Key": key } });
    const sent = fill("sent", t("residents.wrong_entry.sent", { number: done.incident_number, key: done.follow_up }));
    sent.hidden = false;
    for (const name of ["words", "photo"]) {
      document.getElementById(name).value = "";
      document.getElementById(name).dispatchEvent(new Event("change"));
    }
    forget();
    key = crypto.randomUUID();
  } catch (error) {
    tellError(error);
  } finally {
    send.disabled = false;
  }
});

watchHealth();
