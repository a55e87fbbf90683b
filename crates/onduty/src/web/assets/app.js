// The one script of onduty: live parts, keys, forms without a reload, ticking ages. Every page works without it.
const $ = (selector, root = document) => root.querySelector(selector);
const $$ = (selector, root = document) => [...root.querySelectorAll(selector)];
const root = document.documentElement;
root.classList.add("js");

// Theme: what the person chose on this machine, else what the system says. The wall follows its own clock.
const isWall = root.classList.contains("wall");
const remember = (key, value) => { try { value === undefined || localStorage.setItem(key, value); return localStorage.getItem(key); } catch { return null; } };
if (!isWall && remember("theme")) root.dataset.theme = remember("theme");
function changeTheme() {
  const dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  root.dataset.theme = dark ? "light" : "dark";
  remember("theme", root.dataset.theme);
}

// Time: the server's duty time, carried on between two beats at its rate.
let duty = { at: Date.now(), rate: 1, heard: performance.now() };
const isNow = (at, rate = duty.rate) => { duty = { at: Date.parse(at), rate, heard: performance.now() }; tick(); };
const dutyNow = () => duty.at + (performance.now() - duty.heard) * duty.rate;
function minutes(count) {
  const hours = Math.floor(count / 60), rest = count % 60;
  if (hours < 1) return `${count} min`;
  if (hours < 24) return rest ? `${hours} h ${rest} min` : `${hours} h`;
  const days = Math.floor(hours / 24);
  return days === 1 ? "1 day" : `${days.toLocaleString("en")} days`;
}
const age = (ms) => ms < 60000 ? "less than 1 min" : minutes(Math.floor(ms / 60000));
const until = (ms) => ms <= 0 ? "now" : `in ${minutes(Math.ceil(ms / 60000))}`;
let clockFormat;
const clock = (ms) => {
  clockFormat ??= new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", timeZone: document.body.dataset.zone || undefined });
  return clockFormat.format(ms);
};
const setText = (element, text) => { if (element.textContent !== text) element.textContent = text; };
function tick() {
  const now = dutyNow();
  for (const element of $$("[data-age]")) setText(element, age(now - Date.parse(element.dateTime)));
  for (const element of $$("[data-until]")) setText(element, until(Date.parse(element.dateTime) - now));
  for (const element of $$("[data-clock]")) setText(element, clock(now));
  release();
  lookForSilence();
}

