// @ts-check

// Copies the text beside a button. Without the script, readers select it by hand.

/** @param {Document | Element} root */
function showCopyButtons(root) {
  for (const button of root.querySelectorAll("[data-copy]")) button.removeAttribute("hidden");
}

document.addEventListener("click", async ({ target }) => {
  const button = target instanceof Element ? target.closest("[data-copy]") : null;
  const text = document.getElementById(button?.getAttribute("data-copy") ?? "");
  if (!button || !text) return;
  try {
    await navigator.clipboard.writeText(text.textContent ?? "");
  } catch {
    // Without HTTPS, this is the only way to use the clipboard.
    getSelection()?.selectAllChildren(text);
    document.execCommand("copy");
  }
  button.textContent = "Copied";
  setTimeout(() => {
    button.textContent = "Copy";
  }, 2000);
});

showCopyButtons(document);
