// Who owns a place: the owner, how sure, who else may be it, whom to call, and why.
import { api, el, fill, language, phone, t, tell, tellError, term } from "../shell.js";

const round = (value, digits = 0) => (value === null || value === undefined ? "" : Number(value).toFixed(digits));

/** A probability in words: one that is not nothing is never shown as 0%, nor one that is not certain as 100%. */
export function percent(value) {
  if (value > 0 && value < 0.01) return "<1%";
  if (value < 1 && value > 0.99) return ">99%";
  return `${Math.round(value * 100)}%`;
}

/** Ask who owns a position; it goes in the body, so that no log of addresses holds it. */
export const ask = (position) => api("/api/v1/locate", { json: position });

/** Show an answer in the panel. `recorded(incident)` is called when an incident was recorded there. */
export function showAnswer(panel, answer, { kinds, asked, recorded }) {
  const { owner } = answer;
  const decisive = answer.layers[answer.decided_by];
  const doubtful = answer.status === "ambiguous";
  const head = owner ? owner.name || owner.grid_code : t(doubtful ? "dispatch.answer.in_doubt" : "dispatch.answer.nobody");
  const tone = { inside: "good", edge: "warm", ambiguous: "warm", outside: "bad" }[answer.status] ?? "";
  fill(
    panel,
    el("p", {}, el("span", { class: `tag ${tone}`, id: "answer-status" }, term("owner_status", answer.status)), " ", owner ? el("span", { class: "tag" }, term("grid_type", owner.grid_type)) : null),
    el("h2", { id: "answer-owner" }, head),
    owner ? el("p", { class: "code soft" }, owner.grid_code) : null,
    el("p", { class: "why", id: "answer-why" }, answer.why),
    answer.stale ? el("p", { class: "tag warm" }, answer.stale.words) : null,
    answer.swapped ? el("p", { class: "tag warm" }, answer.swapped.words) : null,
    facts(answer, decisive),
    chances(decisive),
    owner ? people(owner) : null,
    el("button", { class: "main", type: "button", id: "report-here", onclick: () => showForm(panel, { kinds, asked, recorded, answer }) }, t("dispatch.answer.report_here")),
  );
}

function facts(answer, decisive) {
  const rows = [];
  const add = (label, value) => value && rows.push(el("dt", {}, label), el("dd", {}, value));
  if (decisive.margin_m !== null && answer.owner) add(t("dispatch.answer.owner"), t("dispatch.answer.margin", { metres: round(decisive.margin_m, 1) }));
  if (decisive.touching.length) add("", t("dispatch.answer.touching", { names: decisive.touching.join(", ") }));
  if (!decisive.owner && decisive.nearest) {
    add("", t("dispatch.answer.nearest", { name: decisive.nearest.name, metres: round(decisive.nearest.distance_m) }));
  }
  const place = [answer.community?.name, answer.compound?.name, answer.building?.number].filter(Boolean).join(" · ");
  add(t("dispatch.answer.place"), place);
  const others = Object.entries(answer.layers).filter(([layer, one]) => layer !== answer.decided_by && one.owner);
  add(t("dispatch.answer.layers"), others.map(([layer, one]) => `${term("grid_type", layer)}: ${one.name}`).join(language === "zh" ? "；" : "; "));
  const [lon, lat] = answer.point.cgcs2000;
  add("", t("dispatch.answer.coordinates", { lon: lon.toFixed(6), lat: lat.toFixed(6) }));
  add("", t("dispatch.answer.edition", { number: answer.edition.number, date: answer.edition.effective_from.slice(0, 10) }));
  return el("dl", {}, rows);
}

function chances(decisive) {
  if (decisive.candidates.length < 2) return null;
  return el("div", {},
    el("h3", {}, t("dispatch.answer.candidates")),
    el("ul", { class: "chances" }, decisive.candidates.slice(0, 6).map((one) => {
      const name = one.grid_code ? one.name : t("dispatch.answer.outside");
      return el("li", {}, el("span", {}, name), el("meter", { min: "0", max: "1", value: String(one.probability), "aria-label": name }), el("span", { class: "number" }, percent(one.probability)));
    })),
  );
}

/** The people of a grid and of what lies above it, with their numbers. */
export function people(owner) {
  const line = (person) => el("li", {}, el("span", {}, `${person.person} `, el("small", {}, term("staff_role", person.role))), phone(person.phone));
  const above = owner.above.filter((one) => one.staff.length);
  return el("div", {},
    el("h3", {}, t("dispatch.answer.call")),
    owner.staff.length ? el("ul", { class: "people" }, owner.staff.map(line)) : el("p", { class: "soft" }, t("dispatch.answer.no_staff")),
    above.map((one) => [el("h3", {}, one.name), el("ul", { class: "people" }, one.staff.map(line))]),
  );
}

function showForm(panel, { kinds, asked, recorded, answer }) {
  const options = (list, key, chosen) => list.map((one) => el("option", { value: one[key], selected: one[key] === chosen }, one[language]));
  const category = el("select", { id: "form-category" }, options(kinds.categories, "category"));
  const source = el("select", { id: "form-source" }, options(kinds.sources, "source", "hotline"));
  const words = el("textarea", { id: "form-text", required: true, maxlength: "4000" });
  const reporter = el("input", { id: "form-reporter", maxlength: "200", autocomplete: "off" });
  const accuracy = el("input", { id: "form-accuracy", type: "number", min: "0", max: "50000", step: "any", value: asked.accuracy_m ?? "" });
  // One key for this form: sending it twice, by a double click or a bad line, is one incident.
  const key = crypto.randomUUID();
  const send = async (event) => {
    event.preventDefault();
    try {
      const json = { ...asked, category: category.value, source: source.value, text: words.value, reporter: reporter.value || null, accuracy_m: accuracy.value === "" ? null : Number(accuracy.value) };
      const done = await api("/api/v1/incidents", { json, headers: { "Idempotency-Key": key } });
      tell(done.grid_code
        ? t("dispatch.form.done_assigned", { number: done.incident_number, grid: done.grid_code === answer.owner?.grid_code ? answer.owner.name || done.grid_code : done.grid_code })
        : t("dispatch.form.done_waiting", { number: done.incident_number }));
      if (done.perhaps_doubles.length) tell(t("dispatch.form.doubles", { numbers: done.perhaps_doubles.join(", ") }));
      recorded(done);
    } catch (error) {
      tellError(error);
    }
  };
  const field = (input, label) => [el("label", { for: input.id }, t(label)), input];
  fill(panel, el("h2", {}, t("dispatch.form.title")), el("p", { class: "why" }, answer.why),
    el("form", { id: "record", onsubmit: send },
      field(category, "dispatch.form.category"), field(source, "dispatch.form.source"), field(words, "dispatch.form.text"),
      field(accuracy, "dispatch.form.accuracy"), field(reporter, "dispatch.form.reporter"),
      el("div", { class: "acts" }, el("button", { class: "main", type: "submit" }, t("dispatch.form.send")))));
  words.focus();
}
