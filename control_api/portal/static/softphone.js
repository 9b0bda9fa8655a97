// The softphone's page: shows what the client for agents tells, and does what is pressed.
import { MaskbridgeAgent } from "/clients/maskbridge-agent.js";

const at = (id) => document.getElementById(id);
const title = document.title;
const WORDS = {
  ringing: "Ringing", connecting: "Connecting", connected: "Connected", held: "On hold", reconnecting: "Reconnecting",
};
const ENDINGS = {
  hung_up: "You hung up.", other_party: "The call is over.", connection_lost: "The connection was lost.",
  agent_removed: "The call is over: the agent is gone.", answered_elsewhere: "Answered elsewhere.",
  cancelled: "The caller gave up.", declined: "Declined.", failed: "The call did not come about.",
};
const TONES = { good: "good", fair: "warn", poor: "bad" };
const agent = new MaskbridgeAgent({ csrfToken: at("softphone").dataset.csrf });
const rings = new Map(); // calls that ring, with what shows them
let live = null; // the call that is taken here
let since = 0; // when it was connected first
let placing = false;

function complain(error) {
  at("fault").textContent = error ? error.message : "";
  at("fault").hidden = !error;
}

async function doing(work) {
  complain(null);
  try {
    await work();
  } catch (error) {
    if (error.code !== "ended") complain(error);
  }
}

function badge(id, tone, words) {
  at(id).className = `badge ${tone}`;
  at(id).textContent = words;
}

// What is here now

function show() {
  const state = live ? live.state : placing ? "connecting" : "idle";
  at("display").dataset.state = state;
  if (live) {
    at("call-state").textContent = WORDS[live.state] ?? live.state;
    at("call-number").textContent = live.maskedNumber || "A masked call";
    at("call-about").textContent = [live.direction === "outgoing" ? "You call" : "Calls you", live.reference].filter(Boolean).join(", ");
  }
  at("place").hidden = live !== null;
  at("place").disabled = placing;
  at("number").parentElement.hidden = live !== null;
  at("in-call").hidden = live === null;
  at("mute").setAttribute("aria-pressed", String(live?.muted ?? false));
  at("hold").setAttribute("aria-pressed", String(live?.held ?? false));
  at("hold").textContent = live?.held ? "Go on" : "Hold";
  at("hold").disabled = !["connected", "held"].includes(live?.state);
  for (const { answer } of rings.values()) answer.disabled = live !== null;
  ringAloud();
  document.title = rings.size ? `Call from ${[...rings.keys()][0].maskedNumber} – ${title}` : title;
}