// Live parts. Nothing moves under the cursor: a part that is hovered, focused or half filled in waits and says so. Hands
// that rest for ten seconds hold nothing but what they have typed.
let acted = -Infinity;
for (const name of ["pointermove", "keydown"]) addEventListener(name, () => { acted = performance.now(); }, { passive: true });
const waiting = new Map();
const typed = (part) => $$("textarea, input:not([type=hidden]):not([type=search])", part).some((field) => field.value !== field.defaultValue);
const held = (part) => part.matches(":hover") && $("[data-list], table, form", part) || part.contains(document.activeElement) && document.activeElement !== part;
const busy = (part) => !isWall && (typed(part) || performance.now() - acted < 10000 && held(part));
// The demo's bar keeps its shape: it is brought up to date in place, so that its buttons stay under the finger.
function patch(old, fresh) {
  const theirs = $$("*", fresh);
  $$("*", old).forEach((mine, at) => {
    for (const { name, value } of theirs[at]?.attributes ?? []) if (mine.getAttribute(name) !== value) mine.setAttribute(name, value);
  });
  isNow($("time", old).dateTime);
}
function fragment({ id, html }) {
  const old = document.getElementById(id);
  if (!old) return;
  const holder = document.createElement("template");
  holder.innerHTML = html;
  const fresh = holder.content.firstElementChild;
  if (!fresh) return;
  // A part may have been drawn for another page: its forms lead back to this one.
  for (const back of $$("[name=back]", fresh)) back.setAttribute("value", location.pathname + location.search);
  if (fresh.isEqualNode(old)) return;
  // Output only grows: whoever reads or marks it is not disturbed.
  const [box, said] = [$(".output", old), $(".output", fresh)?.textContent];
  if (box && said?.startsWith(box.textContent)) {
    const atEnd = box.scrollTop + box.clientHeight >= box.scrollHeight - 8;
    box.append(said.slice(box.textContent.length));
    if (atEnd) box.scrollTop = box.scrollHeight;
    return;
  }
  if (id === "demo") return patch(old, fresh);
  if (busy(old)) {
    waiting.set(id, html);
    old.classList.add("held");
    old.dataset.held = "changed; shown when you leave it";
    for (const selector of [".total", ".step-line > .word"]) {
      const [mine, theirs] = [$(selector, old), $(selector, fresh)];
      if (mine && theirs) setText(mine, theirs.textContent);
    }
    return;
  }
  waiting.delete(id);
  for (const open of $$("details[open][id]", old)) fresh.querySelector(`#${CSS.escape(open.id)}`)?.setAttribute("open", "");
  const current = $(".current", old)?.id;
  const focus = old.contains(document.activeElement) && document.activeElement.closest("[id]").id;
  fresh.classList.toggle("news", fresh.className !== old.className.replace(" news", ""));
  old.replaceWith(fresh);
  enhance(fresh);
  if (focus) document.getElementById(focus)?.focus({ preventScroll: true });
  if (current) document.getElementById(current)?.classList.add("current");
  if (id === "summary" && !isWall) setText($("#announce"), $("h1", fresh)?.textContent ?? "");
  tick();
}
const release = () => { for (const [id, html] of [...waiting]) { const part = document.getElementById(id); if (!part) waiting.delete(id); else if (!busy(part)) fragment({ id, html }); } };
document.addEventListener("pointerover", () => waiting.size && setTimeout(release, 150));
document.addEventListener("focusout", () => waiting.size && setTimeout(release, 150));

// Pages other than Today have parts of their own. When the day changes, the page is read again, and they are taken over.
let reading = 0;
async function readAgain() {
  if (reading || !$("[data-part]")) { reading &&= 2; return; }
  reading = 1;
  await new Promise((resolve) => setTimeout(resolve, 250));
  const answer = await fetch(location).catch(() => null);
  const page = answer?.ok && new DOMParser().parseFromString(await answer.text(), "text/html");
  for (const part of page ? $$("[data-part]", page) : []) fragment({ id: part.id, html: part.outerHTML });
  const again = reading === 2;
  reading = 0;
  if (again) readAgain();
}

// The stream: one for the visible tab; it resumes where it stopped, also after the tab was hidden.
let stream, lastId = "", heardAt = performance.now(), lastDuty;
function connect() {
  const address = document.body.dataset.stream;
  if (!address || stream || document.hidden) return;
  const url = new URL(address, location.href);
  if (lastId) url.searchParams.set("last-event-id", lastId);
  stream = new EventSource(url);
  const on = (name, act) => stream.addEventListener(name, (event) => {
    heardAt = performance.now();
    if (event.lastEventId) lastId = event.lastEventId;
    act(JSON.parse(event.data));
  });
  on("fragment", (part) => document.getElementById(part.id) ? fragment(part) : readAgain());
  on("beat", ({ at, rate = 1, night, version }) => {
    const drawn = document.body.dataset.version;
    if (drawn && version && drawn !== String(version) && !typed(document.body)) return location.reload();
    if (isWall && night !== undefined) root.dataset.theme = night ? "dark" : "light";
    lastDuty = Date.parse(at);
    isNow(at, rate);
  });
  // A browser does not come back after a refusal (a restart, a session that ended): try again, slowly.
  stream.onerror = () => { if (stream?.readyState === EventSource.CLOSED) { disconnect(); setTimeout(connect, 5000); } };
}
function disconnect() { stream?.close(); stream = undefined; }
// Whoever comes back to the page gives the stream two seconds; a try that is refused is no news.
function comeBack() { heardAt = Math.max(heardAt, performance.now() - 7000); connect(); }
document.addEventListener("visibilitychange", () => document.hidden ? disconnect() : comeBack());
addEventListener("pagehide", disconnect); addEventListener("pageshow", comeBack);
let staleShown = false;
function lookForSilence() {
  const banner = $("#stale");
  if (!banner || !document.body.dataset.stream || document.hidden) return;
  const silent = performance.now() - heardAt > 9000;
  if (silent === staleShown) return;
  staleShown = silent;
  document.body.classList.toggle("stale", silent);
  const since = clock(lastDuty ?? Date.parse(document.body.dataset.now));
  banner.textContent = isWall ? `No connection since ${since}` : `No connection since ${since}. What you see may be out of date; it renews itself.`;
  banner.hidden = !silent;
}

