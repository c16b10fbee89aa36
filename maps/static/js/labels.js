// Names on the map: placed from the most to the least important, each only where there is room.
(function () {
  "use strict";

  const LONGEST = 16; // characters of a name on the map; the rest of it is in the details

  // Text direction marks around a name, so that one that runs from the right does not turn its neighbours.
  function short(name) {
    const chars = Array.from(name.replace(/\s+/g, " ").trim());
    const text = chars.length > LONGEST ? `${chars.slice(0, LONGEST - 1).join("")}…` : chars.join("");
    return text ? `\u2068${text}\u2069` : "";
  }

  // Which rectangles of the window are taken.
  class Room {
    constructor() {
      this.taken = [];
    }

    claim(x, y, width, height) {
      const [left, top, right, bottom] = [x - width / 2, y - height / 2, x + width / 2, y + height / 2];
      for (const box of this.taken) {
        if (left < box[2] && right > box[0] && top < box[3] && bottom > box[1]) return false;
      }
      this.taken.push([left, top, right, bottom]);
      return true;
    }
  }

  class Labels {
    constructor(scene) {
      this.scene = scene;
      this.app = scene.app;
      const { data, ground } = this.app;
      const places = (packed) => {
        const at = WanggeMap.sums2(packed);
        return Array.from({ length: at.length / 2 }, (_, index) =>
          ground.world(...ground.degrees(at[2 * index], at[2 * index + 1], data.units.looks)),
        );
      };
      this.grids = places(data.grids.at);
      this.compounds = places(data.compounds.at);
      this.areas = places(data.areas.at);
    }

    font(size, weight) {
      return `${weight || 400} ${size * this.app.textScale}px ${this.app.fontFamily}`;
    }

    // Write the names, away from the signs that are drawn already; returns what room they took.
    paint(view, signs) {
      const { layers } = this.app;
      const room = new Room();
      for (const { x, y, radius } of signs) room.taken.push([x - radius, y - radius, x + radius, y + radius]);
      if (!layers.labels) return room;
      const { pen } = view;
      pen.textAlign = "center";
      pen.textBaseline = "middle";
      pen.lineJoin = "round";
      if (layers.grids) this.paintGrids(view, room);
      if (layers.streets && this.app.data.under.kind === "none") this.paintStreets(view, room);
      if (layers.compounds && view.zoom >= 15.4) this.paintCompounds(view, room);
      this.paintAreas(view, room);
      return room;
    }

    write(view, text, x, y, colour, halo) {
      const { pen } = view;
      pen.strokeStyle = this.scene.colours.halo;
      pen.lineWidth = halo || 3.4;
      pen.strokeText(text, x, y);
      pen.fillStyle = colour;
      pen.fillText(text, x, y);
    }

    place(at, view) {
      return [at[0] * view.scale - view.x, at[1] * view.scale - view.y];
    }

    paintGrids(view, room) {
      const { pen } = view;
      const { data } = this.app;
      const scale = this.app.textScale;
      const order = this.scene.grids.map((grid) => grid.index).sort((a, b) => data.grids.type[a] - data.grids.type[b]);
      for (const index of order) {
        const type = data.grids.type[index];
        if (type === 2 && view.zoom < 17.2) continue;
        const [x, y] = this.place(this.grids[index], view);
        if (x < 0 || y < 0 || x > view.width || y > view.height) continue;
        const box = this.scene.grids[index].box;
        const across = (box[2] - box[0]) * view.scale;
        const number = data.grids.code[index].slice(12) || data.grids.code[index];
        pen.font = this.font(type === 0 ? 13.5 : 12, 700);
        let name = short(data.grids.name[index]) || number;
        let width = pen.measureText(name).width;
        if (width > across * 1.02) {
          name = number;
          width = pen.measureText(name).width;
          if (width > across * 1.1) continue;
        }
        const theme = data.grids.theme[index];
        const mark = theme >= 0 ? 15 * scale : 0;
        const spot = this.spot(room, index, view, x, y, width + mark + 8, 20 * scale);
        if (!spot) continue;
        const [left, top] = spot;
        this.write(view, name, left + mark / 2, top, this.scene.colours.label, 4);
        if (mark) {
          const { colour, mark: shape } = data.themes[theme];
          pen.save();
          pen.translate(left - width / 2, top);
          pen.scale(6 * scale, 6 * scale);
          pen.lineWidth = 0.55;
          pen.strokeStyle = this.scene.colours.halo;
          pen.stroke(this.app.signs.marks[shape]);
          pen.fillStyle = colour;
          pen.fill(this.app.signs.marks[shape]);
          pen.lineWidth = 0.16;
          pen.strokeStyle = this.scene.colours.label;
          pen.stroke(this.app.signs.marks[shape]);
          pen.restore();
        }
      }
    }

    // Where a grid's name has room: in its middle, or somewhere else within it.
    spot(room, index, view, x, y, width, height) {
      if (room.claim(x, y, width, height)) return [x, y];
      const { parts, box } = this.scene.grids[index];
      const [left, top, right, bottom] = box.map((value, at) => value * view.scale - (at % 2 ? view.y : view.x));
      for (const down of [0.5, 0.34, 0.66, 0.2, 0.8]) {
        for (const along of [0.5, 0.36, 0.64, 0.22, 0.78]) {
          const [px, py] = [left + (right - left) * along, top + (bottom - top) * down];
          const ends = [px - width * 0.4, px + width * 0.4];
          if (!ends.every((end) => inside(parts, (end + view.x) / view.scale, (py + view.y) / view.scale))) continue;
          if (room.claim(px, py, width, height)) return [px, py];
        }
      }
      return null;
    }

    paintStreets(view, room) {
      const { pen } = view;
      const rank = { river: 0, arterial: 1, lane: 2 };
      const streets = this.scene.streets
        .filter((street) => street.name && street.kind in rank)
        .sort((a, b) => rank[a.kind] - rank[b.kind]);
      const written = new Map();
      for (const street of streets) {
        if (street.kind === "lane" && view.zoom < 15.8) continue;
        pen.font = this.font(street.kind === "lane" ? 11 : 12, street.kind === "arterial" ? 600 : 400);
        const text = short(street.name);
        const width = pen.measureText(text).width;
        const spot = this.straight(street.parts, view, width);
        if (!spot || written.get(street.name)) continue;
        const [x, y, angle] = spot;
        const [w, h] = [Math.abs(Math.cos(angle)) * width + 14, Math.abs(Math.sin(angle)) * width + 16];
        if (!room.claim(x, y, w, h)) continue;
        written.set(street.name, true);
        pen.save();
        pen.translate(x, y);
        pen.rotate(angle);
        const colour = this.scene.colours[street.kind === "river" ? "label-water" : "label-street"];
        this.write(view, text, 0, 0, colour, 3);
        pen.restore();
      }
    }

    // The middle of the longest nearly straight stretch of a line that a text of this width fits on.
    straight(parts, view, width) {
      let best = null;
      for (const flat of parts) {
        for (let from = 0; from + 3 < flat.length; from += 2) {
          for (let to = from + 2; to < flat.length; to += 2) {
            const [ax, ay] = [flat[from] * view.scale - view.x, flat[from + 1] * view.scale - view.y];
            const [bx, by] = [flat[to] * view.scale - view.x, flat[to + 1] * view.scale - view.y];
            const long = Math.hypot(bx - ax, by - ay);
            if (long < width * 1.15) continue;
            const [x, y] = [(ax + bx) / 2, (ay + by) / 2];
            if (x < view.left || y < view.top || x > view.width - view.left || y > view.height - view.top) break;
            let bend = 0;
            for (let at = from + 2; at < to; at += 2) {
              const [px, py] = [flat[at] * view.scale - view.x, flat[at + 1] * view.scale - view.y];
              bend = Math.max(bend, Math.abs((bx - ax) * (py - ay) - (px - ax) * (by - ay)) / long);
            }
            if (bend < 7 && (!best || bend - long / 80 < best[3])) {
              let angle = Math.atan2(by - ay, bx - ax);
              if (angle > Math.PI / 2) angle -= Math.PI;
              if (angle < -Math.PI / 2) angle += Math.PI;
              best = [x, y, angle, bend - long / 80];
            }
            break;
          }
        }
      }
      return best;
    }

    paintCompounds(view, room) {
      const { pen } = view;
      const { data } = this.app;
      pen.font = this.font(11.5, 400);
      for (const compound of this.scene.compounds) {
        const [x, y] = this.place(this.compounds[compound.index], view);
        const text = short(data.compounds.name[compound.index]);
        const width = pen.measureText(text).width;
        if (!text || width > (compound.box[2] - compound.box[0]) * view.scale * 1.5) continue;
        if (room.claim(x, y, width + 6, 16)) this.write(view, text, x, y, this.scene.colours["label-compound"]);
      }
    }

    paintAreas(view, room) {
      const { pen } = view;
      const { data } = this.app;
      pen.font = this.font(11.5, 400);
      for (const area of this.scene.areas) {
        const [x, y] = this.place(this.areas[area.index], view);
        const text = short(data.areas.name[area.index]);
        if (!text || !room.claim(x, y, pen.measureText(text).width + 6, 16)) continue;
        this.write(view, text, x, y, this.scene.colours[area.kind === "water" ? "label-water" : "label-compound"]);
      }
    }
  }

  // Whether a place of the world lies in a polygon; good enough for a name.
  function inside(parts, x, y) {
    let within = false;
    for (const flat of parts) {
      for (let at = 0, before = flat.length - 2; at < flat.length; before = at, at += 2) {
        if (flat[at + 1] > y === flat[before + 1] > y) continue;
        const cut = ((flat[before] - flat[at]) * (y - flat[at + 1])) / (flat[before + 1] - flat[at + 1]) + flat[at];
        if (x < cut) within = !within;
      }
    }
    return within;
  }

  // Positions that were packed as differences of x and y in turn.
  function sums2(differences) {
    const found = new Int32Array(differences.length);
    let x = 0;
    let y = 0;
    for (let at = 0; at < differences.length; at += 2) {
      found[at] = x += differences[at];
      found[at + 1] = y += differences[at + 1];
    }
    return found;
  }

  Object.assign(window.WanggeMap, { Labels, Room, short, sums2 });
})();
