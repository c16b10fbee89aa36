// The plan in the page: units, who borders on whom, who is in which grid, and what every grid holds.
// Coordinates are whole lattice steps from the plan's origin, so neighbours match segment by segment.

import { boxOf, holds, joinBoxes } from "./geometry.js";

const CELLS = 48;
const SPAN = 2 ** 26;

export class Model extends EventTarget {
  constructor() {
    super();
    this.plan = null;
    this.grids = new Map();
    this.violations = new Map();
    this.chosen = null;
    this.picked = new Set();
    this.mode = "after";
    this.pendingNew = null;
    this.previewed = null;
    this.called = new Map();
  }

  // Take over a whole plan as the server shows it.
  load(body) {
    this.plan = body.plan;
    this.community = body.community;
    this.limits = body.limits;
    this.origin = body.origin;
    this.themes = body.themes;
    this.base = body.base;
    this.staff = body.staff;
    this.streets = body.streets;
    this.buildings = body.buildings;
    this.compounds = body.compounds;
    this.comments = body.comments;
    this.steps = body.steps;
    this.#readLog();
    this.setUnits(body.units);
    this.setState(body);
    if (this.chosen !== null && !this.grids.has(this.chosen)) this.chosen = null;
    this.tell("loaded");
  }

  setUnits(rows) {
    const n = rows.length;
    this.count = n;
    this.ids = rows.map((row) => row.id);
    this.placeOf = new Map(this.ids.map((id, place) => [id, place]));
    this.households = Float64Array.from(rows, (row) => row.households ?? NaN);
    this.residents = Float64Array.from(rows, (row) => row.residents ?? NaN);
    this.compoundOf = rows.map((row) => row.compound);
    this.area = Float64Array.from(rows, (row) => row.area);
    this.at = rows.map((row) => row.at);
    this.rings = rows.map((row) => row.rings.map((ring) => Int32Array.from(ring)));
    this.before = rows.map((row) => row.base || null);
    this.label = new Array(n).fill(null);
    this.boxes = this.rings.map(boxOf);
    this.extent = this.boxes.reduce(joinBoxes, [Infinity, Infinity, -Infinity, -Infinity]);
    this.#findNeighbours();
    this.#fillCells();
  }

  setState(body) {
    this.plan = body.plan ?? this.plan;
    this.version = this.plan.version;
    this.ids.forEach((id, place) => (this.label[place] = body.labels[id] || null));
    this.grids = new Map(body.totals.map((row) => [row.label, row]));
    this.violations = new Map(body.violations.map((one) => [keyOf(one), one]));
    this.figures = body.figures;
    this.canUndo = body.can_undo;
    this.canRedo = body.can_redo;
  }

  // Take over what an act came to; where somebody's picture of the units was right already, nothing moves.
  apply(outcome) {
    const places = [];
    for (const [id, code] of Object.entries(outcome.units ?? {})) {
      const label = code || null;
      const place = this.placeOf.get(id);
      if (place !== undefined && this.label[place] !== label) {
        this.label[place] = label;
        places.push(place);
      }
    }
    for (const row of outcome.totals ?? []) this.grids.set(row.label, row);
    for (const label of outcome.gone ?? []) {
      this.grids.delete(label);
      this.picked.delete(label);
      if (this.chosen === label) this.chosen = null;
    }
    for (const one of outcome.made ?? []) this.violations.set(keyOf(one), one);
    for (const one of outcome.cured ?? []) this.violations.delete(keyOf(one));
    if (outcome.step) this.steps.push(outcome.step);
    if (outcome.steps) this.steps.push(...outcome.steps);
    this.#readLog();
    if (outcome.version !== undefined) this.version = outcome.version;
    if (outcome.can_undo !== undefined) this.canUndo = outcome.can_undo;
    if (outcome.can_redo !== undefined) this.canRedo = outcome.can_redo;
    this.tell("changed", { places });
  }

  // Put a unit into a grid here and now; the server confirms it later.
  put(place, label) {
    const old = this.label[place];
    if (old === label) return false;
    this.label[place] = label;
    this.#count(old, place, -1);
    this.#count(label, place, 1);
    return true;
  }

