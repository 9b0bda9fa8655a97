// What goes wrong between two events, with a browser and a service that do what the test says, when it says it.

import assert from "node:assert/strict";
import { afterEach, beforeEach, mock, test } from "node:test";

import { MaskbridgeAgent, SupervisorCall, grade } from "./maskbridge-agent.js";

const SID = "call-1";
const RINGING = { call_sid: SID, masked_number: "917969002802", direction: "incoming", reference: null };
const settled = async () => { for (let turn = 0; turn < 10; turn++) await new Promise(setImmediate); };

class Track {
  enabled = true;
  live = true;
  stop() { this.live = false; }
}

class Stream {
  tracks = [new Track()];
  getTracks() { return this.tracks; }
  getAudioTracks() { return this.tracks; }
}

class Peer extends EventTarget {
  static last = null;
  signalingState = "stable";
  connectionState = "new";
  iceGatheringState = "gathering";
  localDescription = null;
  remoteDescription = null;
  sender = { replaceTrack: async () => {} };
  constructor() { super(); Peer.last = this; }
  addTransceiver() { return { sender: this.sender }; }
  async createOffer() { return { type: "offer", sdp: "v=0\r\na=ice-ufrag:u\r\na=ice-pwd:p\r\n" }; }
  async setLocalDescription(description) { this.localDescription = description; }
  async setRemoteDescription(description) { this.remoteDescription = description; }
  getConfiguration() { return {}; }
  setConfiguration() {}
  async getStats() { return new Map(); }
  close() { this.connectionState = "closed"; }
  gathered() { this.iceGatheringState = "complete"; this.dispatchEvent(new Event("icegatheringstatechange")); }
  connected() {
    this.connectionState = "connected";
    this.onconnectionstatechange?.();
    this.dispatchEvent(new Event("connectionstatechange"));
  }
}

// Answers each request as `replies` has it, in the order in which they came; a reply may be a promise.
class Service {
  asked = [];
  replies = {};
  streams = [];
  refusing = false; // everything, as of a token that has ended

  fetch = async (url, { method, signal }) => {
    const request = `${method} ${new URL(url).pathname}`;
    this.asked.push(request);
    if (this.refusing) return Response.json({ error: { code: "unauthorized", message: "It has ended." } }, { status: 401 });
    if (request === "GET /v1/agent/events") return this.#listen(signal);
    const reply = await this.replies[request];
    if (reply === undefined) return new Response(null, { status: 204 });
    return typeof reply === "number" ? Response.json({ error: { code: "x", message: "x" } }, { status: reply }) : reply();
  };

  count(request) { return this.asked.filter((one) => one === request).length; }

  tell(event, data) { this.streams.at(-1).enqueue(new TextEncoder().encode(`event: ${event}\ndata: ${JSON.stringify(data)}\n\n`)); }

  #listen(signal) {
    const body = new ReadableStream({
      start: (controller) => {
        this.streams.push(controller);
        signal.addEventListener("abort", () => { try { controller.error(new Error("aborted")); } catch { /* it is closed */ } });
      },
    });
    return new Response(body);
  }
}

const data = (facts) => () => Response.json({ data: facts });
let service, microphone;

beforeEach(() => {
  mock.timers.enable({ apis: ["setTimeout", "setInterval"] });
  service = new Service();
  service.replies["GET /v1/agent/me"] = data({ name: "asha", display_name: "Asha", state: "available", ice_servers: [] });
  microphone = { streams: [], opens: async () => {} };
  const getUserMedia = async () => {
    await microphone.opens();
    microphone.streams.push(new Stream());
    return microphone.streams.at(-1);
  };
  Object.defineProperty(globalThis, "navigator", { value: { mediaDevices: { getUserMedia } }, configurable: true, writable: true });
  Object.assign(globalThis, { fetch: service.fetch, RTCPeerConnection: Peer, RTCRtpReceiver: {}, Audio: class {} });
  globalThis.AudioContext = class {
    static open = 0;
    constructor() { AudioContext.open += 1; }
    createMediaStreamDestination() { return { stream: new Stream() }; }
    createMediaStreamSource() { return { connect() {} }; }
    async close() { AudioContext.open -= 1; }
  };
});

