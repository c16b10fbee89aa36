// The quarter-hour circle for planners: a table of categories, two maps side by side, who is left out, and
// where a new point would help. Everything comes as data; text goes in as text.
(function () {
  "use strict";

  const { el } = window.WanggeMap;

  // Light to dark with nearness, and vermilion for who is left out: told apart without red and green, and in grey.
  const BANDS = ["#00473c", "#2f8f7c", "#9fd3c3"];
  const BEYOND = "#d1490a";
  const EMPTY = "#dedacf";
  const STREETS = {
    arterial: { color: "#d9cfae", weight: 5 },
    lane: { color: "#d9d3c4", weight: 2.5 },
    river: { color: "#9cc7dc", weight: 7 },
    wall: { color: "#a59d8d", weight: 1.2, dashArray: "3 3" },
  };
  const LISTED = 60;

  const percent = (share) => (share === null || share === undefined ? "—" : `${Math.floor(share * 1000 + 1e-6) / 10}%`);
  const whole = (value) => Math.round(value).toLocaleString("en-US");

  class CoveragePage {
    constructor(root, data) {
      this.root = root;
      this.data = data;
      this.facts = data.facts;
      this.limit = data.facts.limit_minutes;
      this.steps = [...new Set([5, 10, 15].filter((one) => one < this.limit).concat(this.limit))];
      this.bySteps = data.facts.method !== "circle";
      this.gridNames = new Map(data.grids.map(({ code, name }) => [code, name || code.slice(12)]));
      this.maps = [];
      root.replaceChildren();
      root.append(this.head());
      if (!data.categories.length) {
        root.append(el("p.cov-warn", null, this.say("no_points")));
        return;
      }
      root.append(this.table());
      this.below = el("div", { id: "cov-chosen" });
      root.append(this.below, el("p.cov-soft", null, this.say("note")));
      this.choose(data.chosen ?? data.categories[0].category);
    }

    say(key, values) {
      return this.data.words[key].replace(/\{(\w+)\}/g, (all, name) => String(values?.[name] ?? all));
    }

    // ---- what was measured, and how
    head() {
      const { facts } = this;
      const net = facts.network ?? { nodes: 0, edges: 0 };
      const how = { detour: facts.detour, nodes: whole(net.nodes), edges: whole(net.edges), homes: whole(facts.access.none ?? 0) };
      const group = this.say(facts.group ? `group_${facts.group}` : "group_own");
      const told = [
        this.say("group_speed", { group, speed: facts.speed_m_s }),
        this.say("how_speed", { speed: facts.speed_m_s, limit: this.limit, metres: whole(this.limit * 60 * facts.speed_m_s) }),
        this.say("edition", { number: facts.edition.number }),
      ];
      const warned = [];
      if (facts.access.through && this.bySteps) warned.push(this.say("how_through", { homes: facts.access.through }));
      if (facts.buildings_in_no_grid) warned.push(this.say("no_grid", { count: facts.buildings_in_no_grid }));
      const unknown = this.data.buildings.households.filter((one) => one === null).length;
      if (unknown) warned.push(this.say("unknown_counts", { count: unknown }));
      return el(
        "header.cov-head", null,
        el("h1", null, this.data.title),
        el(facts.method === "circle" ? "p.cov-warn" : "p.cov-method", { id: "cov-method" }, this.say(`how_${facts.method}`, how)),
        el("p.cov-facts", null, ...told.map((words) => el("span", null, words))),
        ...warned.map((words) => el("p.cov-warn", null, words)),
      );
    }

    // ---- all categories
    table() {
      const say = (key, values) => this.say(key, values);
      const ordered = [...this.data.categories].sort(
        (a, b) => (a.community.share ?? 2) - (b.community.share ?? 2) || b.community.buildings_left_out - a.community.buildings_left_out,
      );
      const groups = Object.keys(this.facts.speeds_m_s).filter((one) => one !== this.facts.group);
      const most = Math.max(1, ...ordered.map((one) => one.suggestion?.sites.length ?? 1));
      // What decides comes first: on a phone the rest is found by pushing the table aside.
      const steps = this.steps.filter((step) => step !== this.limit);
      const heads = [
        [say("category"), ""], [say("minutes", { minutes: this.limit }), "cov-n"], [say("left_out"), "cov-n"],
        [most > 1 ? say("new_points", { count: most }) : say("new_point"), "cov-n"],
        ...steps.map((minutes) => [say("minutes", { minutes }), "cov-n"]),
        ...(this.bySteps ? [[say("by_circle", { minutes: this.limit }), "cov-n"]] : []),
        ...groups.map((one) => [`${say(`group_${one}`)} ${say("minutes", { minutes: this.limit })}`, "cov-n"]),
        [say("points"), "cov-n"],
      ];
      this.rows = new Map();
      const rows = ordered.map((one) => {
        const row = one.community;
        const out = row.households - row.within;
        const pick = el("button.cov-pick", { type: "button", on: { click: () => this.choose(one.category, true) } },
          el("bdi", null, one.name));
        const cell = (words, kind) => el(`td.cov-n${kind ? `.${kind}` : ""}`, null, words);
        const line = el(
          "tr", null,
          el("th", { scope: "row" }, pick), this.bar(row.share, true),
          cell(row.buildings_left_out ? say("left_out_cell", { households: whole(out), buildings: whole(row.buildings_left_out) }) : say("nobody"), out ? "cov-out" : ""),
          cell(one.suggestion?.gain ? say("gain", { households: whole(one.suggestion.gain) }) : "—", one.suggestion?.gain ? "cov-gain" : ""),
          ...steps.map((step) => this.bar(row[`share_${step}`], false)),
          ...(this.bySteps ? [cell(percent(one.community_circle.share))] : []),
          ...groups.map((group) => cell(percent(one.groups[group]))),
          cell(whole(one.points.length)),
        );
        line.addEventListener("click", (event) => { if (!event.target.closest("button")) this.choose(one.category, true); });
        this.rows.set(one.category, { line, pick });
        return line;
      });
      return this.card("table", "table_help", {}, this.scrolled(heads, rows, say("table")));
    }

    bar(share, strong) {
      const words = percent(share);
      const bar = el("span.cov-bar", { "aria-hidden": "true" }, el("span"));
      bar.firstChild.style.width = `${(share ?? 0) * 100}%`;
      return el(strong ? "td.cov-n.cov-strong" : "td.cov-n", null, words, bar);
    }

    scrolled(heads, rows, label) {
      const head = el("tr", null, ...heads.map(([words, kind]) => el(kind ? `th.${kind}` : "th", { scope: "col" }, words)));
      const table = el("table", null, el("thead", null, head), el("tbody", null, ...rows));
      return el("div.cov-scroll", { tabindex: "0", role: "region", "aria-label": label }, table);
    }

    card(title, help, values, ...inside) {
      return el("section.cov-card", null, el("h2", null, this.say(title, values)), help ? el("p.cov-soft", null, this.say(help, values)) : null, ...inside);
    }

    // ---- one category
    choose(category, scroll) {
      const one = this.data.categories.find((found) => found.category === category);
      this.maps.forEach((map) => map.remove());
      this.maps = [];
      for (const [key, { line, pick }] of this.rows) {
        line.classList.toggle("cov-chosen", key === category);
        pick.setAttribute("aria-pressed", String(key === category));
      }
      const apart = this.data.buildings.households.map((_, at) => this.within(one.network[at]) !== this.within(one.circle[at]));
      const maps = el("div.cov-maps", null);
      const shown = el("section.cov-card", null, el("h2", { tabindex: "-1" }, this.say(this.bySteps ? "maps" : "maps_circle", { category: one.name })), this.where(one), maps, this.legend(one, apart.includes(true)), this.bySteps ? this.told(one) : null);
      this.below.replaceChildren(shown, el("div.cov-two", null, this.byGrid(one), this.homes(one)));
      const boxes = [];
      if (this.bySteps) boxes.push(this.box(maps, one, "network", this.say("map_network"), one.community, apart));
      boxes.push(this.box(maps, one, "circle", this.say("map_circle", { detour: this.facts.detour }), this.bySteps ? one.community_circle : one.community, apart));
      this.together(boxes);
      if (scroll) shown.scrollIntoView({ block: "start", behavior: matchMedia("(prefers-reduced-motion: reduce)").matches ? "auto" : "smooth" });
    }

    within(minutes) {
      return minutes !== null && minutes <= this.limit;
    }

    // A home with a known count of none is nobody's home.
    livedIn(at) {
      return this.data.buildings.households[at] !== 0;
    }

    told(one) {
      let [households, buildings] = [0, 0];
      this.data.buildings.households.forEach((count, at) => {
        if (!this.livedIn(at) || !this.within(one.circle[at]) || this.within(one.network[at])) return;
        buildings += 1;
        households += count ?? 0;
      });
      const words = buildings ? this.say("differ", { households: whole(households), buildings: whole(buildings), limit: this.limit }) : this.say("differ_none");
      return el("p.cov-differ", { id: "cov-differ" }, words);
    }

    where(one) {
      const words = [];
      const found = one.suggestion;
      const out = one.community.households - one.community.within;
      if (!found) words.push(this.say("where_nowhere"));
      else if (found.gain > 0) {
        const place = found.sites.map((site) => this.place(site)).join(this.say("place_joint"));
        const values = { place, limit: this.limit, before: whole(found.before), after: whole(found.after), gain: whole(found.gain), buildings: whole(found.buildings_newly_within) };
        words.push(this.say(found.sites.length > 1 ? "where_gain_many" : "where_gain", values));
        const tried = { candidates: whole(found.candidates), places: whole(found.places) };
        const proven = found.candidates < found.places ? "where_thinned" : "where_proven";
        words.push(found.proven ? this.say(proven, tried) : this.say("where_bound", { bound: whole(found.bound) }));
      } else words.push(this.say(out > 0 ? "where_none" : "where_all", { limit: this.limit }));
      return el("p.cov-where", { id: "cov-where" }, el("strong", null, `${this.say("where")} `), words.join(" "));
    }

    place(site) {
      const grid = this.gridNames.get(site.grid_code);
      if (site.streets.length && grid) return this.say("place_cross", { streets: site.streets.join(" / "), grid });
      if (site.streets.length) return site.streets.join(" / ");
      return grid ? this.say(this.bySteps ? "place_grid" : "place_inside", { grid }) : this.say("place_bare", { lat: site.lat.toFixed(5), lon: site.lon.toFixed(5) });
    }

    // ---- a map
    box(into, one, method, name, row, apart) {
      const frame = el("div.cov-map", { role: "region", "aria-label": this.say("map_region", { method: name }) });
      into.append(el("figure", null, el("figcaption", null, el("strong", null, name), el("span", null, this.say("map_share", { limit: this.limit, share: percent(row.share) }))), frame));
      const map = L.map(frame, { zoomControl: false, attributionControl: false, zoomSnap: 0.25, minZoom: 11, maxZoom: 20, zoomAnimation: false, scrollWheelZoom: false });
      L.control.zoom({ zoomInTitle: this.say("zoom_in"), zoomOutTitle: this.say("zoom_out") }).addTo(map);
      L.control.scale({ imperial: false }).addTo(map);
      map.fitBounds(this.data.bounds, { padding: [10, 10], animate: false });
      // The wheel turns the page until the map is clicked on.
      map.on("focus", () => map.scrollWheelZoom.enable()).on("blur", () => map.scrollWheelZoom.disable());
      this.maps.push(map);
      const { data } = this;
      const still = { interactive: false };
      for (const { kind, lines } of data.streets) L.polyline(lines, { ...(STREETS[kind] ?? STREETS.lane), ...still }).addTo(map);
      const areas = [...one[`${method}_areas`]].reverse();
      areas.forEach(({ minutes, shape }) => {
        const colour = BANDS[this.band(minutes)];
        L.polygon(shape, { color: colour, weight: method === "circle" ? 2 : 1.2, dashArray: method === "circle" ? "7 5" : null, fillColor: colour, fillOpacity: 0.16, ...still }).addTo(map);
      });
      for (const { shape, type } of data.grids) {
        L.polygon(shape, { color: "#3d4a4f", weight: type === "basic" ? 1.6 : 1, dashArray: type === "basic" ? null : "2 3", fill: false, ...still }).addTo(map);
      }
      const newly = new Set(one.newly);
      // On a phone's small map a border must not hide what it surrounds.
      const wide = map.getZoom() < 15.5 ? 0.55 : 1;
      data.buildings.shape.forEach((shape, at) => {
        const minutes = one[method][at];
        const style = this.look(at, minutes);
        if (this.livedIn(at) && apart[at]) Object.assign(style, { color: "#6a1b9a", weight: 2.2 * wide, dashArray: null });
        else if (newly.has(at)) Object.assign(style, { color: "#0b57d0", weight: 1.6 * wide, dashArray: null });
        L.polygon(shape, style).bindTooltip(() => this.tip(one, at), { sticky: true }).addTo(map);
      });
      for (const { name: words, at } of one.points) {
        L.circleMarker(at, { radius: 6.5, color: "#fff", weight: 2, fillColor: "#111", fillOpacity: 1 }).bindTooltip(el("span", { dir: "auto" }, words)).addTo(map);
      }
      for (const site of one.suggestion?.gain ? one.suggestion.sites : []) {
        const icon = L.divIcon({ html: star(30), className: "cov-star", iconSize: [30, 30] });
        L.marker([site.lat, site.lon], { icon, keyboard: false }).bindTooltip(el("span", null, `${this.say("site_here")}: ${this.place(site)}`)).addTo(map);
      }
      return map;
    }

    band(minutes) {
      const at = this.steps.findIndex((step) => minutes <= step);
      return Math.min(at < 0 ? this.steps.length - 1 : at, BANDS.length - 1);
    }

    look(at, minutes) {
      if (!this.livedIn(at)) return { color: "#b8b1a1", weight: 0.6, fillColor: EMPTY, fillOpacity: 0.8 };
      if (!this.within(minutes)) return { color: "#7a2400", weight: 1.8, dashArray: "4 3", fillColor: BEYOND, fillOpacity: 0.95 };
      return { color: "#33403d", weight: 0.5, fillColor: BANDS[this.band(minutes)], fillOpacity: 0.95 };
    }

    tip(one, at) {
      const { buildings } = this.data;
      const count = buildings.households[at];
      const lines = [
        buildings.code[at],
        `${this.gridNames.get(buildings.grid[at]) ?? ""} · ${this.say("households")}: ${count ?? this.say("unknown")}`,
        ...(this.bySteps ? [`${this.say("walk_minutes")}: ${this.time(one.network[at])}`] : []),
        `${this.say("circle_minutes")}: ${this.time(one.circle[at])}`,
      ];
      return el("span.cov-tip", null, ...lines.map((words) => el("span", null, words)));
    }

    time(minutes) {
      return minutes === null ? this.say("over", { minutes: Math.floor(this.facts.looked_minutes) }) : minutes.toFixed(1);
    }

    // What one map does, the other does.
    together(boxes) {
      let busy = false;
      for (const map of boxes) {
        map.on("moveend zoomend", () => {
          if (busy) return;
          busy = true;
          for (const other of boxes) if (other !== map) other.setView(map.getCenter(), map.getZoom(), { animate: false });
          busy = false;
        });
      }
      const fit = () => boxes.forEach((map) => { map.invalidateSize({ pan: false }); map.fitBounds(this.data.bounds, { padding: [10, 10], animate: false }); });
      fit();
      if (window.ResizeObserver) new ResizeObserver(() => boxes.forEach((map) => map.getContainer().isConnected && map.invalidateSize({ pan: false }))).observe(this.below);
    }

    legend(one, differ) {
      const rows = this.steps.map((to, at) => [`band${Math.min(at, 2)}`, this.say("band", { from: at ? this.steps[at - 1] : 0, to })]);
      rows.push(["beyond", this.say("beyond", { limit: this.limit })]);
      if (differ && this.bySteps) rows.push(["differ", this.say("differs")]);
      if (one.newly.length) rows.push(["newly", this.say("newly")]);
      rows.push(["empty", this.say("not_lived_in")], ["point", this.say("point_here")]);
      if (one.suggestion?.gain) rows.push(["star", this.say("site_here")]);
      rows.push(["grid", this.say("grid_line")]);
      return el("ul.cov-legend", { "aria-label": this.say("legend") }, ...rows.map(([kind, words]) => el("li", null, kind === "star" ? star(20) : el(`span.cov-key.cov-key-${kind}`, { "aria-hidden": "true" }), words)));
    }

    // ---- by grid, and who is left out
    byGrid(one) {
      const steps = this.steps.filter((step) => step !== this.limit);
      const heads = [this.limit, ...steps].map((minutes) => [this.say("minutes", { minutes }), "cov-n"]);
      heads.splice(1, 0, [this.say("left_out"), "cov-n"]);
      const rows = [...one.grids].sort((a, b) => (a.share ?? 2) - (b.share ?? 2)).map((row) =>
        el(
          "tr", null,
          el("th", { scope: "row" }, el("bdi", null, this.gridNames.get(row.grid_code) ?? row.grid_code)),
          this.bar(row.share, true),
          el("td.cov-n", null, row.buildings_left_out ? this.say("left_out_cell", { households: whole(row.households - row.within), buildings: whole(row.buildings_left_out) }) : this.say("nobody")),
          ...steps.map((step) => this.bar(row[`share_${step}`], false)),
          el("td.cov-n", null, whole(row.households)),
        ));
      heads.unshift([this.say("grid"), ""]);
      heads.push([this.say("households"), "cov-n"]);
      return this.card("grids", null, {}, this.scrolled(heads, rows, this.say("grids")));
    }

    homes(one) {
      const { buildings } = this.data;
      const of = this.bySteps ? one.network : one.circle;
      const out = buildings.code.map((_, at) => at).filter((at) => this.livedIn(at) && !this.within(of[at]));
      if (!out.length) return this.card("homes", null, {}, el("p", null, this.say("homes_none")));
      out.sort((a, b) => (buildings.households[b] ?? -1) - (buildings.households[a] ?? -1) || a - b);
      const heads = [[this.say("building"), ""], [this.say("grid"), ""], [this.say("households"), "cov-n"], ...(this.bySteps ? [[this.say("walk_minutes"), "cov-n"]] : []), [this.say("circle_minutes"), "cov-n"]];
      const rows = out.slice(0, LISTED).map((at) =>
        el(
          "tr", null,
          el("th.cov-code", { scope: "row" }, buildings.code[at]),
          el("td", null, el("bdi", null, this.gridNames.get(buildings.grid[at]) ?? "—")),
          el("td.cov-n", null, buildings.households[at] === null ? this.say("unknown") : whole(buildings.households[at])),
          ...(this.bySteps ? [el("td.cov-n", null, this.time(one.network[at]))] : []),
          el("td.cov-n", null, this.time(one.circle[at])),
        ));
      const more = out.length > LISTED ? el("p.cov-soft", null, this.say("homes_more", { count: out.length - LISTED })) : null;
      return this.card("homes", null, {}, this.scrolled(heads, rows, this.say("homes")), more);
    }
  }

  const SVG = "http://www.w3.org/2000/svg";

  function star(size) {
    const svg = document.createElementNS(SVG, "svg");
    const path = document.createElementNS(SVG, "path");
    for (const [key, value] of Object.entries({ viewBox: "0 0 24 24", width: size, height: size, "aria-hidden": "true" })) svg.setAttribute(key, value);
    for (const [key, value] of Object.entries({ d: "M12 1.5l3.1 6.8 7.4.8-5.5 5 1.5 7.3L12 17.7 5.5 21.4 7 14.1 1.5 9.1l7.4-.8z", fill: "#ffd21f", stroke: "#111", "stroke-width": "1.6", "stroke-linejoin": "round" })) path.setAttribute(key, value);
    svg.append(path);
    return svg;
  }

  function coverage(root, data) {
    return new CoveragePage(root, data);
  }

  Object.assign(window.WanggeMap, { coverage });
})();
