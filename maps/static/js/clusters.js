// The service points on canvas: those too close to tell apart are drawn as one ring with their number.
(function () {
  "use strict";

  const REACH = 36; // pixels within which signs would lie on one another
  const SIGN = 27; // pixels of a sign
  const CROWD = 150; // more rings than this in one view hide the map: they are joined further
  const JOINS = [1, 1.4, 2, 2.8, 4];
  const { short } = window.WanggeMap;

  class Clusters {
    constructor(app) {
      this.app = app;
      this.drawn = [];
      this.kept = new Map();
    }

    // Put the shown points into square cells of the world, then join what is still too near.
    groups(zoom, join) {
      const { points, shown } = this.app;
      const key = `${zoom}/${this.app.shownVersion}/${this.app.textScale}/${join}`;
      if (this.kept.has(key)) return this.kept.get(key);
      if (this.kept.size > 12) this.kept.clear();
      const scale = 2 ** zoom;
      const reach = REACH * this.app.textScale * join;
      const cell = reach / scale;
      const cells = new Map();
      for (const at of shown) {
        if (at >= points.located) continue;
        const name = Math.floor(points.wx[at] / cell) * 4194304 + Math.floor(points.wy[at] / cell);
        const group = cells.get(name);
        if (group === undefined) cells.set(name, { ids: [at], x: points.wx[at], y: points.wy[at] });
        else {
          group.ids.push(at);
          group.x += points.wx[at];
          group.y += points.wy[at];
        }
      }
      const groups = [];
      for (const [name, group] of cells) {
        if (group.gone) continue;
        this.join(cells, name, group, cell * 0.8);
      }
      for (const group of cells.values()) {
        if (group.gone) continue;
        group.x /= group.ids.length;
        group.y /= group.ids.length;
        groups.push(group);
      }
      this.kept.set(key, groups);
      return groups;
    }

    // A cell's border must not part two that touch: take in the later neighbours whose middles are near.
    join(cells, name, group, near) {
      for (const step of [1, 4194303, 4194304, 4194305]) {
        const other = cells.get(name + step);
        if (other === undefined || other.gone) continue;
        const dx = group.x / group.ids.length - other.x / other.ids.length;
        const dy = group.y / group.ids.length - other.y / other.ids.length;
        if (Math.hypot(dx, dy) > near) continue;
        for (const id of other.ids) group.ids.push(id);
        group.x += other.x;
        group.y += other.y;
        other.gone = true;
      }
    }

    // The groups of a view with their places, joined until they leave room for the map.
    inView(view) {
      let found = [];
      for (const join of JOINS) {
        found = [];
        let rings = 0;
        for (const group of this.groups(view.zoom, join)) {
          const x = group.x * view.scale - view.x;
          const y = group.y * view.scale - view.y;
          if (x < -40 || y < -40 || x > view.width + 40 || y > view.height + 40) continue;
          found.push({ group, x, y });
          if (group.ids.length > 1) rings += 1;
        }
        if (rings <= CROWD || view.zoom >= 18) break;
      }
      return found;
    }

    paint(view) {
      this.drawn = [];
      this.singles = [];
      if (!this.app.layers.points) return;
      const { singles } = this;
      for (const { group, x, y } of this.inView(view)) {
        if (group.ids.length === 1) singles.push({ x, y, ids: group.ids });
        else this.paintGroup(view, x, y, group.ids);
      }
      const size = Math.round(SIGN * Math.sqrt(this.app.textScale));
      for (const one of singles) {
        const { canvas, side } = this.app.signs.sprite(this.app.points.category[one.ids[0]], size, view.density);
        view.pen.drawImage(canvas, one.x - side / 2, one.y - side / 2, side, side);
        this.drawn.push({ ...one, radius: size / 2 });
      }
    }

    // A white disc with the number, in a ring that shows the share of each category.
    paintGroup(view, x, y, ids) {
      const { pen } = view;
      const { points, data } = this.app;
      const scale = Math.sqrt(this.app.textScale);
      const radius = (ids.length < 10 ? 15 : ids.length < 100 ? 18 : ids.length < 1000 ? 22 : 26) * scale;
      const shares = new Map();
      for (const id of ids) shares.set(points.category[id], (shares.get(points.category[id]) || 0) + 1);
      pen.save();
      pen.shadowColor = "rgba(20, 25, 30, .4)";
      pen.shadowBlur = 5;
      pen.shadowOffsetY = 1;
      pen.beginPath();
      pen.arc(x, y, radius, 0, 2 * Math.PI);
      pen.fillStyle = this.app.dark ? "#1c2624" : "#fff";
      pen.fill();
      pen.restore();
      pen.lineWidth = 4 * scale;
      pen.lineCap = "butt";
      let from = -Math.PI / 2;
      for (const [category, count] of [...shares].sort((a, b) => b[1] - a[1])) {
        const to = from + (count / ids.length) * 2 * Math.PI;
        pen.beginPath();
        pen.arc(x, y, radius - 3 * scale, from, to);
        pen.strokeStyle = data.categories[category].colour;
        pen.stroke();
        from = to;
      }
      pen.font = `700 ${Math.round(13 * scale)}px ${this.app.fontFamily}`;
      pen.textAlign = "center";
      pen.textBaseline = "middle";
      pen.fillStyle = this.app.dark ? "#eef4f2" : "#1b2422";
      pen.fillText(String(ids.length), x, y + 0.5);
      this.drawn.push({ x, y, ids, radius });
    }

    // The names of single points, where the room that the other names left is enough.
    paintNames(view, room) {
      if (view.zoom < 16.9 || !this.app.layers.labels) return;
      const { pen } = view;
      const size = Math.round(SIGN * Math.sqrt(this.app.textScale));
      pen.font = `500 ${12 * this.app.textScale}px ${this.app.fontFamily}`;
      pen.textAlign = "center";
      pen.textBaseline = "top";
      for (const one of this.singles) {
        const text = short(this.app.points.name[one.ids[0]]);
        const y = one.y + size / 2 + 2;
        if (!text || !room.claim(one.x, y + 8, pen.measureText(text).width + 6, 17 * this.app.textScale)) continue;
        pen.strokeStyle = this.app.scene.colours.halo;
        pen.lineWidth = 3.4;
        pen.strokeText(text, one.x, y);
        pen.fillStyle = this.app.scene.colours.label;
        pen.fillText(text, one.x, y);
      }
    }

    // What was drawn at a place of the window, the nearest first.
    hit(point, view) {
      let best = null;
      for (const one of this.drawn) {
        const far = Math.hypot(one.x - view.left - point.x, one.y - view.top - point.y);
        if (far <= one.radius + 6 && (!best || far < best.far)) best = { ...one, far };
      }
      return best;
    }
  }

  Object.assign(window.WanggeMap, { Clusters });
})();
