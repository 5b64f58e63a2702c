// @ts-check

// Keeps counting the durations of running things. It starts with the duration in the page: clocks of browsers may be wrong.

/** @param {number} ms */
function took(ms) {
  const seconds = Math.floor(ms / 1000);
  const parts = (
    /** @type {number} */ unit,
    /** @type {string} */ large,
    /** @type {number} */ small,
    /** @type {string} */ rest,
  ) => {
    const left = Math.floor((seconds % unit) / small);
    return `${Math.floor(seconds / unit)} ${large}${left > 0 ? ` ${left} ${rest}` : ""}`;
  };
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 3600) return parts(60, "min", 1, "s");
  return seconds < 86400 ? parts(3600, "h", 60, "min") : parts(86400, "d", 3600, "h");
}

/** The duration that each element had in the page, and when it was first seen. */
const ticking = new WeakMap();

setInterval(() => {
  if (document.visibilityState !== "visible") return;
  const now = performance.now();
  for (const element of document.querySelectorAll("[data-ticks]")) {
    const from = element.getAttribute("data-ticks");
    let known = ticking.get(element);
    if (known?.from !== from) {
      known = { from, at: now };
      ticking.set(element, known);
    }
    element.textContent = took(Number(from) + now - known.at);
  }
}, 1000);