  #count(label, place, sign) {
    const grid = label === null ? undefined : this.grids.get(label);
    if (grid === undefined) return;
    const households = this.households[place];
    if (Number.isNaN(households)) grid.unknown += sign;
    else grid.households += sign * households;
    if (!Number.isNaN(this.residents[place])) grid.residents += sign * this.residents[place];
    grid.units += sign;
    grid.verdict = this.verdict(grid);
  }

  verdict(grid) {
    if (grid.grid_type !== "basic") return "exempt";
    if (grid.households > this.limits.max) return "above";
    if (grid.unknown > 0) return "unknown";
    return grid.households < this.limits.min ? "below" : "within";
  }

  isLocked(label) {
    return label !== null && Boolean(this.grids.get(label)?.locked);
  }

  // A grid that the server does not know yet: it is given its code with its first units.
  addGrid() {
    const label = "N";
    this.pendingNew = label;
    this.grids.set(label, {
      label, grid_type: "basic", name: null, colour_theme: null, locked: false, staff: [],
      households: 0, residents: 0, unknown: 0, units: 0, parts: 0, area_m2: 0, verdict: "below",
    });
    return label;
  }

  dropNew() {
    if (this.pendingNew === null) return;
    this.grids.delete(this.pendingNew);
    if (this.chosen === this.pendingNew) this.chosen = null;
    this.pendingNew = null;
  }

  choose(label) {
    this.chosen = label;
    this.tell("chosen");
  }

  tell(kind, detail = {}) {
    this.dispatchEvent(new CustomEvent(kind, { detail }));
  }

  labels(mode = this.mode) {
    return mode === "before" ? this.before : this.label;
  }

  unitsOf(label, mode = "after") {
    const labels = this.labels(mode);
    const found = [];
    for (let place = 0; place < this.count; place += 1) if (labels[place] === label) found.push(place);
    return found;
  }

  boxOfUnits(places) {
    return places.map((place) => this.boxes[place]).reduce(joinBoxes, [Infinity, Infinity, -Infinity, -Infinity]);
  }

  // The unit at a point, in steps; -1 where there is none.
  unitAt(x, y) {
    for (const place of this.#cellAt(x, y)) {
      const [x0, y0, x1, y1] = this.boxes[place];
      if (x >= x0 && x <= x1 && y >= y0 && y <= y1 && holds(this.rings[place], x, y)) return place;
    }
    return -1;
  }

  // Units that a disc touches: the one under its middle, and those whose own point lies in it.
  unitsNear(x, y, radius) {
    const found = new Set();
    const under = this.unitAt(x, y);
    if (under >= 0) found.add(under);
    if (radius > 0) {
      for (let place = 0; place < this.count; place += 1) {
        const [px, py] = this.at[place];
        if (Math.hypot(px - x, (py - y) * this.stretch) <= radius) found.add(place);
      }
    }
    return found;
  }

  unitsWithin(ring) {
    const flat = Float64Array.from(ring.flat());
    const found = [];
    for (let place = 0; place < this.count; place += 1) {
      if (holds([flat], this.at[place][0], this.at[place][1])) found.push(place);
    }
    return found;
  }

  // The neighbour that lies furthest in a direction: what the arrow keys go by.
  neighbourTowards(place, dx, dy) {
    let best = -1;
    let most = 0.25;
    for (const other of this.neighbours[place]) {
      const ax = this.at[other][0] - this.at[place][0];
      const ay = (this.at[other][1] - this.at[place][1]) * this.stretch;
      const far = Math.hypot(ax, ay);
      const along = far > 0 ? (ax * dx + ay * dy) / far : 0;
      if (along > most) {
        most = along;
        best = other;
      }
    }
    return best;
  }

  // Which grids border on each other: what the colours go by.
  gridGraph(mode) {
    const labels = this.labels(mode);
    const graph = new Map();
    for (const label of labels) if (label !== null && !graph.has(label)) graph.set(label, new Set());
    for (const pair of this.pairs) {
      const [a, b] = [labels[pair.a], labels[pair.b]];
      if (a === b || a === null || b === null) continue;
      graph.get(a).add(b);
      graph.get(b).add(a);
    }
    return graph;
  }

  movedHouseholds() {
    let moved = 0;
    for (let place = 0; place < this.count; place += 1) {
      if (this.label[place] !== this.before[place] && !Number.isNaN(this.households[place])) moved += this.households[place];
    }
    return moved;
  }

  sizes(mode) {
    const labels = this.labels(mode);
    const sums = new Map();
    for (let place = 0; place < this.count; place += 1) {
      const label = labels[place];
      if (label === null) continue;
      const kind = this.grids.get(label)?.grid_type ?? "basic";
      if (kind !== "basic") continue;
      sums.set(label, (sums.get(label) ?? 0) + (Number.isNaN(this.households[place]) ? 0 : this.households[place]));
    }
    return sums;
  }

  moves() {
    const rows = new Map();
    for (let place = 0; place < this.count; place += 1) {
      const from = this.before[place];
      const to = this.label[place];
      if (from === to) continue;
      const key = `${from}\u0000${to}`;
      const row = rows.get(key) ?? { from, to, units: 0, households: 0 };
      row.units += 1;
      row.households += Number.isNaN(this.households[place]) ? 0 : this.households[place];
      rows.set(key, row);
    }
    return [...rows.values()].sort((a, b) => b.households - a.households || b.units - a.units);
  }

  nameOf(label) {
    if (label === null || label === undefined) return "—";
    const grid = this.grids.get(label);
    return grid?.name || this.base?.names?.[label] || this.called.get(label) || shortOf(label);
  }

  // Which departments' nets the plan was last made of, and what they called its grids; what was undone is not.
  #readLog() {
    const done = [];
    const undone = [];
    for (const step of this.steps) {
      if (step.act === "undo") undone.push(done.pop());
      else if (step.act === "redo") done.push(undone.pop());
      else done.push(step);
    }
    this.merged = done.findLast((step) => step?.act === "merge_nets")?.facts ?? null;
    this.called = new Map(Object.entries(this.merged?.codes ?? {}).map(([name, label]) => [label, name]));
  }

  // What a grid took the place of: codes of its own kind, and of the departments' nets that were merged.
  heirsOf(label) {
    const own = (this.grids.get(label)?.predecessors ?? []).map(shortOf);
    return [...own, ...(this.merged?.predecessors?.[this.called.get(label) ?? label] ?? [])];
  }

  toLonLat([x, y]) {
    return [(this.origin[0] + x) / 1e8, (this.origin[1] + y) / 1e8];
  }

  toSteps(lon, lat) {
    return [lon * 1e8 - this.origin[0], lat * 1e8 - this.origin[1]];
  }

  // How much longer a step northwards is than one eastwards.
  get stretch() {
    return 1 / Math.cos((this.origin[1] / 1e8) * (Math.PI / 180));
  }

  get metresPerStep() {
    return 1.11195e-3 / this.stretch;
  }

  #findNeighbours() {
    const ends = new Map();
    const pairs = new Map();
    const outer = [];
    const neighbours = Array.from({ length: this.count }, () => new Set());
    const low = [this.extent[0], this.extent[1]];
    for (let place = 0; place < this.count; place += 1) {
      for (const ring of this.rings[place]) {
        for (let k = 0; k + 3 < ring.length; k += 2) {
          let [x0, y0, x1, y1] = [ring[k], ring[k + 1], ring[k + 2], ring[k + 3]];
          if (x0 > x1 || (x0 === x1 && y0 > y1)) [x0, y0, x1, y1] = [x1, y1, x0, y0];
          const key = (x0 - low[0]) * SPAN + (y0 - low[1]);
          let list = ends.get(key);
          if (list === undefined) ends.set(key, (list = []));
          const twin = list.find((one) => one[0] === x1 && one[1] === y1 && one[3] === -1 && one[2] !== place);
          if (twin === undefined) list.push([x1, y1, place, -1, x0, y0]);
          else twin[3] = place;
        }
      }
    }
    for (const list of ends.values()) {
      for (const [x1, y1, a, b, x0, y0] of list) {
        if (b === -1) {
          outer.push(x0, y0, x1, y1);
          continue;
        }
        const [i, j] = a < b ? [a, b] : [b, a];
        const key = i * this.count + j;
        let pair = pairs.get(key);
        if (pair === undefined) {
          pairs.set(key, (pair = { a: i, b: j, lines: [] }));
          neighbours[i].add(j);
          neighbours[j].add(i);
        }
        pair.lines.push(x0, y0, x1, y1);
      }
    }
    this.pairs = [...pairs.values()];
    this.outer = outer;
    this.neighbours = neighbours.map((set) => [...set]);
    this.pairsOf = Array.from({ length: this.count }, () => []);
    this.pairs.forEach((pair, at) => {
      this.pairsOf[pair.a].push(at);
      this.pairsOf[pair.b].push(at);
    });
  }

  #fillCells() {
    const [x0, y0, x1, y1] = this.extent;
    this.cell = [Math.max((x1 - x0) / CELLS, 1), Math.max((y1 - y0) / CELLS, 1)];
    this.cells = Array.from({ length: CELLS * CELLS }, () => []);
    this.boxes.forEach((box, place) => {
      const [i0, j0] = this.#cellOf(box[0], box[1]);
      const [i1, j1] = this.#cellOf(box[2], box[3]);
      for (let i = i0; i <= i1; i += 1) for (let j = j0; j <= j1; j += 1) this.cells[i * CELLS + j].push(place);
    });
  }

  #cellOf(x, y) {
    const clamp = (value) => Math.min(Math.max(Math.floor(value), 0), CELLS - 1);
    return [clamp((x - this.extent[0]) / this.cell[0]), clamp((y - this.extent[1]) / this.cell[1])];
  }

  #cellAt(x, y) {
    const [i, j] = this.#cellOf(x, y);
    return this.cells[i * CELLS + j];
  }
}

export function keyOf(violation) {
  return [violation.rule, ...violation.subjects].join(":");
}

// A grid's code is 15 digits, of which the first 12 are the community's: three tell grids apart.
export function shortOf(label) {
  return /^[0-9]{15}$/.test(label) ? label.slice(12) : label;
}