afterEach(() => { mock.timers.reset(); mock.restoreAll(); });

async function atDesk() {
  const agent = new MaskbridgeAgent({ url: "https://calls.example", token: "t" });
  const rung = [];
  agent.on("call", (call) => rung.push(call));
  const connecting = agent.connect();
  await settled();
  service.tell("page", { page: "p1" });
  await connecting;
  return { agent, rung };
}

async function ringing() {
  const desk = await atDesk();
  service.tell("ringing", RINGING);
  await settled();
  return { ...desk, call: desk.rung[0] };
}

const MEDIA = `/v1/agent/calls/${SID}/media`;
const answered = () => new Response("v=0\r\n", { status: 201, headers: { "X-Media-Id": "m1", ETag: '"m1-1"' } });

// Answer, and have ICE and DTLS stand.
async function connect(call) {
  service.replies[`POST ${MEDIA}`] = answered;
  const answering = call.answer();
  await settled();
  Peer.last.gathered();
  await settled();
  Peer.last.connected();
  await answering;
}

test("a call that is hung up before its browser has offered anything is declined, and never answered", async () => {
  const { agent, call } = await ringing();
  service.replies[`DELETE ${MEDIA}`] = 404;
  const answering = assert.rejects(call.answer());
  await settled();
  await call.hangUp();
  Peer.last.gathered();
  await settled();
  await answering;
  assert.equal(service.count(`POST ${MEDIA}`), 0);
  assert.equal(service.count(`POST /v1/agent/calls/${SID}/decline`), 1);
  assert.equal(call.endReason, "hung_up");
  agent.close();
});

test("a call that is hung up while the service answers its offer does not stay there with nobody in it", async () => {
  const { agent, call } = await ringing();
  let reply;
  service.replies[`POST ${MEDIA}`] = new Promise((done) => { reply = () => done(answered); });
  service.replies[`DELETE ${MEDIA}`] = 404;
  service.replies[`POST /v1/agent/calls/${SID}/decline`] = 409;
  const answering = assert.rejects(call.answer());
  await settled();
  Peer.last.gathered();
  await settled();
  await call.hangUp();
  delete service.replies[`DELETE ${MEDIA}`];
  reply();
  await settled();
  await answering;
  assert.equal(service.count(`DELETE ${MEDIA}`), 2);
  agent.close();
});

test("a microphone that is given after the end of the call is let go of", async () => {
  const { agent, call } = await ringing();
  await connect(call);
  let allow;
  microphone.opens = () => new Promise((done) => { allow = done; });
  const choosing = call.useMicrophone("other");
  service.tell("ended", { call_sid: SID, reason: "other_party" });
  await settled();
  allow();
  await choosing;
  assert.deepEqual(microphone.streams.map((one) => one.tracks[0].live), [false, false]);
  agent.close();
});

test("a call whose end was told while the page was away rings no longer", async () => {
  const { agent, call } = await ringing();
  service.streams.at(-1).close();
  await settled();
  mock.timers.tick(1_000);
  await settled();
  service.tell("page", { page: "p2" });
  await settled();
  mock.timers.tick(5_000);
  assert.equal(call.state, "ended");
  assert.deepEqual(agent.calls, []);
  agent.close();
});

test("a call that still rings when the page is back goes on to ring", async () => {
  const { agent, rung, call } = await ringing();
  service.streams.at(-1).close();
  await settled();
  mock.timers.tick(1_000);
  await settled();
  service.tell("page", { page: "p2" });
  service.tell("ringing", RINGING);
  await settled();
  mock.timers.tick(5_000);
  assert.equal(call.state, "ringing");
  assert.deepEqual(rung, [call]);
  agent.close();
});

