// What makes the pages smoother; every one of them works without it.
"use strict";

for (const button of document.querySelectorAll("[data-opens]")) {
  const opened = document.getElementById(button.dataset.opens);
  button.hidden = false;
  document.body.classList.add("folding");
  button.addEventListener("click", () => {
    const open = button.getAttribute("aria-expanded") !== "true";
    button.setAttribute("aria-expanded", String(open));
    opened.classList.toggle("open", open);
  });
}

for (const button of document.querySelectorAll("[data-copies]")) {
  const field = document.getElementById(button.dataset.copies);
  const said = document.getElementById(`${button.dataset.copies}-copied`);
  field.addEventListener("focus", () => field.select());
  if (!navigator.clipboard) continue;
  button.hidden = false;
  button.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(field.value);
      said.textContent = "Copied.";
    } catch {
      field.focus();
      said.textContent = "Select it and copy it by hand.";
    }
  });
}

// One question at a time; Escape takes it back.
document.addEventListener("toggle", (event) => {
  if (!event.target.matches?.("details.confirm") || !event.target.open) return;
  for (const other of document.querySelectorAll("details.confirm[open]")) if (other !== event.target) other.open = false;
}, true);
document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  for (const asked of document.querySelectorAll("details.confirm[open]")) {
    asked.open = false;
    asked.querySelector("summary").focus();
  }
});

// What changes by itself waits for whoever answers a question in it, or listens to a recording. Else what has the
// focus, is open or is scrolled stays so: each is found again by what it is, for the element itself is another one.
let kept = null;

function nameOf(element) {
  if (element.id) return `#${CSS.escape(element.id)}`;
  const { tagName } = element;
  for (const name of ["href", "name", "aria-label"]) {
    const value = element.getAttribute(name);
    if (value === null) continue;
    const form = name === "name" ? element.closest("form") : null;
    const within = form ? `form[action="${CSS.escape(form.getAttribute("action"))}"] ` : "";
    return `${within}${tagName}[${name}="${CSS.escape(value)}"]`;
  }
  const around = element.parentElement?.closest("[id], [action]");
  if (!around) return null;
  const part = around.id ? `#${CSS.escape(around.id)}` : `form[action="${CSS.escape(around.getAttribute("action"))}"]`;
  return `${part} ${tagName}`;
}

document.addEventListener("htmx:beforeSwap", (event) => {
  const { target, requestConfig, xhr } = event.detail;
  if (requestConfig.verb === "get" && xhr.status >= 400) {
    // A refusal is no other state of what is shown, and would end its updates. What cannot be had now is asked for again;
    // what may not be seen any more is the whole page's to tell.
    event.detail.shouldSwap = false;
    if (xhr.status < 500 && xhr.status !== 429) location.reload();
    return;
  }
  const asked = target.querySelector("details.confirm[open]");
  const heard = [...target.querySelectorAll("audio")].some((player) => !player.paused);
  if (asked || heard) event.detail.shouldSwap = false;
  const focused = target.contains(document.activeElement) ? document.activeElement : null;
  kept = {
    focus: focused && focused !== target ? nameOf(focused) : null,
    within: target.id,
    open: [...target.querySelectorAll("details[id][open]")].map(nameOf),
    scrolled: [...target.querySelectorAll(".scroll")].filter((one) => one.scrollLeft).map((one) => [nameOf(one), one.scrollLeft]),
  };
});
document.addEventListener("htmx:afterSwap", () => {
  if (!kept) return;
  const { focus, within, open, scrolled } = kept;
  kept = null;
  for (const name of open) document.querySelector(name)?.setAttribute("open", "");
  for (const [name, left] of scrolled) document.querySelector(name)?.scrollTo({ left, behavior: "instant" });
  if (!focus || document.activeElement !== document.body) return;
  const again = document.querySelector(focus);
  if (again) return again.focus({ preventScroll: true });
  // It is there no more: whoever goes by the keyboard goes on from the part that it was in.
  const part = document.getElementById(within);
  part?.setAttribute("tabindex", "-1");
  part?.focus({ preventScroll: true });
});

// The drawing of a recording is a slider of its player: clicked, or gone through by keys.
const STEPS_S = { ArrowLeft: -5, ArrowDown: -5, ArrowRight: 5, ArrowUp: 5, PageDown: -30, PageUp: 30 };

function clockOf(seconds) {
  const whole = Math.floor(seconds);
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, "0")}`;
}

function showPlayed(wave) {
  const player = document.getElementById(wave.dataset.plays);
  const duration = Number(wave.dataset.durationS);
  const at = Math.min(player.currentTime, duration);
  const x = (wave.querySelector("svg").viewBox.baseVal.width * at) / (duration || 1);
  wave.querySelector("clipPath rect").setAttribute("width", x);
  const head = wave.querySelector(".wave-head");
  head.setAttribute("x1", x);
  head.setAttribute("x2", x);
  wave.setAttribute("aria-valuenow", Math.floor(at));
  wave.setAttribute("aria-valuetext", `${clockOf(at)} of ${clockOf(duration)}`);
}

function seek(wave, seconds) {
  const player = document.getElementById(wave.dataset.plays);
  player.currentTime = Math.max(0, Math.min(seconds, Number(wave.dataset.durationS)));
  showPlayed(wave);
}

function makeSliders() {
  for (const wave of document.querySelectorAll(".wave[role=img]")) {
    wave.setAttribute("role", "slider");
    wave.setAttribute("aria-label", "Where the recording plays: A above, B below");
    wave.setAttribute("aria-valuemin", "0");
    wave.setAttribute("aria-valuemax", Math.floor(Number(wave.dataset.durationS)));
    wave.tabIndex = 0;
    showPlayed(wave);
  }
}

document.addEventListener("click", (event) => {
  const wave = event.target.closest?.(".wave");
  if (!wave) return;
  const box = wave.getBoundingClientRect();
  seek(wave, (Number(wave.dataset.durationS) * (event.clientX - box.left)) / box.width);
});
document.addEventListener("keydown", (event) => {
  const wave = event.target.closest?.(".wave");
  if (!wave || event.ctrlKey || event.altKey || event.metaKey) return;
  const player = document.getElementById(wave.dataset.plays);
  if (event.key in STEPS_S) seek(wave, player.currentTime + STEPS_S[event.key]);
  else if (event.key === "Home") seek(wave, 0);
  else if (event.key === "End") seek(wave, Number(wave.dataset.durationS));
  else if (event.key === " " || event.key === "Enter") player.paused ? player.play() : player.pause();
  else return;
  event.preventDefault();
});
// Events of a player do not bubble.
for (const told of ["timeupdate", "seeked"]) {
  document.addEventListener(told, (event) => {
    for (const wave of document.querySelectorAll(".wave[role=slider]")) if (wave.dataset.plays === event.target.id) showPlayed(wave);
  }, true);
}
document.addEventListener("htmx:afterSwap", makeSliders);
makeSliders();