setInterval(() => {
  if (!since) return;
  const seconds = Math.floor((performance.now() - since) / 1000);
  at("call-clock").textContent = `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
}, 500);

// Calls

function take(call) {
  live = call;
  since = 0;
  at("call-clock").textContent = "";
  call.on("state", (state) => {
    if (state === "connected" && !since) {
      since = performance.now();
      showDevices();
    }
    if (live === call) show();
  });
  call.on("muted", show);
  call.on("levels", ({ microphone, speaker }) => { level("microphone-level", microphone); level("speaker-level", speaker); });
  call.on("quality", showQuality);
  call.on("blocked", () => { at("blocked").hidden = false; });
  call.on("ended", (reason) => over(call, reason));
  if (call.state === "ended") over(call, call.endReason);
  show();
}

function over(call, reason) {
  if (live !== call) return;
  const held = at("in-call").contains(document.activeElement);
  live = null;
  since = 0;
  at("call-state").textContent = ENDINGS[reason] ?? "The call is over.";
  at("blocked").hidden = true;
  level("microphone-level", 0);
  level("speaker-level", 0);
  showQuality(null);
  show();
  if (held) at("number").focus();
}

function rung(call) {
  const row = document.createElement("li");
  const who = document.createElement("p");
  who.setAttribute("role", "alert");
  who.append(call.direction === "outgoing" ? "Your call by " : "A call from ", number(call.maskedNumber));
  if (call.reference) who.append(` (${call.reference})`);
  const deeds = document.createElement("div");
  deeds.className = "row";
  const answer = button("Answer", "button call", () => doing(async () => {
    gone(call);
    take(call);
    await call.answer();
  }));
  const decline = button("Decline", "button hang-up", () => doing(() => call.decline()));
  deeds.append(answer, decline);
  row.append(who, deeds);
  rings.set(call, { row, answer });
  at("rings").append(row);
  call.on("state", (state) => {
    if (state === "ended") gone(call);
    else if (state === "ringing" && live === call) { // it could not be answered, as without a microphone: it rings on
      live = null;
      rung(call);
    }
  });
  call.on("ended", (reason) => { if (!live) at("call-state").textContent = ENDINGS[reason] ?? ""; });
  show();
}

function gone(call) {
  rings.get(call)?.row.remove();
  if (rings.delete(call)) show();
}

function number(text) {
  const shown = document.createElement("strong");
  shown.className = "number";
  shown.textContent = text;
  return shown;
}

function button(words, look, press) {
  const made = document.createElement("button");
  made.type = "button";
  made.className = look;
  made.textContent = words;
  made.addEventListener("click", press);
  return made;
}

// Sound and network

function level(id, loudness) {
  const percent = Math.round(Math.min(1, Math.sqrt(loudness)) * 100); // as loud as it seems
  at(id).setAttribute("aria-valuenow", String(percent));
  at(id).firstElementChild.style.transform = `scaleX(${percent / 100})`;
}

function showQuality(quality) {
  badge("grade", quality ? TONES[quality.grade] : "", quality ? quality.grade : "no call");
  at("mos").textContent = quality ? quality.mos.toFixed(1) : "–";
  at("loss").textContent = quality ? `${quality.lossPercent.toFixed(1)} %` : "–";
  at("jitter").textContent = quality ? `${Math.round(quality.jitterMs)} ms` : "–";
  at("round-trip").textContent = quality ? `${Math.round(quality.roundTripMs)} ms` : "–";
}

async function showDevices() {
  const { microphones, speakers } = await agent.devices();
  fill(at("microphone"), microphones);
  fill(at("speaker"), "setSinkId" in HTMLMediaElement.prototype ? speakers : []);
}

function fill(select, devices) {
  const chosen = select.value;
  select.length = 1;
  for (const { id, label } of devices) if (id && label) select.add(new Option(label, id));
  select.value = chosen;
  if (select.selectedIndex < 0) select.selectedIndex = 0;
}

// Two short tones and a pause, as long as something rings; silent until somebody has pressed anything on the page.
let bell = null;

function ringAloud() {
  const wanted = rings.size > 0 && live === null;
  if (wanted === (bell !== null)) return;
  if (!wanted) {
    bell.close();
    bell = null;
    return;
  }
  bell = new AudioContext();
  const tone = new OscillatorNode(bell, { frequency: 425 });
  const loudness = new GainNode(bell, { gain: 0 });
  tone.connect(loudness).connect(bell.destination);
  for (let cycle = 0; cycle < 60; cycle++) {
    for (const start of [0, 0.6]) {
      loudness.gain.setTargetAtTime(0.08, cycle * 3 + start, 0.02);
      loudness.gain.setTargetAtTime(0, cycle * 3 + start + 0.4, 0.02);
    }
  }
  tone.start();
}

// What is pressed

at("dial").addEventListener("submit", (event) => {
  event.preventDefault();
  const wanted = at("number").value.trim();
  if (!wanted || live || placing) return;
  placing = true;
  at("call-state").textContent = WORDS.connecting;
  at("call-number").textContent = "…";
  at("call-about").textContent = "";
  show();
  doing(() => agent.call(wanted)).finally(() => {
    placing = false;
    if (!live && at("call-state").textContent === WORDS.connecting) at("call-state").textContent = "No call";
    if (!live) at("call-number").textContent = "Ready to call";
    show();
  });
});

function press(key) {
  if (live) {
    if (["connected", "reconnecting"].includes(live.state)) doing(() => live.press(key));
    return;
  }
  at("number").setRangeText(key, at("number").selectionStart, at("number").selectionEnd, "end");
}

for (const key of document.querySelectorAll("[data-key]")) key.addEventListener("click", () => press(key.dataset.key));
document.addEventListener("keydown", (event) => {
  if (!live || event.ctrlKey || event.metaKey || event.altKey || !/^[0-9*#]$/.test(event.key)) return;
  if (event.target.matches("input, select, textarea")) return;
  event.preventDefault();
  press(event.key);
});

at("mute").addEventListener("click", () => live?.mute(!live.muted));
at("hold").addEventListener("click", () => doing(() => live.held ? live.resume() : live.hold()));
at("hang-up").addEventListener("click", () => doing(() => live.hangUp()));
at("available").addEventListener("click", () => doing(() => agent.setAvailable(true)));
at("away").addEventListener("click", () => doing(() => agent.setAvailable(false)));
at("microphone").addEventListener("change", (event) => doing(() => agent.useMicrophone(event.target.value || undefined)));
at("speaker").addEventListener("change", (event) => doing(() => agent.useSpeaker(event.target.value || undefined)));
at("processing").addEventListener("change", (event) => { agent.processing = event.target.checked; });
at("unblock").addEventListener("click", () => doing(async () => {
  await live?.useSpeaker(at("speaker").value || undefined);
  at("blocked").hidden = true;
}));
navigator.mediaDevices?.addEventListener("devicechange", showDevices);
addEventListener("beforeunload", (event) => { if (live) event.preventDefault(); });

agent.on("call", rung);
agent.on("placed", take);
agent.on("resumed", take);
agent.on("state", ({ presence, connected, available }) => {
  badge("link", connected ? presence === "busy" ? "active" : available ? "good" : "warn" : "bad",
    connected ? { busy: "in a call", available: "calls can come", away: "away" }[presence] : "not connected");
  at("available").setAttribute("aria-pressed", String(available));
  at("away").setAttribute("aria-pressed", String(!available));
  if (connected) complain(null);
});
agent.on("failure", complain);

show();
if (navigator.mediaDevices && globalThis.RTCPeerConnection) {
  agent.processing = at("processing").checked; // browsers keep it when the page is loaded anew
  showDevices();
  doing(() => agent.connect());
} else complain({ message: "The browser lets pages use the microphone over HTTPS alone." });
