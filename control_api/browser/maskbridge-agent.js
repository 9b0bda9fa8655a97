// Masked calls in a web page: an agent takes and makes calls, a supervisor joins one. No dependencies.
//
//   const agent = new MaskbridgeAgent({ url: "https://calls.example", token: fetchToken });
//   agent.on("call", (call) => call.answer());
//   await agent.connect();
//   const call = await agent.call("9123456789");
//   call.on("ended", (reason) => console.log(reason));
//
// Types and every event are described in maskbridge-agent.d.ts.

import { TwoWayAudio, grade } from "./maskbridge-media.js";
import { Emitter, EventStream, MaskbridgeError, Rest } from "./maskbridge-network.js";

export { MaskbridgeError, grade };

const CONNECT_MS = 20_000;
const RING_MS = 10_000;
const TOLD_MS = 2_000; // a page that came back is told at once what rings
const KEPT = "maskbridge-call"; // in sessionStorage: a call that a page loaded anew goes on with

/** A call of the agent's. States: ringing, connecting, connected, held, reconnecting, ended. */
export class AgentCall extends Emitter {
  #agent;
  #rest;
  #audio = null;
  #etag = "*";
  #held = false; // also while the network is gone
  #muted = false; // also where there is no audio yet, and when it begins anew

  constructor(agent, rest, told) {
    super();
    this.#agent = agent;
    this.#rest = rest;
    this.id = told.call_sid;
    this.maskedNumber = told.masked_number ?? "";
    this.direction = told.direction;
    this.reference = told.reference ?? null;
    this.state = "ringing";
    this.mediaId = told.media_id ?? null;
    this.endReason = null;
  }

