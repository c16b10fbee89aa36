// The live feed: server-sent events over fetch, so that the token travels in a header and never in an address.
// It comes back by itself from where it left; what was seen already is passed over.
import { token } from "../shell.js";

const LONGEST_WAIT = 15000;
const REMEMBERED = 5000;

/** Listen. `on(kind, data)` is called for each event once; `state(live)` when the connection comes or goes. */
export function listen(on, state) {
  const seen = new Set();
  let last = null;
  let wait = 1000;

  async function connect() {
    const headers = { Authorization: `Bearer ${token()}`, Accept: "text/event-stream" };
    if (last !== null) headers["Last-Event-ID"] = last;
    const answer = await fetch("/api/v1/feed", { headers, cache: "no-store" });
    if (!answer.ok) throw new Error(String(answer.status));
    state(true);
    wait = 1000;
    const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
    let rest = "";
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return;
      rest += value;
      const blocks = rest.split("\n\n");
      rest = blocks.pop();
      blocks.forEach(take);
    }
  }

  function take(block) {
    let kind = null;
    let data = "";
    for (const line of block.split("\n")) {
      if (line.startsWith("id: ")) last = line.slice(4);
      else if (line.startsWith("event: ")) kind = line.slice(7);
      else if (line.startsWith("data: ")) data += line.slice(6);
    }
    if (kind === null) return;
    const body = JSON.parse(data);
    if (body.event_id !== undefined) {
      if (seen.has(body.event_id)) return;
      seen.add(body.event_id);
      if (seen.size > REMEMBERED) seen.delete(seen.values().next().value);
    }
    on(kind, body);
  }

  (async () => {
    for (;;) {
      try {
        await connect();
      } catch {
        // Whatever broke it, the cure is the same: wait a little and come back with the last number.
      }
      state(false);
      await new Promise((done) => setTimeout(done, wait));
      wait = Math.min(wait * 2, LONGEST_WAIT);
    }
  })();
}
