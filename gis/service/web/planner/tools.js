// What the pointer and the keys do on the map. A stroke is shown at once, unit by unit, and sent as one act
// when it ends; Escape takes it back.

import { t } from "../shell.js";
import { shortOf } from "./model.js";

const TOOLS = ["choose", "paint", "lasso", "flip", "cut", "say"];
const KEYS = { v: "choose", b: "paint", l: "lasso", f: "flip", s: "cut", c: "say" };
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };

export class Tools {
  constructor({ map, layer, model, box, acts, say, cutting }) {
    Object.assign(this, { map, layer, model, box, acts, say, cutting });
    this.tool = "choose";
    this.radius = 0;
    this.stroke = null;
    this.lastMs = 0;
    this.buttons = [...document.querySelectorAll("[data-tool].tool")];
    for (const button of this.buttons) button.addEventListener("click", () => this.use(button.dataset.tool));
    document.getElementById("brush").addEventListener("input", (event) => (this.radius = Number(event.target.value)));
    box.addEventListener("pointerdown", (event) => this.#down(event));
    box.addEventListener("pointermove", (event) => this.#move(event));
    globalThis.addEventListener("pointerup", (event) => this.#up(event));
    globalThis.addEventListener("pointercancel", () => this.cancel());
    box.addEventListener("pointerleave", () => {
      layer.brush = null;
      layer.top();
      acts.tip(null);
    });
    box.addEventListener("keydown", (event) => this.#keyOnMap(event));
    document.addEventListener("keydown", (event) => this.#key(event));
    this.use("choose");
  }

  use(tool) {
    if (!TOOLS.includes(tool)) return;
    this.cancel();
    this.tool = tool;
    document.body.dataset.tool = tool;
    for (const button of this.buttons) button.setAttribute("aria-pressed", String(button.dataset.tool === tool));
    const drags = tool === "choose";
    if (drags) this.map.dragging.enable();
    else this.map.dragging.disable();
    if (tool === "cut" && this.ready) this.cutting.start();
    else this.cutting.stop();
    this.layer.brush = null;
    this.hint();
  }

  hint() {
    const { model } = this;
    const into = model.chosen === null ? null : model.nameOf(model.chosen);
    if (this.tool === "cut") {
      this.say(model.chosen === null ? t("studio.hint.cut_choose") : t("studio.hint.cut", { grid: into }));
    } else if (this.tool === "lasso") {
      this.say(into === null ? t("studio.hint.lasso_choose") : t("studio.hint.lasso", { grid: into }));
    } else if (this.tool === "paint") {
      this.say(into === null ? t("studio.hint.paint_any") : t("studio.hint.paint", { grid: into }));
    } else this.say(this.tool === "choose" ? "" : t(`studio.hint.${this.tool}`));
  }

  cancel() {
    if (this.stroke !== null) {
      for (const [place, label] of this.stroke.was) this.model.put(place, label);
      if (this.stroke.fresh) this.model.dropNew();
      this.layer.changed([...this.stroke.was.keys()]);
      this.model.tell("changed", { places: [...this.stroke.was.keys()] });
      this.stroke = null;
      this.say(t("studio.hint.cancelled"));
    }
    this.layer.lasso = null;
    this.layer.top();
  }

  get ready() {
    return this.model.plan?.state === "draft" && !this.model.previewed && this.model.mode === "after" && this.layer.swipe === null;
  }

  #pointOf(event) {
    const frame = this.box.getBoundingClientRect();
    const pixel = [event.clientX - frame.left, event.clientY - frame.top];
    const { lat, lng } = this.map.containerPointToLatLng(pixel);
    return { pixel, steps: this.model.toSteps(lng, lat) };
  }

  #reach() {
    const [a, b] = [this.map.containerPointToLatLng([0, 0]), this.map.containerPointToLatLng([this.radius, 0])];
    return (b.lng - a.lng) * 1e8;
  }

  #down(event) {
    if (event.button !== 0 || this.tool === "cut" || !this.model.count) return;
    if (event.target.closest(".leaflet-control")) return;
    const { pixel, steps } = this.#pointOf(event);
    const place = this.model.unitAt(...steps);
    if (this.tool === "choose") {
      this.pressed = { place, pixel, several: event.ctrlKey || event.metaKey || event.shiftKey };
      return;
    }
    if (this.tool === "say") {
      this.acts.comment(this.model.toLonLat(steps));
      return;
    }
    if (!this.ready) {
      this.say(t("studio.hint.not_draft"), true);
      return;
    }
    event.preventDefault();
    this.box.focus({ preventScroll: true });
    if (this.tool === "lasso") {
      if (this.model.chosen === null) {
        this.say(t("studio.hint.lasso_choose"), true);
        return;
      }
      this.layer.lasso = [pixel];
      this.ring = [steps];
      return;
    }
    if (place < 0) return;
    // Painting goes on in the chosen grid; where none is chosen, and when a border is dragged, the grid under
    // the pointer grows.
    const under = this.model.label[place];
    const label = this.tool === "flip" || this.model.chosen === null ? under : this.model.chosen;
    if (label === null) return;
    if (event.shiftKey && this.tool === "paint" && this.model.pendingNew === null) this.model.choose(this.model.addGrid());
    this.begin(this.tool === "paint" && this.model.pendingNew !== null ? this.model.pendingNew : label);
    this.stroke.last = steps;
    this.stroke.pixel = pixel;
    if (this.tool === "paint") this.#paint(steps, steps);
  }

  begin(label) {
    if (this.model.isLocked(label)) this.say(t("studio.hint.locked", { grid: this.model.nameOf(label) }), true);
    this.stroke = { label, was: new Map(), fresh: label === this.model.pendingNew };
  }

  #move(event) {
    if (!this.model.count) return;
    const { pixel, steps } = this.#pointOf(event);
    if (this.tool === "paint") {
      this.layer.brush = { x: pixel[0], y: pixel[1], radius: this.radius };
      this.layer.top();
    }
    if (this.layer.lasso) {
      this.layer.lasso.push(pixel);
      this.ring.push(steps);
      this.layer.top();
      return;
    }
    if (this.stroke !== null) {
      const started = performance.now();
      if (this.tool === "flip") this.#flip(steps);
      else this.#paint(this.stroke.last, steps);
      this.stroke.last = steps;
      this.lastMs = performance.now() - started;
      return;
    }
    this.acts.tip(this.model.unitAt(...steps), pixel);
  }

  #up() {
    if (this.pressed) {
      const { place, several } = this.pressed;
      this.pressed = null;
      if (!this.map.dragging.moved?.() && !this.map.dragging._draggable?._moved) this.acts.pick(place, several);
      return;
    }
    if (this.layer.lasso) {
      const ring = this.ring;
      this.layer.lasso = null;
      this.layer.top();
      if (ring.length > 2) this.acts.move(this.#free(this.model.unitsWithin([...ring, ring[0]])), this.model.chosen);
      return;
    }
    if (this.stroke === null) return;
    const { stroke } = this;
    this.stroke = null;
    const places = [...stroke.was.keys()];
    if (places.length > 0) this.acts.commit(places, stroke);
  }

  #free(places) {
    return places.filter((place) => !this.model.isLocked(this.model.label[place]));
  }

