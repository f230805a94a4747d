// What pages gain from a script: the palette, keys, drafts that keep themselves, and changes made elsewhere.
// Every page works without it; nothing here decides anything.
"use strict";

const root = document.documentElement;
root.classList.add("js");

const one = (selector, from = document) => from.querySelector(selector);
const all = (selector, from = document) => [...from.querySelectorAll(selector)];
const typing = (element) => element?.matches("input:not([type=radio]):not([type=checkbox]), textarea, select, [contenteditable]");

// The server words times in the agent's zone; only the browser knows which that is.
const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
if (zone && !document.cookie.includes(`zone=${zone}`)) {
  const secure = location.protocol === "https:" ? "; secure" : "";
  document.cookie = `zone=${zone}; path=/; max-age=31536000; samesite=lax${secure}`;
}

// Menus: one open at a time; a click elsewhere or Escape closes it --------------------------------------------------

document.addEventListener("toggle", (event) => {
  const menu = event.target;
  if (!menu.matches?.("details.menu") || !menu.open) return;
  all("details.menu[open]").filter((other) => other !== menu && !other.contains(menu)).forEach((other) => { other.open = false; });
  const pop = one(".pop", menu);
  if (pop && pop.getBoundingClientRect().left < 4) { pop.classList.remove("right"); }
}, true);
document.addEventListener("click", (event) => {
  all("details.menu[open]").filter((menu) => !menu.contains(event.target)).forEach((menu) => { menu.open = false; });
});

// Forms that need no button -----------------------------------------------------------------------------------------

document.addEventListener("change", (event) => {
  if (event.target.matches("[data-autosubmit]")) event.target.form.requestSubmit();
  if (event.target.matches("[data-preview]")) showWithChoices(event.target.form);
  if (event.target.name === "kind" && event.target.closest("[data-composer]")) { fitRecipients(event.target.form); fitSubject(event.target.form); }
});

// The preview of a merge follows the choices that are made in it.
function showWithChoices(form) {
  const given = new FormData(form);
  const chosen = ([name, value]) => name.startsWith("choice.") && given.get(name.replace("choice.", "ruled.")) !== value;
  const asked = new URLSearchParams([...given].filter((one) => ["step", "source"].includes(one[0]) || chosen(one)));
  const path = `${new URL(form.action).pathname}?${asked}`;
  const focus = document.activeElement;
  const again = focus?.name ? `[name="${CSS.escape(focus.name)}"][value="${CSS.escape(focus.value)}"]` : null;
  const scrolled = one("#main").scrollTop;
  // Asked for by the body: a form would add its fields to those of the address.
  htmx.ajax("GET", path, { source: document.body, target: "#main", select: "#main", swap: "outerHTML show:none" }).then(() => {
    history.replaceState(history.state, "", path);
    one("#main").scrollTop = scrolled;
    if (again) one(again)?.focus({ preventScroll: true });
  });
}

// Notices go by themselves; refusals stay until something else is said.
document.addEventListener("animationend", (event) => {
  if (event.target.matches(".said") && event.animationName === "leave") event.target.remove();
});

// The composer: recipients of the chosen kind, drafts that keep themselves --------------------------------------------

function fitRecipients(form) {
  const kind = form.elements.kind.value;
  const to = form.elements.to;
  const groups = all("optgroup", to);
  groups.forEach((group) => { group.hidden = group.disabled = group.dataset.kind !== kind; });
  const none = one("[data-none]", to);
  const mine = groups.find((group) => group.dataset.kind === kind);
  // A draft whose contact point is gone is not sent to the next best one: its author chooses.
  const waits = none.dataset.waits === kind;
  none.hidden = Boolean(mine) && !waits;
  if (to.selectedOptions[0]?.parentElement === mine) return;
  (mine && !waits ? mine.firstElementChild : none).selected = true;
}

// The subject of an answer is no task's.
function fitSubject(form) {
  const { kind, subject, answer_subject: answer } = form.elements;
  if (kind.value === "task" && subject.value === answer.value) subject.value = "";
  else if (kind.value === "email" && !subject.value) subject.value = answer.value;
}

