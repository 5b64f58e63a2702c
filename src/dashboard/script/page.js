// @ts-check

// Functions that the other parts use.

/** @param {string} id */
const byId = (id) => document.getElementById(id);

/** The address of the service, which may have a path. This script is at assets/HASH/script.js below it. */
const base = new URL("../../", /** @type {HTMLScriptElement} */ (document.currentScript).src);

/**
 * Makes screen readers say a text.
 * @param {string} text
 */
function announce(text) {
  const said = byId("said");
  if (said) said.textContent = text;
}

/** Storage is per origin, and several services may share one origin. @param {string} name */
const storageKey = (name) => `gh-runner ${base.pathname} ${name}`;

/**
 * A stored value of this browser. Undefined if the browser allows no storage.
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
    // The browser allows no storage. The value then applies only to this page.
  }
}

/**
 * The same function, but only one call of it runs at a time. Calls while it runs cause one more run, half a second later.
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
