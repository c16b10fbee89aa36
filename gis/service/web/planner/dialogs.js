// Two questions that the studio asks: where a new plan starts, and what a grid is.

import { api, el, fill, language, t, tellError, term } from "../shell.js";
import { shortOf } from "./model.js";

export function newPlanDialog({ code, plans, open }) {
  const dialog = document.getElementById("dialog");
  const name = el("input", { id: "plan-name", required: true, maxlength: "100", value: t("studio.new.name", { date: new Date().toLocaleDateString("sv-SE") }) });
  const from = el("select", { id: "plan-from" }, el("option", { value: "" }, t("studio.new.edition")), plans.map((one) => el("option", { value: String(one.id) }, t("studio.new.branch", { name: one.name }))));
  const button = el("button", { type: "submit", class: "main", id: "plan-start" }, t("studio.new.start"));
  const form = el(
    "form",
    {
      onsubmit: async (event) => {
        event.preventDefault();
        button.disabled = true;
        button.textContent = t("studio.new.cutting");
        try {
          const json = { name: name.value, from_plan: from.value ? Number(from.value) : null };
          const { plan } = await api(`/api/v1/communities/${code}/plans`, { json });
          dialog.close();
          await open(plan.id);
        } catch (error) {
          button.disabled = false;
          tellError(error);
        }
      },
    },
    el("label", { for: "plan-name" }, t("studio.new.called")),
    name,
    el("label", { for: "plan-from" }, t("studio.new.from")),
    from,
    el("div", { class: "row" }, el("button", { type: "button", onclick: () => dialog.close() }, t("studio.new.cancel")), button),
  );
  fill(dialog, el("h2", { id: "dialog-title" }, t("studio.new.title")), form);
  dialog.showModal();
  name.select();
}

export function editGridDialog({ model, label, send }) {
  const grid = model.grids.get(label);
  const dialog = document.getElementById("dialog");
  const locked = model.plan.state !== "draft" || grid.locked;
  const name = el("input", { id: "grid-name", maxlength: "100", value: grid.name ?? "", disabled: locked });
  const kind = el("select", { id: "grid-type", disabled: locked }, ["basic", "exclusive"].map((one) => el("option", { value: one }, t(`terms.grid_type.${one}`))));
  kind.value = grid.grid_type;
  const theme = el("select", { id: "grid-theme", disabled: locked }, el("option", { value: "" }, "—"), model.themes.map((one) => el("option", { value: one.theme }, language === "zh" ? one.name_zh : one.name_en)));
  theme.value = grid.colour_theme ?? "";
  const posts = model.staff.filter((one) => one.grid !== label || grid.staff.includes(one.code));
  const ticks = new Map(posts.map((one) => [one.code, el("input", { type: "checkbox", checked: grid.staff.includes(one.code), disabled: locked })]));
  const staff = el(
    "details",
    { open: grid.staff.length > 0 },
    el("summary", {}, t("studio.grid.staff")),
    el("div", { class: "staff-list" }, posts.map((one) => el("label", { class: "tick" }, ticks.get(one.code), `${shortOf(one.grid)} · ${term("staff_role", one.role)} · ${one.person}`))),
  );
  const heirs = model.heirsOf(label);
  const form = el(
    "form",
    {
      onsubmit: async (event) => {
        event.preventDefault();
        dialog.close();
        const body = {};
        if (name.value !== (grid.name ?? "")) body.name = name.value;
        if (kind.value !== grid.grid_type) body.grid_type = kind.value;
        if (theme.value !== (grid.colour_theme ?? "")) body.colour_theme = theme.value;
        const wanted = [...ticks].filter(([, tick]) => tick.checked).map(([code]) => code);
        if (wanted.join() !== posts.map((one) => one.code).filter((code) => grid.staff.includes(code)).join()) await send({ path: `/grids/${label}`, method: "PATCH", body: { staff: wanted }, about: t("studio.act.staff") });
        if (Object.keys(body).length) await send({ path: `/grids/${label}`, method: "PATCH", body, about: t("studio.act.set") });
      },
    },
    el("label", { for: "grid-name" }, t("studio.grid.name")),
    name,
    el("label", { for: "grid-type" }, t("studio.grid.type")),
    kind,
    el("label", { for: "grid-theme" }, t("studio.grid.theme")),
    theme,
    staff,
    heirs.length ? el("p", { class: "soft", id: "grid-before" }, el("b", {}, t("studio.grid.before")), " ", el("span", { class: "code" }, heirs.join("、"))) : null,
    locked ? null : el("details", {}, el("summary", {}, t("studio.grid.renumber")), el("p", { class: "soft" }, t("studio.grid.renumber_hint")), el("button", { type: "button", class: "small", id: "renumber", onclick: async () => {
      dialog.close();
      await send({ path: `/grids/${label}`, method: "PATCH", body: { renumber: true }, about: t("studio.act.renumber") });
    } }, t("studio.grid.renumber"))),
    grid.locked ? el("p", { class: "notice" }, t("studio.grid.locked")) : null,
    el("div", { class: "row" }, el("button", { type: "button", onclick: () => dialog.close() }, t("studio.new.cancel")), el("button", { type: "submit", class: "main", disabled: locked }, t("studio.grid.save"))),
  );
  fill(dialog, el("h2", { id: "dialog-title" }, `${label} · ${model.nameOf(label)}`), form);
  dialog.showModal();
}
