// Positions: unpacking, projecting for the screen, and deciding who owns one, by whole-number arithmetic.
(function () {
  "use strict";

  const STEPS = 1e8; // lattice steps in a degree (gis/lattice.py)
  const WORLD = 256; // pixels of the world at zoom 0, as Leaflet has it

  // --- GCJ-02, for display on a basemap drawn in it (the formula is that of gis/crs.py) ---

  const A = 6378245.0;
  const EE = 0.006693421622965943;

  function toGcj02(lon, lat) {
    if (!(lon >= 72.004 && lon <= 137.8347 && lat >= 0.8293 && lat <= 55.8271)) return [lon, lat];
    const { PI, sin, cos, sqrt, abs } = Math;
    const x = lon - 105;
    const y = lat - 35;
    const root = sqrt(abs(x));
    const both = ((20 * sin(6 * x * PI) + 20 * sin(2 * x * PI)) * 2) / 3;
    let dLat = -100 + 2 * x + 3 * y + 0.2 * y * y + 0.1 * x * y + 0.2 * root + both;
    dLat += ((20 * sin(y * PI) + 40 * sin((y / 3) * PI)) * 2) / 3;
    dLat += ((160 * sin((y / 12) * PI) + 320 * sin((y * PI) / 30)) * 2) / 3;
    let dLon = 300 + x + 2 * y + 0.1 * x * x + 0.1 * x * y + 0.1 * root + both;
    dLon += ((20 * sin(x * PI) + 40 * sin((x / 3) * PI)) * 2) / 3;
    dLon += ((150 * sin((x / 12) * PI) + 300 * sin((x / 30) * PI)) * 2) / 3;
    const phi = (lat * PI) / 180;
    const magic = 1 - EE * sin(phi) ** 2;
    const rootMagic = sqrt(magic);
    dLat = (((dLat * magic * rootMagic) / (A * (1 - EE))) * 180) / PI;
    dLon = (((dLon * rootMagic) / (A * cos(phi))) * 180) / PI;
    return [lon + dLon, lat + dLat];
  }

  function fromGcj02(lon, lat) {
    let [x, y] = [lon, lat];
    for (let step = 0; step < 30; step += 1) {
      const [backX, backY] = toGcj02(x, y);
      x += lon - backX;
      y += lat - backY;
      if (Math.abs(lon - backX) < 1e-10 && Math.abs(lat - backY) < 1e-10) break;
    }
    return [x, y];
  }

  // The page's coordinates: units of the payload ↔ degrees ↔ what is shown ↔ pixels at zoom 0.
  class Ground {
    constructor(data) {
      [this.originX, this.originY] = data.origin;
      this.units = data.units;
      [this.perLon, this.perLat] = data.metres;
      this.shifted = data.under.datum === "gcj02";
    }

    degrees(x, y, unit) {
      return [(this.originX + x * unit) / STEPS, (this.originY + y * unit) / STEPS];
    }

    shown(lon, lat) {
      return this.shifted ? toGcj02(lon, lat) : [lon, lat];
    }

    stored(lon, lat) {
      return this.shifted ? fromGcj02(lon, lat) : [lon, lat];
    }

    latLng(lon, lat) {
      const [x, y] = this.shown(lon, lat);
      return L.latLng(y, x);
    }

    // Web Mercator's pixels at zoom 0, relative to the origin's so that single bits are not lost.
    world(lon, lat) {
      const [x, y] = this.shown(lon, lat);
      const sine = Math.sin((y * Math.PI) / 180);
      return [((x + 180) / 360) * WORLD, (0.5 - Math.log((1 + sine) / (1 - sine)) / (4 * Math.PI)) * WORLD];
    }

    // Rings or lines of the payload as flat arrays of world pixels.
    project(parts, unit) {
      return parts.map((packed) => {
        const flat = new Float64Array(packed.length);
        let x = 0;
        let y = 0;
        for (let at = 0; at < packed.length; at += 2) {
          x += packed[at];
          y += packed[at + 1];
          const [lon, lat] = this.degrees(x, y, unit);
          [flat[at], flat[at + 1]] = this.world(lon, lat);
        }
        return flat;
      });
    }

    // The same from whole units that are unpacked already.
    projectUnits(rings, unit) {
      return rings.map((units) => {
        const flat = new Float64Array(units.length);
        for (let at = 0; at < units.length; at += 2) {
          const [lon, lat] = this.degrees(units[at], units[at + 1], unit);
          [flat[at], flat[at + 1]] = this.world(lon, lat);
        }
        return flat;
      });
    }

    metres(lonA, latA, lonB, latB) {
      return Math.hypot((lonA - lonB) * this.perLon, (latA - latB) * this.perLat);
    }
  }

  // Rings of polygons that share borders: pieces of their own, and stretches that an earlier ring has the other
  // way round ([ring, from, count]).
  function unpackMosaic(packed) {
    const all = [];
    return packed.map((polygon) =>
      polygon.map((pieces) => {
        const flat = [];
        for (const piece of pieces) {
          if (piece.length === 3) {
            const other = all[piece[0]];
            const size = other.length / 2;
            for (let step = 0; step < piece[2]; step += 1) {
              const at = 2 * ((piece[1] - step + size) % size);
              flat.push(other[at], other[at + 1]);
            }
          } else {
            let x = 0;
            let y = 0;
            for (let at = 0; at < piece.length; at += 2) flat.push((x += piece[at]), (y += piece[at + 1]));
          }
        }
        all.push(Float64Array.from(flat));
        return all[all.length - 1];
      }),
    );
  }

  // The borders of the grids on the lattice. A position is decided as if it had moved east by ε and north by
  // ε², as gis.locate decides: an edge that neighbours share belongs to one of them, always the same.
  class Borders {
    constructor(mosaic, ground) {
      this.ground = ground;
      this.polygons = mosaic.map((rings) => {
        const box = [Infinity, Infinity, -Infinity, -Infinity];
        for (const ring of rings) {
          for (let at = 0; at < ring.length; at += 2) {
            box[0] = Math.min(box[0], ring[at]);
            box[1] = Math.min(box[1], ring[at + 1]);
            box[2] = Math.max(box[2], ring[at]);
            box[3] = Math.max(box[3], ring[at + 1]);
          }
        }
        return { rings, box };
      });
    }

    onLattice(lon, lat) {
      return [Math.round(lon * STEPS) - this.ground.originX, Math.round(lat * STEPS) - this.ground.originY];
    }

    // Positions (indexes) of the polygons that hold a point of the lattice, by the half-open rule.
    holding(x, y) {
      const found = [];
      this.polygons.forEach(({ rings, box }, index) => {
        if (x < box[0] || y < box[1] || x > box[2] || y > box[3]) return;
        let inside = false;
        for (const ring of rings) {
          const last = ring.length - 2;
          for (let at = 0, before = last; at <= last; before = at, at += 2) {
            const [x1, y1, x2, y2] = [ring[before], ring[before + 1], ring[at], ring[at + 1]];
            if (y1 <= y === y2 <= y) continue;
            // Differences of whole numbers below 2^26 within one grid, so the products are exact.
            const turn = (x2 - x1) * (y - y1) - (x - x1) * (y2 - y1);
            if (turn > 0 === y2 > y1 && turn !== 0) inside = !inside;
          }
        }
        if (inside) found.push(index);
      });
      return found;
    }

    // Where the outer border runs through the point, turn anticlockwise from due east to the first land.
    onOuterBorder(x, y) {
      const angles = [];
      for (const { rings, box } of this.polygons) {
        if (x < box[0] || y < box[1] || x > box[2] || y > box[3]) continue;
        for (const ring of rings) {
          const last = ring.length - 2;
          for (let at = 0, before = last; at <= last; before = at, at += 2) {
            const [x1, y1, x2, y2] = [ring[before], ring[before + 1], ring[at], ring[at + 1]];
            const level = (x2 - x1) * (y - y1) === (x - x1) * (y2 - y1);
            const within = (x - x1) * (x - x2) <= 0 && (y - y1) * (y - y2) <= 0;
            if (!level || !within) continue;
            for (const [ex, ey] of [[x1, y1], [x2, y2]]) {
              if (ex !== x || ey !== y) angles.push((Math.atan2(ey - y, ex - x) + 2 * Math.PI) % (2 * Math.PI));
            }
          }
        }
      }
      angles.sort((one, other) => one - other);
      for (let at = 0; at < angles.length; at += 1) {
        const next = at + 1 < angles.length ? angles[at + 1] : angles[0] + 2 * Math.PI;
        const middle = (angles[at] + next) / 2;
        const found = this.holding(x + Math.cos(middle) / 4, y + Math.sin(middle) / 4);
        if (found.length) return found;
      }
      return [];
    }

    owners(lon, lat) {
      const [x, y] = this.onLattice(lon, lat);
      const found = this.holding(x, y);
      return found.length ? found : this.onOuterBorder(x, y);
    }

    // Metres from a position to a polygon's border.
    metresTo(index, lon, lat) {
      const [x, y] = [lon * STEPS - this.ground.originX, lat * STEPS - this.ground.originY];
      const [sx, sy] = [this.ground.perLon / STEPS, this.ground.perLat / STEPS];
      let nearest = Infinity;
      for (const ring of this.polygons[index].rings) {
        const last = ring.length - 2;
        for (let at = 0, before = last; at <= last; before = at, at += 2) {
          const [ax, ay] = [(ring[before] - x) * sx, (ring[before + 1] - y) * sy];
          const [dx, dy] = [(ring[at] - ring[before]) * sx, (ring[at + 1] - ring[before + 1]) * sy];
          const long = dx * dx + dy * dy;
          const t = long ? Math.min(1, Math.max(0, -(ax * dx + ay * dy) / long)) : 0;
          nearest = Math.min(nearest, Math.hypot(ax + t * dx, ay + t * dy));
        }
      }
      return nearest;
    }
  }

  Object.assign(window.WanggeMap, { Ground, Borders, unpackMosaic, toGcj02, fromGcj02 });
})();