const keeping = new WeakMap();

async function keepDraft(form) {
  clearTimeout(keeping.get(form)?.timer);
  if (!form.dataset.changed || (!form.elements.body.value.trim() && !form.elements.draft_id.value)) return;
  delete form.dataset.changed;
  const state = one(".draft-state", form);
  const data = new FormData(form);
  data.set("do", "autosave");
  try {
    const answer = await fetch(form.action, { method: "POST", body: new URLSearchParams(data), keepalive: true });
    if (signedOut(answer)) throw new Error("signed out");
    if (!answer.ok || answer.redirected) throw new Error("refused");
    const kept = await answer.json();
    form.elements.draft_id.value = kept.draft_id;
    form.elements.draft_seen.value = kept.draft_seen;
    if (!form.dataset.changed) forgetTyped(form);
    state.textContent = kept.beside ? "Kept as a draft of its own: you are writing in another tab too" : "Draft saved";
  } catch {
    form.dataset.changed = "1";
    state.textContent = isSignedOut ? "Kept in this browser" : "Not saved. Retrying…";
    keeping.set(form, { timer: setTimeout(() => { keeping.get(form).saving = keepDraft(form); }, 3000) });
  }
}

document.addEventListener("input", (event) => {
  const form = event.target.closest("[data-composer]");
  if (!form) return;
  form.dataset.changed = "1";
  one(".draft-state", form).textContent = "";
  clearTimeout(keeping.get(form)?.timer);
  const before = keeping.get(form)?.saving;
  const timer = setTimeout(() => {
    const saving = Promise.resolve(before).then(() => keepDraft(form));
    keeping.set(form, { saving });
  }, 500);
  keeping.set(form, { timer, saving: before });
});

async function flushDrafts() {
  for (const form of all("[data-composer]")) {
    await keeping.get(form)?.saving;
    if (form.dataset.changed) await keepDraft(form);
  }
}
window.addEventListener("pagehide", () => { flushDrafts(); });
// A draft under way must have its id before it is sent, or it would be there twice.
document.addEventListener("htmx:confirm", (event) => {
  const form = event.target;
  if (!form.matches?.("[data-composer]")) return;
  event.preventDefault();
  clearTimeout(keeping.get(form)?.timer);
  Promise.resolve(keeping.get(form)?.saving).then(() => { delete form.dataset.changed; event.detail.issueRequest(true); });
});

// Finding as one types, for fields with a list ------------------------------------------------------------------------

let suggesting = 0;
document.addEventListener("input", (event) => {
  const listId = event.target.dataset?.suggest;
  if (!listId) return;
  clearTimeout(suggesting);
  suggesting = setTimeout(async () => {
    const answer = await fetch(`/palette?q=${encodeURIComponent(event.target.value)}`, { headers: { "HX-Request": "true" } });
    const found = new DOMParser().parseFromString(await answer.text(), "text/html");
    const list = document.getElementById(listId);
    list.replaceChildren(...all("a[href^='/customers/'][id^=found]", found).map((link) => {
      const option = document.createElement("option");
      const more = one(".found-more", link)?.textContent.split(" · ")[0].trim();
      option.value = more || one(".found-name", link).textContent;
      option.label = `${one(".found-name", link).textContent} ${more}`;
      return option;
    }));
  }, 150);
});

// The palette ---------------------------------------------------------------------------------------------------------

const palette = one("#palette");
const paletteInput = one("#palette-input");

function openPalette(text = "") {
  paletteInput.value = text;
  palette.showModal();
  paletteInput.select();
  htmx.trigger(paletteInput, "open");
}

function choose(step) {
  const found = all(".found", palette);
  if (!found.length) return;
  const now = found.findIndex((link) => link.getAttribute("aria-selected") === "true");
  const next = found[(now + step + found.length) % found.length];
  found.forEach((link) => link.setAttribute("aria-selected", String(link === next)));
  paletteInput.setAttribute("aria-activedescendant", next.id);
  next.scrollIntoView({ block: "nearest" });
}