  // Paint along the way from the last point to this one, closely enough to skip no unit.
  #paint(from, to) {
    const across = this.map.containerPointToLatLng([0, 0]);
    const pixel = (this.map.containerPointToLatLng([1, 0]).lng - across.lng) * 1e8;
    const far = Math.hypot(to[0] - from[0], to[1] - from[1]);
    const pieces = Math.min(Math.max(Math.ceil(far / (pixel * Math.max(4, this.radius / 2))), 1), 400);
    const found = new Set();
    for (let k = 1; k <= pieces; k += 1) {
      const x = from[0] + ((to[0] - from[0]) * k) / pieces;
      const y = from[1] + ((to[1] - from[1]) * k) / pieces;
      for (const place of this.model.unitsNear(x, y, this.radius > 0 ? this.#reach() : 0)) found.add(place);
    }
    this.take([...found]);
  }

  // Drag a border: the grid where the drag began takes units that touch it, and gives back those that the
  // pointer returns from.
  #flip(steps) {
    const { model, stroke } = this;
    const place = model.unitAt(...steps);
    if (place < 0 || place === stroke.at) return;
    stroke.trail ??= [];
    const back = stroke.trail.indexOf(place);
    if (back >= 0) {
      const returned = stroke.trail.splice(back + 1);
      for (const one of returned) {
        model.put(one, stroke.was.get(one));
        stroke.was.delete(one);
      }
      if (returned.length > 0) this.#shown(returned);
    } else if (model.label[place] === stroke.label) {
      // Home again: everything goes back.
      const returned = stroke.was.has(place) ? [] : stroke.trail.splice(0);
      for (const one of returned) {
        model.put(one, stroke.was.get(one));
        stroke.was.delete(one);
      }
      if (returned.length > 0) this.#shown(returned);
    } else if (model.neighbours[place].some((other) => model.label[other] === stroke.label)) {
      if (this.take([place]) > 0) stroke.trail.push(place);
    }
    stroke.at = place;
  }

