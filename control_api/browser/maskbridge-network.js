// What maskbridge-agent.js asks the service and is told by it.

const SILENT_MS = 40_000; // the event stream says something every 15 s
const BACK_OFF_MS = [500, 1_000, 2_000, 4_000, 8_000, 15_000];

/** What went wrong. `code` is the API's, or "microphone_refused", "no_connection", "not_supported". */
export class MaskbridgeError extends Error {
  constructor(code, message, status = 0) {
    super(message);
    this.name = "MaskbridgeError";
    this.code = code;
    this.status = status;
  }
}

export class Emitter {
  #heard = new Map();

  /** Call `listener` with what each event brings; returns what takes it off again. */
  on(event, listener) {
    if (!this.#heard.has(event)) this.#heard.set(event, new Set());
    this.#heard.get(event).add(listener);
    return () => this.off(event, listener);
  }

  off(event, listener) {
    this.#heard.get(event)?.delete(listener);
  }

  emit(event, ...facts) {
    for (const listener of [...(this.#heard.get(event) ?? [])]) {
      try {
        listener(...facts);
      } catch (mistake) {
        setTimeout(() => { throw mistake; }); // the page's own: told in its console, and no call suffers
      }
    }
  }
}

export const pause = (ms, signal) => new Promise((done) => {
  const timer = setTimeout(done, ms);
  signal?.addEventListener("abort", () => { clearTimeout(timer); done(); }, { once: true });
});
export const backOff = (attempt) => BACK_OFF_MS[Math.min(attempt, BACK_OFF_MS.length - 1)] * (0.75 + Math.random() / 2);

export class Rest {
  #token;
  #given;

  constructor({ url = globalThis.location?.origin, token, csrfToken }) {
    this.url = String(url).replace(/\/+$/, "");
    this.csrfToken = csrfToken;
    this.#given = token;
  }

  async send(method, path, { json, body, type, headers = {}, signal, keepalive } = {}) {
    let reply = await this.#fetch(method, path, { json, body, type, headers, signal, keepalive }, false);
    if (reply.status === 401 && typeof this.#given === "function") {
      reply = await this.#fetch(method, path, { json, body, type, headers, signal, keepalive }, true);
    }
    if (reply.ok) return reply;
    const said = await reply.json().catch(() => ({}));
    const { code = "internal_error", message = `HTTP ${reply.status}` } = said.error ?? {};
    throw new MaskbridgeError(code, message, reply.status);
  }

  async data(method, path, options) {
    return (await (await this.send(method, path, options)).json()).data;
  }

  async #fetch(method, path, { json, body, type, headers, signal, keepalive }, anew) {
    const sent = new Headers(headers);
    if (this.#given !== undefined) {
      if (anew || this.#token === undefined) this.#token = await (typeof this.#given === "function" ? this.#given() : this.#given);
      sent.set("Authorization", `Bearer ${this.#token}`);
    } else if (this.csrfToken) sent.set("X-CSRF-Token", this.csrfToken);
    if (json !== undefined) sent.set("Content-Type", "application/json");
    else if (type) sent.set("Content-Type", type);
    const content = json === undefined ? body : JSON.stringify(json);
    const credentials = this.#given === undefined ? "same-origin" : "omit";
    try {
      return await fetch(this.url + path, { method, headers: sent, body: content, signal, keepalive, credentials, cache: "no-store" });
    } catch (error) {
      if (signal?.aborted) throw error;
      throw new MaskbridgeError("no_connection", `The service cannot be reached: ${error.message}`);
    }
  }
}

// What the server tells, over a stream that comes back by itself until it is closed.
export class EventStream {
  #ending = new AbortController();
  #turn = new AbortController();

  constructor(rest, path, hear) {
    Object.assign(this, { rest, path, hear, attempt: 0 });
    this.onOnline = () => this.again();
    globalThis.addEventListener?.("online", this.onOnline);
  }

  close() {
    globalThis.removeEventListener?.("online", this.onOnline);
    this.#ending.abort();
    this.#turn.abort();
  }

  // Do not wait any longer: the network is there again.
  again() {
    this.attempt = 0;
    this.#turn.abort();
  }

  async run(onFailure) {
    while (!this.#ending.signal.aborted) {
      this.#turn = new AbortController();
      try {
        await this.#listen();
      } catch (error) {
        const known = this.#ending.signal.aborted || this.#turn.signal.aborted; // we broke it off
        if (!known && onFailure(error)) return;
      }
      if (this.#ending.signal.aborted) return;
      this.hear("lost", {});
      if (!this.#turn.signal.aborted) await pause(backOff(this.attempt++), this.#turn.signal);
    }
  }

  async #listen() {
    const turn = this.#turn;
    let timer = setTimeout(() => turn.abort(), SILENT_MS);
    try {
      const reply = await this.rest.send("GET", this.path, { headers: { Accept: "text/event-stream" }, signal: turn.signal });
      const reader = reply.body.pipeThrough(new TextDecoderStream()).getReader();
      let text = "";
      for (;;) {
        const { done, value } = await reader.read();
        if (done) return;
        clearTimeout(timer);
        timer = setTimeout(() => turn.abort(), SILENT_MS);
        const frames = (text + value).split("\n\n");
        text = frames.pop();
        for (const frame of frames) this.#take(frame);
      }
    } finally {
      clearTimeout(timer);
    }
  }

  #take(frame) {
    const fields = new Map(frame.split("\n").map((line) => line.split(/: ?(.*)/s, 2)));
    if (!fields.has("event")) return;
    this.attempt = 0;
    this.hear(fields.get("event"), JSON.parse(fields.get("data") ?? "{}"));
  }
}