palette?.addEventListener("keydown", (event) => {
  if (event.key === "ArrowDown") { choose(1); event.preventDefault(); }
  if (event.key === "ArrowUp") { choose(-1); event.preventDefault(); }
  if (event.key === "Enter") { entering = true; enter(); event.preventDefault(); } else entering = false;
});

// Whoever types fast is ahead of what was found: Enter waits for the answer to what is typed.
let entering = false;
function enter() {
  if (!entering || one("[data-for]", palette)?.dataset.for !== paletteInput.value) return;
  entering = false;
  one(".found[aria-selected=true]", palette)?.click();
}
palette?.addEventListener("click", (event) => {
  if (event.target === palette || event.target.closest(".found")) palette.close();
});
document.addEventListener("htmx:afterSwap", (event) => {
  if (event.detail.target.id !== "palette-results") return;
  one(".found", palette)?.setAttribute("aria-selected", "true");
  enter();
});

// A merge that takes longer than a second says so (MRG-10) -------------------------------------------------------------

const inProcess = new Map();
const sayInProcess = () => one("#in-process").replaceChildren(...[...new Set(inProcess.values())].map((text) => notice("in-process", text)));
const say = (text) => one("#said").replaceChildren(notice("refusal", text));

function notice(kind, text) {
  const line = document.createElement("p");
  line.className = kind;
  line.textContent = text;
  return line;
}

document.addEventListener("htmx:beforeSend", (event) => {
  const { xhr, requestConfig } = event.detail;
  const text = requestConfig.triggeringEvent?.submitter?.dataset.inProcess;
  if (!text) return;
  const timer = setTimeout(() => { inProcess.set(xhr, text); sayInProcess(); }, 1000);
  xhr.addEventListener("loadend", () => { clearTimeout(timer); inProcess.delete(xhr); sayInProcess(); });
});

// Whoever has gone on to another page meanwhile stays there, and is told how it ended.
document.addEventListener("htmx:beforeSend", (event) => {
  const { elt, target, xhr } = event.detail;
  const ended = new AbortController();
  xhr.addEventListener("loadend", () => ended.abort());
  elt.addEventListener("htmx:beforeOnLoad", (answer) => {
    if (answer.detail.xhr !== xhr || target.isConnected) return;
    answer.preventDefault();
    if (event.detail.requestConfig.verb === "get") return;
    const said = one("#said .said, #refusal", new DOMParser().parseFromString(xhr.response, "text/html"));
    if (said) one("#said").replaceChildren(said);
    else say("What you started on the page before was not done. Go back to it to see why.");
  }, { signal: ended.signal });
});

// Keys ----------------------------------------------------------------------------------------------------------------

// Who types goes on typing, whatever happens to the page: a letter that finds its field gone is no shortcut. And what
// decides something needs a page that has been still, so that one sees on what.
const [PAUSE, STILL] = [600, 400];  // milliseconds: between two letters of one who types, and since the page changed
let typedAt = -Infinity;
let movedAt = performance.now();
const moved = () => { movedAt = performance.now(); };

document.addEventListener("keydown", (event) => {
  if (["Enter", "Escape", "Tab"].includes(event.key)) typedAt = -Infinity;
  else if (typing(event.target) || performance.now() - typedAt < PAUSE) typedAt = performance.now();
}, true);
document.addEventListener("pointerdown", () => { typedAt = -Infinity; }, true);

const goTo = { c: "/customers", d: "/queue", m: "/merges", i: "/insights", a: "/audit", s: "/settings" };
let goingSince = -Infinity;

function follow(path) {
  const link = document.createElement("a");
  link.href = path;
  link.hidden = true;
  document.body.append(link);
  htmx.process(link);
  // It stays until it is answered: htmx asks it then where the answer goes.
  link.addEventListener("htmx:afterRequest", () => link.remove());
  link.click();
}

