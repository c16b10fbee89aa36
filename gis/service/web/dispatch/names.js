// Names of grids on the map, where they can be read; from afar the communities' stand for them.
import { escapeHtml } from "../shell.js";

const LETTER_PX = { wide: 13, narrow: 8 };

/** Write the names of grids and communities, and keep to what can be read as the map is zoomed. */
export function writeNames(map, features, communities) {
  const mine = new Set(features.map((one) => one.properties.community_code));
  const grids = features.filter((one) => one.properties.grid_type === "basic")
    .map(({ geometry, properties }) => label("grid", properties.name || properties.grid_code.slice(-3), middleOf(geometry)));
  const above = communities.filter((one) => mine.has(one.community_code))
    .map(({ name, bounds: [west, south, east, north] }) => label("community", name, { wide: east - west, at: [(south + north) / 2, (west + east) / 2] }));
  const shown = L.layerGroup().addTo(map);
  const draw = () => {
    const perDegree = (256 * 2 ** map.getZoom()) / 360;
    const fitting = (labels) => labels.filter((one) => one.wide * perDegree >= one.width);
    const near = fitting(grids);
    shown.clearLayers();
    for (const { mark } of near.length * 2 >= grids.length ? near : fitting(above)) shown.addLayer(mark);
  };
  map.on("zoomend", draw);
  draw();
}

function label(kind, name, { at, wide }) {
  const icon = L.divIcon({ className: `grid-name ${kind}`, html: `<span>${escapeHtml(name)}</span>`, iconSize: null });
  const width = [...name].reduce((all, letter) => all + (letter > "\u2e80" ? LETTER_PX.wide : LETTER_PX.narrow), 0);
  return { wide, width, mark: L.marker(at, { interactive: false, keyboard: false, icon }) };
}

// Where a grid's name stands: in the middle of its widest stretch, and so never outside it.
function middleOf({ type, coordinates }) {
  const rings = type === "Polygon" ? coordinates : coordinates.flat();
  const norths = rings.flat().map(([, north]) => north);
  const [low, high] = [Math.min(...norths), Math.max(...norths)];
  let best = { wide: -1 };
  for (const part of [0.5, 0.42, 0.58, 0.3, 0.7]) {
    const north = low + (high - low) * part;
    const crossed = rings.flatMap((ring) => ring.slice(1).flatMap(([x1, y1], at) => {
      const [x0, y0] = ring[at];
      return y0 > north === y1 > north ? [] : [x0 + ((north - y0) / (y1 - y0)) * (x1 - x0)];
    })).sort((a, b) => a - b);
    for (let k = 0; k + 1 < crossed.length; k += 2) {
      // The middle is preferred, where it is nearly as wide.
      const wide = (crossed[k + 1] - crossed[k]) * (part === 0.5 ? 1.3 : 1);
      if (wide > best.wide) best = { wide, at: [north, (crossed[k] + crossed[k + 1]) / 2] };
    }
  }
  return best;
}
