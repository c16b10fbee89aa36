// Puts the page together: the map, what is drawn on it, the panel, and what a visitor does with them.
(function () {
  "use strict";

  const W = window.WanggeMap;
  const DEEPEST = 20;

  function normal(text) {
    return text.normalize("NFKC").toLowerCase().replace(/\s+/g, "");
  }

  class App {
    constructor(root, data) {
      const kept = W.keep();
      this.root = root;
      this.data = data;
      // What the address says; the service has read it already, with the visitor's last choice.
      const asked = new URLSearchParams(window.location.search).get("lang") || (data.facts.served ? null : kept.language);
      this.language = asked in data.texts ? asked : data.language;
      this.large = kept.large === true;
      this.tall = false;
      this.query = "";
      this.chosen = new Set();
      this.shownVersion = 0;
      const own = data.under.kind === "none";
      this.layers = { points: true, grids: true, compounds: own, buildings: own, streets: own, labels: true };
      this.texts = new W.Texts(data.texts, this.language);
      this.ground = new W.Ground(data);
      this.points = null;
      this.signs = new W.Signs(data);
      this.details = new W.Details(this);
      this.position = new W.Position(this);
      this.panel = new W.Panel(this, root);
      this.plainAttribution = this.plain(data.under.attribution);
    }

    say(key, values) {
      return this.texts.say(key, values);
    }

    unpackPoints(packed) {
      const { count } = packed;
      const text = (name) => W.column(packed[name]);
      const points = {
        count, located: packed.located, name: text("name"), address: text("address"), phones: text("phones"),
        hours: text("hours"), code: text("code"), category: W.choices(packed.category), access: packed.access || "", verified: W.days(packed.verified),
        grid: W.sums(packed.grid || []),
        lon: new Float64Array(packed.located), lat: new Float64Array(packed.located),
        wx: new Float64Array(packed.located), wy: new Float64Array(packed.located),
      };
      const at = W.sums2(packed.at || []);
      for (let point = 0; point < packed.located; point += 1) {
        const [lon, lat] = this.ground.degrees(at[2 * point], at[2 * point + 1], this.data.units.points);
        [points.lon[point], points.lat[point]] = [lon, lat];
        [points.wx[point], points.wy[point]] = this.ground.world(lon, lat);
      }
      return points;
    }

    start() {
      this.mapBox = W.el("div.wg-map", { id: "wg-map", role: "region" });
      const main = W.el("main.wg-main", null);
      this.root.append(main);
      this.panel.root = main;
      this.applySizes();
      this.panel.build();
      main.querySelector(".wg-find").after(this.mapBox);
      this.openMap();
      this.describe();
      this.loaded = this.load();
    }

    // The rest in steps, between which the page answers: what is told, the list, the ground, the points.
    async load() {
      const steps = [
        () => this.unpack(),
        () => this.panel.build(),
        () => this.panel.showList(),
        () => this.prepare(),
        () => this.groundLayer.addTo(this.map),
        () => this.pointsLayer.addTo(this.map),
        () => this.listen(),
      ];
      for (const step of steps) {
        await new Promise((go) => setTimeout(go));
        step();
      }
    }

    unpack() {
      const { data } = this;
      this.mosaic = W.unpackMosaic(data.grids.rings);
      this.borders = new W.Borders(this.mosaic, this.ground);
      this.points = this.unpackPoints(data.points);
      this.shown = Array.from({ length: this.points.count }, (_, at) => at);
    }

    prepare() {
      this.scene = new W.Scene(this);
      this.labels = new W.Labels(this.scene);
      this.clusters = new W.Clusters(this);
      const paintPoints = (view) => {
        this.clusters.paint(view);
        this.clusters.paintNames(view, this.labels.paint(view, this.clusters.drawn));
      };
      // A canvas is printed by first wiping what lies under it, so on paper there is one canvas alone.
      this.groundLayer = new W.CanvasLayer("wg-ground", (view) => {
        this.scene.paint(view);
        if (view.paper) paintPoints(view);
      });
      this.pointsLayer = new W.CanvasLayer("wg-points", (view) => {
        view.pen.canvas.hidden = view.paper;
        if (!view.paper) paintPoints(view);
      });
    }

    openMap() {
      const [west, south, east, north] = this.data.bounds;
      this.home = L.latLngBounds(this.ground.latLng(west, south), this.ground.latLng(east, north));
      this.map = L.map(this.mapBox, {
        zoomControl: false, attributionControl: false, zoomSnap: 0.25, zoomDelta: 0.75, wheelPxPerZoomLevel: 90,
        minZoom: 8, maxZoom: DEEPEST, maxBounds: this.home.pad(3), maxBoundsViscosity: 0.6,
        zoomAnimation: !matchMedia("(prefers-reduced-motion: reduce)").matches,
      });
      for (const [name, order] of [["wg-ground", 300], ["wg-points", 450], ["wg-mine", 460]]) {
        this.map.createPane(name).style.zIndex = order;
      }
      this.map.getPane("wg-ground").style.pointerEvents = "none";
      this.map.getPane("wg-points").style.pointerEvents = "none";
      this.map.getPane("wg-mine").style.pointerEvents = "none";
      this.controls = W.el("div.wg-controls");
      this.credit = W.el("div.wg-credit");
      const credit = L.control({ position: "bottomright" });
      credit.onAdd = () => this.credit;
      credit.addTo(this.map);
      this.credits = new Set([this.plain(this.data.under.attribution)]);
      this.map.on("layeradd", ({ layer }) => {
        const words = layer.getAttribution?.();
        if (words) this.credits.add(this.plain(words));
        this.showCredit();
      });
      L.control.scale({ imperial: false, position: "bottomleft", maxWidth: 90 }).addTo(this.map);
      this.addControls();
      this.map.fitBounds(this.home, { ...this.margins(), animate: false });
      if (this.data.under.pmtiles) this.openPmtiles();
    }

    // What the whole map keeps clear of: the buttons, where the window is narrow, and never on paper.
    margins() {
      const narrow = this.mapBox.clientWidth < 560 && !matchMedia("print").matches;
      return { paddingTopLeft: [12, 12], paddingBottomRight: narrow ? [this.controls.offsetWidth + 16, 16] : [12, 12] };
    }

    openPmtiles() {
      const { pmtiles, attribution } = this.data.under;
      const url = new URL(pmtiles, document.baseURI).href;
      protomapsL
        .leafletLayer({ url, attribution, flavor: this.dark ? "dark" : "light", lang: this.language })
        .addTo(this.map);
    }

    addControls() {
      const control = L.control({ position: "topright" });
      control.onAdd = () => {
        const button = (key, sign, act) =>
          W.el("button", { type: "button", "data-say": key, title: this.say(key), "aria-label": this.say(key), on: { click: act } }, sign);
        this.controls.replaceChildren(
          button("zoom_in", "+", () => this.map.zoomIn()),
          button("zoom_out", "−", () => this.map.zoomOut()),
          button("whole", W.icon("M4 9V4h5M15 4h5v5M20 15v5h-5M9 20H4v-5"), () => this.map.fitBounds(this.home, this.margins())),
        );
        L.DomEvent.disableClickPropagation(this.controls);
        return this.controls;
      };
      control.addTo(this.map);
    }

    listen() {
      this.map.on("click", (event) => this.clicked(event));
      this.map.on("mousemove", (event) => {
        const over = this.clusters.hit(event.containerPoint, this.pointsLayer.view);
        this.mapBox.classList.toggle("wg-over", over !== null);
      });
      this.map.on("popupopen", ({ popup }) => {
        const close = popup.getElement().querySelector(".leaflet-popup-close-button");
        close?.setAttribute("aria-label", this.say("close"));
      });
      this.map.on("popupclose", () => {
        this.setCardOpen(false);
        this.returnTo?.focus({ preventScroll: true });
        this.returnTo = null;
      });
      this.mapBox.addEventListener("keydown", (event) => {
        if (event.key === "Escape") this.map.closePopup();
      });
      matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.repaint());
      window.addEventListener("beforeprint", () => this.panel.showForPrint());
      // On paper the map has another size and, in a dark window too, light colours.
      matchMedia("print").addEventListener("change", () => {
        this.map.invalidateSize({ pan: false });
        this.map.fitBounds(this.home, { ...this.margins(), animate: false });
        this.repaint();
      });
      if (window.ResizeObserver) new ResizeObserver(() => this.map.invalidateSize({ pan: false })).observe(this.mapBox);
    }

    get dark() {
      return getComputedStyle(document.documentElement).getPropertyValue("--map-dark").trim() === "1";
    }

    repaint() {
      if (!this.pointsLayer?.view) return; // not drawn for the first time yet
      this.scene.readColours();
      this.groundLayer.redraw();
      this.pointsLayer.redraw();
    }

    clicked(event) {
      if (this.position.picking) {
        this.position.picked(event.latlng);
        return;
      }
      const hit = this.clusters.hit(event.containerPoint, this.pointsLayer.view);
      if (hit) {
        if (hit.ids.length === 1) this.openPoint(hit.ids[0]);
        else this.openGroup(hit.ids);
        return;
      }
      if (!this.layers.grids) return;
      const [lon, lat] = this.ground.stored(event.latlng.lng, event.latlng.lat);
      const types = this.data.grids.type;
      // The one on top answers: an exclusive grid lies over the basic one it is in.
      const owners = this.borders.owners(lon, lat).filter((index) => types[index] < 2);
      if (owners.length) this.popup(event.latlng, this.details.ofGrid(owners.sort((a, b) => types[b] - types[a])[0]));
    }

    openGroup(ids) {
      const bounds = L.latLngBounds(ids.map((at) => this.pointLatLng(at)));
      const deepest = this.map.getBoundsZoom(bounds, false, L.point(80, 80));
      const one = bounds.getSouthWest().equals(bounds.getNorthEast());
      if (one || this.map.getZoom() >= DEEPEST - 0.6) {
        this.popup(bounds.getCenter(), this.details.ofMany(ids, (at) => this.openPoint(at)));
      } else {
        this.map.setView(bounds.getCenter(), Math.min(DEEPEST, Math.max(deepest, this.map.getZoom() + 1)));
      }
    }

    pointLatLng(at) {
      return this.ground.latLng(this.points.lon[at], this.points.lat[at]);
    }

    popup(where, content) {
      this.map.closePopup();
      this.setCardOpen(true);
      const { x, y } = this.map.getSize();
      return L.popup({ maxWidth: Math.min(320, x - 76), minWidth: Math.min(210, x - 76), maxHeight: Math.max(160, y - 90), autoPanPadding: [14, 14] })
        .setLatLng(where)
        .setContent(content)
        .openOn(this.map);
    }

    openPoint(at) {
      return this.popup(this.pointLatLng(at), this.details.ofPoint(at));
    }

    // Show a point from the list: the map goes there and the focus into the pop-up, and back on closing.
    showPoint(at) {
      const from = document.activeElement;
      this.setTall(false);
      this.map.setView(this.pointLatLng(at), Math.max(this.map.getZoom(), 17), { animate: false });
      const shown = this.openPoint(at);
      this.returnTo = from;
      shown.getElement().setAttribute("tabindex", "-1");
      shown.getElement().focus({ preventScroll: true });
    }

    showPlace(kind, index) {
      const shapes = kind === "grid" ? this.scene.grids : this.scene.compounds;
      const [left, top, right, bottom] = shapes[index].box;
      const at = (x, y) => L.CRS.EPSG3857.pointToLatLng(L.point(x, y), 0);
      const bounds = L.latLngBounds(at(left, top), at(right, bottom));
      this.setTall(false);
      const from = document.activeElement;
      this.map.fitBounds(bounds, { padding: [40, 40], animate: false });
      const content = kind === "grid" ? this.details.ofGrid(index) : this.details.ofCompound(index);
      const shown = this.popup(bounds.getCenter(), content);
      this.returnTo = from;
      shown.getElement().setAttribute("tabindex", "-1");
      shown.getElement().focus({ preventScroll: true });
    }

    // Which of the names or the other texts beside them have every word that is looked for.
    find(names, others) {
      const words = this.query.split(/\s+/).map(normal).filter(Boolean);
      return names.flatMap((name, index) => {
        const text = normal(`${name} ${others[index] || ""}`);
        return words.every((word) => text.includes(word)) ? [index] : [];
      });
    }

    // What a point can be found by, put together once.
    get haystack() {
      if (!this.texts.haystack) {
        const { name, address, category, grid } = this.points;
        const { data } = this;
        this.texts.haystack = name.map((one, at) => {
          const kinds = Object.values(data.categories[category[at]].names).join(" ");
          const place = grid[at] >= 0 ? `${data.grids.name[grid[at]]} ${data.grids.code[grid[at]]}` : "";
          return normal(`${one}\n${address[at]}\n${kinds}\n${place}`);
        });
      }
      return this.texts.haystack;
    }

    filter() {
      const words = this.query.split(/\s+/).map(normal).filter(Boolean);
      const { category, count } = this.points;
      const found = [];
      const texts = words.length ? this.haystack : null;
      for (let at = 0; at < count; at += 1) {
        if (this.chosen.size && !this.chosen.has(category[at])) continue;
        if (texts && !words.every((word) => texts[at].includes(word))) continue;
        found.push(at);
      }
      this.shown = found;
      this.shownVersion += 1;
    }

    refresh() {
      if (!this.pointsLayer?.view) return;
      this.filter();
      this.panel.showList();
      this.pointsLayer.redraw();
    }

    setQuery(query) {
      this.query = query;
      clearTimeout(this.waiting);
      this.waiting = setTimeout(() => this.refresh(), 120);
    }

    choose(category) {
      if (category === null) this.chosen.clear();
      else if (!this.chosen.delete(category)) this.chosen.add(category);
      this.filter();
      this.panel.build();
      this.pointsLayer.redraw();
    }

    setLayer(name, on) {
      this.layers[name] = on;
      this.repaint();
    }

    setTall(tall) {
      this.tall = tall;
      this.applySizes();
      this.root.querySelector(".wg-sheet")?.setAttribute("aria-expanded", String(tall));
      this.map?.invalidateSize({ pan: false });
    }

    // On a phone a card takes the place of what is around the map.
    setCardOpen(open) {
      this.root.classList.toggle("wg-card-open", open);
      this.map.invalidateSize({ pan: false });
    }

    setLarge(large) {
      this.large = large;
      W.remember({ large });
      this.applySizes();
      this.panel.build();
      this.map.invalidateSize({ pan: false });
      this.repaint();
    }

    setLanguage(language) {
      this.language = language;
      W.rememberLanguage(language, this.data.facts.served);
      this.texts.language = language;
      this.map.closePopup();
      this.panel.build();
      this.describe();
    }

    applySizes() {
      document.documentElement.classList.toggle("wg-large", this.large);
      this.root.classList.toggle("wg-tall", this.tall);
      this.textScale = this.large ? 1.3 : 1;
      this.fontFamily = getComputedStyle(document.body).fontFamily;
    }

    // What a screen reader is told, in the language of now.
    describe() {
      document.documentElement.lang = this.language === "zh" ? "zh-CN" : "en";
      document.title = this.texts.named(this.data.titles);
      this.mapBox.setAttribute("aria-label", this.say("map_help"));
      for (const button of this.controls.children) {
        const key = button.getAttribute("data-say");
        button.title = this.say(key);
        button.setAttribute("aria-label", this.say(key));
      }
      this.showCredit();
    }

    showCredit() {
      const { approval } = this.data.facts;
      const told = [...this.credits, approval ? this.say("approval", { number: approval }) : ""];
      this.credit.textContent = told.filter((words) => words.trim()).join(" · ");
    }

    // Attributions come as HTML; here they are words.
    plain(html) {
      return new DOMParser().parseFromString(html, "text/html").body.textContent;
    }
  }

  function start(rootId, dataId) {
    const app = new App(document.getElementById(rootId), JSON.parse(document.getElementById(dataId).textContent));
    app.start();
    W.app = app;
    return app.map;
  }

  Object.assign(W, { start });
})();
