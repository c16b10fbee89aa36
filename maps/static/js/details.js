// What is told about a service point, a grid or a compound: in the list and in the map's pop-ups alike.
(function () {
  "use strict";

  const { el, named, phoneLink, dayOf, today } = window.WanggeMap;

  class Details {
    constructor(app) {
      this.app = app;
    }

    pointName(at) {
      return this.app.points.name[at] || this.app.say("name_missing");
    }

    gridName(index) {
      const { name, code } = this.app.data.grids;
      return name[index] || code[index];
    }

    phones(at) {
      const numbers = this.app.points.phones[at].split(";").filter(Boolean);
      if (!numbers.length) return el("span.wg-none", null, this.app.say("no_phone"));
      return el("span.wg-phones", null, ...numbers.map((number) => phoneLink(number, this.app.say("call", { number }))));
    }

    verified(at) {
      const days = this.app.points.verified[at];
      if (days === null) return el("span.wg-stale", null, this.app.say("unverified"));
      const date = this.app.say("verified", { date: dayOf(days) });
      if (today() - days <= this.app.data.facts.verified_within_days) return el("span.wg-checked", null, date);
      return el("span.wg-stale", null, `${date} · ${this.app.say("stale")}`);
    }

    // The facts of a service point, as pairs; those that nobody gave are left out.
    pointFacts(at) {
      const { points } = this.app;
      const say = (key) => this.app.say(key);
      const pairs = [];
      if (points.address[at]) pairs.push([say("address"), named(points.address[at])]);
      pairs.push([say("phone"), this.phones(at)]);
      if (points.hours[at]) pairs.push([say("hours"), named(points.hours[at])]);
      if (points.access[at] !== "-") {
        pairs.push([say("access"), say(points.access[at] === "1" ? "access_yes" : "access_no")]);
      }
      if (this.app.data.grids.code.length) {
        const grid = points.grid[at];
        pairs.push([say("grid"), grid >= 0 ? named(this.gridName(grid)) : say("in_no_grid")]);
      }
      return pairs;
    }

    list(pairs) {
      return el("dl.wg-facts", null, ...pairs.flatMap(([key, value]) => [el("dt", null, key), el("dd", null, value)]));
    }

    head(sign, kind, name) {
      return el("div.wg-card-head", null, sign, el("div", null, el("p.wg-kind", null, kind), el("h3", null, named(name))));
    }

    ofPoint(at) {
      const category = this.app.points.category[at];
      const kind = this.app.texts.named(this.app.data.categories[category].names);
      const head = this.head(this.app.signs.ofCategory(category, 34), kind, this.pointName(at));
      return el("div.wg-card", null, head, this.list(this.pointFacts(at)), el("p.wg-when", null, this.verified(at)), this.wrong(at));
    }

    // A way to say that an entry is wrong, where the service is there to hear it.
    wrong(at) {
      const code = this.app.points.code[at];
      if (!code) return null;
      return el("a.wg-wrong", { href: `/wrong/${encodeURIComponent(code)}` }, this.app.say("wrong"));
    }

    staff(index) {
      const people = this.app.data.grids.staff[index];
      const rows = people.map(([role, person, phone]) =>
        el(
          "li", null,
          el("span.wg-role", null, this.app.say(`staff_role.${role}`)), " ", named(person), " ",
          phoneLink(phone, this.app.say("call", { number: phone })),
        ),
      );
      if (!people.some(([role]) => role === "full_time")) rows.push(el("li.wg-none", null, this.app.say("no_worker")));
      return el("ul.wg-staff", null, ...rows);
    }

    ofGrid(index) {
      const { data } = this.app;
      const theme = data.grids.theme[index];
      const sign = theme >= 0 ? this.app.signs.ofTheme(data.themes[theme]) : null;
      const pairs = [[this.app.say("grid_code"), data.grids.code[index]]];
      if (theme >= 0) pairs.push([this.app.say("serves"), named(this.app.texts.named(data.themes[theme].names))]);
      const kind = this.app.say(`grid_type.${["basic", "exclusive", "micro"][data.grids.type[index]]}`);
      return el("div.wg-card", null, this.head(sign, kind, this.gridName(index)), this.staff(index), this.list(pairs));
    }

    ofCompound(index) {
      const { name, kind, also } = this.app.data.compounds;
      const told = kind[index] ? this.app.say(`compound_kind.${kind[index]}`) : this.app.say("compound");
      const head = this.head(null, told, name[index] || this.app.say("name_missing"));
      return el("div.wg-card", null, head, el("p.wg-small", null, named(also[index])));
    }

    // Several points on one spot: a list to choose from.
    ofMany(ids, choose) {
      const rows = ids.slice(0, 60).map((at) =>
        el(
          "li", null,
          el(
            "button.wg-row", { type: "button", on: { click: () => choose(at) } },
            this.app.signs.ofCategory(this.app.points.category[at], 24), named(this.pointName(at)),
          ),
        ),
      );
      const head = el("h3", null, this.app.say("here_are", { count: ids.length }));
      return el("div.wg-card", null, head, el("ul.wg-rows", null, ...rows));
    }
  }

  Object.assign(window.WanggeMap, { Details });
})();
