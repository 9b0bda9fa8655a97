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
  const { target } = event.detail;
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
