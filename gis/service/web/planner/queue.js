// Acts go to the server one after another, each naming the version that it saw. The page has shown them
// already; the server confirms, or says what somebody else did meanwhile. While it cannot be reached they wait.

import { api } from "../shell.js";

const AWAY = new Set([0, 502, 503, 504]);
const AGAIN_MS = 3000;

export class Queue {
  constructor(model, { onState, onConflict, onError }) {
    this.model = model;
    this.waiting = [];
    this.busy = false;
    this.stopped = null;
    this.away = false;
    this.onState = onState;
    this.onConflict = onConflict;
    this.onError = onError;
  }

  get open() {
    return this.waiting.length + (this.busy ? 1 : 0);
  }

  // act: { path, method, body, form, undo, onError } — `undo` takes back what the page showed, if the server
  // refuses; `form` is an upload, which is not tried again.
  send(act) {
    return new Promise((done, fail) => {
      this.waiting.push({ ...act, done, fail });
      this.#next();
    });
  }

  // After a conflict: send what is waiting once more, on top of what the others did; or drop it.
  resume({ again }) {
    const act = this.stopped;
    this.stopped = null;
    if (act === null) return;
    if (again) this.waiting.unshift(act);
    else {
      for (const one of [act, ...this.waiting]) {
        one.undo?.();
        one.done(null);
      }
      this.waiting = [];
    }
    this.#next();
  }

  clear() {
    this.waiting = [];
    this.stopped = null;
    this.away = false;
  }

  #ask(act) {
    const { version } = this.model;
    const path = `/api/v1/plans/${this.model.plan.id}${act.path}`;
    if (!act.form) return api(path, { method: act.method ?? "POST", json: { ...act.body, version } });
    act.form.set("version", String(version));
    return api(path, { method: "POST", body: act.form });
  }

  async #next() {
    this.onState();
    if (this.busy || this.stopped !== null || this.away || this.waiting.length === 0) return;
    const act = this.waiting.shift();
    this.busy = true;
    this.onState();
    try {
      const outcome = await this.#ask(act);
      this.busy = false;
      act.done(outcome);
    } catch (error) {
      this.busy = false;
      if (AWAY.has(error.status) && !act.form) {
        this.away = true;
        this.waiting.unshift(act);
        setTimeout(() => {
          this.away = false;
          this.#next();
        }, AGAIN_MS);
      } else if (error.code === "conflict" && error.details?.version !== undefined) {
        this.stopped = act;
        this.onConflict(error, act);
      } else {
        act.undo?.();
        act.done(null);
        (act.onError ?? this.onError)(error);
      }
    }
    this.onState();
    this.#next();
  }
}
