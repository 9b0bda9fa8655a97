// The audio of one browser in a call, and how it sounds; used by maskbridge-agent.js.

import { Emitter, MaskbridgeError, backOff, pause } from "./maskbridge-network.js";

const GATHER_MS = 250; // how long the offer waits for candidates; later ones are trickled
const TRICKLE_MS = 100;
const RESTARTS = 8; // ICE restarts until a call that has no network is given up; the server waits half a minute
const LEVELS_MS = 100;
const QUALITY_MS = 2_000;
const CODECS = ["audio/pcma", "audio/pcmu", "audio/opus", "audio/telephone-event"];

// One browser's audio: microphone, peer connection, speaker. `way` exchanges descriptions with the server.
export class TwoWayAudio extends Emitter {
  #peer = null;
  #stream = null;
  #silence = null; // what makes the silence of one who only listens: has to be closed
  #meter = null;
  #sender = null;
  #timers = [];
  #waiting = []; // candidates to be trickled
  #answered = false; // whether the service knows the ICE session that they are of
  #before = {};

  // `silent`: it only listens, and asks for no microphone until `useMicrophone`.
  constructor(way, { microphone, speaker, processing = true, silent = false } = {}) {
    super();
    Object.assign(this, { way, microphone, speaker, processing, silent, muted: false, closed: false, restarts: 0, restarting: null });
    this.player = new Audio();
    this.player.autoplay = true;
    this.onOnline = () => this.restart();
    globalThis.addEventListener?.("online", this.onOnline);
  }

