// Everything beside the map: head, search, categories, legend, and the list of the same service points.
(function () {
  "use strict";

  const { el, named, icon } = window.WanggeMap;
  const STEP = 60; // rows of the list at a time
  const PRINTED = 2000; // most rows that are printed
  const SORTED = 2000; // more rows than this stay in the order of the grids
  const LAYERS = ["points", "grids", "compounds", "buildings", "streets", "labels"];

  const ICONS = {
    search: "M10.5 4a6.5 6.5 0 1 1 0 13 6.5 6.5 0 0 1 0-13zM15.5 15.5L20 20",
    target: "M12 3v3M12 18v3M3 12h3M18 12h3M12 7a5 5 0 1 1 0 10 5 5 0 0 1 0-10z",
    touch: "M12 21s-6.5-6-6.5-10.5a6.5 6.5 0 0 1 13 0C18.5 15 12 21 12 21zM12 8.5v4M10 10.5h4",
    sheet: "M6 15l6-6 6 6",
  };

  class Panel {
    constructor(app, root) {
      this.app = app;
      this.root = root;
      this.rows = STEP;
    }

    // Build it all, in the language of now.
    build() {
      const { app } = this;
      const focused = document.activeElement?.dataset?.keep;
      this.status = el("p.wg-status", { role: "status" });
      this.list = el("ol.wg-list", { id: "wg-list", tabindex: "-1", "aria-label": app.say("list") });
      this.places = el("div.wg-places");
      this.mine = el("div", { "aria-live": "polite" });
      this.more = el("button.wg-more", { type: "button", on: { click: () => this.showMore() } });
      const parts = { head: this.head(), find: this.find() };
      if (app.points) {
        parts.panel = el(
          "section.wg-panel", { "aria-label": app.say("panel"), tabindex: "-1" },
          this.mine, this.chips(), app.data.facts.served ? el("a.wg-report", { href: "/report" }, app.say("report")) : "",
          el("h2.wg-list-head", null, app.say("list")), this.status, this.places,
          this.list, this.more, this.gridList(), this.legend(), this.about(),
        );
      }
      for (const [name, part] of Object.entries(parts)) {
        const old = this.root.querySelector(`.wg-${name}`);
        if (old) old.replaceWith(part);
        else this.root.append(part);
      }
      this.showPosition();
      // The first list is a step of its own.
      if (app.pointsLayer) this.showList();
      if (focused) this.root.querySelector(`[data-keep="${focused}"]`)?.focus();
    }

    head() {
      const { app } = this;
      const { facts, titles } = app.data;
      const fact = (key, name, value) => (value === null ? "" : el(`span.wg-${key}`, null, app.say(key, { [name]: value })));
      const button = (keep, label, pressed, click) =>
        el("button.wg-tool", { type: "button", "data-keep": keep, "aria-pressed": pressed, on: { click } }, label);
      return el(
        "header.wg-head", null,
        el("a.wg-skip", { href: "#wg-list" }, app.say("skip")),
        el("span.wg-seal", { "aria-hidden": "true" }, "网格"),
        el(
          "div.wg-title", null,
          el("h1", null, named(app.texts.named(titles))),
          el("p", null, fact("updated_on", "date", facts.updated_on), fact("edition", "number", facts.edition), fact("approval", "number", facts.approval)),
        ),
        el(
          "div.wg-tools", null,
          button("large", app.say("large_text"), String(app.large), () => app.setLarge(!app.large)),
          button("language", app.say("other_language"), null, () => app.setLanguage(app.language === "zh" ? "en" : "zh")),
        ),
      );
    }

    find() {
      const { app } = this;
      const input = el("input", {
        type: "search", id: "wg-search", "data-keep": "search", placeholder: app.say("search_hint"),
        "aria-label": app.say("search"), autocomplete: "off", enterkeyhint: "search",
        on: { input: (event) => app.setQuery(event.target.value) },
      });
      input.value = app.query;
      const button = (keep, symbol, words, click, kind) =>
        el(`button.${kind}`, { type: "button", "data-keep": keep, on: { click } }, icon(ICONS[symbol]), el("span", null, words));
      return el(
        "div.wg-find", { role: "search" },
        el("div.wg-search", null, icon(ICONS.search), input),
        el(
          "div.wg-find-row", null,
          button("locate", "target", app.say("locate"), () => app.position.locate(), "wg-primary"),
          button("pick", "touch", app.say("point_out"), () => app.position.pick(), "wg-second"),
          el(
            "button.wg-sheet", {
              type: "button", "aria-expanded": String(app.tall), "aria-label": app.say("list"),
              "data-keep": "sheet", on: { click: () => app.setTall(!app.tall) },
            }, icon(ICONS.sheet),
          ),
        ),
      );
    }

    chips() {
      const { app } = this;
      const chip = (label, sign, pressed, keep, click) =>
        el("button.wg-chip", { type: "button", "aria-pressed": String(pressed), "data-keep": keep, on: { click } }, sign, label);
      return el(
        "div.wg-chips", { role: "group", "aria-label": app.say("categories") },
        chip(app.say("all"), null, app.chosen.size === 0, "all", () => app.choose(null)),
        ...app.data.categories.map((category, index) =>
          chip(
            named(app.texts.named(category.names)), app.signs.ofCategory(index, 22), app.chosen.has(index),
            `category-${index}`, () => app.choose(index),
          ),
        ),
      );
    }

    // The grids and their people, for those who read rather than look, and for paper. A district has hundreds:
    // the list is made when somebody opens it.
    gridList() {
      const { app } = this;
      if (!app.data.grids.type.some((type) => type < 2)) return "";
      const list = el("ul.wg-list", null);
      this.fillGrids = () => {
        if (!list.children.length) list.append(...this.gridRows());
      };
      return el(
        "details.wg-legend.wg-grids", { on: { toggle: (event) => event.target.open && this.fillGrids() } },
        el("summary", null, app.say("grids_and_people")), list,
      );
    }

    gridRows() {
      const { app } = this;
      const { code, type } = app.data.grids;
      return code.flatMap((_, index) => {
        if (type[index] === 2) return [];
        const theme = app.data.grids.theme[index];
        const name = el(
          "button.wg-item-name", { type: "button", on: { click: () => app.showPlace("grid", index) } },
          named(app.details.gridName(index)),
        );
        return [el(
          "li.wg-item", null,
          theme >= 0 ? app.signs.ofTheme(app.data.themes[theme]) : null,
          el("div", null, name, type[index] === 0 ? app.details.staff(index) : el("p.wg-kind", null, app.say("grid_type.exclusive"))),
        )];
      });
    }

    legend() {
      const { app } = this;
      const themes = app.data.themes.map((theme) =>
        el("li", null, app.signs.ofTheme(theme), named(app.texts.named(theme.names))),
      );
      const layers = LAYERS.map((name) =>
        el(
          "label.wg-layer", null,
          el("input", {
            type: "checkbox", checked: app.layers[name], "data-keep": `layer-${name}`,
            on: { change: (event) => app.setLayer(name, event.target.checked) },
          }),
          app.say(`layer_${name}`),
        ),
      );
      return el(
        "details.wg-legend", { open: true },
        el("summary", null, `${app.say("legend")} · ${app.say("layers")}`),
        themes.length ? el("ul", null, ...themes) : el("p.wg-small", null, app.say("tints")),
        el("fieldset", null, el("legend", null, app.say("layers")), ...layers),
      );
    }

    about() {
      const { app } = this;
      const { notes, under, facts } = app.data;
      const lines = notes.map(([key, values]) => el("li", null, app.say(key, values)));
      if (facts.sample) lines.unshift(el("li", null, app.say("sample")));
      if (under.attribution) lines.push(el("li", null, app.plainAttribution));
      if (!lines.length) return "";
      return el("footer.wg-about", null, el("h2", null, app.say("about")), el("ul", null, ...lines));
    }

    showPosition() {
      const card = this.app.position.card();
      this.mine.replaceChildren(...(card ? [card] : []));
      this.mine.hidden = false;
    }

    // The points that are shown, in the order of the list.
    ordered() {
      const { app } = this;
      const { points, shown } = app;
      const order = Array.from(shown);
      if (app.position.at) {
        const { lon, lat } = app.position.at;
        const far = (at) => (at < points.located ? app.ground.metres(lon, lat, points.lon[at], points.lat[at]) : Infinity);
        const metres = new Map(order.map((at) => [at, far(at)]));
        return order.sort((a, b) => metres.get(a) - metres.get(b));
      }
      if (order.length > SORTED) return order;
      const compare = new Intl.Collator("zh").compare;
      return order.sort((a, b) => points.category[a] - points.category[b] || compare(points.name[a], points.name[b]));
    }

    showList() {
      const { app } = this;
      this.mine.hidden = app.query.trim() !== ""; // What was looked for is not to stand below a screenful.
      this.order = this.ordered();
      this.rows = STEP;
      const words = this.order.length ? app.say("found", { count: this.order.length }) : app.say("found_none");
      this.status.textContent = app.points.count ? words : "";
      this.places.replaceChildren(...this.foundPlaces());
      this.list.replaceChildren(...this.order.slice(0, this.rows).map((at) => this.row(at)));
      this.showMoreButton();
    }

    showMoreButton() {
      const left = this.order.length - this.rows;
      this.more.hidden = left <= 0;
      this.more.textContent = this.app.say("more", { count: Math.min(STEP, Math.max(left, 0)) });
    }

    showMore(upTo) {
      const before = this.rows;
      this.rows = Math.min(this.order.length, upTo || this.rows + STEP);
      this.list.append(...this.order.slice(before, this.rows).map((at) => this.row(at)));
      this.showMoreButton();
      if (!upTo) this.list.children[before]?.querySelector("button")?.focus();
    }

    showForPrint() {
      this.fillGrids?.();
      for (const part of this.root.querySelectorAll("details")) part.open = true;
      this.showMore(PRINTED);
    }

    // Grids and compounds whose name or code has the words that are looked for.
    foundPlaces() {
      const { app } = this;
      if (!app.query.trim()) return [];
      const { name, also } = app.data.compounds;
      const found = [
        ...app.find(app.data.grids.name, app.data.grids.code).map((index) => ["grid", index, app.details.gridName(index), ""]),
        ...app.find(name, also).map((index) => ["compound", index, name[index], also[index]]),
      ];
      return found.slice(0, 12).map(([kind, index, name, more]) =>
        el(
          "button.wg-place", { type: "button", on: { click: () => app.showPlace(kind, index) } },
          el("span.wg-kind", null, app.say(kind)), named(name), el("small", null, named(more)),
        ),
      );
    }

    row(at) {
      const { app } = this;
      const { points } = app;
      const category = points.category[at];
      const located = at < points.located;
      const kind = app.texts.named(app.data.categories[category].names);
      const title = named(app.details.pointName(at));
      const far = app.position.at && located
        ? ` · ${app.say("walk", { minutes: app.position.minutes(app.ground.metres(app.position.at.lon, app.position.at.lat, points.lon[at], points.lat[at])) })}`
        : "";
      const head = located
        ? el("button.wg-item-name", { type: "button", "data-keep": `point-${at}`, on: { click: () => app.showPoint(at) } }, title)
        : el("span.wg-item-name", null, title);
      return el(
        "li.wg-item", null,
        app.signs.ofCategory(category, 32),
        el(
          "div", null,
          head, el("p.wg-kind", null, named(kind), far),
          points.address[at] ? el("p.wg-line", null, named(points.address[at])) : null,
          el("p.wg-line", null, app.details.phones(at), points.hours[at] ? el("span.wg-hours", null, named(points.hours[at])) : null),
          points.access[at] === "1" ? el("p.wg-line.wg-access", null, app.say("access_yes")) : null,
          el("p.wg-when", null, app.details.verified(at)),
        ),
      );
    }
  }

  Object.assign(window.WanggeMap, { Panel });
})();
