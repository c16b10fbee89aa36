// A planner's sheet: a few layers of shapes as SVG, their names, and pop-ups; rows of tables lead to shapes.
(function () {
  "use strict";

  const { el, Ground } = window.WanggeMap;
  const ROOM = 54; // pixels that a shape must be wide for its name to stand on it

  function lines(words) {
    return words.filter(Boolean).map((word, at) => el(at ? "span" : "strong", { dir: "auto" }, word));
  }

  function latLngs(ground, parts, unit) {
    return parts.map((packed) => {
      const found = [];
      let x = 0;
      let y = 0;
      for (let at = 0; at < packed.length; at += 2) {
        x += packed[at];
        y += packed[at + 1];
        found.push(ground.latLng(...ground.degrees(x, y, unit)));
      }
      return found;
    });
  }

  class Sheet {
    constructor(root, data) {
      this.data = data;
      this.ground = new Ground(data);
      this.names = [];
      this.shapes = new Map();
      const [west, south, east, north] = data.bounds;
      this.home = L.latLngBounds([south, west], [north, east]);
      this.map = L.map(root, { zoomControl: false, attributionControl: false, zoomSnap: 0.25, maxZoom: 21, zoomAnimation: false });
      this.map.fitBounds(this.home, { padding: [16, 16], animate: false });
      root.setAttribute("role", "region");
      root.setAttribute("aria-label", data.words.map);
      L.control.zoom({ position: "topright", zoomInTitle: data.words.zoom_in, zoomOutTitle: data.words.zoom_out }).addTo(this.map);
      L.control.scale({ imperial: false, position: "bottomleft" }).addTo(this.map);
      this.map.on("popupopen", ({ popup }) => {
        popup.getElement().querySelector(".leaflet-popup-close-button")?.setAttribute("aria-label", data.words.close);
      });
      data.layers.forEach((layer, number) => this.add(layer, number));
      this.control();
      this.map.on("zoomend", () => this.showNames());
      this.showNames();
      document.addEventListener("click", (event) => this.rowClicked(event));
      matchMedia("print").addEventListener("change", () => {
        this.map.invalidateSize({ pan: false });
        this.map.fitBounds(this.home, { padding: [16, 16], animate: false });
      });
      if (window.ResizeObserver) new ResizeObserver(() => this.map.invalidateSize({ pan: false })).observe(root);
    }

    add(layer, number) {
      const { units } = this.data;
      const pane = `sheet-${number}`;
      this.map.createPane(pane).style.zIndex = 401 + number;
      const renderer = L.svg({ pane, padding: 0.3 });
      const group = L.layerGroup();
      let [x, y] = [0, 0];
      layer.parts.forEach((parts, at) => {
        x += layer.at[2 * at];
        y += layer.at[2 * at + 1];
        const className = `sheet-${layer.style} ${layer.styles ? `sheet-${layer.styles[at]}` : ""}`;
        const told = layer.told ? layer.told[at] : null;
        const options = { className, renderer, pane, interactive: told !== null, smoothFactor: 0.6 };
        const where = latLngs(this.ground, parts, units.looks);
        const shape = layer.kind === "areas" ? L.polygon(where, options) : L.polyline(where, options);
        if (told) shape.bindPopup(() => el("div.sheet-told", null, ...lines(told)), { maxWidth: 340 });
        shape.addTo(group);
        if (layer.rows) this.shapes.set(`${layer.style}-${layer.rows[at]}`, shape);
        if (layer.names && layer.names[at].length) this.addName(group, layer.names[at], shape, x, y, `sheet-name-${layer.style}`);
      });
      group.addTo(this.map);
      this.groups = [...(this.groups || []), { label: layer.label, group, style: layer.style }];
    }

    addName(group, words, shape, x, y, className) {
      const html = el("div.sheet-name", null, ...lines(words));
      html.classList.add(className);
      const where = this.ground.latLng(...this.ground.degrees(x, y, this.data.units.looks));
      const icon = L.divIcon({ html, className: "sheet-anchor", iconSize: [0, 0] });
      L.marker(where, { icon, interactive: false, keyboard: false }).addTo(group);
      this.names.push({ html, bounds: shape.getBounds() });
    }

    // A name stands where its shape is wide enough and no other name stands already.
    showNames() {
      const taken = [];
      for (const { html, bounds } of this.names) {
        const right = this.map.latLngToLayerPoint(bounds.getNorthEast()).x;
        html.hidden = right - this.map.latLngToLayerPoint(bounds.getSouthWest()).x < ROOM;
        if (html.hidden) continue;
        const box = html.getBoundingClientRect();
        const over = (other) =>
          box.left < other.right && box.right > other.left && box.top < other.bottom && box.bottom > other.top;
        html.hidden = taken.some(over);
        if (!html.hidden) taken.push(box);
      }
    }

    control() {
      const shown = this.groups.filter(({ label, group }) => label && group.getLayers().length);
      const control = L.control({ position: "topleft" });
      control.onAdd = () => {
        const box = el(
          "div.sheet-layers", null,
          ...shown.map(({ label, group, style }) =>
            el(
              "label", null,
              el("input", {
                type: "checkbox", checked: true,
                on: { change: (event) => (event.target.checked ? group.addTo(this.map) : group.remove()) },
              }),
              el(`span.sheet-key.sheet-key-${style}`), label,
            ),
          ),
        );
        L.DomEvent.disableClickPropagation(box);
        return box;
      };
      control.addTo(this.map);
    }

    rowClicked(event) {
      const shape = this.shapes.get(event.target.closest?.("[data-shape]")?.dataset.shape);
      if (!shape) return;
      this.map.fitBounds(shape.getBounds(), { padding: [60, 60], maxZoom: 19, animate: false });
      shape.openPopup();
      this.map.getContainer().scrollIntoView({ block: "nearest" });
    }
  }

  function sheet(rootId, dataId) {
    const made = new Sheet(document.getElementById(rootId), JSON.parse(document.getElementById(dataId).textContent));
    window.WanggeMap.app = made;
    return made.map;
  }

  Object.assign(window.WanggeMap, { sheet });
})();
