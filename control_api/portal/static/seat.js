// A supervisor's seat on the page of a live call. The part of the page around it changes; the seat stays the same.
import { SupervisorCall } from "/clients/maskbridge-agent.js";

const HEARD = {
  listen: "You hear both. Nobody hears you.", whisper_a: "A hears you, B does not.", whisper_b: "B hears you, A does not.",
  barge: "Both hear you.",
};
const STATES = { out: "not in the call", connecting: "connecting", connected: "in the call", reconnecting: "reconnecting" };
const TONES = { connecting: "active", connected: "good", reconnecting: "warn" };
let seat = null;

function show(part, state, mode) {
  const badge = part.querySelector(".badge");
  badge.className = `badge ${TONES[state] ?? ""}`;
  badge.textContent = STATES[state];
  part.querySelector("[data-heard]").textContent = state === "out" ? "" : HEARD[mode];
  part.querySelector("[data-leaves]").hidden = state === "out";
  part.querySelector(".level").hidden = state === "out";
  for (const button of part.querySelectorAll("[data-mode]")) {
    button.setAttribute("aria-pressed", String(state !== "out" && button.dataset.mode === mode));
    button.disabled = state === "connecting";
  }
}

function taken(part) {
  const taking = new SupervisorCall({ csrfToken: part.dataset.csrf }, part.dataset.supervises);
  const again = () => show(part, taking.state, taking.mode);
  taking.on("state", (state) => {
    if (state === "out" && seat === taking) seat = null;
    again();
  });
  taking.on("mode", again);
  taking.on("levels", ({ speaker }) => {
    part.querySelector(".level span").style.transform = `scaleX(${Math.min(1, Math.sqrt(speaker))})`;
  });
  return taking;
}

document.addEventListener("click", async ({ target }) => {
  const part = target.closest("[data-supervises]");
  const button = target.closest("[data-mode], [data-leaves]");
  if (!part || !button) return;
  const fault = part.querySelector("[role=alert]");
  fault.textContent = "";
  try {
    if (button.dataset.mode === undefined) await seat?.leave();
    else if (seat) await seat.change(button.dataset.mode);
    else await (seat = taken(part)).join(button.dataset.mode);
  } catch (error) {
    fault.textContent = error.message;
  }
});
addEventListener("pagehide", () => { seat?.leave().catch(() => {}); });
