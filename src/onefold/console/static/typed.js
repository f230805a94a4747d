// What is typed is not lost (UI-3): to a session that ended, a server that is away, or a page that was closed. Until it
// has arrived it is kept in the tab's own storage, by its agent, and goes with signing out.
"use strict";

const [TEXTS, KEPT_HOURS] = ["input[type=text], input[type=search], input[type=email], input[type=tel], input[type=url], input:not([type]), textarea", 12];
const agentId = document.body.dataset.agent ?? "";
const isKept = (form) => form?.matches?.("#main form[method=post]") && agentId && !one("[type=password]", form);
const fieldsOf = (form) => [...form.elements].filter((field) => field.name && field.matches("input:not([type=hidden]), textarea, select"));

function typedKey(form) {
  const path = (of) => new URL(of.getAttribute("action"), location.href).pathname;
  const alike = all("#main form[method=post]").filter((other) => path(other) === path(form));
  return `typed ${agentId} ${path(form)} ${alike.indexOf(form)}`;
}

const isBox = (field) => field.matches("[type=checkbox], [type=radio]");
const isChanged = (field) => isBox(field) ? field.checked !== field.defaultChecked
  : field.matches("select") ? [...field.options].some((option) => option.selected !== option.defaultSelected) : field.value !== field.defaultValue;

// With what the form had shown of them (`was.…`), and the draft it belongs to: so that nobody else's change, nor another
// tab's, is overwritten by what comes back (UI-4).
function keepTyped(form) {
  form.dataset.restored = "1";  // it is here: nothing has to come back
  if (!all(TEXTS, form).some(isChanged)) { forgetTyped(form); return; }
  const composer = form.matches("[data-composer]");
  const fields = fieldsOf(form).filter((field) => composer || isChanged(field)).map((field) => [field.name, field.value, isBox(field) ? field.checked : null]);
  const carried = all("input[type=hidden]", form).filter((field) => field.name.startsWith("was.") || ["draft_id", "draft_seen"].includes(field.name));
  sessionStorage.setItem(typedKey(form), JSON.stringify({ at: Date.now(), fields, carried: carried.map((field) => [field.name, field.value]) }));
}

function forgetPath(path) {
  Object.keys(sessionStorage).filter((key) => key.startsWith(`typed ${agentId} ${path} `)).forEach((key) => sessionStorage.removeItem(key));
}

function forgetTyped(form) { sessionStorage.removeItem(typedKey(form)); }

document.addEventListener("input", (event) => { if (isKept(event.target.form)) keepTyped(event.target.form); });
// Who closes a menu with a form in it, by its button or Escape, has done with it; a click elsewhere puts nothing away.
function forgetMenu(menu) { all("form[method=post]", menu).filter(isKept).forEach(forgetTyped); }
document.addEventListener("click", (event) => {
  const menu = event.target.closest?.("details.menu > summary")?.parentElement;
  if (menu?.open) forgetMenu(menu);
}, true);
document.addEventListener("submit", (event) => {
  if (event.target.getAttribute("action") === "/sign-out") sessionStorage.clear();
}, true);

// A page that comes back shows what was typed on it, and says that it is not saved yet.
function restoreTyped() {
  for (const form of all("#main form[method=post]").filter(isKept)) {
    if (form.dataset.restored) continue;
    const kept = JSON.parse(sessionStorage.getItem(typedKey(form)) ?? "null");
    if (!kept) continue;
    if (Date.now() - kept.at > KEPT_HOURS * 3_600_000) { forgetTyped(form); continue; }
    fillIn(form, kept);
  }
}

function fillIn(form, { fields, carried }) {
  form.dataset.restored = "1";
  for (const [name, value] of carried) all("input[type=hidden]", form).filter((field) => field.name === name).forEach((field) => { field.value = value; });
  for (const [name, value, checked] of fields) {
    for (const field of fieldsOf(form).filter((other) => other.name === name)) {
      if (checked === null) { if (!field.matches("select") || [...field.options].some((option) => option.value === value)) field.value = value; }
      else if (field.value === value) field.checked = checked;
      if (field.closest("details")) field.closest("details").open = true;
    }
  }
  for (let parent = form.closest("details"); parent; parent = parent.parentElement.closest("details")) parent.open = true;
  if (form.matches("[data-composer]")) {
    fitRecipients(form);
    form.elements.body.dispatchEvent(new Event("input", { bubbles: true }));  // and it is kept as a draft
    return;
  }
  const line = notice("restored small-text", "What you typed before is here again. It isn't saved yet. ");
  line.setAttribute("role", "status");
  const discard = document.createElement("button");
  Object.assign(discard, { type: "button", className: "linklike", textContent: "Discard it" });
  discard.addEventListener("click", () => { form.reset(); forgetTyped(form); line.remove(); });
  line.append(discard);
  form.prepend(line);
}

// What was taken is kept no longer. A form that is gone by the time it is answered is known by the key it had.
document.addEventListener("htmx:beforeSend", (event) => {
  const { elt, xhr, requestConfig } = event.detail;
  const form = elt.closest("form");
  if (requestConfig.verb !== "post" || !form) return;
  const key = isKept(form) ? typedKey(form) : null;
  const answers = form.closest("#refusal") ? form.getAttribute("action") : null;  // it sends another form's fields again
  xhr.addEventListener("load", () => {
    if (xhr.status >= 400) return;
    if (key) sessionStorage.removeItem(key);
    if (answers) forgetPath(answers);
  });
});
document.addEventListener("click", (event) => {
  const link = event.target.closest?.("[data-forget]");
  if (link) forgetPath(link.dataset.forget);
}, true);