function moveThrough(step) {
  const rows = all("#main [data-row]");
  const links = rows.length ? rows : all("#side .entry");
  if (!links.length) return;
  const now = links.findIndex((link) => link.matches("[aria-current=true]") || link === document.activeElement || link.contains(document.activeElement));
  const next = links[Math.min(Math.max(now + step, 0), links.length - 1)];
  if (!rows.length) { next.focus(); next.click(); return; }
  rows.forEach((row) => row.removeAttribute("aria-current"));
  next.setAttribute("aria-current", "true");
  next.focus();
  next.scrollIntoView({ block: "nearest" });
}

document.addEventListener("keydown", (event) => {
  if (event.defaultPrevented) return;
  const command = event.ctrlKey || event.metaKey;
  if (command && event.key === "Enter" && event.target.form?.matches("[data-composer]")) { event.target.form.requestSubmit(one("[value=send]", event.target.form)); return; }
  if (command && event.key.toLowerCase() === "k" && palette) { openPalette(); event.preventDefault(); return; }
  if (event.key === "Escape") {
    const open = all("details.menu[open]").pop();
    if (open) { forgetMenu(open); open.open = false; one("summary", open).focus(); } else if (typing(event.target)) event.target.blur();
    return;
  }
  if (command || event.altKey || typing(event.target) || one("dialog[open]") || performance.now() - typedAt < PAUSE) return;
  if (performance.now() - goingSince < 1200 && goTo[event.key]) { goingSince = -Infinity; follow(goTo[event.key]); event.preventDefault(); return; }
  const act = {
    "/": () => openPalette(),
    "?": () => one("#keys").showModal(),
    g: () => { goingSince = performance.now(); },
    j: () => moveThrough(1),
    k: () => moveThrough(-1),
  }[event.key];
  const row = one("#main [data-row][aria-current=true]") ?? document;
  const keyed = one(`[data-key="${CSS.escape(event.key)}"]`, row);
  const decides = keyed?.matches("button, input[type=submit]");
  if (event.repeat && !"jk".includes(event.key) || decides && performance.now() - movedAt < STILL) { /* not meant */ }
  else if (keyed) { if (typing(keyed)) keyed.focus(); else keyed.click(); }
  else if (act) act();
  else if (event.key === "n" && !one("#main [data-row]")) follow("/customers/new");
  else return;
  event.preventDefault();
});

// Changes made elsewhere (MRG-11) ---------------------------------------------------------------------------------------

// What asks for something stays until it is answered: htmx asks it then where the answer goes.
let asking = 0;
document.addEventListener("htmx:beforeSend", (event) => {
  asking += 1;
  // The request itself says when it has ended: what has left the page by then tells the document nothing.
  event.detail.xhr.addEventListener("loadend", () => { asking -= 1; });
});

let refreshing = 0;
let lastRefresh = 0;

function concerns(change) {
  if (change.type === "resync") return true;
  if (one("#main[data-live-all]")) return true;
  if (["conversation.updated", "profile.merged", "profile.unmerged", "profile.detached"].includes(change.type)) return true;
  const data = change.data ?? {};
  const ids = new Set([change.profile_id, data.other_id, data.to, data.from]);
  const shown = [...(one("#main")?.dataset.profiles ?? "").split(" "), ...all("#side [data-profile]").map((link) => link.dataset.profile)];
  return shown.some((id) => id && ids.has(id));
}

function busyWith(part) {
  return part.contains(document.activeElement) && typing(document.activeElement) || one("details.menu[open]", part);
}

const parsed = (text) => new DOMParser().parseFromString(text, "text/html");

async function refresh() {
  if (asking) { changed({ type: "resync" }); return; }
  lastRefresh = performance.now();
  const before = location.href;
  const answer = await fetch(before, { headers: { "X-Refresh": "1" } }).catch(() => null);
  if (!answer) { lookAgain(); return; }
  if (signedOut(answer) || !answer.ok || location.href !== before) return;
  if (asking) { changed({ type: "resync" }); return; }
  if (answer.redirected && new URL(answer.url).pathname !== location.pathname) { await moveOn(answer.url, before); return; }
  show(parsed(await answer.text()));
}

