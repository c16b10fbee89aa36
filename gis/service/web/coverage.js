// The page of the quarter-hour circle, from the server: signs in, asks for the data, and hands them to the script
// that draws the saved page too (maps/static/js/coverage.js).
import { api, signedIn, tellError, watchHealth } from "./shell.js";

const root = document.getElementById("coverage");
const group = document.getElementById("group");
const save = document.getElementById("save");
const way = `/api/v1/communities/${root.dataset.community}`;

const asked = new URLSearchParams(location.search);
asked.delete("lang");
if ([...group.options].some((one) => one.value === asked.get("group"))) group.value = asked.get("group");

async function show() {
  root.setAttribute("aria-busy", "true");
  asked.set("group", group.value);
  try {
    const data = await api(`${way}/coverage-page?${asked}`);
    window.WanggeMap.coverage(root, data);
    document.title = data.title;
    save.hidden = false;
  } catch (error) {
    root.replaceChildren();
    tellError(error);
  }
  root.removeAttribute("aria-busy");
}

group.addEventListener("change", show);
save.addEventListener("click", async () => {
  save.disabled = true;
  try {
    const address = URL.createObjectURL(await api(`${way}/coverage.html?${asked}`));
    const link = document.createElement("a");
    link.href = address;
    link.download = `coverage-${root.dataset.community}.html`;
    link.click();
    setTimeout(() => URL.revokeObjectURL(address), 60000);
  } catch (error) {
    tellError(error);
  }
  save.disabled = false;
});

watchHealth();
await signedIn(() => api("/api/v1/me"));
await show();
