// The payload of the page (maps/payload.py), its texts in two languages, and a way to build elements.
// Nothing here or in the other scripts makes HTML out of text: elements are made one by one, and text goes in
// as text.
(function () {
  "use strict";

  const STATE_KEY = "wangge-map";

  function keep() {
    try {
      return JSON.parse(window.localStorage.getItem(STATE_KEY)) || {};
    } catch {
      return {}; // A page from disk or a private window may have no storage; it then forgets.
    }
  }

  function remember(change) {
    try {
      window.localStorage.setItem(STATE_KEY, JSON.stringify({ ...keep(), ...change }));
    } catch {
      // As above.
    }
  }

  // The visitor's own choice: on the service it holds for every page, in a file for this map.
  function rememberLanguage(language, served) {
    if (served) document.cookie = `lang=${language}; path=/; max-age=31536000; samesite=strict`;
    else remember({ language });
    const address = new URL(window.location.href);
    if (!address.searchParams.has("lang")) return;
    address.searchParams.set("lang", language);
    try {
      window.history.replaceState(null, "", address);
    } catch {
      // A page from disk may not change its address; opened again, the address says what it said before.
    }
  }

  // Make an element: el("a.button", {href: …, on: {click}}, "text", child, …).
  function el(name, options, ...children) {
    const [tag, ...classes] = name.split(".");
    const made = document.createElement(tag);
    if (classes.length) made.className = classes.join(" ");
    for (const [key, value] of Object.entries(options || {})) {
      if (key === "on") for (const [event, act] of Object.entries(value)) made.addEventListener(event, act);
      else if (value === true) made.setAttribute(key, "");
      else if (value !== null && value !== undefined && value !== false) made.setAttribute(key, value);
    }
    made.append(...children.filter((child) => child !== null && child !== undefined && child !== ""));
    return made;
  }

  // A name that people gave: its direction is its own and must not turn the words around it.
  function named(text, tag) {
    return el(tag || "bdi", { dir: "auto" }, text);
  }

  const TEL = /[^0-9+*#,-]/g;

  function phoneLink(number, label) {
    const digits = number.replace(TEL, "");
    if (!digits) return el("span", null, number);
    return el("a.wg-tel", { href: `tel:${digits}`, "aria-label": label }, number);
  }

  class Texts {
    constructor(tables, language) {
      this.tables = tables;
      this.language = language;
    }

    say(key, values) {
      const found = this.tables[this.language][key];
      if (found === undefined) return key;
      return values ? found.replace(/\{(\w+)\}/g, (all, name) => String(values[name] ?? all)) : found;
    }

    named(names) {
      return names[this.language] || names.zh;
    }
  }

  // Columns of texts, letters and days, as maps/packing.py writes them.
  function choices(letters) {
    return Uint16Array.from(letters || "", (letter) => {
      const code = letter.charCodeAt(0);
      return code < 256 ? code - 65 : code - 256;
    });
  }

  function column(packed) {
    if (packed === undefined) return [];
    const texts = packed.t.split("\n").map((text) => packed.p + text);
    return packed.i ? Array.from(choices(packed.i), (index) => texts[index]) : texts;
  }

  function days(packed) {
    return packed ? Array.from(choices(packed.ago), (ago) => (ago ? packed.last - ago + 1 : null)) : [];
  }

  function sums(differences) {
    const found = new Int32Array(differences.length);
    let sum = 0;
    for (let at = 0; at < differences.length; at += 1) found[at] = sum += differences[at];
    return found;
  }

  const DAY = 86400000;
  const EPOCH = Date.UTC(2000, 0, 1);

  function dayOf(days) {
    return new Date(EPOCH + days * DAY).toISOString().slice(0, 10);
  }

  function today() {
    return Math.floor((Date.now() - EPOCH) / DAY);
  }

  window.WanggeMap = { el, named, phoneLink, Texts, column, choices, days, sums, dayOf, today, keep, remember, rememberLanguage };
})();
