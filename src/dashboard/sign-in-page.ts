import { html } from "hono/html";
import { type Frame, layout } from "./layout.ts";

/**
 * @param next the path to go on with.
 * @param refused whether a token was just given that is none.
 */
export function signInPage(frame: Frame, next: string, refused: boolean) {
  return layout(
    "Sign in",
    undefined,
    frame,
    html`<div class="message sign-in"><h1>Sign in</h1>
<form method="post" action="/sign-in">
<input type="hidden" name="next" value="${next}">
<label for="token">One of the service’s tokens (<code>AUTH_TOKENS</code>)</label>
${
  refused
    ? html`<p class="error" id="wrong" role="alert">Wrong token.</p>
<input type="password" id="token" name="token" required autofocus autocomplete="current-password" spellcheck="false" aria-invalid="true" aria-describedby="wrong">`
    : html`<input type="password" id="token" name="token" required autofocus autocomplete="current-password" spellcheck="false">`
}
<button class="primary">Sign in</button>
</form>
<p class="note">You stay signed in for 7 days in this browser, or until the token is withdrawn.</p></div>`,
  );
}

/**
 * A link on another site comes without the session, which belongs to this site alone. From this page the browser asks
 * again, and then brings it.
 */
export function askAgainPage(path: string) {
  return html`<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>gh-runner</title><meta http-equiv="refresh" content="0;url=${path}"></head>
<body><p><a href="${path}">Go on</a></p></body></html>`;
}