  take(places) {
    const { model, stroke } = this;
    const changed = [];
    for (const place of places) {
      const old = model.label[place];
      if (old === stroke.label || model.isLocked(old) || model.isLocked(stroke.label)) continue;
      if (!stroke.was.has(place)) stroke.was.set(place, old);
      model.put(place, stroke.label);
      changed.push(place);
    }
    if (changed.length > 0) this.#shown(changed);
    return changed.length;
  }

  #shown(places) {
    this.layer.changed(places);
    this.model.tell("changed", { places });
    const grid = this.model.grids.get(this.stroke.label);
    const others = new Set(this.stroke.was.values());
    const rows = [grid, ...[...others].map((label) => this.model.grids.get(label))].filter(Boolean);
    this.say(rows.map((row) => `${shortOf(row.label)} ${row.households}`).join(" · "));
  }

  #key(event) {
    const typing = event.target.closest?.("input:not([type=range]), textarea, select, dialog");
    if (event.key === "Escape" && (this.stroke !== null || this.layer.lasso)) {
      this.cancel();
      event.preventDefault();
      return;
    }
    if (typing) return;
    if (event.key === "Escape") {
      this.#back();
      return;
    }
    if (event.key === "Enter" && this.tool === "cut" && this.cutting.points > 0) {
      this.cutting.finish();
      return;
    }
    const control = event.ctrlKey || event.metaKey;
    const key = event.key.toLowerCase();
    if (control && key === "z" && !event.shiftKey) {
      event.preventDefault();
      this.acts.undo();
    } else if (control && (key === "y" || (key === "z" && event.shiftKey))) {
      event.preventDefault();
      this.acts.redo();
    } else if (!control && !event.altKey && KEYS[key]) {
      this.use(KEYS[key]);
    } else if (!control && key === "m" && this.model.picked.size > 1) {
      this.acts.merge();
    }
  }

  // Escape, where no stroke is under way: the line, the tool, then what is chosen.
  #back() {
    if (this.acts.leavePreview()) return;
    if (this.tool === "cut" && this.cutting.drop()) this.say(t("studio.hint.line_dropped"));
    else if (this.tool !== "choose") this.use("choose");
    else if (this.layer.marked.size > 0 || this.model.picked.size > 0 || this.model.chosen !== null) {
      this.layer.marked.clear();
      this.model.picked.clear();
      this.model.dropNew();
      this.model.choose(null);
    }
  }

  // Without a pointer: the arrow keys go from unit to unit, Enter gives the unit to the chosen grid.
  #keyOnMap(event) {
    const { model, layer } = this;
    if (event.key === "+" || event.key === "=") this.map.zoomIn();
    if (event.key === "-") this.map.zoomOut();
    const way = ARROWS[event.key];
    if (way && !event.ctrlKey && model.count) {
      event.preventDefault();
      event.stopPropagation();
      if (layer.cursor < 0) {
        const mid = this.map.getCenter();
        layer.cursor = Math.max(model.unitAt(...model.toSteps(mid.lng, mid.lat)), 0);
      } else {
        const next = model.neighbourTowards(layer.cursor, ...way);
        if (next >= 0) layer.cursor = next;
      }
      const [lon, lat] = model.toLonLat(model.at[layer.cursor]);
      if (!this.map.getBounds().pad(-0.15).contains([lat, lon])) this.map.panTo([lat, lon], { animate: false });
      layer.top();
      this.acts.read(layer.cursor);
    } else if ((event.key === "Enter" || event.key === " ") && layer.cursor >= 0) {
      event.preventDefault();
      if (this.tool === "paint" && model.chosen !== null && this.ready) {
        this.acts.move(this.#free([layer.cursor]), model.chosen);
      } else this.acts.pick(layer.cursor, event.shiftKey);
      this.acts.read(layer.cursor);
    }
  }
}
