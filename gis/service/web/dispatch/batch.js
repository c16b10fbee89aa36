// Many at once: find the owners of a table of points, or record many incidents, with progress and refusals.
import { ApiError, api, el, filePick, fill, language, t, tell, tellError, term, token } from "../shell.js";

const ROWS_AT_ONCE = 100;
const NUMBERS = new Set(["accuracy_m", "confidence"]);

/** Draw the batch form. */
export function drawBatch(sheet, { recorded }) {
  const what = el("select", { id: "batch-what" }, el("option", { value: "points" }, t("dispatch.batch.assign_points")), el("option", { value: "reports" }, t("dispatch.batch.report_rows")));
  const hint = el("p", { class: "soft", id: "batch-hint" }, t("dispatch.batch.columns_points"));
  const datum = el("select", { id: "batch-datum" }, ["cgcs2000", "wgs84", "gcj02", "bd09"].map((one) => el("option", { value: one }, t(`dispatch.console.datum_${one}`))));
  const { input: file, box } = filePick("batch-file", { accept: ".csv,text/csv,text/plain" });
  const paste = el("textarea", { id: "batch-paste", rows: "6", spellcheck: "false" });
  const outcome = el("div", { id: "batch-outcome", "aria-live": "polite" });
  what.addEventListener("change", () => fill(hint, t(`dispatch.batch.columns_${what.value === "points" ? "points" : "reports"}`)));
  const start = async (event) => {
    event.preventDefault();
    const content = file.files[0] ?? (paste.value.trim() ? new Blob([paste.value], { type: "text/csv" }) : null);
    if (!content) return tell(t("dispatch.batch.empty"), { bad: true });
    try {
      if (what.value === "points") await assignPoints(content, datum.value, outcome);
      else await recordRows(await content.text(), datum.value, outcome, recorded);
    } catch (error) {
      fill(outcome);
      tellError(error);
    }
    return null;
  };
  fill(sheet, el("h1", {}, t("dispatch.batch.title")), el("form", { onsubmit: start },
    el("label", { for: "batch-what" }, t("dispatch.batch.what")), what, hint,
    el("label", { for: "batch-datum" }, t("dispatch.console.datum")), datum,
    el("p", { class: "field" }, t("dispatch.batch.file")), box,
    el("label", { for: "batch-paste" }, t("dispatch.batch.paste")), paste,
    el("p", { class: "acts" }, el("button", { class: "main", type: "submit", id: "batch-go" }, t("dispatch.batch.go")))), outcome);
}

function assignPoints(content, crs, outcome) {
  const bar = el("progress", { max: "1" });
  fill(outcome, bar, el("p", {}, t("dispatch.batch.sending")));
  return new Promise((done, fail) => {
    // XMLHttpRequest tells how much of a large file has been sent; fetch does not.
    const request = new XMLHttpRequest();
    request.open("POST", `/api/v1/locate/batch?crs=${crs}`);
    request.setRequestHeader("Content-Type", "text/csv");
    request.setRequestHeader("Accept-Language", language);
    if (token()) request.setRequestHeader("Authorization", `Bearer ${token()}`);
    request.responseType = "blob";
    request.upload.onprogress = (event) => { if (event.lengthComputable) bar.value = event.loaded / event.total; };
    request.onerror = () => fail(new ApiError(0, null));
    request.onload = async () => {
      const text = await request.response.text();
      if (request.status !== 200) return fail(new ApiError(request.status, JSON.parse(text)));
      const rows = parseCsv(text);
      const at = rows[0].findIndex((name) => name.startsWith("status"));
      const counts = {};
      for (const row of rows.slice(1)) counts[row[at]] = (counts[row[at]] ?? 0) + 1;
      const summary = Object.entries(counts).map(([status, count]) => `${term("owner_status", status)} ${count}`).join(" · ");
      fill(outcome, el("p", { id: "batch-summary" }, t("dispatch.batch.done_points", { rows: rows.length - 1, summary })),
        download(request.response, "assigned.csv", t("dispatch.batch.download")));
      return done();
    };
    request.send(content);
  });
}

