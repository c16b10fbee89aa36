// Which state the map shows: the plan, what was before, or both beside each other.

const $ = (id) => document.getElementById(id);

export class Views {
  constructor({ model, layer, leave }) {
    Object.assign(this, { model, layer, leave });
    this.buttons = [...document.querySelectorAll("[data-view]")];
    this.slider = $("swipe").querySelector("input");
    for (const button of this.buttons) button.addEventListener("click", () => this.show(button.dataset.view));
    this.slider.addEventListener("input", () => {
      layer.swipe = Number(this.slider.value) / 1000;
      this.#line();
      layer.draw();
    });
  }

  show(kind) {
    this.leave();
    this.model.mode = kind === "before" ? "before" : "after";
    this.layer.swipe = kind === "swipe" ? Number(this.slider.value) / 1000 : null;
    $("swipe").hidden = kind !== "swipe";
    this.#line();
    for (const button of this.buttons) button.setAttribute("aria-pressed", String(button.dataset.view === kind));
    this.layer.draw();
  }

  #line() {
    const line = $("swipe-line");
    line.hidden = this.layer.swipe === null;
    line.style.left = `${(this.layer.swipe ?? 0) * 100}%`;
  }
}
