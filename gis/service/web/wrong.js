// A resident says that the entry of a service point is wrong, with a photo if they like.
import { api, fill, offerPosition, t, tellError, watchHealth } from "./shell.js";

const form = document.getElementById("wrong");
const told = document.getElementById("place");
let position = null; // what the resident agreed to tell
let key = crypto.randomUUID();

function tellPosition(found) {
  position = found;
  told.hidden = found === null;
}

offerPosition({ use: tellPosition, forget: () => tellPosition(null) });

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
    key = crypto.randomUUID();
  } catch (error) {
    tellError(error);
  } finally {
    send.disabled = false;
  }
});

watchHealth();
