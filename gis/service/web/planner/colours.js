// Colours that tell neighbouring grids apart. Any two of the first six are 15 or more apart by CIEDE2000, to every
// kind of colour vision: also without red, green or blue cones. Dark text can be read on all of them. A planar
// map needs no more than six; the last two are for one that is not, where grids lie in several parts.

export const PALETTE = ["#8aabf8", "#e8de72", "#d17ca3", "#8ceef2", "#a3a03e", "#b9c8aa", "#7f8f70", "#9b73f0"];
export const NOBODY = "#f4f4f2";
const FIRST = 6;

// Give every grid a colour that no neighbour has. What had a colour keeps it wherever it can, so that the
// map does not flicker while somebody paints.
export function colour(graph, former) {
  const colours = new Map();
  for (const [label, kept] of former) {
    if (graph.has(label) && ![...graph.get(label)].some((other) => colours.get(other) === kept)) colours.set(label, kept);
  }
  const open = [...graph.keys()].filter((label) => !colours.has(label));
  for (const label of open.sort()) {
    const free = freeColour(graph, colours, label, FIRST);
    if (free < 0) return afresh(graph);
    colours.set(label, free);
  }
  return colours;
}

// Smallest degree last: on a planar graph no grid meets more than five that were coloured before it.
function afresh(graph) {
  const degree = new Map([...graph].map(([label, others]) => [label, others.size]));
  const order = [];
  while (degree.size > 0) {
    const [label] = [...degree].reduce((least, one) => (one[1] < least[1] ? one : least));
    degree.delete(label);
    order.push(label);
    for (const other of graph.get(label)) if (degree.has(other)) degree.set(other, degree.get(other) - 1);
  }
  const colours = new Map();
  for (const label of order.reverse()) {
    const free = freeColour(graph, colours, label, FIRST);
    colours.set(label, free < 0 ? Math.max(freeColour(graph, colours, label, PALETTE.length), 0) : free);
  }
  return colours;
}

function freeColour(graph, colours, label, most) {
  const used = new Set([...graph.get(label)].map((other) => colours.get(other)));
  const counts = PALETTE.map((_, place) => [...colours.values()].filter((one) => one === place).length);
  const free = [...Array(most).keys()].filter((place) => !used.has(place));
  return free.length === 0 ? -1 : free.reduce((best, place) => (counts[place] < counts[best] ? place : best));
}