async function recordRows(text, crs, outcome, recorded) {
  const [header, ...rows] = parseCsv(text);
  if (!rows.length) return tell(t("dispatch.batch.empty"), { bad: true });
  const bar = el("progress", { max: String(rows.length), value: "0" });
  const line = el("p", {});
  fill(outcome, bar, line);
  // The batch's key is made of its content: sending the same file again records nothing twice.
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text)));
  const key = [...digest.slice(0, 16)].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  const refused = [];
  let taken = 0;
  for (let at = 0; at < rows.length; at += ROWS_AT_ONCE) {
    const part = rows.slice(at, at + ROWS_AT_ONCE);
    const reports = part.map((row) => asReport(header, row, crs));
    const answer = await api("/api/v1/incidents/batch", { json: { reports }, headers: { "Idempotency-Key": `${key}-${at}` } });
    taken += answer.taken.length;
    for (const one of answer.refused) refused.push([...part[one.row], `${one.where ?? ""}: ${one.message}`, String(at + one.row + 2)]);
    bar.value = Math.min(at + ROWS_AT_ONCE, rows.length);
    fill(line, t("dispatch.batch.progress", { done: bar.value, total: rows.length }));
  }
  const refusals = new Blob(["\ufeff", writeCsv([[...header, "refused_because", "line"], ...refused])], { type: "text/csv" });
  fill(outcome, el("p", { id: "batch-summary" }, t("dispatch.batch.done", { taken, refused: refused.length })),
    refused.length ? download(refusals, "refused.csv", t("dispatch.batch.download_refused")) : null);
  recorded();
  return null;
}

function asReport(header, row, crs) {
  const report = { source: "hotline" };
  header.forEach((name, at) => {
    const value = (row[at] ?? "").trim();
    if (value !== "") report[name.trim()] = NUMBERS.has(name.trim()) && !Number.isNaN(Number(value)) ? Number(value) : value;
  });
  if (report.lon !== undefined && report.crs === undefined) report.crs = crs;
  return report;
}

/** A link that saves a file. */
export function download(blob, name, words) {
  return el("a", { class: "button", download: name, href: URL.createObjectURL(blob) }, words);
}

/** Read CSV as RFC 4180 has it: quotes, doubled quotes, line ends within quotes. */
export function parseCsv(text) {
  const rows = [];
  let row = [];
  let cell = "";
  let quoted = false;
  const content = text.replace(/^\ufeff/, "");
  for (let at = 0; at < content.length; at += 1) {
    const sign = content[at];
    if (quoted) {
      if (sign === '"' && content[at + 1] === '"') { cell += '"'; at += 1; }
      else if (sign === '"') quoted = false;
      else cell += sign;
    } else if (sign === '"' && cell === "") quoted = true;
    else if (sign === ",") { row.push(cell); cell = ""; }
    else if (sign === "\n" || sign === "\r") {
      if (sign === "\r" && content[at + 1] === "\n") at += 1;
      row.push(cell);
      if (row.length > 1 || row[0] !== "") rows.push(row);
      row = [];
      cell = "";
    } else cell += sign;
  }
  if (cell !== "" || row.length) { row.push(cell); rows.push(row); }
  return rows;
}

function writeCsv(rows) {
  // A cell that a spreadsheet would take for a formula is kept a text by the tab before it.
  const guard = (cell) => (/^[=+\-@\t\r]/.test(cell) && Number.isNaN(Number(cell)) ? `\t${cell}` : cell);
  const write = (cell) => (/[",\r\n\t]/.test(cell) ? `"${cell.replace(/"/g, '""')}"` : cell);
  return rows.map((row) => row.map((cell) => write(guard(String(cell ?? "")))).join(",")).join("\r\n");
}
