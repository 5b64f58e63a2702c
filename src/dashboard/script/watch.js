// @ts-check

// Notifies the reader when a run that is watched has ended, as long as a page of the service is open in this browser.

const WATCHED = "watched";
/** More are not asked for at once. */
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
 * There is a button on the page of a run that is open.
 * @param {Document} root as the server made it, or as this left it
 */
function showWatchButton(root = document) {
  const button = root.querySelector("[data-watch]");
  if (!(button instanceof HTMLElement)) return;
  // Browsers have no notifications for pages that come without TLS.
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
    const text = "Your browser does not allow notifications of this page. Allow them in its settings for this site.";
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

/** How long other pages may take to see that the run is no longer watched, ms. */
const SEEN_MS = 5000;

/**
 * One page of this browser notifies. What one page stores, others see later: the lock is what tells them at once.
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

/** A session has ended: until the reader looks at the page, which then asks for a token, nothing is asked for in vain. */
let isSignedOut = false;

/** What there is to know without loading the page: the failures, and which of the watched runs have ended. */
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
  // What is neither open nor ended has been deleted. What was added meanwhile stays.
  if (runs.length > 0) watch(still.filter((id) => open.includes(id) || !runs.includes(id)));
  showWatchButton();
  if (watched().length === 0 && isListening()) {
    stopListening();
    connect();
  }
});

/**
 * @param {readonly string[]} runs
 * @returns {Promise<{ count: string, icon: string, open: string[], ended: Ended[] } | undefined>} undefined: the next look
 * may be answered.
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

/** Ends that this page listens for the others; undefined: it does not. @type {(() => void) | undefined} */
let endListening;
let asked = false;

const isListening = () => endListening !== undefined;

function stopListening() {
  endListening?.();
  endListening = undefined;
}

/** A page that is not looked at keeps no connection, but for one of them in this browser while a run is watched. */
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
