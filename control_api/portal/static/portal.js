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

// What changes by itself waits for whoever answers a question in it, or listens to a recording.
document.addEventListener("htmx:beforeSwap", (event) => {
  const { target } = event.detail;
  const asked = target.querySelector("details.confirm[open]");
  const heard = [...target.querySelectorAll("audio")].some((player) => !player.paused);
  if (asked || heard) event.detail.shouldSwap = false;
});
