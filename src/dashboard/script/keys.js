// @ts-check

// Keyboard shortcuts. The dialog `keys` explains them and turns them off: dictated text also arrives as letters.

/** How long `g` waits for the letter of a page. */
const CHORD_MS = 1500;

const help = /** @type {HTMLDialogElement | null} */ (byId("keys"));
const helpButton = byId("keys-button");
const keysSwitch = byId("keys-switch");
const areOff = () => kept("keys") === "off";
/** Until when `g` waits. */
let chordUntil = 0;

/** @param {number} step */
function toRow(step) {
  const rows = [...document.querySelectorAll("[data-row]")].filter((each) => each.checkVisibility());
  const at = rows.findIndex((each) => each.contains(document.activeElement));
  const next = at + step;
  const row = at < 0 ? rows[0] : rows[next];
  if (!(row instanceof HTMLElement)) return;
  // A row that links to several pages gets the focus itself.
  const link = row.hasAttribute("tabindex")
    ? null
    : (row.querySelector("a.name[href]") ?? row.querySelector("a[href]"));
  (link instanceof HTMLElement ? link : row).focus();
  row.scrollIntoView({ block: "nearest" });
  const status = row.querySelector("[role=img]")?.getAttribute("aria-label");
  announce(`${status ? `${status}, ` : ""}${rows.indexOf(row) + 1} of ${rows.length}`);
}

function toSearch() {
  const field = /** @type {HTMLInputElement | null} */ (document.querySelector("input[type=search]"));
  field?.focus();
  field?.select();
}

function toggleHelp() {
  if (help?.open) help.close();
  else help?.showModal();
}

/** Closes the hints that are open over the page. */
function closePopups() {
  for (const popup of document.querySelectorAll("details.info[open]")) {
    const hadFocus = popup.contains(document.activeElement);
    popup.removeAttribute("open");
    if (hadFocus) popup.querySelector("summary")?.focus();
  }
}

/** @type {Readonly<Record<string, () => void>>} */
const KEYS = {
  "/": toSearch,
  "?": toggleHelp,
  j: () => toRow(1),
  k: () => toRow(-1),
  g: () => {
    chordUntil = performance.now() + CHORD_MS;
  },
};

/** @param {KeyboardEvent} event */
function onKey(event) {
  const { key, target, repeat } = event;
  const isChord = performance.now() < chordUntil;
  chordUntil = 0;
  // 229: the key belongs to an input method, also at the end of a composition.
  if (event.defaultPrevented || event.isComposing || event.keyCode === 229) return;
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (!(target instanceof HTMLElement)) return;
  if (target.isContentEditable || target.closest("input, textarea, select, [role=textbox]")) {
    if (key !== "Escape" || !target.matches("input[type=search]")) return;
    // Some browsers would empty the field.
    event.preventDefault();
    target.blur();
    return;
  }
  if (key === "Escape") closePopups();
  if (areOff()) return;
  if (document.querySelector("dialog[open]") && !(key === "?" && help?.open)) return;
  if (isChord) {
    const page = [...document.querySelectorAll("[data-go]")].find((each) => each.getAttribute("data-go") === key);
    if (!(page instanceof HTMLElement)) return;
    event.preventDefault();
    page.click();
    return;
  }
  const act = Object.hasOwn(KEYS, key) ? KEYS[key] : undefined;
  if (!act || (repeat && key !== "j" && key !== "k")) return;
  // Firefox opens its text search at a slash.
  event.preventDefault();
  act();
}

document.addEventListener("keydown", onKey);
if (helpButton) {
  helpButton.hidden = false;
  helpButton.addEventListener("click", toggleHelp);
}

function showKeysSwitch() {
  if (keysSwitch) keysSwitch.textContent = areOff() ? "Turn keys on" : "Turn keys off";
}

keysSwitch?.addEventListener("click", () => {
  keep("keys", areOff() ? undefined : "off");
  showKeysSwitch();
  announce(areOff() ? "Keys are off." : "Keys are on.");
});
showKeysSwitch();
