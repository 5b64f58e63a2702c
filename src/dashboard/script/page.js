// @ts-check

// What the other parts use.

/** @param {string} id */
const byId = (id) => document.getElementById(id);

/** Where the service is, perhaps under a path: this script is at assets/HASH/script.js below it. */
const base = new URL("../../", /** @type {HTMLScriptElement} */ (document.currentScript).src);

/**
 * What screen readers say.
 * @param {string} text
 */
function announce(text) {
  const said = byId("said");
  if (said) said.textContent = text;
}

/** Storage is per origin, and under one several services can be. @param {string} name */
const storageKey = (name) => `gh-runner ${base.pathname} ${name}`;

/**
 * What this browser has kept. One that keeps nothing has nothing.
 * @param {string} name
 */
function kept(name) {
  try {
    return localStorage.getItem(storageKey(name)) ?? undefined;
  } catch {
    return undefined;
  }
}

/**
 * @param {string} name
 * @param {string | undefined} text
 */
function keep(name, text) {
  try {
    if (text === undefined) localStorage.removeItem(storageKey(name));
    else localStorage.setItem(storageKey(name), text);
  } catch {
    // Then it holds for this page alone.
  }
}

/**
 * The same function, which does not run twice at once: what is asked for meanwhile is done once, half a second later.
 * @param {() => Promise<unknown>} act
 */
function inTurn(act) {
  let busy = false;
  let again = false;
  return async function run() {
    if (busy) {
      again = true;
      return;
    }
    busy = true;
    try {
      await act();
    } finally {
      busy = false;
      if (again) {
        again = false;
        setTimeout(run, 500);
      }
    }
  };
}