  get muted() { return this.#muted; }
  get held() { return this.#held; }
  get #path() { return `/v1/agent/calls/${encodeURIComponent(this.id)}`; }

  /** Take the call in this page. Resolves once both can hear each other. */
  async answer({ microphone } = {}) {
    if (this.state !== "ringing") throw new MaskbridgeError("conflict", `The call is ${this.state}.`);
    this.#become("connecting");
    try {
      await this.#connect(microphone);
    } catch (error) {
      if (this.state !== "ended") {
        // Where no offer was taken, as without a microphone, it rings on for the service: it may be tried again, or declined,
        // unless the agent listens no more: nobody would say that it rings no longer.
        if (this.mediaId === null && this.#agent.listens && ![404, 409].includes(error.status)) this.#become("ringing");
        else this.end(error.status === 409 ? "answered_elsewhere" : "failed");
      }
      throw error;
    }
  }

  async decline() {
    await this.#rest.send("POST", `${this.#path}/decline`);
    this.end("declined");
  }

  async hangUp() {
    if (this.state === "ended") return;
    if (this.state === "ringing") return this.decline();
    const known = this.mediaId;
    try {
      // Where it still rings for the service, this browser's offer has not come there yet.
      if (!await this.#asked("DELETE", "media")) await this.#asked("POST", "decline");
    } catch (error) {
      // The token has ended: the service learns from the audio that nobody is there any more.
      if (error.status !== 401) throw error;
    }
    this.end("hung_up");
    if (this.mediaId !== known) await this.#asked("DELETE", "media"); // answered between the two
  }

  // Whether there was anything to end.
  async #asked(method, what) {
    try {
      await this.#rest.send(method, `${this.#path}/${what}`, { keepalive: true });
      return true;
    } catch (error) {
      if (error.status !== 404 && error.status !== 409) throw error;
      return false;
    }
  }

  mute(muted = true) {
    this.#muted = muted;
    this.#audio?.mute(muted);
    this.emit("muted", muted);
  }

  async hold() {
    await this.#rest.send("POST", `${this.#path}/hold`);
    this.#up(true);
  }

  async resume() {
    await this.#rest.send("POST", `${this.#path}/resume`);
    this.#up(false);
  }

  /** Press keys of 0-9, *, # and A-D. */
  async press(keys) {
    if (!/^[0-9*#A-D]{1,32}$/.test(keys)) throw new MaskbridgeError("invalid_request", "Keys are 1 to 32 of 0-9, *, # and A-D.");
    if (!this.#audio?.press(keys)) await this.#rest.send("POST", `${this.#path}/digits`, { json: { digits: keys } });
  }

  async useMicrophone(id) { await this.#audio?.useMicrophone(id); }
  async useSpeaker(id) { await this.#audio?.useSpeaker(id); }

  /** Find a way through the network anew, as after a dropped connection; happens by itself too. */
  async reconnect() { await this.#audio?.restart(); }

  // From the agent: what its event stream tells.
  heard(event, told) {
    if (event === "connected") {
      if (told.media_id !== this.mediaId) return this.end("answered_elsewhere");
      this.#up(told.held);
    } else if (event === "disconnected" && told.media_id === this.mediaId) this.#audio?.restart();
    else if (event === "ended") this.end(told.reason);
    else if (event === "stopped" && (this.state === "ringing" || told.media_id !== this.mediaId || told.reason !== "answered_elsewhere")) this.end(told.reason);
  }

  // From the agent: a page loaded anew goes on with its call.
  async rejoin() {
    this.#become("connecting");
    await this.#connect(this.#agent.microphone);
  }

  end(reason) {
    if (this.state === "ended") return;
    this.endReason = reason;
    this.#audio?.close();
    this.#become("ended");
    this.emit("ended", reason);
  }

  // The microphone is let go of, the call stays: another page may go on with it.
  abandon() { this.#audio?.close(); }

  async #connect(microphone) {
    this.#audio?.close();
    const audio = this.#audio = new TwoWayAudio(this, {
      microphone: microphone ?? this.#agent.microphone, speaker: this.#agent.speaker, processing: this.#agent.processing,
    });
    audio.mute(this.#muted);
    for (const event of ["levels", "quality", "blocked"]) audio.on(event, (facts) => this.emit(event, facts));
    let forget;
    const up = new Promise((done, fail) => {
      const timer = setTimeout(() => fail(new MaskbridgeError("no_connection", "No connection came about.")), CONNECT_MS);
      audio.on("state", (state) => {
        if (state === "connected") done();
        this.#audioIs(audio, state);
      });
      const off = this.on("ended", (reason) => fail(new MaskbridgeError("ended", `The call is over: ${reason}.`)));
      forget = () => { clearTimeout(timer); off(); };
    });
    up.catch(() => {}); // told below, unless the start fails
    try {
      await audio.start();
      await up;
    } catch (error) {
      audio.close();
      throw error;
    } finally {
      forget();
    }
  }

  #audioIs(audio, state) {
    if (audio !== this.#audio || this.state === "ended") return;
    if (state === "lost") this.#anew();
    else if (state === "reconnecting") this.#become("reconnecting");
    else this.#up(this.#held);
  }

  #up(held) {
    this.#held = held;
    this.#become(held ? "held" : "connected");
  }

  // The server knows the browser no more, or no way was found: once more from the beginning, while the call waits.
  async #anew() {
    try {
      await this.#connect(this.#audio.microphone);
    } catch {
      this.end("connection_lost");
    }
  }

  #become(state) {
    if (this.state === state || this.state === "ended") return;
    this.state = state;
    this.#agent.callIs(this);
    this.emit("state", state);
  }

  // For TwoWayAudio: servers, descriptions and candidates, as WHIP has them (RFC 9725).
  async servers() { return (await this.#rest.data("GET", "/v1/agent/me")).ice_servers; }

  async offer(sdp) {
    const query = new URLSearchParams({ page: this.#agent.pageId ?? "" });
    if (this.mediaId) query.set("media", this.mediaId);
    const reply = await this.#rest.send("POST", `${this.#path}/media?${query}`, { body: sdp, type: "application/sdp" });
    this.mediaId = reply.headers.get("X-Media-Id");
    this.#etag = reply.headers.get("ETag");
    if (this.state === "ended") this.#asked("DELETE", "media").catch(() => {}); // hung up meanwhile: nobody is in it
    else this.#agent.keep(this);
    return reply.text();
  }

  async restart(sdp) {
    const reply = await this.#rest.send("PATCH", `${this.#path}/media`, { body: sdp, type: "application/sdp", headers: { "If-Match": "*" } });
    this.#etag = reply.headers.get("ETag");
    return reply.text();
  }

  async trickle(fragment) {
    const headers = { "If-Match": this.#etag };
    await this.#rest.send("PATCH", `${this.#path}/media`, { body: fragment, type: "application/trickle-ice-sdpfrag", headers });
  }
}

/** An agent's place in a page. Events: "call" rings here, "placed" is one of `call()`, "resumed" one that a page loaded
 * anew goes on with; "state", "failure". */
export class MaskbridgeAgent extends Emitter {
  #rest;
  #stream = null;
  #connecting = null;
  #session = 0; // what was begun before it was closed knows so by it
  #calls = new Map();
  #placing = new Set(); // of calls that are being placed here, until the service has named them
  #expected = new Map();
  #unsure = new Set(); // calls that rang when the page came back, until they are told again
  #unsureTimer;
  #keeps;

  /** `token`: an agent's, or what gets one; or `csrfToken` with the session's cookie. `keepsCalls`: go on with a call after
   * the page was loaded anew. `processing`: whether the browser takes echo and noise out of what the microphone hears. */
  constructor({ url, token, csrfToken, microphone, speaker, processing = true, keepsCalls = true } = {}) {
    super();
    this.#rest = new Rest({ url, token, csrfToken });
    this.#keeps = keepsCalls;
    Object.assign(this, { microphone, speaker, processing, pageId: null, name: null, displayName: null, available: false, connected: false });
  }

  get calls() { return [...this.#calls.values()]; }
  get presence() { return this.calls.some((call) => call.state !== "ringing") ? "busy" : this.available ? "available" : "away"; }

  /** Begin to be rung. Resolves once calls can come. */
  connect() {
    this.#connecting ??= this.#open().catch((error) => {
      this.#connecting = null;
      throw error;
    });
    return this.#connecting;
  }

  async #open() {
    const session = ++this.#session;
    const closed = () => new MaskbridgeError("closed", "It was closed before calls could come.");
    const me = await this.#rest.data("GET", "/v1/agent/me");
    if (session !== this.#session) throw closed();
    Object.assign(this, { name: me.name, displayName: me.display_name, available: me.state === "available" });
    const stream = this.#stream = new EventStream(this.#rest, "/v1/agent/events", (event, told) => this.#hear(event, told));
    await new Promise((done, fail) => {
      const off = this.on("state", () => {
        if (session !== this.#session) { off(); fail(closed()); } else if (this.connected) { off(); done(); }
      });
      stream.run((error) => {
        const final = error.status >= 400 && error.status < 500 && ![408, 409, 429].includes(error.status);
        this.emit("failure", error);
        if (final) { fail(error); this.#listenNoMore(); }
        return final;
      });
    });
  }

  /** Listen no more; what is live is hung up unless `hangUp` is false. */
  close({ hangUp = true } = {}) {
    for (const call of this.calls) {
      if (hangUp && call.state !== "ringing") call.hangUp().catch(() => {});
      else call.abandon();
    }
    this.#stop();
  }

  // The service takes us no more, as after the token has ended: who is talking talks on.
  #listenNoMore() {
    for (const call of this.calls) if (call.state === "ringing") call.end("failed");
    this.#stop();
  }

  #stop() {
    this.#session++;
    this.#connecting = null;
    this.#stream?.close();
    this.#stream = null;
    clearTimeout(this.#unsureTimer);
    this.connected = false;
    this.#tell();
  }

  async setAvailable(available) {
    const { state } = await this.#rest.data("PUT", "/v1/agent/state", { json: { state: available ? "available" : "away" } });
    this.available = state === "available";
    this.#tell();
  }

  /** Call a number, or "agent:NAME". Resolves with the call once it is answered here; the other party rings then. */
  async call(number, { reference, maxDurationSec, ringTimeoutSec } = {}) {
    const body = { party_b: number, reference, max_duration_sec: maxDurationSec, ring_timeout_sec: ringTimeoutSec };
    const key = crypto.randomUUID();
    this.#placing.add(key);
    let placed;
    try {
      placed = await this.#rest.data("POST", "/v1/agent/calls", { json: body, headers: { "Idempotency-Key": key } });
    } finally {
      this.#placing.delete(key);
    }
    const call = this.#calls.get(placed.call_sid) ?? await this.#rung(placed.call_sid);
    this.emit("placed", call);
    try {
      await call.answer();
    } catch (error) {
      if (call.state === "ringing") await call.decline().catch(() => {}); // nobody would answer it
      throw error;
    }
    return call;
  }

  async devices() {
    const found = await navigator.mediaDevices.enumerateDevices();
    const of = (kind) => found.filter((one) => one.kind === kind).map(({ deviceId, label }) => ({ id: deviceId, label }));
    return { microphones: of("audioinput"), speakers: of("audiooutput") };
  }

  async useMicrophone(id) {
    this.microphone = id;
    for (const call of this.calls) await call.useMicrophone(id);
  }

  async useSpeaker(id) {
    this.speaker = id;
    for (const call of this.calls) await call.useSpeaker(id);
  }

  // From calls.
  get listens() { return this.#stream !== null; }

  callIs(call) {
    if (call.state === "ended") {
      this.#calls.delete(call.id);
      if (this.#kept()?.call_sid === call.id) this.#forget();
    }
    this.#tell();
  }

  keep(call) {
    if (!this.#keeps || !globalThis.sessionStorage) return;
    const { id, mediaId, maskedNumber, direction, reference } = call;
    const kept = { call_sid: id, media_id: mediaId, masked_number: maskedNumber, direction, reference };
    sessionStorage.setItem(KEPT, JSON.stringify(kept));
  }

  #kept() {
    if (!this.#keeps || !globalThis.sessionStorage) return null;
    try {
      return JSON.parse(sessionStorage.getItem(KEPT));
    } catch {
      return null;
    }
  }

  #forget() { sessionStorage.removeItem(KEPT); }

  #rung(callId) {
    return new Promise((done, fail) => {
      const timer = setTimeout(() => {
        this.#expected.delete(callId);
        fail(new MaskbridgeError("no_connection", "The call did not come to this page."));
      }, RING_MS);
      this.#expected.set(callId, (call) => { clearTimeout(timer); done(call); });
    });
  }

  #hear(event, told) {
    if (event === "page") {
      Object.assign(this, { pageId: told.page, connected: true });
      this.#tell();
      this.#doubt();
      this.#goOn();
    } else if (event === "lost") {
      this.connected = false;
      this.#tell();
    } else if (event === "state") {
      this.available = told.state === "available";
      this.#tell();
    } else if (event === "ringing") this.#ringing(told);
    else this.#calls.get(told.call_sid)?.heard(event, told);
  }

  // What rang may have ended while nothing was heard: what is not told again soon rings no longer.
  #doubt() {
    this.#unsure = new Set(this.calls.filter((call) => call.state === "ringing"));
    clearTimeout(this.#unsureTimer);
    if (this.#unsure.size) this.#unsureTimer = setTimeout(() => this.#endUnsure(), TOLD_MS);
  }

  #endUnsure() {
    for (const call of this.#unsure) if (call.state === "ringing") call.end("cancelled");
    this.#unsure.clear();
  }

  #ringing(told) {
    this.#unsure.delete(this.#calls.get(told.call_sid));
    if (this.#calls.has(told.call_sid)) return; // told again to a page that came back
    const call = new AgentCall(this, this.#rest, told);
    this.#calls.set(call.id, call);
    this.#tell();
    const expected = this.#expected.get(call.id);
    this.#expected.delete(call.id);
    if (expected) expected(call);
    else if (told.direction === "incoming" || !this.#placing.size) this.emit("call", call); // or it is our own, in a moment
  }

  async #goOn() {
    const kept = this.#kept();
    if (!kept || this.#calls.has(kept.call_sid)) return;
    const call = new AgentCall(this, this.#rest, kept);
    this.#calls.set(call.id, call);
    const rejoining = call.rejoin();
    this.emit("resumed", call);
    await rejoining.catch(() => call.end("connection_lost"));
  }

  #tell() { this.emit("state", { presence: this.presence, connected: this.connected, available: this.available }); }
}

/** A supervisor's seat in a live call: "listen", "whisper_a", "whisper_b" (to one party alone) or "barge" (to both). */
export class SupervisorCall extends Emitter {
  #rest;
  #path;
  #audio = null;
  #muted = false;
  #id = null;

  constructor({ url, token, csrfToken, microphone, speaker, processing = true } = {}, callSid) {
    super();
    this.#rest = new Rest({ url, token, csrfToken });
    this.#path = `/v1/masking/calls/${encodeURIComponent(callSid)}/supervisors`;
    Object.assign(this, { microphone, speaker, processing, mode: null, state: "out" });
  }

  async join(mode = "listen") {
    this.#audio?.close();
    this.#id = null;
    this.mode = mode;
    this.#become("connecting");
    const silent = mode === "listen";
    const audio = this.#audio = new TwoWayAudio(this, { microphone: this.microphone, speaker: this.speaker, processing: this.processing, silent });
    audio.mute(this.#muted);
    for (const event of ["levels", "quality", "blocked"]) audio.on(event, (facts) => this.emit(event, facts));
    audio.on("state", (state) => state === "lost" ? this.#out() : this.#become(state));
    try {
      await audio.start();
    } catch (error) {
      this.#out();
      throw error;
    }
  }

  /** Speak to somebody else. The microphone is asked for when it is first needed. */
  async change(mode) {
    if (mode !== "listen" && this.#audio.silent) {
      await this.#audio.useMicrophone(this.microphone);
      this.#audio.silent = false;
    }
    await this.#rest.send("PATCH", this.#own, { json: { mode } });
    this.mode = mode;
    this.emit("mode", mode);
  }

  async leave() {
    try {
      if (this.#id) await this.#rest.send("DELETE", this.#own, { keepalive: true });
    } catch (error) {
      if (![404, 409, 410].includes(error.status)) throw error;
    } finally {
      this.#out();
    }
  }

  mute(muted = true) {
    this.#muted = muted;
    this.#audio?.mute(muted);
  }

  get #own() { return `${this.#path}/${encodeURIComponent(this.#id)}`; }

  #out() {
    this.#audio?.close();
    this.#become("out");
  }

  #become(state) {
    if (this.state === state) return;
    this.state = state;
    this.emit("state", state);
  }

  // For TwoWayAudio.
  async servers() { return (await this.#rest.data("GET", `${this.#path}/ice-servers`)).ice_servers; }

  async offer(sdp) {
    const joined = await this.#rest.data("POST", this.#path, { json: { sdp, mode: this.mode } });
    this.#id = joined.supervisor_id;
    if (this.state === "out") this.#rest.send("DELETE", this.#own).catch(() => {}); // left meanwhile: the seat is empty
    return joined.sdp;
  }

  async restart(sdp) { return (await this.#rest.data("PATCH", this.#own, { json: { sdp } })).sdp; }
  async trickle(candidates) { await this.#rest.send("PATCH", this.#own, { json: { candidates } }); }
}
