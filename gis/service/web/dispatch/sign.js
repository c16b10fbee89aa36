// An incident's mark on the map: a diamond where a person has to decide, a disc where it is assigned, a disc
// with a white heart where it is accepted. Shape tells them apart, and not colour alone.
const L = globalThis.L;
const HEART = 0.42;

L.Canvas.include({
  _updateSign(layer) {
    if (!this._drawing || layer._empty()) return;
    const { _point: at, _radius: radius } = layer;
    const pen = this._ctx;
    pen.beginPath();
    if (layer.options.shape === "person") {
      const reach = radius * 1.25;
      pen.moveTo(at.x, at.y - reach);
      pen.lineTo(at.x + reach, at.y);
      pen.lineTo(at.x, at.y + reach);
      pen.lineTo(at.x - reach, at.y);
      pen.closePath();
    } else pen.arc(at.x, at.y, radius, 0, 2 * Math.PI);
    // A thin dark rim keeps the white one from the paper.
    pen.strokeStyle = "#16262b";
    pen.lineWidth = layer.options.weight + 2;
    pen.stroke();
    this._fillStroke(pen, layer);
    if (layer.options.shape !== "accepted") return;
    pen.beginPath();
    pen.arc(at.x, at.y, radius * HEART, 0, 2 * Math.PI);
    pen.globalAlpha = 1;
    pen.fillStyle = "#ffffff";
    pen.fill();
  },
});

export const Sign = L.CircleMarker.extend({
  _updatePath() {
    this._renderer._updateSign(this);
  },
});
