// Colours that tell neighbouring grids apart, for every common kind of colour vision: the light qualitative
// scheme of Paul Tol, on which dark text can be read. Planar graphs need at most six of the eight.

export const PALETTE = ["#77aadd", "#ee8866", "#eedd88", "#ffaabb", "#99ddff", "#44bb99", "#bbcc33", "#c8a2d8"];
export const NOBODY = "#d7d9dc";

// Give every grid a colour that no neighbour has. What had a colour keeps it wherever it can, so that the
// map does not flicker while somebody paints.
export function colour(graph, former) {
  const colours = new Map();
  for (const [label, kept] of former) {
    if (graph.has(label) && ![...graph.get(label)].some((other) => colours.get(other) === kept)) colours.set(label, kept);
  }
  const open = [...graph.keys()].filter((label) => !colours.has(label));
  for (const label of open.sort()) {
    const free = freeColour(graph, colours, label);
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
  for (const label of order.reverse()) colours.set(label, Math.max(freeColour(graph, colours, label), 0));
  return colours;
}

function freeColour(graph, colours, label) {
  const used = new Set([...graph.get(label)].map((other) => colours.get(other)));
  const counts = PALETTE.map((_, place) => [...colours.values()].filter((one) => one === place).length);
  const free = PALETTE.map((_, place) => place).filter((place) => !used.has(place));
  return free.length === 0 ? -1 : free.reduce((best, place) => (counts[place] < counts[best] ? place : best));
}