  async start() {
    const iceServers = await this.way.servers();
    this.#stream ??= this.silent ? this.#silent() : await openMicrophone(this.microphone, this.processing);
    if (this.closed) return this.close();
    const peer = this.#peer = new RTCPeerConnection({ iceServers, bundlePolicy: "max-bundle" });
    const [track] = this.#stream.getAudioTracks();
    track.enabled = !this.muted;
    const transceiver = peer.addTransceiver(track, { direction: "sendrecv", streams: [this.#stream] });
    this.#sender = transceiver.sender;
    preferCodecs(transceiver);
    peer.ontrack = ({ track: heard }) => this.#play(heard);
    peer.onicecandidate = ({ candidate }) => this.#gathered(candidate);
    peer.onconnectionstatechange = () => this.#changed(peer);
    await peer.setLocalDescription(await peer.createOffer());
    await gathered(peer);
    if (this.closed) return;
    this.#waiting = [];
    const answer = await this.way.offer(peer.localDescription.sdp);
    if (this.closed) return;
    await peer.setRemoteDescription({ type: "answer", sdp: answer });
    this.#known();
    this.#measure();
  }

  #silent() {
    this.#silence = new AudioContext({ sampleRate: 8_000 });
    return this.#silence.createMediaStreamDestination().stream;
  }

  mute(muted) {
    this.muted = muted;
    for (const track of this.#stream?.getAudioTracks() ?? []) track.enabled = !muted;
  }

  // Whether the keys go out as telephone-events (RFC 4733).
  press(keys) {
    const dtmf = this.#sender?.dtmf;
    if (!dtmf?.canInsertDTMF) return false;
    dtmf.insertDTMF((dtmf.toneBuffer ?? "") + keys, 160, 80);
    return true;
  }

  async useMicrophone(id) {
    this.microphone = id;
    if (!this.#sender) return;
    const stream = await openMicrophone(id, this.processing), [track] = stream.getAudioTracks();
    if (this.closed) return track.stop(); // over while the microphone was asked for
    track.enabled = !this.muted;
    await this.#sender.replaceTrack(track);
    this.#letGo();
    this.#stream = stream;
    if (this.closed) this.#letGo();
  }

  #letGo() {
    for (const track of this.#stream?.getTracks() ?? []) track.stop();
    this.#silence?.close();
    this.#meter?.close();
    this.#silence = this.#meter = null;
  }

  async useSpeaker(id) {
    this.speaker = id;
    if (this.player.setSinkId) await this.player.setSinkId(id ?? "");
    else if (id) throw new MaskbridgeError("not_supported", "This browser lets no page choose the speaker.");
  }

  // The network went, or is another: new candidates for the same audio (RFC 8445 section 2.4).
  restart() {
    if (this.closed || !this.#peer?.remoteDescription) return Promise.resolve();
    this.restarting ??= this.#restarted().finally(() => { this.restarting = null; });
    return this.restarting;
  }

  async #restarted() {
    this.emit("state", "reconnecting");
    for (; this.restarts < RESTARTS && !this.closed; this.restarts++) {
      const peer = this.#peer;
      try {
        if (peer.signalingState !== "stable") await peer.setLocalDescription({ type: "rollback" });
        peer.setConfiguration({ ...peer.getConfiguration(), iceServers: await this.way.servers() }); // TURN's credentials end
        this.#answered = false;
        await peer.setLocalDescription(await peer.createOffer({ iceRestart: true }));
        await gathered(peer);
        this.#waiting = [];
        const answer = await this.way.restart(peer.localDescription.sdp);
        await peer.setRemoteDescription({ type: "answer", sdp: answer });
        this.#known();
        await connected(peer, 6_000);
        this.restarts = 0;
        if (!this.closed) this.emit("state", "connected"); // no state of the peer has changed where it never lost its network
        return;
      } catch (error) {
        if (error.status === 404 || error.status === 403 || this.closed) break;
        await pause(backOff(this.restarts));
      }
    }
    if (!this.closed && this.#peer.connectionState !== "connected") this.emit("state", "lost");
  }

  close() {
    if (!this.closed) globalThis.removeEventListener?.("online", this.onOnline);
    this.closed = true;
    for (const timer of this.#timers) clearInterval(timer);
    this.#peer?.close();
    this.#letGo();
    this.player.srcObject = null;
  }

  #play(track) {
    this.player.srcObject = new MediaStream([track]);
    if (this.speaker) this.useSpeaker(this.speaker).catch(() => {});
    this.player.play?.().catch(() => this.emit("blocked")); // until the page is clicked, some browsers play nothing
  }

  #gathered(candidate) {
    this.#waiting.push(candidate);
    if (this.#waiting.length === 1 && this.#answered) setTimeout(() => this.#trickle(), TRICKLE_MS);
  }

  #known() {
    this.#answered = true;
    this.#trickle();
  }

  #trickle() {
    if (!this.#answered) return; // a restart has begun: those of the ICE session before are of no use
    const found = this.#waiting.splice(0).filter((one) => one?.candidate);
    if (!found.length || this.closed) return;
    const credentials = this.#peer.localDescription.sdp.match(/^a=ice-(ufrag|pwd):.*$/gm).slice(0, 2);
    const mid = found[0].sdpMid ?? "0";
    const lines = [...credentials, "m=audio 9 UDP/TLS/RTP/SAVPF 0", `a=mid:${mid}`, ...found.map((one) => `a=${one.candidate}`)];
    this.way.trickle(lines.join("\r\n") + "\r\n").catch(() => {}); // those in the description may do
  }

  #changed(peer) {
    if (this.closed || peer !== this.#peer) return;
    if (peer.connectionState === "connected") {
      this.restarts = 0;
      this.emit("state", "connected");
    } else if (peer.connectionState === "failed") this.restart();
    else if (peer.connectionState === "disconnected") {
      this.emit("state", "reconnecting");
      setTimeout(() => { if (peer.connectionState === "disconnected") this.restart(); }, 2_000);
    }
  }

  #measure() {
    const every = (ms, look) => this.#timers.push(setInterval(async () => {
      if (this.#peer.connectionState === "connected") look([...(await this.#peer.getStats()).values()]);
    }, ms));
    every(LEVELS_MS, (stats) => {
      const of = (type) => stats.find((one) => one.type === type && one.kind === "audio");
      const source = this.muted || this.silent ? undefined : of("media-source");
      const microphone = source ? source.audioLevel ?? this.#measured() : 0;
      this.emit("levels", { microphone, speaker: of("inbound-rtp")?.audioLevel ?? 0 });
    });
    every(QUALITY_MS, (stats) => this.emit("quality", this.#quality(stats)));
  }

  // Firefox's statistics have no level of the microphone.
  #measured() {
    if (this.closed) return 0; // meanwhile
    this.#meter ??= new Meter(this.#stream);
    return this.#meter.level();
  }

  #quality(stats) {
    const got = stats.find((one) => one.type === "inbound-rtp" && one.kind === "audio") ?? {};
    const told = stats.find((one) => one.type === "remote-inbound-rtp") ?? {};
    const pair = stats.find((one) => one.type === "candidate-pair" && one.nominated && one.state === "succeeded") ?? {};
    const lost = Math.max(0, (got.packetsLost ?? 0) - (this.#before.packetsLost ?? 0));
    const received = (got.packetsReceived ?? 0) - (this.#before.packetsReceived ?? 0);
    this.#before = got;
    const heardLoss = received + lost > 0 ? lost / (received + lost) : 0;
    return grade(Math.max(heardLoss, told.fractionLost ?? 0), got.jitter ?? 0, told.roundTripTime ?? pair.currentRoundTripTime ?? 0);
  }
}

// How loud a stream is, from 0 to 1.
class Meter {
  #context = new AudioContext();
  #analyser = new AnalyserNode(this.#context, { fftSize: 2_048 });
  #samples = new Float32Array(this.#analyser.fftSize);

  constructor(stream) { this.#context.createMediaStreamSource(stream).connect(this.#analyser); }

  level() {
    this.#analyser.getFloatTimeDomainData(this.#samples);
    return this.#samples.reduce((loudest, sample) => Math.max(loudest, Math.abs(sample)), 0);
  }

  close() { this.#context.close(); }
}

/** How a connection sounds, by ITU-T G.107 made simple, lost packets concealed as G.113 has it for G.711: loss as a
 * fraction, jitter and round trip in seconds. */
export function grade(loss, jitterS, roundTripS) {
  const delayMs = roundTripS * 500 + jitterS * 2_000 + 30;
  const rating = 93.2 - delayMs / 40 - Math.max(0, delayMs - 177) * 0.11 - 95 * loss / (loss + 0.251);
  const r = Math.min(100, Math.max(0, rating));
  const mos = 1 + 0.035 * r + r * (r - 60) * (100 - r) * 7e-6;
  return {
    mos: Math.round(mos * 100) / 100,
    grade: mos >= 4 ? "good" : mos >= 3.4 ? "fair" : "poor",
    lossPercent: Math.round(loss * 1_000) / 10,
    jitterMs: Math.round(jitterS * 1_000),
    roundTripMs: Math.round(roundTripS * 1_000),
  };
}

async function openMicrophone(deviceId, processing) {
  if (!globalThis.navigator?.mediaDevices || !globalThis.RTCPeerConnection) {
    throw new MaskbridgeError("not_supported", "This browser takes no calls, or the page is not served over HTTPS.");
  }
  const wanted = { echoCancellation: processing, noiseSuppression: processing, autoGainControl: processing };
  if (deviceId) wanted.deviceId = { exact: deviceId };
  try {
    return await navigator.mediaDevices.getUserMedia({ audio: wanted });
  } catch (error) {
    throw new MaskbridgeError("microphone_refused", `There is no microphone for this page: ${error.message}`);
  }
}

// G.711 first: a telephone speaks it, so nothing has to be converted on the way.
function preferCodecs(transceiver) {
  const known = RTCRtpReceiver.getCapabilities?.("audio")?.codecs ?? [];
  const rank = ({ mimeType }) => CODECS.indexOf(mimeType.toLowerCase());
  const wanted = known.filter((codec) => rank(codec) >= 0).sort((a, b) => rank(a) - rank(b));
  if (wanted.length && transceiver.setCodecPreferences) transceiver.setCodecPreferences(wanted);
}

const gathered = (peer) => Promise.race([
  pause(GATHER_MS),
  new Promise((done) => {
    const look = () => peer.iceGatheringState === "complete" && done();
    peer.addEventListener("icegatheringstatechange", look);
    look();
  }),
]);

export const connected = (peer, ms) => new Promise((done, fail) => {
  const timer = setTimeout(() => fail(new MaskbridgeError("no_connection", "No connection came about.")), ms);
  const look = () => {
    if (peer.connectionState !== "connected") return;
    clearTimeout(timer);
    done();
  };
  peer.addEventListener("connectionstatechange", look);
  look();
});
