import { html } from "hono/html";
import type { SignIn } from "../model/sign-in.ts";
import { type Frame, type Html, layout } from "./layout.ts";

/** @param next the path to open after the sign-in. */
export function signInPage(frame: Frame, signIn: SignIn, next: string, { isWrong = false } = {}) {
  const { takesTokens, methods } = signIn;
  const installation = frame.look.name;
  const query = next === "/" ? "" : `?next=${encodeURIComponent(next)}`;
  const buttons = methods.map(
    ({ url, title }, at) =>
      html`<a class="button${at === 0 ? " primary" : ""}" href="${url}${query}">Sign in with ${title}</a>`,
  );
  return layout(
    "Sign in",
    undefined,
    frame,
    html`<div class="message sign-in"><h1>Sign in${installation === undefined ? "" : ` to ${installation}`}</h1>
${buttons.length > 0 ? html`<p class="ways">${buttons}</p>` : ""}
${takesTokens ? tokenForm(next, { isWrong, isAlone: buttons.length === 0 }) : ""}
<p class="note">${howLong(signIn)}</p></div>`,
  );
}

function tokenForm(next: string, { isWrong, isAlone }: { isWrong: boolean; isAlone: boolean }): Html {
  const wrong = html`<p class="error" id="wrong" role="alert">Wrong token.</p>`;
  const marked = html` aria-invalid="true" aria-describedby="wrong"`;
  return html`<form method="post" action="/sign-in">
<input type="hidden" name="next" value="${next}">
<label for="token">${isAlone ? "One" : "Or one"} of the service’s tokens (<code>AUTH_TOKENS</code>)</label>
${isWrong ? wrong : ""}
<input type="password" id="token" name="token" required${isAlone || isWrong ? html` autofocus` : ""} autocomplete="current-password"
 spellcheck="false"${isWrong ? marked : ""}>
<button${isAlone ? html` class="primary"` : ""}>Sign in</button>
</form>`;
}

function howLong({ takesTokens, methods, hours }: SignIn): string {
  const person = `You stay signed in for ${inWords(hours.person)}`;
  const token = `for ${inWords(hours.token)} in this browser, or until the token is removed`;
  if (methods.length === 0)
    return takesTokens
      ? `You stay signed in ${token}.`
      : "You cannot sign in here: no tokens (AUTH_TOKENS) and no sign-in (OIDC_ISSUER, GITHUB_CLIENT_ID) are set up.";
  return takesTokens ? `${person}. With a token, ${token}.` : `${person}.`;
}

function inWords(hours: number): string {
  if (hours >= 48 && hours % 24 === 0) return `${hours / 24} days`;
  if (hours < 1) return `${Math.round(hours * 60)} minutes`;
  return hours === 1 ? "an hour" : `${hours} hours`;
}

/**
 * A page that immediately reloads the target. After a link from another site, the browser does not send the session's cookie, which is
 * SameSite=Strict. From this page, it does.
 */
export function askAgainPage(path: string) {
  return html`<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>gh-runner</title>
<meta http-equiv="refresh" content="0;url=${path}"></head>
<body><p><a href="${path}">Continue</a></p></body></html>`;
}