// The customer was merged away meanwhile. The page becomes the survivor's around what is being typed, which stays where
// it is: focus, caret and every letter with it.
async function moveOn(url, before) {
  await flushDrafts();
  if (!one("#composer")) {
    if (typing(document.activeElement)) changed({ type: "resync" });
    else follow(url.slice(location.origin.length));
    return;
  }
  const answer = await fetch(url, { headers: { "X-Refresh": "1" } }).catch(() => null);
  if (!answer?.ok || location.href !== before) return;
  const fresh = parsed(await answer.text());
  if (!one("#composer", fresh)) { follow(url.slice(location.origin.length)); return; }
  history.replaceState(history.state, "", answer.url);
  one("#main").dataset.customer = one("#main", fresh).dataset.customer;
  takeComposer(fresh);
  one("#timeline").replaceChildren(...one("#timeline", fresh).childNodes);
  htmx.process(one("#timeline"));
  show(fresh);
  settle();
}

function takeComposer(fresh) {
  const [form, other] = [one("#composer"), one("#composer", fresh)];
  const used = form.contains(document.activeElement) || form.dataset.changed || form.elements.body.value.trim();
  if (!used) {
    one("#composer-part").replaceWith(one("#composer-part", fresh));
    htmx.process(one("#composer-part"));
    return;
  }
  form.setAttribute("action", other.getAttribute("action"));
  const [to, kind] = [form.elements.to, form.elements.kind.value];
  const same = other.elements.draft_id.value === form.elements.draft_id.value && other.elements.kind.value === kind;
  const chosen = same ? other.elements.to.value : to.value;
  to.replaceChildren(...other.elements.to.childNodes);
  const none = one("[data-none]", to);
  const there = all("option", to).find((option) => option.value === chosen && option.parentElement.dataset.kind === kind);
  if (!there && one(`[data-kind="${kind}"]`, to)) none.dataset.waits = kind;
  (there ?? none).selected = true;
  fitRecipients(form);
}

// New work announces itself (UI-5): what is news in My Customers is said once, and by the browser where it may --------------

const newest = (entry) => `${entry.dataset.profile} ${one(".entry-when", entry)?.textContent} ${one(".entry-text", entry)?.textContent}`;

function announce(fresh) {
  const known = new Set(all("#side .entry.unread").map(newest));
  const added = all("#side .entry.unread", fresh).filter((entry) => !known.has(newest(entry)));
  if (!added.length) return;
  const [entry] = added;
  const text = `${one(".entry-name", entry).textContent}: ${one(".entry-text", entry)?.textContent.trim() ?? ""}`;
  const line = notice("said", "");
  const link = document.createElement("a");
  Object.assign(link, { href: entry.getAttribute("href"), textContent: text });
  line.append(link);
  one("#news").replaceChildren(line);
  htmx.process(line);
  if (document.hidden && localStorage.getItem("notify") && globalThis.Notification?.permission === "granted") {
    // No text of a customer's on a locked screen.
    new Notification("Onefold", { body: `New for you: ${added.length}`, tag: "onefold" }).onclick = () => window.focus();
  }
}

// Copying needs a script and a page that may; without either there is no button for it.
function showCopy() { if (navigator.clipboard) all("[data-copy]").forEach((button) => { button.hidden = false; }); }
document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-copy]");
  if (!button) return;
  await navigator.clipboard.writeText(button.dataset.copy);
  one("#said").replaceChildren(notice("said", "Copied."));
});

function showNotify() {
  const button = one("[data-notify]");
  if (!button || !globalThis.Notification || Notification.permission === "denied") return;
  button.hidden = false;
  button.textContent = localStorage.getItem("notify") ? "Don't notify me in this browser" : "Notify me in this browser";
}
document.addEventListener("click", async (event) => {
  if (!event.target.matches("[data-notify]")) return;
  if (localStorage.getItem("notify")) localStorage.removeItem("notify");
  else if (await Notification.requestPermission() === "granted") localStorage.setItem("notify", "1");
  showNotify();
});

