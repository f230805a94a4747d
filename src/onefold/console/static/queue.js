// The queue from the keyboard: what has the focus is what keys act on; Enter opens it; one box ticks the whole page.
"use strict";

document.addEventListener("focusin", (event) => {
  const row = event.target.closest(".q-row");
  if (!row || row.getAttribute("aria-current") === "true") return;
  document.querySelectorAll(".q-row[aria-current]").forEach((other) => other.removeAttribute("aria-current"));
  row.setAttribute("aria-current", "true");
});

document.addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || !event.target.matches?.(".q-row")) return;
  event.target.querySelector("[data-open]").click();
  event.preventDefault();
});

document.addEventListener("change", (event) => {
  if (!event.target.matches("[data-tick-all]")) return;
  document.querySelectorAll("#queue [name=pair][type=checkbox]").forEach((box) => { box.checked = event.target.checked; });
});