// Forms: sent without a reload; the answer is the page itself, from which changed parts are taken.
async function send(form, button) {
  const data = new FormData(form, button);
  form.setAttribute("aria-busy", "true");
  let answer, text;
  try {
    answer = await fetch(form.action, { method: "POST", body: new URLSearchParams(data), headers: { Accept: "text/html" } });
    text = await answer.text();
  } catch {
    return say("onduty cannot be reached. Nothing was sent; try again when the connection is back.");
  } finally {
    form.removeAttribute("aria-busy");
  }
  const page = new DOMParser().parseFromString(text, "text/html");
  if (!answer.ok) return say($("#main", page)?.innerHTML ? $("#main", page) : text || `Status ${answer.status}`);
  form.reset();
  $("#message")?.close();
  const url = new URL(answer.url);
  if (url.pathname + url.search !== location.pathname + location.search) history.pushState({}, "", url);
  takeOver(page);
}
function takeOver(page) {
  const [mine, theirs] = [$("#main"), $("#main", page)];
  if (!theirs) return location.reload();
  const key = document.activeElement?.closest("[id]")?.id;
  const open = $$("details[open][id]", mine).map((details) => details.id);
  const current = $(".current", mine)?.id;
  const scroll = scrollY;
  mine.replaceChildren(...theirs.childNodes);
  if ($("#demo") && $("#demo", page)) patch($("#demo"), $("#demo", page));
  document.title = page.title;
  for (const id of open) document.getElementById(id)?.setAttribute("open", "");
  if (current) document.getElementById(current)?.classList.add("current");
  waiting.clear();
  enhance(document);
  scrollTo(0, scroll);
  document.getElementById(key)?.focus({ preventScroll: true });
  isNow(page.body.dataset.now);
  // Answers may overtake each other and the stream: a fresh stream tells everything as it is now.
  disconnect();
  connect();
}
function say(what) {
  const box = $("#message-text");
  if (!box) return;
  if (typeof what === "string") box.textContent = what; else box.replaceChildren(...what.childNodes);
  $("#message").showModal();
}
document.addEventListener("submit", (event) => {
  const form = event.target;
  if (form.method !== "post" || form.dataset.plain !== undefined || /\/(sign-out|sign-in|welcome)/.test(form.action) || isWall) return;
  event.preventDefault();
  send(form, event.submitter ?? undefined);
});
addEventListener("popstate", () => location.reload());

// Search as you type.
let searching;
document.addEventListener("input", (event) => {
  const form = event.target.closest?.("form[data-live]");
  if (!form) return;
  clearTimeout(searching);
  searching = setTimeout(async () => {
    const url = `${form.action}?${new URLSearchParams(new FormData(form))}`;
    const answer = await fetch(url).catch(() => null);
    if (!answer?.ok) return;
    const found = new DOMParser().parseFromString(await answer.text(), "text/html").getElementById(form.dataset.live);
    if (found) { document.getElementById(form.dataset.live).replaceWith(found); history.replaceState({}, "", url); }
  }, 180);
});

