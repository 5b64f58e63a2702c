// @ts-check

// Keeps elements with `data-live` up to date.

const state = byId("live");
// The answer to a form has another address than the page that it shows.
const here = document.querySelector("link[rel=canonical]")?.getAttribute("href") ?? location.href;
/** A page in the background updates its icon and title at this interval, ms. */
const HIDDEN_MS = 60000;
let shown = document.body.dataset.revision;
/** @type {EventSource | undefined} */
let source;

/**
 * @param {"live" | "trouble"} kind
 * @param {string} text
 */
function tell(kind, text) {
  if (!state || (state.dataset.kind === kind && !state.hidden)) return;
  state.hidden = false;
  state.dataset.kind = kind;
  state.textContent = text;
}

/** @param {Node} node */
const idOf = (node) => (node instanceof Element ? node.id : "");

/**
 * Makes one element equal to another. It does not touch equal parts, so focus and selection stay.
 * @param {ChildNode} from
 * @param {ChildNode} to
 */
function morph(from, to) {
  if (from.isEqualNode(to)) return;
  if (from instanceof Text && to instanceof Text) {
    from.data = to.data;
    return;
  }
  if (!(from instanceof Element && to instanceof Element) || from.nodeName !== to.nodeName || from.id !== to.id) {
    from.replaceWith(document.importNode(to, true));
    return;
  }
  // Details that the reader folded or unfolded stay that way.
  const isKept = (/** @type {string} */ name) => name === "open" && from.nodeName === "DETAILS";
  for (const { name } of [...from.attributes]) {
    if (!to.hasAttribute(name) && !isKept(name)) from.removeAttribute(name);
  }
  for (const { name, value } of to.attributes) {
    if (from.getAttribute(name) !== value && !isKept(name)) from.setAttribute(name, value);
  }
  // Remove first. Then the remaining elements do not move, and a log that loses its first lines keeps its place.
  const stay = new Set([...to.children].map(idOf));
  for (const child of [...from.children]) if (child.id && !stay.has(child.id)) child.remove();
  const named = new Map([...from.children].filter((child) => child.id).map((child) => [child.id, child]));
  let at = from.firstChild;
  for (const next of [...to.childNodes]) {
    const id = idOf(next);
    const match = id ? named.get(id) : at && !idOf(at) && at.nodeName === next.nodeName ? at : undefined;
    if (!match) from.insertBefore(document.importNode(next, true), at);
    else {
      if (match === at) at = at.nextSibling;
      else from.insertBefore(match, at);
      morph(match, next);
    }
  }
  while (at) {
    const next = at.nextSibling;
    at.remove();
    at = next;
  }
}

/** Logs that are scrolled to their end. They stay there when lines are added. */
const tails = () =>
  [...document.querySelectorAll("[data-tail]")].filter(
    (each) => each.scrollHeight - each.scrollTop - each.clientHeight < 8,
  );

/**
 * Keeps the visible lines of a log in place when earlier lines are removed. Only some browsers do this, so the style turns that
 * off and this does it for all.
 * @returns call it when the page has changed.
 */
function keepingPlace() {
  const kept = [...document.querySelectorAll("[data-tail]")].map((log) => {
    const top = (/** @type {Element} */ each) => each.getBoundingClientRect().top - log.getBoundingClientRect().top;
    const seen = [...log.children]
      .map((line) => ({ line, at: top(line) }))
      .filter(({ at }) => at >= 0 && at < log.clientHeight);
    return { log, top, seen };
  });
  return () => {
    for (const { log, top, seen } of kept) {
      const still = seen.find(({ line }) => line.isConnected);
      if (still) log.scrollTop += top(still.line) - still.at;
    }
  };
}

/** @param {readonly Element[]} elements */
function toEnd(elements) {
  for (const each of elements) each.scrollTop = each.scrollHeight;
}

const saying = () => document.querySelector("[data-said]")?.getAttribute("data-said") ?? undefined;

/** @param {Document} page */
function show(page) {
  showTimes(page);
  showWatchButton(page);
  showCopyButtons(page);
  const said = saying();
  const atEnd = tails();
  const keepPlace = keepingPlace();
  for (const region of document.querySelectorAll("[data-live]")) {
    const next = page.getElementById(region.id);
    if (next) morph(region, next);
  }
  keepPlace();
  toEnd(atEnd);
  document.title = page.title;
  const icon = page.querySelector("link[rel=icon]")?.getAttribute("href");
  if (icon) document.querySelector("link[rel=icon]")?.setAttribute("href", icon);
  shown = page.body.dataset.revision;
  const now = saying();
  if (now !== said) announce(now ?? "");
}

const refresh = inTurn(async () => {
  try {
    const answer = await fetch(here, { headers: { accept: "text/html" }, cache: "no-store" });
    if (answer.redirected) return location.reload();
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    if (answer.status >= 500) {
      tell("trouble", `Not up to date: ${page.querySelector("h1")?.textContent ?? answer.status}`);
    } else {
      show(page);
      tell("live", "Live");
    }
  } catch {
    tell("trouble", "Connection lost, trying again");
  }
});

const isHidden = () => document.visibilityState === "hidden";

/** Something may have changed. A page in the background only needs what its tab shows. */
function follow() {
  if (!isHidden()) void refresh();
  if (isHidden() || watched().length > 0) void look();
}

/** Browsers open few connections to one host. So only the visible page keeps one, or one hidden page that listens for others. */
function connect() {
  if (!isHidden()) isSignedOut = false;
  if (!isHidden()) stopListening();
  if (isHidden() && !isListening()) {
    source?.close();
    source = undefined;
    listenForOthers();
    return;
  }
  if (source && source.readyState !== EventSource.CLOSED) return;
  source = new EventSource(new URL("live", base));
  source.onopen = () => tell("live", "Live");
  source.onmessage = ({ data }) => {
    if (data === shown) return;
    // A hidden page updates its content when it becomes visible.
    follow();
  };
  source.onerror = () => {
    tell("trouble", "Connection lost, trying again");
    if (source?.readyState === EventSource.CLOSED) setTimeout(() => refresh().then(connect), 10000);
  };
}

toEnd([...document.querySelectorAll("[data-tail]")]);
document.addEventListener("visibilitychange", connect);
// Ages and the chart change even when nothing happens.
setInterval(() => {
  if (!isHidden()) follow();
}, 30000);
setInterval(() => {
  if (isHidden()) follow();
}, HIDDEN_MS);
connect();