// A page's forms carry its id, which is another each time it is asked for.
const written = (part) => part.outerHTML.replaceAll(/name="page_id" value="[^"]*"/g, "");

function show(fresh) {
  announce(fresh);
  for (const part of [one("#side"), one("#nav"), ...all("[data-part]")]) {
    const now = part && fresh.getElementById(part.id);
    if (!now || busyWith(part) || written(part) === written(now)) continue;
    const ticked = all("input[type=checkbox]:checked", part).map((box) => `${box.name}=${box.value}`);
    const kept = document.activeElement?.id && part.contains(document.activeElement) ? document.activeElement.id : null;
    const scrolled = part.scrollTop;
    part.replaceWith(now);
    now.scrollTop = scrolled;
    all("input[type=checkbox]", now).forEach((box) => { box.checked ||= ticked.includes(`${box.name}=${box.value}`); });
    htmx.process(now);
    if (one("#main").contains(now)) moved();
    showCopy();
    if (kept) document.getElementById(kept)?.focus({ preventScroll: true });
  }
  addNewItems(fresh);
  takeDraft(fresh);
  document.title = fresh.title;
  one("#main")?.setAttribute("data-profiles", one("#main", fresh)?.dataset.profiles ?? "");
}

// What the agent has written in another tab is here too, unless something is being written here.
function takeDraft(fresh) {
  const [form, other] = [one("#composer"), one("#composer", fresh)];
  if (!form || !other || form.contains(document.activeElement) || form.dataset.changed) return;
  const said = (of) => ["draft_id", "draft_seen"].map((name) => of.elements[name].value).join();
  if (said(form) === said(other) || !other.elements.draft_id.value && form.elements.body.value.trim()) return;
  one("#composer-part").replaceWith(one("#composer-part", fresh));
  htmx.process(one("#composer-part"));
  settle();
}

// What is new is put on top where it belongs there; else, as after a merge, the whole stretch is read anew.
function addNewItems(fresh) {
  const [timeline, other] = [one("#timeline"), one("#timeline", fresh)];
  if (!timeline || !other) return;
  const numbers = (of) => all("[data-seq]", of).map((item) => item.dataset.seq);
  const [shown, there] = [numbers(timeline), numbers(other)];
  if (shown.slice(0, there.length).join() === there.join()) return;
  const added = there.indexOf(shown[0]);
  if (added < 1 || there.slice(added).some((seq, n) => n < shown.length && seq !== shown[n])) {
    timeline.replaceChildren(...other.childNodes);
    htmx.process(timeline);
    return;
  }
  const nodes = all("[data-seq], [data-day]", other);
  const heading = one("[data-day]", timeline);  // which is among the new ones again
  for (const node of nodes.slice(0, nodes.indexOf(one(`[data-seq="${shown[0]}"]`, other)))) {
    timeline.insertBefore(node, heading);
    htmx.process(node);
  }
  heading.remove();
}

function changed(change) {
  if (!concerns(change)) return;
  clearTimeout(refreshing);
  refreshing = setTimeout(refresh, Math.max(120, 1500 - (performance.now() - lastRefresh)));
}

let stream = null;
function listen() {
  if (!one("#side") || stream || document.hidden || isSignedOut) return;
  stream = new EventSource("/events");
  // What happened between the page and its stream was told to nobody here.
  stream.addEventListener("open", () => changed({ type: "resync" }));
  stream.addEventListener("change", (event) => changed(JSON.parse(event.data)));
  // Another window of this session has begun to listen, and there were too many: this one does again when it is looked at.
  stream.addEventListener("gives-way", stopListening);
  stream.addEventListener("error", () => {
    if (stream?.readyState !== EventSource.CLOSED) return;
    stream = null;
    setTimeout(() => { listen(); refresh(); }, 5000);  // which tells whether the session has ended
  });
}
function stopListening() { stream?.close(); stream = null; }
// A browser has six connections to a host: tabs that nobody sees must not hold them.
document.addEventListener("visibilitychange", () => { if (document.hidden) stopListening(); else listen(); });
window.addEventListener("pagehide", stopListening);
window.addEventListener("pageshow", listen);
window.addEventListener("focus", listen);

