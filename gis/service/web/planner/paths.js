// Paths on a canvas, from flat lists of coordinates; and the few signs that are drawn on it.

export function ringsPath(rings, project) {
  const path = new Path2D();
  for (const ring of rings) {
    addLine(path, ring, project);
    path.closePath();
  }
  return path;
}

export function addLine(path, flat, project) {
  for (let k = 0; k + 1 < flat.length; k += 2) {
    const [x, y] = project(flat[k], flat[k + 1]);
    if (k === 0) path.moveTo(x, y);
    else path.lineTo(x, y);
  }
}

export function projected(segments, project) {
  const flat = new Float64Array(segments.length);
  for (let k = 0; k < segments.length; k += 2) [flat[k], flat[k + 1]] = project(segments[k], segments[k + 1]);
  return flat;
}

export function addSegments(path, flat) {
  for (let k = 0; k + 3 < flat.length; k += 4) {
    path.moveTo(flat[k], flat[k + 1]);
    path.lineTo(flat[k + 2], flat[k + 3]);
  }
}

export function halo(to, words, x, y, font, ink) {
  to.font = font;
  to.strokeStyle = "rgba(255, 255, 255, 0.9)";
  to.lineWidth = 3.5;
  to.strokeText(words, x, y);
  to.fillStyle = ink;
  to.fillText(words, x, y);
}

export function stripes(colour) {
  const tile = document.createElement("canvas");
  [tile.width, tile.height] = [8, 8];
  const to = tile.getContext("2d");
  to.strokeStyle = colour;
  to.lineWidth = 2;
  to.beginPath();
  for (const at of [-4, 4, 12]) {
    to.moveTo(at - 6, 14);
    to.lineTo(at + 10, -2);
  }
  to.stroke();
  return tile;
}

// A small bubble where somebody said something.
export function bubble(to, { x, y }) {
  to.beginPath();
  to.moveTo(x, y);
  to.lineTo(x - 4, y - 7);
  to.roundRect(x - 10, y - 21, 20, 14, 4);
  to.moveTo(x, y);
  to.lineTo(x + 5, y - 7);
  to.lineTo(x - 4, y - 7);
  to.fillStyle = "#ffffff";
  to.strokeStyle = "#16262b";
  to.lineWidth = 1.6;
  to.stroke();
  to.fill();
  to.fillStyle = "#16262b";
  for (const dot of [-5, 0, 5]) to.fillRect(x + dot - 1, y - 15, 2, 2);
}
