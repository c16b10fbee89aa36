// "My position": its grid, the grid's worker and the nearest points, worked out on this device. The position
// is kept in this script's memory alone: it is not stored, not put into an address, not sent.
(function () {
  "use strict";

  const { el, named } = window.WanggeMap;
  const NEAREST = 3;

  class Position {
    constructor(app) {
      this.app = app;
      this.at = null; // {lon, lat, accuracy}, as stored (CGCS2000)
      this.state = null; // a text's key, while there is no position
      this.picking = false;
      this.layer = null;
    }

    locate() {
      this.picking = false;
      if (!navigator.geolocation) {
        this.fail("locate_failed");
        return;
      }
      this.fail("locating");
      navigator.geolocation.getCurrentPosition(
        async ({ coords }) => {
          await this.app.loaded;
          this.set(coords.longitude, coords.latitude, coords.accuracy);
        },
        (error) => this.fail(error.code === 1 ? "locate_denied" : "locate_failed"),
        { enableHighAccuracy: true, timeout: 15000, maximumAge: 30000 },
      );
    }

    pick() {
      this.picking = true;
      this.fail("point_out_now");
    }

    fail(state) {
      this.state = state;
      this.app.panel.showPosition();
    }

    picked(latLng) {
      this.picking = false;
      const [lon, lat] = this.app.ground.stored(latLng.lng, latLng.lat);
      this.set(lon, lat, 0);
    }

    set(lon, lat, accuracy) {
      this.at = { lon, lat, accuracy };
      this.state = null;
      this.answer = this.work(lon, lat, accuracy);
      this.draw();
      this.app.refresh();
      this.app.panel.showPosition();
    }

    // Everything that can be told about a position, from the payload alone.
    work(lon, lat, accuracy) {
      const { borders, data } = this.app;
      const owners = borders.owners(lon, lat).sort((a, b) => data.grids.type[a] - data.grids.type[b]);
      const owner = owners.find((index) => data.grids.type[index] === 0) ?? owners[0] ?? null;
      const far = data.grids.code.map((_, index) => borders.metresTo(index, lon, lat));
      const near = far.map((metres, index) => ({ metres, index })).sort((a, b) => a.metres - b.metres);
      const maybe = near.filter(
        ({ metres, index }) => metres < accuracy && !owners.includes(index) && data.grids.type[index] === 0,
      );
      return { owner, also: owners.filter((index) => index !== owner), near: near[0] || null, maybe, points: this.nearest(lon, lat) };
    }

    nearest(lon, lat) {
      const { points, ground, shown } = this.app;
      const found = [];
      for (const at of shown) {
        if (at >= points.located) continue;
        const metres = ground.metres(lon, lat, points.lon[at], points.lat[at]);
        if (found.length < NEAREST || metres < found[found.length - 1].metres) {
          found.push({ at, metres });
          found.sort((a, b) => a.metres - b.metres);
          found.length = Math.min(found.length, NEAREST);
        }
      }
      return found;
    }

    minutes(metres) {
      const { speed, detour } = this.app.data.facts;
      return Math.max(1, Math.ceil((metres * detour) / speed / 60));
    }

    draw() {
      const { map, ground } = this.app;
      if (this.layer) this.layer.remove();
      const where = ground.latLng(this.at.lon, this.at.lat);
      this.layer = L.layerGroup().addTo(map);
      if (this.at.accuracy > 1) {
        L.circle(where, { radius: this.at.accuracy, className: "wg-accuracy", interactive: false, pane: "wg-mine" }).addTo(this.layer);
      }
      L.circleMarker(where, { radius: 9, className: "wg-here", interactive: false, pane: "wg-mine" }).addTo(this.layer);
      map.setView(where, Math.max(map.getZoom(), 16.5));
    }

    // The answer as elements, for the panel.
    card() {
      const { app } = this;
      const say = (key, values) => app.say(key, values);
      if (this.state) {
        return el("div.wg-mine", null, el("p", null, say(this.state)));
      }
      if (!this.at) return null;
      const { owner, also, near, maybe, points } = this.answer;
      const card = el("div.wg-mine", null);
      if (owner !== null) {
        const theme = app.data.grids.theme[owner];
        card.append(
          el("p.wg-kind", null, say("my_grid")),
          el(
            "h2", { id: "wg-my-grid", "data-code": app.data.grids.code[owner] },
            theme >= 0 ? app.signs.ofTheme(app.data.themes[theme]) : null, named(app.details.gridName(owner)),
          ),
          app.details.staff(owner),
        );
        for (const index of also) card.append(el("p.wg-small", null, named(app.details.gridName(index))));
      } else if (near) {
        const told = { name: app.details.gridName(near.index), metres: Math.round(near.metres) };
        card.append(el("p", null, say("outside", told)));
      } else card.append(el("p", null, say("no_grids")));
      if (this.at.accuracy > 1) {
        let words = say("accuracy", { metres: Math.round(this.at.accuracy) });
        if (maybe.length) {
          words += ` ${say("maybe", { names: maybe.slice(0, 4).map(({ index }) => app.details.gridName(index)).join("、") })}`;
        }
        card.append(el("p.wg-small", null, words));
      }
      if (points.length) card.append(el("h3", null, say("nearest")), this.rows(points));
      const { speed, detour } = app.data.facts;
      card.append(el("p.wg-small", null, say("walk_basis", { speed, detour }), " ", say("locate_note")));
      return card;
    }

    rows(points) {
      const { app } = this;
      return el(
        "ol.wg-rows", null,
        ...points.map(({ at, metres }) =>
          el(
            "li", null,
            el(
              "button.wg-row", { type: "button", on: { click: () => app.showPoint(at) } },
              app.signs.ofCategory(app.points.category[at], 28),
              el("span.wg-row-text", null, named(app.details.pointName(at)), el("small", null, app.say("walk", { minutes: this.minutes(metres) }))),
            ),
          ),
        ),
      );
    }
  }

  Object.assign(window.WanggeMap, { Position });
})();