// The button of the rollout: hold it, or type the revision.
function hold(button) {
  let timer;
  const field = button.form.elements.confirm;
  const stop = () => { clearTimeout(timer); button.classList.remove("holding"); };
  const start = () => {
    if (timer && button.classList.contains("holding")) return;
    button.classList.add("holding");
    timer = setTimeout(() => { stop(); field.value = button.dataset.hold; button.form.requestSubmit(button); }, 1200);
  };
  button.addEventListener("pointerdown", (event) => event.button === 0 && field.value !== button.dataset.hold && start());
  for (const name of ["pointerup", "pointerleave", "pointercancel", "blur", "keyup"]) button.addEventListener(name, stop);
  button.addEventListener("keydown", (event) => { if ((event.key === "Enter" || event.key === " ") && field.value !== button.dataset.hold) { event.preventDefault(); start(); } });
  button.addEventListener("click", (event) => { if (field.value !== button.dataset.hold) event.preventDefault(); });
}
function enhance(part) {
  for (const hint of $$(".hold-hint", part)) hint.hidden = false;
  for (const button of $$("[data-hold]", part)) hold(button);
  for (const box of $$(".output", part)) box.scrollTop = box.scrollHeight;
}

// Keys.
const stops = () => $$("[data-nav]").filter((element) => element.checkVisibility());
const current = () => $(".current") ?? (stops().length === 1 ? stops()[0] : null);
function move(by) {
  const all = stops(), at = all.indexOf($(".current"));
  const next = all[at < 0 ? (by > 0 ? 0 : all.length - 1) : Math.min(all.length - 1, Math.max(0, at + by))];
  if (!next) return;
  $(".current")?.classList.remove("current");
  next.classList.add("current");
  next.focus({ preventScroll: true });
  next.scrollIntoView({ block: "nearest" });
}
function use(key) {
  const target = current() && $(`[data-key="${key}"]`, current());
  if (!target) return;
  target.closest("details")?.setAttribute("open", "");
  if (target.matches("button")) target.click(); else { target.focus(); target.scrollIntoView({ block: "nearest" }); }
}
let going = 0;
const keys = {
  j: () => move(1), k: () => move(-1), ArrowDown: () => move(1), ArrowUp: () => move(-1),
  Enter: () => $("[data-open]", current() ?? document.body)?.click(),
  t: () => use("t"), o: () => use("o"), c: () => use("c"), s: () => use("s"),
  n: () => $("#note")?.focus(), "?": () => $("#help")?.togglePopover(), g: () => { going = performance.now(); },
  "/": () => { const field = $("#log-search") ?? $("#search"); if (field?.checkVisibility()) field.focus(); else $('[data-go="l"]')?.click(); },
};
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || isWall || document.querySelector("dialog[open]:modal")) return;
  if (event.key === "Escape") { if (event.target.matches("input, textarea, select")) event.target.blur(); $$("details.menu[open]").forEach((menu) => { menu.open = false; }); return; }
  if (event.target.closest("input, textarea, select, [contenteditable]") || (event.key === "Enter" && event.target.closest("a, button, summary"))) return;
  if (event.key.startsWith("Arrow") && !$(".current")) return;
  const page = performance.now() - going < 1500 && $(`[data-go="${CSS.escape(event.key)}"]`);
  going = 0;
  if (page) { event.preventDefault(); page.click(); return; }
  const act = keys[event.key];
  if (act) { event.preventDefault(); act(); }
});

const start = () => {
  if (document.body.dataset.now) isNow(document.body.dataset.now);
  for (const button of $$('[data-act="theme"]')) { button.hidden = false; button.addEventListener("click", changeTheme); }
  document.addEventListener("click", (event) => $$("details.menu[open]").forEach((menu) => { if (!menu.contains(event.target)) menu.open = false; }));
  enhance(document);
  connect();
  setInterval(tick, 1000);
};
if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", start); else start();
