// The map's own layer: every unit on one canvas, in the colour of its grid. Paths are built once, in the
// pixels of a fixed zoom, so that a frame only sets a transform and fills them.

import { under } from "../basemap.js";
import { colour, NOBODY, PALETTE } from "./colours.js";
import { shortOf } from "./model.js";
import { addLine, addSegments, bubble, halo, projected, ringsPath, stripes } from "./paths.js";

const L = globalThis.L;
const ZOOM = 20;
const FLAGS = { above: "▲", below: "▼", unknown: "?", within: "", exempt: "" };
const STREETS = {
  arterial: { width: 5, colour: "#ffffff", edge: "#b5b0a5" },
  lane: { width: 2.4, colour: "#ffffff", edge: "#c9c5bb" },
  river: { width: 6, colour: "#a5cbe6", edge: "#79a9cb" },
  wall: { width: 1.3, colour: "#7a6a58", dash: [5, 3] },
};

export class PlanLayer {
  constructor(map, model) {
    this.map = map;
    this.model = model;
    this.colours = { after: new Map(), before: new Map() };
    this.swipe = null;
    this.labels = true;
    this.marked = new Set();
    this.cursor = -1;
    this.lasso = null;
    this.brush = null;
    this.misfit = null;
    this.frames = 0;
    // What lies under the map has to be seen through it.
    this.veil = under === null ? 1 : 0.6;
    const pane = map.getPane("overlayPane");
    this.canvas = L.DomUtil.create("canvas", "plan-canvas", pane);
    this.over = L.DomUtil.create("canvas", "plan-canvas", pane);
    map.on("move zoom viewreset resize", () => this.draw());
  }

  // Build every path anew: when a plan is loaded, or units were cut.
  rebuild() {
    const { model } = this;
    const corner = this.#worldOf(0, 0);
    this.corner = corner;
    const project = (x, y) => {
      const [wx, wy] = this.#worldOf(x, y);
      return [wx - corner[0], wy - corner[1]];
    };
    this.project = project;
    const path = (rings) => ringsPath(rings, project);
    this.units = model.rings.map(path);
    this.spots = model.at.map(([x, y]) => project(x, y));
    this.boxes = model.boxes.map(([x0, y0, x1, y1]) => {
      const [ax, ay] = project(x0, y0);
      const [bx, by] = project(x1, y1);
      return [Math.min(ax, bx), Math.min(ay, by), Math.max(ax, bx), Math.max(ay, by)];
    });
    this.pairLines = model.pairs.map((pair) => projected(pair.lines, project));
    this.seams = new Path2D();
    for (const lines of this.pairLines) addSegments(this.seams, lines);
    this.rim = new Path2D();
    addSegments(this.rim, projected(model.outer, project));
    this.houses = new Path2D();
    for (const rings of model.buildings) this.houses.addPath(path(rings));
    this.streets = Object.keys(STREETS).map((kind) => {
      const lines = new Path2D();
      for (const street of model.streets) {
        if (street.class !== kind) continue;
        for (const line of street.lines) addLine(lines, line, project);
      }
      return [STREETS[kind], lines];
    });
    this.reproject();
    this.recolour();
  }

  // Where a drawing and the units part.
  reproject() {
    this.parted = new Path2D();
    for (const rings of this.misfit ?? []) this.parted.addPath(ringsPath(rings, this.project));
  }