test("a supervisor who leaves while the service gives the seat does not stay in it", async () => {
  const path = `/v1/masking/calls/${SID}/supervisors`;
  let seat;
  service.replies[`GET ${path}/ice-servers`] = data({ ice_servers: [] });
  service.replies[`POST ${path}`] = new Promise((done) => { seat = () => done(data({ supervisor_id: "s1", sdp: "v=0\r\n" })); });
  const call = new SupervisorCall({ url: "https://calls.example", token: "t" }, SID);
  const joining = call.join();
  await settled();
  Peer.last.gathered();
  await settled();
  await call.leave();
  seat();
  await joining.catch(() => {});
  await settled();
  assert.equal(service.count(`DELETE ${path}/s1`), 1);
  assert.equal(AudioContext.open, 0);
});

test("two connects are one, and one that is closed meanwhile is refused", async () => {
  const agent = new MaskbridgeAgent({ url: "https://calls.example", token: "t" });
  const both = [agent.connect(), agent.connect()];
  await settled();
  service.tell("page", { page: "p1" });
  await Promise.all(both);
  assert.equal(service.count("GET /v1/agent/events"), 1);
  agent.close();
  const early = agent.connect();
  agent.close();
  await assert.rejects(early, { code: "closed" });
  const late = agent.connect();
  await settled();
  agent.close();
  await assert.rejects(late, { code: "closed" });
  const again = agent.connect();
  await settled();
  service.tell("page", { page: "p2" });
  await again;
  assert.equal(agent.connected, true);
});

test("a call that is held is so after its network was gone", async () => {
  const { rung } = await atDesk();
  service.tell("ringing", RINGING);
  await settled();
  const [call] = rung;
  service.replies[`POST /v1/agent/calls/${SID}/media`] = () => new Response("v=0", { status: 201, headers: { "X-Media-Id": "m", ETag: "e" } });
  const answering = call.answer();
  await settled();
  Peer.last.gathered();
  await settled();
  Peer.last.connected();
  await answering;
  await call.hold();
  Peer.last.connectionState = "disconnected";
  Peer.last.onconnectionstatechange();
  assert.deepEqual([call.state, call.held], ["reconnecting", true]);
  Peer.last.connected();
  assert.deepEqual([call.state, call.held], ["held", true]);
  await call.resume();
  assert.deepEqual([call.state, call.held], ["connected", false]);
});

test("who is muted stays so, before there is audio and when it begins anew", async () => {
  const { call } = await ringing();
  const heard = () => microphone.streams.at(-1).tracks[0].enabled;
  call.mute();
  assert.equal(call.muted, true);
  await connect(call);
  assert.deepEqual([call.muted, heard()], [true, false]);
  call.mute(false);
  assert.equal(heard(), true);
  call.mute();

  service.replies[`PATCH ${MEDIA}`] = 404; // the service knows the browser no more
  Peer.last.connectionState = "failed";
  Peer.last.onconnectionstatechange();
  await settled();
  Peer.last.gathered();
  await settled();
  Peer.last.connected();
  await settled();
  assert.deepEqual([microphone.streams.length, call.state], [2, "connected"]);
  assert.deepEqual([call.muted, heard()], [true, false]);
});

test("a call whose offer the service cannot take now rings on, and one of one's own is given up", async () => {
  const { agent, call } = await ringing();
  service.replies[`POST ${MEDIA}`] = 503;
  const answering = call.answer();
  await settled();
  Peer.last.gathered();
  await assert.rejects(answering, { status: 503 });
  assert.equal(call.state, "ringing");
  await connect(call);
  assert.equal(call.state, "connected");
  await call.hangUp();

  service.replies["GET /v1/agent/me"] = 503;
  service.replies["POST /v1/agent/calls"] = data({ call_sid: "call-2" });
  const calling = agent.call("9876543210");
  await settled();
  service.tell("ringing", { ...RINGING, call_sid: "call-2", direction: "outgoing" });
  await assert.rejects(calling, { status: 503 });
  assert.equal(service.count("POST /v1/agent/calls/call-2/decline"), 1);
});

