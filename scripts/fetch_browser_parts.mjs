// Copies the parts that our pages use in the browser out of node_modules into maps/static/vendor, and
// writes manifest.json beside them: name, version, licence, and the SHA-256 of every file as it is served.
// Run after `npm ci --ignore-scripts`. The folder is made anew each time, and only then put in place.

import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { cp, mkdir, readFile, readdir, rename, rm, writeFile } from "node:fs/promises";
import path from "node:path";
import { fileURLToPath } from "node:url";

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), "..");
const modules = path.join(root, "node_modules");
const target = path.join(root, "maps", "static", "vendor");
const draft = `${target}.new`;

// What is copied: [file or folder in the package, place in ours]. A function makes a text of another.
const PARTS = [
  { npm: "leaflet", files: [["dist/leaflet.js"], ["dist/leaflet.css"], ["dist/images", "images"]] },
  {
    npm: "leaflet.markercluster",
    files: [["dist/leaflet.markercluster.js"], ["dist/MarkerCluster.css"], ["dist/MarkerCluster.Default.css"]],
  },
  {
    npm: "@geoman-io/leaflet-geoman-free",
    as: "leaflet-geoman",
    files: [["dist/leaflet-geoman.min.js", "leaflet-geoman.js"], ["dist/leaflet-geoman.css"]],
  },
  { npm: "echarts", files: [["dist/echarts.min.js"]] },
  { npm: "protomaps-leaflet", files: [["dist/protomaps-leaflet.js"]] },
  { npm: "jquery", files: [["dist/jquery.min.js"]] },
  { npm: "bootstrap", files: [["dist/js/bootstrap.bundle.min.js"], ["dist/css/bootstrap.min.css"]] },
  {
    npm: "bootstrap-3",
    as: "glyphicons",
    files: [
      ["dist/css/bootstrap.css", "bootstrap-glyphicons.css", glyphiconsOnly],
      ["dist/fonts/glyphicons-halflings-regular.woff2", "fonts/glyphicons-halflings-regular.woff2"],
    ],
  },
  {
    npm: "@fortawesome/fontawesome-free",
    as: "fontawesome",
    files: [
      ["css/all.min.css", "css/all.min.css", woff2Only],
      ["webfonts/fa-brands-400.woff2", "webfonts/fa-brands-400.woff2"],
      ["webfonts/fa-regular-400.woff2", "webfonts/fa-regular-400.woff2"],
      ["webfonts/fa-solid-900.woff2", "webfonts/fa-solid-900.woff2"],
      ["webfonts/fa-v4compatibility.woff2", "webfonts/fa-v4compatibility.woff2"],
    ],
  },
  {
    npm: "leaflet.awesome-markers",
    files: [
      ["dist/leaflet.awesome-markers.min.js", "leaflet.awesome-markers.js"],
      ["dist/leaflet.awesome-markers.css"],
      ["dist/images", "images"],
      ["dist/leaflet.awesome-markers.css", "rotate.css", rotationsOnly],
    ],
  },
];

// Folium's markers name the icon font that Bootstrap 3 had: its rules alone, without the rest of it.
function glyphiconsOnly(css) {
  const rules = css.match(/^\.glyphicon[^{]*\{[^}]*\}/gm) ?? [];
  if (rules.length < 200) throw new Error("bootstrap-3 has no glyphicon rules where they are looked for");
  const face =
    '@font-face{font-family:"Glyphicons Halflings";' +
    'src:url("fonts/glyphicons-halflings-regular.woff2") format("woff2")}';
  return `${face}\n${rules.map((rule) => rule.replace(/\s+/g, " ")).join("\n")}\n`;
}

// Folium turns a marker's icon with classes that are in no package: written here, from any file.
function rotationsOnly() {
  const turns = [];
  for (let angle = 0; angle < 360; angle += 1) {
    turns.push(`.awesome-marker i.fa-rotate-${angle}{transform:rotate(${angle}deg)}`);
  }
  return `.awesome-marker i[class*="fa-rotate-"]{display:inline-block}\n${turns.join("\n")}\n`;
}