  recolour() {
    this.colours.after = colour(this.model.gridGraph("after"), this.colours.after);
    this.colours.before = colour(this.model.gridGraph("before"), this.colours.after);
    this.borders = { after: this.#borders("after"), before: this.#borders("before") };
    this.centres = { after: this.#centres("after"), before: this.#centres("before") };
  }

  colourOf(label, mode = "after") {
    if (label === null) return NOBODY;
    return PALETTE[this.colours[mode].get(label) ?? 0];
  }

  // Units changed grid: settle the colours and draw again.
  changed() {
    this.recolour();
    this.draw();
  }

  // At most once a frame, whatever asks for it.
  draw() {
    if (!this.units || this.drawing) return;
    this.drawing = true;
    requestAnimationFrame(() => {
      this.drawing = false;
      this.#frame();
      this.frames += 1;
    });
  }

  #frame() {
    const { map } = this;
    const size = map.getSize();
    const ratio = globalThis.devicePixelRatio || 1;
    const corner = map.containerPointToLayerPoint([0, 0]);
    for (const canvas of [this.canvas, this.over]) {
      L.DomUtil.setPosition(canvas, corner);
      const [width, height] = [Math.round(size.x * ratio), Math.round(size.y * ratio)];
      if (canvas.width !== width || canvas.height !== height) {
        canvas.width = width;
        canvas.height = height;
        canvas.style.width = `${size.x}px`;
        canvas.style.height = `${size.y}px`;
      }
    }
    const scale = map.getZoomScale(map.getZoom(), ZOOM);
    const origin = map.getPixelOrigin();
    const move = [
      this.corner[0] * scale - origin.x - corner.x,
      this.corner[1] * scale - origin.y - corner.y,
    ];
    this.view = { scale, move, ratio, size };
    const to = this.canvas.getContext("2d");
    to.setTransform(1, 0, 0, 1, 0, 0);
    to.clearRect(0, 0, this.canvas.width, this.canvas.height);
    if (this.swipe === null) {
      this.#land(to, this.model.mode, null);
    } else {
      const at = Math.round(size.x * this.swipe);
      this.#land(to, "before", [0, 0, at, size.y]);
      this.#land(to, "after", [at, 0, size.x - at, size.y]);
    }
    this.#top();
  }

  #land(to, mode, clip) {
    const { scale, move, ratio, size } = this.view;
    const { model } = this;
    const labels = model.labels(mode);
    to.save();
    to.setTransform(ratio, 0, 0, ratio, 0, 0);
    if (clip) {
      to.beginPath();
      to.rect(...clip);
      to.clip();
    }
    to.setTransform(scale * ratio, 0, 0, scale * ratio, move[0] * ratio, move[1] * ratio);
    const seen = [-move[0] / scale, -move[1] / scale, (size.x - move[0]) / scale, (size.y - move[1]) / scale];
    const byColour = new Map();
    for (let place = 0; place < model.count; place += 1) {
      const [x0, y0, x1, y1] = this.boxes[place];
      if (x1 < seen[0] || x0 > seen[2] || y1 < seen[1] || y0 > seen[3]) continue;
      const paint = this.colourOf(labels[place], mode);
      let list = byColour.get(paint);
      if (list === undefined) byColour.set(paint, (list = []));
      list.push(place);
    }
    to.globalAlpha = this.veil;
    for (const [paint, places] of byColour) {
      to.fillStyle = paint;
      for (const place of places) to.fill(this.units[place], "evenodd");
      if (paint !== NOBODY) continue;
      // No colour is far enough from all the others: land in no grid is hatched.
      to.fillStyle = this.#hatch(to, scale, "grey");
      for (const place of places) to.fill(this.units[place], "evenodd");
    }
    to.globalAlpha = 1;
    const thin = 1 / scale;
    if (this.map.getZoom() >= 14) {
      to.fillStyle = "rgba(45, 40, 30, 0.16)";
      to.fill(this.houses, "evenodd");
    }
    to.lineJoin = "round";
    to.lineCap = "round";
    to.strokeStyle = "rgba(255, 255, 255, 0.5)";
    to.lineWidth = 0.7 * thin;
    to.stroke(this.seams);
    const wide = Math.min(Math.max(2 ** (this.map.getZoom() - 16), 0.35), 3);
    for (const [style, lines] of this.streets) {
      to.setLineDash((style.dash ?? []).map((dash) => dash * thin));
      if (style.edge) {
        to.strokeStyle = style.edge;
        to.lineWidth = (style.width * wide + 1.2) * thin;
        to.stroke(lines);
      }
      to.strokeStyle = style.colour;
      to.lineWidth = style.width * (style.edge ? wide : 1) * thin;
      to.stroke(lines);
    }
    to.setLineDash([]);
    to.strokeStyle = "#2b2f36";
    to.lineWidth = 2.4 * thin;
    to.stroke(this.borders[mode]);
    to.lineWidth = 3.2 * thin;
    to.stroke(this.rim);
    to.restore();
    if (clip) {
      to.save();
      to.setTransform(ratio, 0, 0, ratio, 0, 0);
      to.beginPath();
      to.rect(...clip);
      to.clip();
    }
    if (this.labels) this.#names(to, mode);
    if (clip) to.restore();
  }

