// The ground of the map, drawn on canvas from our own layers, so that one finds one's way without any tiles.
(function () {
  "use strict";

  const PAD = 0.2; // drawn beyond each side of the window, so that a drag does not bare the edge
  const CIRCLE = 40075016.686; // metres of the equator

  // A canvas that lies over the map and is painted anew when it has come to rest.
  const CanvasLayer = L.Layer.extend({
    initialize(pane, paint) {
      this.paneName = pane;
      this.paint = paint;
    },

    onAdd(map) {
      this.canvas = L.DomUtil.create("canvas", "leaflet-zoom-animated");
      this.canvas.setAttribute("aria-hidden", "true");
      this.getPane(this.paneName).appendChild(this.canvas);
      this.redraw();
    },

    onRemove() {
      this.canvas.remove();
    },

    getEvents() {
      return {
        viewreset: this.redraw,
        moveend: this.redraw,
        resize: this.redraw,
        zoom: this.follow,
        zoomanim: (event) => this.move(event.center, event.zoom),
      };
    },

    follow() {
      this.move(this._map.getCenter(), this._map.getZoom());
    },

    move(center, zoom) {
      const scale = this._map.getZoomScale(zoom, this.zoom);
      const offset = this._map._latLngToNewLayerPoint(this.corner, zoom, center);
      L.DomUtil.setTransform(this.canvas, offset, scale);
    },

    redraw() {
      const map = this._map;
      if (!map || map._animatingZoom) return;
      const size = map.getSize();
      const pad = L.point(Math.ceil(size.x * PAD), Math.ceil(size.y * PAD));
      const topLeft = map.containerPointToLayerPoint(pad.multiplyBy(-1)).round();
      this.zoom = map.getZoom();
      this.corner = map.layerPointToLatLng(topLeft);
      const [width, height] = [size.x + 2 * pad.x, size.y + 2 * pad.y];
      const paper = matchMedia("print").matches;
      const density = paper ? 2 : Math.min(window.devicePixelRatio || 1, 3);
      // Setting the size also forgets what was drawn before, which a printer would otherwise be sent as well.
      this.canvas.width = Math.round(width * density);
      this.canvas.height = Math.round(height * density);
      this.canvas.style.width = `${width}px`;
      this.canvas.style.height = `${height}px`;
      L.DomUtil.setTransform(this.canvas, topLeft, 1);
      const pen = this.canvas.getContext("2d");
      pen.setTransform(density, 0, 0, density, 0, 0);
      const start = map.getPixelOrigin().add(topLeft);
      const scale = 2 ** this.zoom;
      const latitude = map.getCenter().lat * (Math.PI / 180);
      this.view = {
        pen, paper, width, height, density, scale, zoom: this.zoom, x: start.x, y: start.y,
        left: pad.x, top: pad.y,
        metre: (256 * scale) / (CIRCLE * Math.cos(latitude)), // pixels in a metre
      };
      this.paint(this.view);
    },
  });

  function boxOf(parts) {
    const box = [Infinity, Infinity, -Infinity, -Infinity];
    for (const flat of parts) {
      for (let at = 0; at < flat.length; at += 2) {
        box[0] = Math.min(box[0], flat[at]);
        box[1] = Math.min(box[1], flat[at + 1]);
        box[2] = Math.max(box[2], flat[at]);
        box[3] = Math.max(box[3], flat[at + 1]);
      }
    }
    return box;
  }

  function visible(box, view) {
    const s = view.scale;
    return (
      box[0] * s - view.x <= view.width && box[2] * s - view.x >= 0 &&
      box[1] * s - view.y <= view.height && box[3] * s - view.y >= 0
    );
  }

  function trace(target, parts, view, closed) {
    for (const flat of parts) {
      for (let at = 0; at < flat.length; at += 2) {
        const x = flat[at] * view.scale - view.x;
        const y = flat[at + 1] * view.scale - view.y;
        if (at === 0) target.moveTo(x, y);
        else target.lineTo(x, y);
      }
      if (closed) target.closePath();
    }
    return target;
  }

  function path(parts, view, closed) {
    return trace(new Path2D(), parts, view, closed);
  }

  const TINTS = ["#5b8fb0", "#c78f4e", "#7ba05b", "#a8789f", "#c06a5d", "#5fa39a"];

  // The scene: everything of the payload that lies on the ground, projected once.
  class Scene {
    constructor(app) {
      this.app = app;
      const { data, ground } = app;
      const { exact, looks } = data.units;
      const shapes = (packed, unit, extra) =>
        packed.rings.map((rings, index) => {
          const parts = ground.project(rings, unit);
          return { parts, box: boxOf(parts), index, ...(extra ? extra(index) : {}) };
        });
      this.border = ground.project(data.border, looks);
      this.grids = app.mosaic.map((rings, index) => {
        const parts = ground.projectUnits(rings, exact);
        return { parts, box: boxOf(parts), index };
      });
      this.compounds = shapes(data.compounds, looks, (index) => ({ kind: data.compounds.kind[index] }));
      this.buildings = shapes(data.buildings, looks);
      this.areas = shapes(data.areas, looks, (index) => ({ kind: data.areas.kind[index] }));
      this.streets = data.streets.lines.map((lines, index) => {
        const parts = ground.project(lines, looks);
        return { parts, box: boxOf(parts), index, kind: data.streets.class[index], name: data.streets.name[index] };
      });
      this.readColours();
    }

    readColours() {
      const style = getComputedStyle(document.documentElement);
      const names = ["out", "land", "green", "water", "compound", "compound-line", "building", "building-line"];
      names.push("arterial", "arterial-line", "lane", "lane-line", "wall", "grid-line", "border", "halo", "label");
      names.push("label-water", "label-street", "label-compound");
      this.colours = Object.fromEntries(names.map((name) => [name, style.getPropertyValue(`--map-${name}`).trim()]));
      this.tint = parseFloat(style.getPropertyValue("--map-tint")) || 0.14;
    }

    colourOf(grid) {
      const theme = this.app.data.grids.theme[grid];
      return theme >= 0 ? this.app.data.themes[theme].colour : TINTS[this.app.data.grids.tint[grid] % TINTS.length];
    }

    paint(view) {
      const { app, colours } = this;
      const { pen } = view;
      const on = app.layers;
      const own = app.data.under.kind === "none";
      pen.lineJoin = "round";
      pen.lineCap = "round";
      if (own) {
        pen.fillStyle = colours.out;
        pen.fillRect(0, 0, view.width, view.height);
        if (this.border.length) {
          pen.fillStyle = colours.land;
          pen.fill(path(this.border, view, true), "evenodd");
        }
      }
      for (const area of this.areas) {
        if (!visible(area.box, view)) continue;
        pen.fillStyle = area.kind === "water" ? colours.water : colours.green;
        pen.fill(path(area.parts, view, true), "evenodd");
      }
      if (on.compounds) this.paintCompounds(view);
      if (on.grids) this.paintTints(view);
      if (on.streets) this.paintStreets(view);
      if (on.buildings && view.zoom >= 14.5) this.paintBuildings(view);
      if (on.grids) this.paintBorders(view);
    }

    paintCompounds(view) {
      const { pen } = view;
      pen.fillStyle = this.colours.compound;
      pen.strokeStyle = this.colours["compound-line"];
      pen.lineWidth = 1;
      for (const compound of this.compounds) {
        if (!visible(compound.box, view)) continue;
        const shape = path(compound.parts, view, true);
        pen.fill(shape, "evenodd");
        pen.stroke(shape);
      }
    }

    paintStreets(view) {
      const { pen, metre } = view;
      const { colours } = this;
      const widths = {
        river: Math.max(4, 26 * metre), arterial: Math.max(3.2, 17 * metre),
        lane: Math.max(1.6, 6 * metre), wall: Math.max(1, 1.2 * metre),
      };
      const drawn = { river: [], wall: [], lane: [], arterial: [] };
      for (const street of this.streets) {
        if (visible(street.box, view)) (drawn[street.kind] || drawn.lane).push(path(street.parts, view, false));
      }
      const stroke = (kind, colour, extra) => {
        pen.strokeStyle = colour;
        pen.lineWidth = widths[kind] + extra;
        for (const line of drawn[kind]) pen.stroke(line);
      };
      stroke("river", colours.water, 0);
      // All casings first, then all surfaces, so that crossings are open.
      stroke("lane", colours["lane-line"], 1.6);
      stroke("arterial", colours["arterial-line"], 2);
      stroke("lane", colours.lane, 0);
      stroke("arterial", colours.arterial, 0);
      pen.setLineDash([5, 3]);
      stroke("wall", colours.wall, 0);
      pen.setLineDash([]);
    }

    paintBuildings(view) {
      const { pen } = view;
      const shape = new Path2D();
      for (const building of this.buildings) {
        if (visible(building.box, view)) trace(shape, building.parts, view, true);
      }
      pen.fillStyle = this.colours.building;
      pen.strokeStyle = this.colours["building-line"];
      pen.lineWidth = 0.8;
      pen.fill(shape, "evenodd");
      pen.stroke(shape);
    }

    seen(view, type) {
      const types = this.app.data.grids.type;
      return this.grids.filter((grid) => types[grid.index] === type && visible(grid.box, view));
    }

    // The colour of a grid: thin over all of it, and as a band along the inside of its border.
    paintTints(view) {
      const { pen } = view;
      const band = Math.min(46, Math.max(8, 34 * view.metre));
      for (const grid of this.seen(view, 0)) {
        const shape = path(grid.parts, view, true);
        // Too small for a band to leave anything between its sides: the colour alone, and stronger.
        if ((grid.box[2] - grid.box[0]) * view.scale < 5 * band) {
          pen.globalAlpha = this.tint * 2.2;
          pen.fillStyle = this.colourOf(grid.index);
          pen.fill(shape, "evenodd");
          pen.globalAlpha = 1;
          continue;
        }
        pen.save();
        pen.globalAlpha = this.tint;
        pen.fillStyle = pen.strokeStyle = this.colourOf(grid.index);
        pen.fill(shape, "evenodd");
        pen.clip(shape, "evenodd");
        pen.globalAlpha = 0.42;
        pen.lineWidth = band;
        pen.stroke(shape);
        pen.restore();
      }
    }

    paintBorders(view) {
      const { pen } = view;
      const lines = new Path2D();
      for (const grid of this.seen(view, 0)) trace(lines, grid.parts, view, true);
      pen.strokeStyle = this.colours["grid-line"];
      pen.lineWidth = 1.8;
      pen.stroke(lines);
      if (this.border.length) {
        pen.lineWidth = 2.8;
        pen.strokeStyle = this.colours.border;
        pen.stroke(path(this.border, view, true));
      }
      for (const grid of this.seen(view, 1)) {
        const shape = path(grid.parts, view, true);
        pen.save();
        pen.globalAlpha = 0.16;
        pen.fillStyle = this.colours["grid-line"];
        pen.fill(shape, "evenodd");
        pen.restore();
        pen.setLineDash([7, 3, 2, 3]);
        pen.lineWidth = 1.5;
        pen.strokeStyle = this.colours["grid-line"];
        pen.stroke(shape);
      }
      if (view.zoom >= 16.8) {
        pen.setLineDash([2, 3]);
        pen.lineWidth = 1;
        pen.strokeStyle = this.colours["grid-line"];
        for (const grid of this.seen(view, 2)) pen.stroke(path(grid.parts, view, true));
      }
      pen.setLineDash([]);
    }
  }

  Object.assign(window.WanggeMap, { CanvasLayer, Scene });
})();