// Every browser that runs Leaflet 1.9 and our pages reads WOFF2, so the TrueType twins stay behind.
function woff2Only(css) {
  return css.replace(/,\s*url\([^)]*\.ttf\)\s*format\("truetype"\)/g, "");
}

const sha256 = (bytes) => createHash("sha256").update(bytes).digest("hex");

async function readPackage(name) {
  const file = path.join(modules, name, "package.json");
  if (!existsSync(file)) {
    throw new Error(`${name} is not in node_modules — run \`npm ci --ignore-scripts\` first`);
  }
  return JSON.parse(await readFile(file, "utf8"));
}

// A bundle carries its dependencies inside, so their licences go with it.
async function licencesOf(name, found = new Map()) {
  if (found.has(name) || !existsSync(path.join(modules, name, "package.json"))) return found;
  const about = await readPackage(name);
  const entries = (await readdir(path.join(modules, name), { withFileTypes: true })).filter((one) => one.isFile());
  const texts = entries
    .map((entry) => entry.name)
    .filter((file) => /licen[cs]e|^notice|^copying/i.test(file))
    .sort();
  const words = await Promise.all(texts.map((file) => readFile(path.join(modules, name, file), "utf8")));
  found.set(name, {
    name: about.name,
    version: about.version,
    licence: typeof about.license === "string" ? about.license : (about.license?.type ?? "see text"),
    text: words.map((one) => one.trim()).join("\n\n"),
  });
  for (const dependency of Object.keys(about.dependencies ?? {}).sort()) {
    if (!dependency.startsWith("@types/")) await licencesOf(dependency, found);
  }
  return found;
}

async function filesUnder(folder, prefix = "") {
  const found = [];
  for (const entry of await readdir(path.join(folder, prefix), { withFileTypes: true })) {
    const name = path.posix.join(prefix, entry.name);
    if (entry.isDirectory()) found.push(...(await filesUnder(folder, name)));
    else found.push(name);
  }
  return found.sort();
}

async function copyPart(part) {
  const about = await readPackage(part.npm);
  const name = part.as ?? part.npm;
  const folder = path.join(draft, name);
  await mkdir(folder, { recursive: true });
  for (const [from, place, change] of part.files) {
    const to = path.join(folder, place ?? path.basename(from));
    await mkdir(path.dirname(to), { recursive: true });
    await cp(path.join(modules, part.npm, from), to, { recursive: true });
    if (/\.(js|css)$/.test(to)) {
      // The maps of the sources are not shipped; a link to one is a request that fails.
      const text = (await readFile(to, "utf8")).replace(/^\/[/*]# sourceMappingURL=.*$/gm, "");
      await writeFile(to, change ? change(text) : text);
    }
  }
  const licences = [...(await licencesOf(part.npm)).values()];
  const words = licences.map((one) => {
    const head = `${one.name} ${one.version} (${one.licence})`;
    return `${head}\n${"=".repeat(head.length)}\n\n${one.text || "The package carries no licence text of its own."}\n`;
  });
  await writeFile(path.join(folder, "LICENCES.txt"), words.join("\n\n"));
  const files = {};
  for (const file of await filesUnder(folder)) {
    files[file] = sha256(await readFile(path.join(folder, file)));
  }
  return { name, npm: about.name, version: about.version, licence: licences[0].licence, files };
}

await rm(draft, { recursive: true, force: true });
await mkdir(draft, { recursive: true });
try {
  const parts = [];
  for (const part of PARTS) parts.push(await copyPart(part));
  await writeFile(path.join(draft, "manifest.json"), `${JSON.stringify({ parts }, null, 1)}\n`);
  await rm(target, { recursive: true, force: true });
  await rename(draft, target);
  const count = parts.reduce((sum, part) => sum + Object.keys(part.files).length, 0);
  console.log(`${parts.length} browser parts, ${count} files → maps/static/vendor`);
} catch (error) {
  await rm(draft, { recursive: true, force: true });
  console.error(`fetch_browser_parts: ${error.message}`);
  process.exitCode = 1;
}