  #names(to, mode) {
    const { scale, move, ratio } = this.view;
    const sizes = mode === "before" ? this.model.sizes("before") : null;
    to.save();
    to.setTransform(ratio, 0, 0, ratio, 0, 0);
    to.textAlign = "center";
    to.textBaseline = "middle";
    to.lineJoin = "round";
    for (const [label, [x, y, area]] of this.centres[mode]) {
      const grid = this.model.grids.get(label);
      const across = Math.sqrt(area) * scale;
      if (across < 34) continue;
      const px = x * scale + move[0];
      const py = y * scale + move[1];
      const known = sizes ? sizes.get(label) : grid?.households;
      const verdict = sizes ? this.model.verdict({ ...(grid ?? {}), grid_type: grid?.grid_type ?? "basic", households: known ?? 0, unknown: 0 }) : grid?.verdict;
      const text = known === undefined ? "" : `${known}${FLAGS[verdict] ?? ""}`;
      const wrong = verdict === "above" || verdict === "below";
      halo(to, shortOf(label) + (grid?.locked ? " 🔒" : ""), px, py - 8, "600 12px system-ui, sans-serif", "#20242a");
      halo(to, text, px, py + 8, "700 14px system-ui, sans-serif", wrong ? "#a3160c" : "#20242a");
    }
    to.restore();
  }

  // What changes with every move of the pointer is on a canvas of its own.
  top() {
    if (!this.view || this.topping) return;
    this.topping = true;
    requestAnimationFrame(() => {
      this.topping = false;
      this.#top();
    });
  }

  #top() {
    const { scale, move, ratio } = this.view;
    const to = this.over.getContext("2d");
    to.setTransform(1, 0, 0, 1, 0, 0);
    to.clearRect(0, 0, this.over.width, this.over.height);
    to.setTransform(scale * ratio, 0, 0, scale * ratio, move[0] * ratio, move[1] * ratio);
    const thin = 1 / scale;
    const { model } = this;
    if (model.chosen !== null && this.swipe === null) {
      to.strokeStyle = "#0b57d0";
      to.lineWidth = 4 * thin;
      to.lineJoin = "round";
      to.stroke(this.#outline(model.chosen));
    }
    for (const label of model.picked) {
      to.strokeStyle = "#0b57d0";
      to.setLineDash([8 * thin, 5 * thin]);
      to.lineWidth = 3 * thin;
      to.stroke(this.#outline(label));
      to.setLineDash([]);
    }
    if (this.marked.size > 0) {
      to.fillStyle = "rgba(211, 47, 47, 0.35)";
      to.strokeStyle = "#b3261e";
      to.lineWidth = 2 * thin;
      for (const place of this.marked) {
        to.fill(this.units[place], "evenodd");
        to.stroke(this.units[place]);
      }
    }
    if (this.misfit) {
      to.fillStyle = this.#hatch(to, scale);
      to.fill(this.parted, "evenodd");
      to.strokeStyle = "#b3261e";
      to.lineWidth = 1.5 * thin;
      to.stroke(this.parted);
    }
    if (this.cursor >= 0) {
      to.strokeStyle = "#ffffff";
      to.lineWidth = 6 * thin;
      to.stroke(this.units[this.cursor]);
      to.strokeStyle = "#0b57d0";
      to.lineWidth = 3 * thin;
      to.stroke(this.units[this.cursor]);
    }
    to.setTransform(ratio, 0, 0, ratio, 0, 0);
    if (this.lasso && this.lasso.length > 1) {
      to.beginPath();
      this.lasso.forEach(([x, y], k) => (k ? to.lineTo(x, y) : to.moveTo(x, y)));
      to.closePath();
      to.fillStyle = "rgba(11, 87, 208, 0.12)";
      to.fill();
      to.setLineDash([6, 4]);
      to.strokeStyle = "#0b57d0";
      to.lineWidth = 2;
      to.stroke();
      to.setLineDash([]);
    }
    for (const one of this.model.comments) if (one.lon !== null && one.lon !== undefined) bubble(to, this.map.latLngToContainerPoint([one.lat, one.lon]));
    if (this.brush) {
      to.beginPath();
      to.arc(this.brush.x, this.brush.y, Math.max(this.brush.radius, 4), 0, 2 * Math.PI);
      to.strokeStyle = "#0b57d0";
      to.lineWidth = 1.5;
      to.stroke();
    }
  }

  #hatch(to, scale, kind = "red") {
    this.stripes ??= { red: stripes("#b3261e"), grey: stripes("#9aa1a9") };
    const pattern = to.createPattern(this.stripes[kind], "repeat");
    pattern.setTransform(new DOMMatrix().scale(1 / scale));
    return pattern;
  }

  #outline(label) {
    const outline = new Path2D();
    const labels = this.model.label;
    this.model.pairs.forEach((pair, at) => {
      if ((labels[pair.a] === label) !== (labels[pair.b] === label)) addSegments(outline, this.pairLines[at]);
    });
    return outline;
  }

  #borders(mode) {
    const labels = this.model.labels(mode);
    const path = new Path2D();
    this.model.pairs.forEach((pair, at) => {
      if (labels[pair.a] !== labels[pair.b]) addSegments(path, this.pairLines[at]);
    });
    return path;
  }

  // Where a grid's name stands: on the unit nearest to the middle of its land, so never outside it.
  #centres(mode) {
    const labels = this.model.labels(mode);
    const sums = new Map();
    for (let place = 0; place < this.model.count; place += 1) {
      const label = labels[place];
      if (label === null) continue;
      const area = this.model.area[place];
      const [x, y] = this.spots[place];
      const sum = sums.get(label) ?? [0, 0, 0];
      sum[0] += x * area;
      sum[1] += y * area;
      sum[2] += area;
      sums.set(label, sum);
    }
    const nearest = new Map();
    for (let place = 0; place < this.model.count; place += 1) {
      const sum = sums.get(labels[place]);
      if (sum === undefined) continue;
      const [x, y] = this.spots[place];
      const far = (x - sum[0] / sum[2]) ** 2 + (y - sum[1] / sum[2]) ** 2;
      const [bx0, , bx1] = this.boxes[place];
      const best = nearest.get(labels[place]);
      // A wide unit carries a name better than a sliver that happens to lie in the middle.
      const cost = far / Math.max(bx1 - bx0, 1) ** 0.5;
      if (best === undefined || cost < best[3]) nearest.set(labels[place], [x, y, 0, cost]);
    }
    const perPixel = this.#pixelsPerMetre();
    for (const [label, spot] of nearest) spot[2] = sums.get(label)[2] * perPixel ** 2;
    return nearest;
  }

  #pixelsPerMetre() {
    const [x0, , x1] = this.model.extent;
    const a = this.#worldOf(x0, 0)[0];
    const b = this.#worldOf(x1, 0)[0];
    return (b - a) / Math.max((x1 - x0) * this.model.metresPerStep, 1e-9);
  }

  #worldOf(x, y) {
    const [lon, lat] = this.model.toLonLat([x, y]);
    const point = this.map.project([lat, lon], ZOOM);
    return [point.x, point.y];
  }
}
