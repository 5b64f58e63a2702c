// @ts-check

// Notifies the reader when a watched run ends, while a page of the service is open in this browser.

const WATCHED = "watched";
/** One request asks for up to this many. */
const MAX_WATCHED = 20;

/** Ids of runs. @returns {string[]} */
function watched() {
  return (kept(WATCHED) ?? "").split(" ").filter(Boolean);
}

/** @param {readonly string[]} runs */
function watch(runs) {
  keep(WATCHED, runs.length > 0 ? runs.slice(-MAX_WATCHED).join(" ") : undefined);
}

/**
 * Shows the button on the page of an open run.
 * @param {Document} root a new page of the server, or the current one
 */
function showWatchButton(root = document) {
  const button = root.querySelector("[data-watch]");
  if (!(button instanceof HTMLElement)) return;
  // Browsers have no notifications for pages without TLS.
  button.hidden = !("Notification" in window && navigator.locks);
  button.setAttribute("aria-pressed", String(watched().includes(button.dataset.watch ?? "")));
}

/** @param {string} run */
async function toggleWatch(run) {
  const others = watched().filter((each) => each !== run);
  if (watched().includes(run)) {
    watch(others);
    announce("You will not be notified.");
  } else if ((await Notification.requestPermission()) === "granted") {
    watch([...others, run]);
    announce("You will be notified when it ends, while a page of this service is open.");
  } else {
    const text = "Your browser blocks notifications from this page. Allow them in its settings for this site.";
    announce(text);
    tell("trouble", text);
  }
  showWatchButton();
  void look();
}

document.addEventListener("click", ({ target }) => {
  const run = target instanceof Element ? target.closest("[data-watch]")?.getAttribute("data-watch") : undefined;
  if (run) void toggleWatch(run);
});

/** @typedef {{ id: string, path: string, title: string, body: string, icon: string }} Ended */

/** How long other pages may need to see that the run is no longer watched, ms. */
const SEEN_MS = 5000;

/**
 * Only one page of this browser notifies. Other pages see a stored value later, but they see a lock immediately.
 * @param {Ended} run
 */
function notifyOnce(run) {
  void navigator.locks.request(storageKey(`ended ${run.id}`), { ifAvailable: true }, async (lock) => {
    if (!lock) return;
    notify(run);
    await new Promise((resolve) => setTimeout(resolve, SEEN_MS));
  });
}

/** @param {Ended} ended */
function notify({ id, path, title, body, icon }) {
  const notification = new Notification(title, { body, tag: id, icon: new URL(icon, base).href });
  notification.onclick = () => {
    notification.close();
    window.focus();
    location.assign(new URL(path, base));
  };
}

/** The session has ended. The page sends no requests until the reader looks at it. Then it asks the reader to sign in. */
let isSignedOut = false;

/** Reads what a page in the background needs: the failures, and which watched runs have ended. */
const look = inTurn(async () => {
  if (isSignedOut) return;
  const runs = watched();
  const state = await stateOf(runs);
  if (!state) return;
  const { count, icon, open, ended } = state;
  showFailures(count, icon);
  const still = watched();
  for (const run of ended) {
    if (still.includes(run.id)) notifyOnce(run);
  }
  // A run that is not open and has not ended was deleted. Runs that were added since the request stay.
  if (runs.length > 0) watch(still.filter((id) => open.includes(id) || !runs.includes(id)));
  showWatchButton();
  if (watched().length === 0 && isListening()) {
    stopListening();
    connect();
  }
});

/**
 * @param {readonly string[]} runs
 * @returns {Promise<{ count: string, icon: string, open: string[], ended: Ended[] } | undefined>} undefined if the request failed
 */
async function stateOf(runs) {
  try {
    const answer = await fetch(new URL(`live/state?runs=${runs.join(",")}`, base), { cache: "no-store" });
    isSignedOut = answer.status === 401;
    return answer.ok ? await answer.json() : undefined;
  } catch {
    return undefined;
  }
}

/**
 * @param {string} count such as `(3) `
 * @param {string} icon
 */
function showFailures(count, icon) {
  document.title = count + document.title.replace(/^\(\d+\+?\) /, "");
  document.querySelector("link[rel=icon]")?.setAttribute("href", new URL(icon, base).href);
}

/** Stops this page from listening for the others. Undefined if it does not listen. @type {(() => void) | undefined} */
let endListening;
let asked = false;

const isListening = () => endListening !== undefined;

function stopListening() {
  endListening?.();
  endListening = undefined;
}

/** Hidden pages keep no connection. But while a run is watched, one hidden page of this browser keeps one for all. */
function listenForOthers() {
  if (asked || watched().length === 0 || !navigator.locks) return;
  asked = true;
  void navigator.locks.request(storageKey("listening"), async () => {
    asked = false;
    if (document.visibilityState !== "hidden" || watched().length === 0) return;
    const ended = new Promise((resolve) => {
      endListening = () => resolve(undefined);
    });
    connect();
    await ended;
  });
}

showWatchButton();