// Whoever is signed out stays on the page, and is told ---------------------------------------------------------------

let isSignedOut = false;

function signedOut(answer) {
  const there = new URL(answer.url);
  const out = answer.status === 401 || answer.redirected && there.pathname === "/sign-in";
  if (out) saySignedOut();
  return out;
}

document.addEventListener("htmx:beforeSwap", (event) => {
  if (event.detail.xhr.status !== 401 || !agentId) return;
  event.detail.shouldSwap = false;
  saySignedOut();
});

function saySignedOut() {
  if (isSignedOut) return;
  isSignedOut = true;
  const box = notice("refusal", "");
  box.id = "refusal";
  box.setAttribute("role", "alert");
  const link = document.createElement("a");
  Object.assign(link, { className: "button primary", href: `/sign-in?then=${encodeURIComponent(location.pathname + location.search)}`, textContent: "Sign in" });
  link.setAttribute("hx-boost", "false");
  box.append(notice("", "You're signed out. What you have typed is kept in this browser; sign in, and it is here again."), link);
  one("#said").replaceChildren(box);
  // Somebody may sign in again in another tab: then this one goes on.
  const timer = setInterval(async () => {
    const answer = await fetch("/keys", { headers: { "X-Refresh": "1" } }).catch(() => null);
    if (!answer?.ok || answer.redirected) return;
    clearInterval(timer);
    isSignedOut = false;
    box.remove();
    all("[data-composer]").filter((form) => form.dataset.changed).forEach(keepDraft);
    listen();
  }, 5_000);
}

// The server is away: what was asked for goes on by itself when it is back ---------------------------------------------

// A form is one deed however often it is sent (UI-4): so it may be sent again where nobody knows whether it arrived.
let waiting = null;
let looking = 0;

document.addEventListener("htmx:sendError", (event) => notReached(event.detail.requestConfig));

function notReached(requestConfig) {
  const elt = requestConfig.elt;
  const form = requestConfig.verb === "post" ? elt.closest("form") : null;
  if (waiting && requestConfig.verb === "post") {
    say("Onefold can't be reached, and something else waits for it already. This was not sent; it is kept here.");
    return;
  }
  if (form?.isConnected) {
    // Nothing is typed into what is on its way: it would be taken for sent.
    const fields = all("input:not([type=hidden]), textarea", form).filter((field) => !field.readOnly);
    fields.forEach((field) => { field.readOnly = true; });
    const submitter = requestConfig.triggeringEvent?.submitter;
    waiting = { release: () => fields.forEach((field) => { field.readOnly = false; }), again: () => form.isConnected && form.requestSubmit(submitter?.isConnected ? submitter : null) };
  } else if (requestConfig.verb === "get" && elt.matches?.("a")) {
    waiting = { release: () => {}, again: () => follow(requestConfig.path) };
  } else if (requestConfig.verb !== "post") return;
  lookAgain();
}

// A proxy that speaks for the service while it is away has no page of ours to show.
document.addEventListener("htmx:beforeSwap", (event) => {
  const { xhr } = event.detail;
  if (xhr.status < 502 || one("#main, #refusal", parsed(xhr.response))) return;
  event.detail.shouldSwap = false;
  notReached(event.detail.requestConfig);
});

function sayAway() {
  const text = waiting ? "Onefold can't be reached. What you asked for is done as soon as it is back." : "Onefold can't be reached. What you type is kept in this browser.";
  const line = notice("in-process away", text);
  if (waiting) {
    const stop = document.createElement("button");
    Object.assign(stop, { type: "button", textContent: "Don't" });
    stop.addEventListener("click", () => { waiting?.release(); waiting = null; sayAway(); });
    line.append(stop);
  }
  one("#away").replaceChildren(line);
}

function lookAgain() {
  sayAway();
  if (looking) return;
  looking = setInterval(async () => {
    const answer = await fetch("/health").catch(() => null);
    if (!answer?.ok) return;
    clearInterval(looking);
    looking = 0;
    one("#away").replaceChildren();
    const { release, again } = waiting ?? {};
    waiting = null;
    release?.();
    if (again) again();
    else refresh();
  }, 1_500);
}

// A refusal is shown beside the field it speaks of ---------------------------------------------------------------------

document.addEventListener("htmx:beforeSend", (event) => {
  const { elt, xhr } = event.detail;
  const form = elt.closest("form");
  if (!form) return;
  all("[aria-invalid]", form).forEach((field) => { field.removeAttribute("aria-invalid"); field.removeAttribute("aria-describedby"); });
  all(".field-error", form).forEach((line) => line.remove());
  xhr.addEventListener("loadend", () => { if (xhr.status >= 400) setTimeout(() => pointOut(form), 0); });
});

function pointOut(form) {
  const refusal = one("#refusal");
  if (refusal?.dataset.code === "draft_gone") { form.elements.draft_id.value = ""; form.elements.draft_seen.value = ""; }
  const name = refusal?.dataset.field;
  const field = name && form.isConnected && fieldsOf(form).find((one) => one.name === name);
  if (!field) return;
  const line = notice("field-error small-text", refusal.dataset.detail);
  line.id = "field-error";
  if (!one("a, button", refusal)) refusal.remove();  // it is said here
  field.closest(".field, label")?.append(line);
  field.setAttribute("aria-invalid", "true");
  field.setAttribute("aria-describedby", "field-error");
  field.focus();
}

document.addEventListener("htmx:afterSettle", restoreTyped);
