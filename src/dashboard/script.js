// @ts-check

/*
 * Keeps what is marked `data-live` up to date, and shows times in the reader's zone. Everything works without it. The
 * browser gets this text as it is.
 */
(() => {
  /** @param {string} id */
  const byId = (id) => document.getElementById(id);
  const state = byId("live");
  // The service may be under a path; this script is at assets/HASH/script.js below it.
  const live = new URL("../../live", /** @type {HTMLScriptElement} */ (document.currentScript).src);
  // What answers a form is not at its address.
  const here = document.querySelector("link[rel=canonical]")?.getAttribute("href") ?? location.href;
  let shown = document.body.dataset.revision;
  /** @type {EventSource | undefined} */
  let source;
  let busy = false;
  let again = false;

  /** @type {Record<"near" | "clock" | "dated" | "full", Intl.DateTimeFormatOptions>} */
  const FORMATS = {
    near: { hour: "2-digit", minute: "2-digit", second: "2-digit" },
    clock: { hour: "2-digit", minute: "2-digit" },
    dated: { month: "short", day: "numeric", hour: "2-digit", minute: "2-digit" },
    full: { dateStyle: "medium", timeStyle: "medium" },
  };

  /**
   * @param {Date} date
   * @param {keyof typeof FORMATS} as
   */
  const format = (date, as) => new Intl.DateTimeFormat(undefined, FORMATS[as]).format(date);

  /** @param {Document} root */
  function localTimes(root) {
    for (const element of root.querySelectorAll("time")) {
      const date = new Date(element.dateTime);
      const as = element.dataset.as;
      element.title = format(date, "full");
      if (as === "full") element.textContent = format(date, "full");
      if (as === "second") element.textContent = format(date, "near");
      if (as === "clock") {
        const now = new Date();
        const today = date.toDateString() === now.toDateString();
        const near = Math.abs(date.getTime() - now.getTime()) < 120000;
        element.textContent = format(date, near ? "near" : today ? "clock" : "dated");
      }
    }
    for (const title of root.querySelectorAll("title[data-from]")) {
      const from = new Date(title.getAttribute("data-from") ?? "");
      title.textContent = format(from, "clock") + title.getAttribute("data-words");
    }
    const zone = root.querySelector("#zone");
    if (zone) zone.textContent = `Times are in ${Intl.DateTimeFormat().resolvedOptions().timeZone}.`;
  }

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
   * Makes one element like another, and leaves alone what is like it already: focus and selection stay.
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
    // What the reader has unfolded or folded stays so.
    const isKept = (/** @type {string} */ name) => name === "open" && from.nodeName === "DETAILS";
    for (const { name } of [...from.attributes]) {
      if (!to.hasAttribute(name) && !isKept(name)) from.removeAttribute(name);
    }
    for (const { name, value } of to.attributes) {
      if (from.getAttribute(name) !== value && !isKept(name)) from.setAttribute(name, value);
    }
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

  /** Logs that are read at their end: they stay there when lines are added. */
  const tails = () =>
    [...document.querySelectorAll("[data-tail]")].filter(
      (each) => each.scrollHeight - each.scrollTop - each.clientHeight < 8,
    );

  /** @param {readonly Element[]} elements */
  function toEnd(elements) {
    for (const each of elements) each.scrollTop = each.scrollHeight;
  }

  const saying = () => document.querySelector("[data-said]")?.getAttribute("data-said") ?? undefined;

  /** @param {Document} page */
  function show(page) {
    localTimes(page);
    const said = saying();
    const atEnd = tails();
    for (const region of document.querySelectorAll("[data-live]")) {
      const next = page.getElementById(region.id);
      if (next) morph(region, next);
    }
    toEnd(atEnd);
    document.title = page.title;
    shown = page.body.dataset.revision;
    const now = saying();
    const announced = byId("said");
    if (announced && now !== said) announced.textContent = now ?? "";
  }

  async function refresh() {
    if (busy) {
      again = true;
      return;
    }
    busy = true;
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
    } finally {
      busy = false;
      if (again) {
        again = false;
        setTimeout(refresh, 500);
      }
    }
  }

  /** Browsers open few connections to one host: only the page that is looked at keeps one. */
  function connect() {
    if (document.visibilityState === "hidden") {
      source?.close();
      source = undefined;
      return;
    }
    if (source && source.readyState !== EventSource.CLOSED) return;
    source = new EventSource(live);
    source.onopen = () => tell("live", "Live");
    source.onmessage = ({ data }) => {
      if (data !== shown) void refresh();
    };
    source.onerror = () => {
      tell("trouble", "Connection lost, trying again");
      if (source?.readyState === EventSource.CLOSED) setTimeout(() => refresh().then(connect), 10000);
    };
  }

  localTimes(document);
  toEnd([...document.querySelectorAll("[data-tail]")]);
  document.addEventListener("visibilitychange", connect);
  // Ages and the chart move on when nothing happens.
  setInterval(() => {
    if (document.visibilityState === "visible") void refresh();
  }, 30000);
  connect();
})();
