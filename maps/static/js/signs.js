// The signs of categories and themes: as SVG elements for the panel, as sprites for the canvas.
(function () {
  "use strict";

  const SVG = "http://www.w3.org/2000/svg";
  const FIELD = 24; // the signs are drawn on a field of 24 × 24

  function svg(tag, attributes, ...children) {
    const made = document.createElementNS(SVG, tag);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    made.append(...children);
    return made;
  }

  function icon(path) {
    const stroke = { d: path, fill: "none", stroke: "currentColor", "stroke-width": 2, "stroke-linecap": "round" };
    return svg("svg", { viewBox: "0 0 24 24", width: 20, height: 20, "aria-hidden": "true", class: "wg-icon" }, svg("path", stroke));
  }

  // The marks beside a grid's number, as paths around 0, 0 with a radius of 1.
  const MARKS = {
    circle: "M-.9 0a.9 .9 0 1 1 1.8 0a.9 .9 0 1 1 -1.8 0z",
    triangle: "M0-1L.95.75H-.95z",
    square: "M-.8-.8H.8V.8H-.8z",
    diamond: "M0-1.05L.95 0 0 1.05-.95 0z",
    star: "M0-1.1L.31-.4 1.05-.34.5.17.65.89 0 .5-.65.89-.5.17-1.05-.34-.31-.4z",
    bar: "M-.95-.4H.95V.4H-.95z",
  };

  class Signs {
    constructor(data) {
      this.data = data;
      this.sprites = new Map();
      this.marks = Object.fromEntries(Object.entries(MARKS).map(([name, path]) => [name, new Path2D(path)]));
    }

    ofCategory(index, size) {
      const { colour, outline, glyph } = this.data.categories[index];
      return svg(
        "svg",
        { viewBox: "0 0 24 24", width: size, height: size, class: "wg-sign", "aria-hidden": "true" },
        svg("path", { d: this.data.shapes.outlines[outline], fill: colour, stroke: "#fff", "stroke-width": 1.4 }),
        svg("path", { d: this.data.shapes.glyphs[glyph], fill: "#fff", "fill-rule": "evenodd" }),
      );
    }

    ofTheme({ colour, mark }) {
      return svg(
        "svg",
        { viewBox: "-1.4 -1.4 2.8 2.8", width: 18, height: 18, class: "wg-mark", "aria-hidden": "true" },
        svg("path", { d: MARKS[mark], fill: colour, stroke: "#0007", "stroke-width": 0.12 }),
      );
    }

    // A category's sign, drawn once for each size and density of the screen.
    sprite(index, size, density) {
      const key = `${index}/${size}/${density}`;
      if (!this.sprites.has(key)) {
        const { colour, outline, glyph } = this.data.categories[index];
        const canvas = document.createElement("canvas");
        const side = size + 6;
        canvas.width = canvas.height = Math.ceil(side * density);
        const pen = canvas.getContext("2d");
        pen.scale(density, density);
        pen.translate(3, 3);
        pen.scale(size / FIELD, size / FIELD);
        const shape = new Path2D(this.data.shapes.outlines[outline]);
        pen.shadowColor = "rgba(20, 25, 30, .45)";
        pen.shadowBlur = 3 * density;
        pen.shadowOffsetY = density;
        pen.lineWidth = 2.6;
        pen.lineJoin = "round";
        pen.strokeStyle = "#fff";
        pen.stroke(shape);
        pen.shadowColor = "transparent";
        pen.fillStyle = colour;
        pen.fill(shape);
        pen.fillStyle = "#fff";
        pen.fill(new Path2D(this.data.shapes.glyphs[glyph]), "evenodd");
        this.sprites.set(key, { canvas, side });
      }
      return this.sprites.get(key);
    }
  }

  Object.assign(window.WanggeMap, { Signs, icon, svg });
})();
