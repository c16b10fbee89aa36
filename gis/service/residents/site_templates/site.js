// Marks entries that have grown old since the site was published, and filters the grids. Nothing is sent.
"use strict";

(() => {
  const days = Number(document.body.dataset.verifiedWithin);
  const oldest = Date.now() - days * 86400000;
  for (const time of document.querySelectorAll("time[data-checked]")) {
    if (Date.parse(time.dateTime) < oldest) {
      const mark = time.parentElement.querySelector(".stale");
      if (mark) mark.hidden = false;
    }
  }

  const form = document.querySelector(".find");
  if (!form) return;
  form.hidden = false;
  const field = form.querySelector("input");
  const none = document.getElementById("find-none");
  const grids = [...document.querySelectorAll(".grid")].map((card) => [card, card.dataset.find.toLowerCase()]);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const seen = grids.filter(([card]) => !card.hidden);
    if (seen.length === 1) seen[0][0].querySelector("a").click();
  });
  field.addEventListener("input", () => {
    const words = field.value.toLowerCase().split(/\s+/).filter(Boolean);
    let found = 0;
    for (const [card, text] of grids) {
      card.hidden = !words.every((word) => text.includes(word));
      if (!card.hidden) found += 1;
    }
    none.hidden = found > 0;
    for (const section of document.querySelectorAll(".grid-section")) {
      section.hidden = !section.querySelector(".grid:not([hidden])");
    }
  });
})();
