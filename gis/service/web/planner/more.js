// The last pane: files in and out with the misfit shown, departments' nets, editions, and the plan itself.

import { api, el, filePick, fill, t, tell, tellError } from "../shell.js";
import { shortOf } from "./model.js";

const NAMED = 20;
const DATUMS = ["cgcs2000", "wgs84", "gcj02", "bd09"];

export function crsChoice(id) {
  return el("select", { id }, el("option", { value: "" }, t("studio.more.crs_own")), DATUMS.map((one) => el("option", { value: one }, t(`dispatch.console.datum_${one}`))));
}

export class More {
  constructor({ model, acts, editions, nets, misfit }) {
    Object.assign(this, { model, acts, editions, nets, misfit });
  }

  draw() {
    const draft = this.model.plan.state === "draft";
    fill("pane-more", this.#files(draft), this.#nets(), this.#walking(), this.#editions(), this.#plan(draft));
  }

  #files(draft) {
    this.outcome = el("div", { id: "file-outcome", "aria-live": "polite" });
    const { input: file, box } = filePick("file-in", { accept: ".csv,.gpkg,.geojson,.json,.zip,.parquet" });
    const field = el("input", { id: "file-field", value: "grid_code", maxlength: "100" });
    const crs = crsChoice("file-crs");
    const drawn = el("div", { hidden: true }, el("div", { class: "form-row" }, el("div", {}, el("label", { for: "file-field" }, t("studio.more.field")), field), el("div", {}, el("label", { for: "file-crs" }, t("studio.more.crs")), crs)));
    const go = el("button", { type: "submit", class: "main spaced", id: "file-go", disabled: true });
    const table = () => /\.csv$/i.test(file.files[0]?.name ?? "");
    file.addEventListener("change", () => {
      this.#clear();
      drawn.hidden = !file.files[0] || table();
      go.disabled = !file.files[0];
      go.hidden = !file.files[0];
      go.textContent = t(table() ? "studio.more.take_table" : "studio.more.read");
    });
    go.hidden = true;
    const form = el(
      "form",
      {
        onsubmit: async (event) => {
          event.preventDefault();
          go.disabled = true;
          this.#clear();
          if (table()) await this.#takeTable(file.files[0]);
          else await this.#look(file.files[0], field.value.trim() || "grid_code", crs.value);
          go.disabled = false;
        },
      },
      el("h3", {}, t("studio.more.file_in")),
      box,
      drawn,
      go,
    );
    return [
      el("h2", {}, t("studio.more.files")),
      el("p", { class: "soft" }, t("studio.more.files_note")),
      el("p", { class: "row start" }, ["csv", "geojson"].map((kind) => el("button", { type: "button", class: "small", onclick: () => this.#save(kind === "csv" ? "units.csv" : "grids.geojson") }, t(`studio.more.${kind}_out`)))),
      draft ? form : el("p", { class: "soft" }, t("studio.hint.not_draft")),
      this.outcome,
    ];
  }

  #clear() {
    fill(this.outcome);
    this.misfit(null);
  }

  async #save(name) {
    try {
      const found = await api(`/api/v1/plans/${this.model.plan.id}/${name}`);
      const blob = found instanceof Blob ? found : new Blob([JSON.stringify(found)], { type: "application/geo+json" });
      const link = el("a", { href: URL.createObjectURL(blob), download: `plan-${this.model.plan.id}-${name}` });
      link.click();
      URL.revokeObjectURL(link.href);
    } catch (error) {
      tellError(error);
    }
  }

  #refuse(error) {
    const listed = ["missing", "unknown"].map((kind) => this.#named(kind, error.details?.[kind] ?? []));
    fill(this.outcome, el("p", { class: "notice bad", role: "alert" }, error.mend ? `${error.message} — ${error.mend}` : error.message), listed);
  }

  #named(kind, units) {
    if (units.length === 0) return null;
    return el("details", { open: units.length <= NAMED }, el("summary", {}, t(`studio.more.${kind}`, { count: units.length })), el("p", { class: "code names" }, units.slice(0, 200).join(" ")));
  }

  async #takeTable(file) {
    const form = new FormData();
    form.append("file", file);
    const outcome = await this.acts.send({ path: "/units.csv", form, about: t("studio.act.import"), onError: (error) => this.#refuse(error) });
    if (outcome === null) return;
    const { report } = outcome;
    fill(this.outcome, el("p", { class: "fine" }, `✓ ${t("studio.more.table_done", { assigned: report.assigned })}`), ["missing", "unknown", "doubled"].map((kind) => this.#named(kind, report[kind])));
  }

  // A drawing is shown first, with where it and whole units part; then it is taken over, or not.
  async #look(file, field, crs) {
    fill(this.outcome, el("p", { class: "soft" }, t("studio.hint.uploading")));
    const form = () => {
      const made = new FormData();
      made.append("file", file);
      made.append("field", field);
      if (crs) made.append("crs", crs);
      return made;
    };
    try {
      const { report } = await api(`/api/v1/plans/${this.model.plan.id}/fit`, { method: "POST", body: form() });
      this.misfit(report.misfit);
      const rows = [...report.by_grid].sort((a, b) => a.overlap - b.overlap);
      fill(
        this.outcome,
        el("p", { id: "fit-words" }, report.misfit_m2 >= 1 ? t("studio.more.fit_words", { area: Math.round(report.misfit_m2).toLocaleString("en-US"), missing: report.missing.length }) : t("studio.more.fit_exact", { missing: report.missing.length })),
        el("div", { class: "scroll tall", tabindex: "0", role: "region", "aria-label": t("studio.more.fit_grid") }, el(
          "table",
          { id: "fit-grids" },
          el("thead", {}, el("tr", {}, el("th", { scope: "col" }, t("studio.more.fit_grid")), el("th", { scope: "col", class: "number" }, t("studio.more.fit_overlap")), el("th", { scope: "col", class: "number" }, t("studio.more.fit_area")))),
          el("tbody", {}, rows.map((row) => el("tr", {}, el("td", { class: "code", title: row.grid_code }, shortOf(row.grid_code)), el("td", { class: "number" }, `${(Math.floor(row.overlap * 1000) / 10).toFixed(1)}%`), el("td", { class: "number" }, Math.round(row.misfit_m2).toLocaleString("en-US"))))),
        )),
        el(
          "div",
          { class: "row start" },
          el("button", { type: "button", class: "main small", id: "fit-adopt", onclick: async () => {
            const outcome = await this.acts.send({ path: "/fit", form: form(), about: t("studio.act.draw"), onError: (error) => this.#refuse(error) });
            if (outcome === null) return;
            this.#clear();
            fill(this.outcome, el("p", { class: "fine" }, `✓ ${t("studio.more.fit_taken")}`));
          } }, t("studio.more.fit_adopt")),
          el("button", { type: "button", class: "small", id: "fit-drop", onclick: () => this.#clear() }, t("studio.more.fit_drop")),
        ),
      );
    } catch (error) {
      this.#refuse(error);
    }
  }

  #nets() {
    return [
      el("h2", {}, t("studio.more.nets")),
      el("p", { class: "soft" }, t("studio.more.nets_note")),
      el("p", {}, el("button", { type: "button", id: "nets-open", onclick: () => this.nets.open() }, t("studio.more.nets_open"))),
    ];
  }

  #walking() {
    return [
      el("h2", {}, t("studio.more.walking")),
      el("p", { class: "soft" }, t("studio.more.walking_note")),
      el("p", {}, el("a", { class: "button", id: "walking-open", href: `/coverage/${this.model.plan.community_code}` }, t("studio.more.walking_open"))),
    ];
  }

  #editions() {
    return [el("h2", {}, t("studio.more.editions")), el("p", { class: "soft" }, t("studio.more.editions_note")), this.editions.lines()];
  }

  #plan(draft) {
    const name = el("input", { id: "plan-called", value: this.model.plan.name, maxlength: "100", required: true, disabled: !draft });
    const patch = async (json) => {
      try {
        await api(`/api/v1/plans/${this.model.plan.id}`, { method: "PATCH", json: { ...json, version: this.model.version } });
        await this.acts.reload({ list: true });
      } catch (error) {
        tellError(error);
      }
    };
    const ask = () => {
      const dialog = document.getElementById("dialog");
      const yes = el("button", { type: "button", class: "main", id: "abandon-yes", onclick: async () => { dialog.close(); await patch({ state: "abandoned" }); tell(t("studio.state.abandoned")); } }, t("studio.more.abandon_yes"));
      fill(dialog, el("h2", { id: "dialog-title" }, this.model.plan.name), el("p", {}, t("studio.more.abandon_ask")), el("div", { class: "row" }, el("button", { type: "button", onclick: () => dialog.close() }, t("studio.more.keep")), yes));
      dialog.showModal();
    };
    return [
      el("h2", {}, t("studio.more.plan")),
      el("form", { onsubmit: (event) => { event.preventDefault(); patch({ name: name.value }); } }, el("label", { for: "plan-called" }, t("studio.more.plan_name")), el("div", { class: "row start" }, el("div", { class: "grow" }, name), el("button", { type: "submit", id: "rename", disabled: !draft }, t("studio.more.rename")))),
      el("p", { class: "row start" }, el("button", { type: "button", class: "small", id: "abandon", disabled: !draft, onclick: ask }, t("studio.more.abandon"))),
    ];
  }
}