// Who else is at the customer (UI-4): the page says that it is there, and is told of the others ---------------------------

const HERE_MS = 8_000;
let hereAt = null;

// Whoever has typed within the last minute writes; a draft of last week does not.
const WRITES_MS = 60_000;
function unsent(form) { return form && Date.now() - (form.dataset.typedAt ?? 0) < WRITES_MS && form.elements.body.value.trim() ? "1" : "0"; }

async function sayHere() {
  const customer = one("#main")?.dataset.customer ?? null;
  if (hereAt && hereAt !== customer) leaveHere();
  if (!customer || document.hidden || isSignedOut) return;
  hereAt = customer;
  const fields = new URLSearchParams({ writing: unsent(one("#composer")) });
  const answer = await fetch(`/customers/${customer}/here`, { method: "POST", body: fields, headers: { "X-Refresh": "1" } }).catch(() => null);
  if (!answer?.ok || answer.redirected) return;
  const { text } = await answer.json();
  const line = one("#here");  // gone, where its reader has gone on meanwhile
  if (line && one("#main").dataset.customer === customer && line.textContent !== text) line.textContent = text;
}
function leaveHere() {
  if (hereAt) navigator.sendBeacon(`/customers/${hereAt}/here`, new URLSearchParams({ left: "1" }));
  hereAt = null;
}
setInterval(sayHere, HERE_MS);
document.addEventListener("visibilitychange", sayHere);
document.addEventListener("input", (event) => {
  if (event.target.name !== "body" || !event.target.form) return;
  event.target.form.dataset.typedAt = Date.now();
  if (event.target.form.dataset.writing !== unsent(event.target.form)) {
    event.target.form.dataset.writing = unsent(event.target.form);
    sayHere();
  }
});
window.addEventListener("pagehide", leaveHere);

// After every page ------------------------------------------------------------------------------------------------------

function settle() {
  showCopy();
  if (hereAt !== (one("#main")?.dataset.customer ?? null)) sayHere();
  all("[data-composer]").forEach(fitRecipients);
  const customer = one("#main")?.dataset.customer;
  if (customer) all("#side .entry").forEach((link) => {
    if (link.dataset.profile === customer) link.setAttribute("aria-current", "true");
  });
}
// Whoever was writing when the page was replaced (an answer sent by key) goes on writing.
let wrote = false;
document.addEventListener("htmx:beforeSwap", (event) => {
  wrote = event.detail.target?.id === "main" && Boolean(one("#composer")?.contains(document.activeElement));
});
document.addEventListener("htmx:afterSwap", (event) => {
  if (event.detail.target?.id !== "main" && event.detail.elt?.id !== "main") return;
  moved();
  if (wrote) one("#composer textarea")?.focus({ preventScroll: true });
});
document.addEventListener("htmx:afterSettle", (event) => {
  settle();
  if (event.detail.target?.id !== "main" && event.detail.elt?.id !== "main") return;
  const focus = one("#main [autofocus]") ?? one("#main");
  if (one("dialog[open]") || typing(document.activeElement)) return;
  if (!one("#main").contains(document.activeElement)) focus.focus({ preventScroll: true });
});
document.addEventListener("click", (event) => {
  const link = event.target.closest("[data-frame]");
  if (!link) return;
  one("iframe", link.closest("details")).src = link.href;
  event.preventDefault();
});
settle();
showNotify();
globalThis.restoreTyped?.();  // pages of nobody's have nothing to restore

// A one-time link signs in by a form, which nothing that only looks at addresses sends.
one("[data-submit-now]")?.requestSubmit();
