// The operator's basemap under a map, with its attribution. Without one no other host is asked for anything.
//
// AMap's tiles are drawn in GCJ-02. There the tiles are shifted, and not what lies on them: a click is a
// position in CGCS2000 on every basemap.

const L = globalThis.L;

const meta = document.querySelector('meta[name="basemap"]');
export const under = meta === null ? null : JSON.parse(meta.content);

/** Put the basemap under a map, if the operator set one. */
export async function putUnder(map) {
  if (under === null) return;
  const credit = L.control.attribution({ prefix: false }).addTo(map);
  for (const words of under.credits) credit.addAttribution(words);
  for (const script of under.scripts) await load(script);
  if (under.pmtiles !== null) {
    const url = new URL(under.pmtiles, document.baseURI).href;
    globalThis.protomapsL.leafletLayer({ url, flavor: "light", lang: document.documentElement.lang.slice(0, 2) }).addTo(map);
  }
  for (const { address, subdomains, max_zoom: deepest } of under.tiles) {
    const options = { subdomains: subdomains || "-", maxNativeZoom: deepest, maxZoom: map.getMaxZoom(), zIndex: 1 };
    (under.datum === "gcj02" ? shifted(address, options) : L.tileLayer(address, options)).addTo(map);
  }
}

function load(address) {
  return new Promise((done, fail) => {
    const script = document.createElement("script");
    Object.assign(script, { src: address, onload: done, onerror: fail });
    document.head.append(script);
  });
}

// Leaflet asks twice where the middle of the map is: which tiles are seen, and where they lie. Told the middle
// in GCJ-02 both times, it lays them where they belong. Within one community the shift is the same to a hand's
// breadth.
function shifted(address, options) {
  const { toGcj02 } = globalThis.WanggeMap;
  const moved = (middle) => {
    const { lat, lng } = L.latLng(middle);
    const [x, y] = toGcj02(lng, lat);
    return L.latLng(y, x);
  };
  const own = L.TileLayer.prototype;
  const Shifted = L.TileLayer.extend({
    _getTiledPixelBounds(middle) { return own._getTiledPixelBounds.call(this, moved(middle)); },
    _setZoomTransform(level, middle, zoom) { own._setZoomTransform.call(this, level, moved(middle), zoom); },
  });
  return new Shifted(address, options);
}