test("a supervisor who is muted stays so in another seat", async () => {
  const path = `/v1/masking/calls/${SID}/supervisors`;
  service.replies[`GET ${path}/ice-servers`] = data({ ice_servers: [] });
  service.replies[`POST ${path}`] = data({ supervisor_id: "s1", sdp: "v=0\r\n" });
  const call = new SupervisorCall({ url: "https://calls.example", token: "t" }, SID);
  call.mute();
  const joining = call.join("barge");
  await settled();
  Peer.last.gathered();
  await joining;
  assert.equal(microphone.streams.at(-1).tracks[0].enabled, false);
});

test("a token that ends during a call ends no more than what is asked with it", async () => {
  const { agent, call } = await ringing();
  const failures = [];
  agent.on("failure", (error) => failures.push(error.status));
  await connect(call);
  service.tell("ringing", { ...RINGING, call_sid: "call-2" });
  await settled();
  service.refusing = true;
  service.streams.at(-1).close();
  await settled();
  mock.timers.tick(1_000);
  await settled();
  assert.deepEqual([failures, agent.connected, call.state], [[401], false, "connected"]);
  assert.deepEqual(microphone.streams.map((one) => one.tracks[0].live), [true]);
  assert.deepEqual(agent.calls, [call]);
  await assert.rejects(call.hold(), { status: 401 });
  assert.equal(call.state, "connected");
  await call.hangUp();
  assert.deepEqual([call.endReason, Peer.last.connectionState], ["hung_up", "closed"]);
});

test("a call that is being answered as the token ends does not ring on where nothing is heard of it any more", async () => {
  const refused = { microphone_refused: false, unauthorized: true };
  for (const [code, allowed] of Object.entries(refused)) {
    service.refusing = false;
    const { agent, call } = await ringing();
    let answer;
    microphone.opens = () => new Promise((done, fail) => { answer = allowed ? done : () => fail(new Error("denied")); });
    const refusal = assert.rejects(call.answer(), { code });
    await settled();
    service.refusing = true;
    service.streams.at(-1).close();
    await settled();
    mock.timers.tick(1_000);
    await settled();
    assert.deepEqual([agent.connected, call.state], [false, "connecting"]);
    answer();
    await settled();
    if (allowed) Peer.last.gathered();
    await refusal;
    assert.deepEqual([call.state, call.endReason, agent.calls], ["ended", "failed", []]);
  }
});

test("a call of one's own is given up where there is no microphone for it, and one that rings rings on", async () => {
  const { agent, call: rings } = await ringing();
  microphone.opens = async () => { throw new Error("denied"); };
  await assert.rejects(rings.answer(), { code: "microphone_refused" });
  service.replies["POST /v1/agent/calls"] = data({ call_sid: "call-2" });
  const calling = agent.call("9123456789");
  await settled();
  service.tell("ringing", { ...RINGING, call_sid: "call-2", direction: "outgoing" });
  await assert.rejects(calling, { code: "microphone_refused" });
  assert.equal(service.count("POST /v1/agent/calls/call-2/decline"), 1);
  assert.deepEqual([agent.calls, rings.state], [[rings], "ringing"]);
  agent.close();
});

test("a token that has ended is got anew where there is somebody to ask", async () => {
  const given = ["at_1", "at_2"];
  const agent = new MaskbridgeAgent({ url: "https://calls.example", token: async () => given.shift() });
  const me = service.replies["GET /v1/agent/me"];
  service.replies["GET /v1/agent/me"] = () => {
    service.replies["GET /v1/agent/me"] = me;
    return Response.json({ error: { code: "unauthorized", message: "It has ended." } }, { status: 401 });
  };
  const connecting = agent.connect();
  await settled();
  service.tell("page", { page: "p1" });
  await connecting;
  assert.deepEqual([agent.connected, given, service.count("GET /v1/agent/me")], [true, [], 2]);
  agent.close();
});

