// Splitting by a drawn line: Leaflet-Geoman draws it, and it snaps to streets, walls and the borders of the
// units that it may part.

import { t } from "../shell.js";

const L = globalThis.L;
const UNSEEN = { opacity: 0, weight: 8, interactive: false };
const LINE = { color: "#0b57d0", weight: 3 };
const SNAP_PX = 14;

export class Cutting {
  constructor({ map, model, acts }) {
    Object.assign(this, { map, model, acts });
    this.streets = L.layerGroup().addTo(map);
    this.seams = L.layerGroup().addTo(map);
    this.mode = document.getElementById("cut-mode");
    this.label = null;
    map.on("pm:create", async ({ layer }) => {
      layer.remove();
      const line = layer.getLatLngs().map(({ lat, lng }) => [lng, lat]);
      const { label } = this;
      const cut = document.querySelector('[name="cut"]:checked').value === "units";
      acts.drawn();
      if (line.length > 1 && label !== null) await acts.send({ path: "/split", body: { label, line, cut }, about: t(cut ? "studio.act.cut" : "studio.act.split") });
    });
  }

  // Another plan, or other units: other streets and walls to snap to.
  load() {
    this.streets.clearLayers();
    for (const street of this.model.streets) for (const line of street.lines) this.streets.addLayer(this.#line(line, 2));
  }

  start() {
    this.stop();
    this.mode.hidden = false;
    const { model } = this;
    if (model.chosen === null) return;
    this.label = model.chosen;
    // Only the borders within and around the grid: a few hundred lines are looked through with every move.
    for (const { a, b, lines } of model.pairs) {
      if (model.label[a] !== this.label && model.label[b] !== this.label) continue;
      this.seams.addLayer(L.polyline(this.#pieces(lines), UNSEEN));
    }
    this.map.pm.enableDraw("Line", { snappable: true, snapDistance: SNAP_PX, finishOn: "dblclick", tooltips: false, templineStyle: LINE, hintlineStyle: { ...LINE, dashArray: [5, 5] } });
  }

  stop() {
    this.mode.hidden = true;
    this.label = null;
    this.map.pm.disableDraw();
    this.seams.clearLayers();
  }

  // How many points stand already.
  get points() {
    return this.map.pm.Draw.Line._layer?.getLatLngs?.().length ?? 0;
  }

  // Drop the line and begin anew; false where none was begun.
  drop() {
    if (this.points === 0) return false;
    this.start();
    return true;
  }

  finish() {
    this.map.pm.Draw.Line._finishShape?.();
  }

  #at(x, y) {
    const [lon, lat] = this.model.toLonLat([x, y]);
    return [lat, lon];
  }

  #line(flat, step) {
    const points = [];
    for (let k = 0; k < flat.length; k += step) points.push(this.#at(flat[k], flat[k + 1]));
    return L.polyline(points, UNSEEN);
  }

  #pieces(flat) {
    const pieces = [];
    for (let k = 0; k + 3 < flat.length; k += 4) pieces.push([this.#at(flat[k], flat[k + 1]), this.#at(flat[k + 2], flat[k + 3])]);
    return pieces;
  }
}