test("a supervisor whose network never went is in the call again after a restart", async () => {
  service.replies[`GET /v1/masking/calls/${SID}/supervisors/ice-servers`] = data({ ice_servers: [] });
  service.replies[`POST /v1/masking/calls/${SID}/supervisors`] = data({ supervisor_id: "s", sdp: "v=0" });
  service.replies[`PATCH /v1/masking/calls/${SID}/supervisors/s`] = data({ sdp: "v=0" });
  const online = new EventTarget();
  globalThis.addEventListener = (...what) => online.addEventListener(...what);
  globalThis.removeEventListener = (...what) => online.removeEventListener(...what);
  const seat = new SupervisorCall({ url: "https://calls.example", token: "t" }, SID);
  const states = [];
  seat.on("state", (state) => states.push(state));
  const joining = seat.join();
  await settled();
  Peer.last.gathered();
  await joining;
  Peer.last.connected();
  online.dispatchEvent(new Event("online"));
  await settled();
  assert.deepEqual(states, ["connecting", "connected", "reconnecting", "connected"]);
  await seat.leave();
  delete globalThis.addEventListener;
  delete globalThis.removeEventListener;
});

test("candidates that are found while a restart is answered are told after it, of the ICE session that they are of", async () => {
  const { agent, call } = await ringing();
  await connect(call);
  const matched = [];
  const { fetch } = globalThis;
  globalThis.fetch = (url, options) => {
    if (options.method === "PATCH") matched.push(options.headers.get("If-Match"));
    return fetch(url, options);
  };
  let restarted;
  service.replies[`PATCH ${MEDIA}`] = new Promise((done) => { restarted = done; });
  call.reconnect();
  await settled();
  assert.deepEqual(matched, ["*"]);
  Peer.last.onicecandidate({ candidate: { candidate: "candidate:1 1 udp 1 192.0.2.1 4000 typ relay", sdpMid: "0" } });
  mock.timers.tick(1_000);
  await settled();
  assert.deepEqual(matched, ["*"], "the service knows nothing of that ICE session yet");
  restarted(() => new Response("v=0\r\n", { status: 200, headers: { "X-Media-Id": "m1", ETag: '"m1-2"' } }));
  await settled();
  assert.deepEqual(matched, ["*", '"m1-2"']);
  agent.close({ hangUp: false });
});

test("a microphone whose level the statistics do not tell is measured, and only while there is a call", async () => {
  globalThis.AnalyserNode = class { fftSize = 4; getFloatTimeDomainData(samples) { samples.set([0.1, -0.5, 0.2, 0]); } };
  const { agent, call } = await ringing();
  await connect(call);
  const heard = [];
  call.on("levels", ({ microphone }) => heard.push(microphone));
  const look = async (source) => {
    Peer.last.getStats = async () => new Map([["s", { type: "media-source", kind: "audio", ...source }]]);
    mock.timers.tick(100);
    await settled();
  };
  await look({ audioLevel: 0.25 });
  assert.equal(AudioContext.open, 0);
  await look({});
  await look({});
  assert.equal(AudioContext.open, 1);
  call.mute();
  await look({});
  call.mute(false);
  await call.useMicrophone("other");
  await look({});
  assert.deepEqual([heard, AudioContext.open], [[0.25, 0.5, 0.5, 0, 0.5], 1]);
  const last = look({}); // the statistics come when the call is over
  service.tell("ended", { call_sid: SID, reason: "other_party" });
  await last;
  assert.equal(AudioContext.open, 0);
  agent.close();
});

test("how a connection sounds falls with what is lost and with what is late", () => {
  assert.deepEqual([grade(0, 0, 0).grade, grade(0.05, 0.01, 0.1).grade, grade(0.2, 0.02, 0.2).grade], ["good", "fair", "poor"]);
  assert.equal(grade(0, 0.005, 1).grade, "poor");
  const { lossPercent, jitterMs, roundTripMs, mos } = grade(0.012, 0.0074, 0.0821);
  assert.deepEqual([lossPercent, jitterMs, roundTripMs], [1.2, 7, 82]);
  assert.ok(mos > 4 && mos < 4.5);
});
