import { html, raw } from "hono/html";
import type { Outage } from "../model/outage.ts";
import { ALL_WORKFLOWS, type Paused } from "../model/run-actions.ts";
import { ASSETS } from "./assets.ts";
import { outageBanner } from "./outage-banner.ts";
import { name, time } from "./shown.ts";

export type Html = ReturnType<typeof raw> | Promise<ReturnType<typeof raw>>;

/** What every page knows. */
export type Frame = {
  readonly version: string;
  /** Whether there is a session that can be ended. */
  readonly signedIn: boolean;
  /** `Overview.revision` of what the page shows; undefined when an open page is not kept up to date. */
  readonly revision: string | undefined;
  /** What is paused now, which every page says. */
  readonly paused: readonly Paused[];
  /** That GitHub fails most requests, which every page says, too. */
  readonly outage?: Outage | undefined;
  /** The path of the same page, where it answers a form and so has another address. */
  readonly canonical?: string;
  readonly now: number;
};

type Current = "runs" | "previews" | "workflows" | "rejected" | undefined;

/** A whole page. `title` is text; everything that `html` is given is escaped by it. */
export function layout(title: string, current: Current, frame: Frame, main: Html) {
  const { version, signedIn, revision, canonical } = frame;
  const link = (href: string, page: Current, text: string) =>
    html`<a href="${href}"${current === page ? raw(' aria-current="page"') : ""}>${text}</a>`;
  const links = [
    link("/", "runs", "Runs"),
    link("/previews", "previews", "Previews"),
    link("/workflows", "workflows", "Workflows"),
    link("/refused", "rejected", "Rejected"),
  ];
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${title} · gh-runner</title>
<link rel="icon" href="${ASSETS.icon.path}" type="image/svg+xml">
<link rel="stylesheet" href="${ASSETS.style.path}">
${canonical === undefined ? "" : html`<link rel="canonical" href="${canonical}">`}
${revision === undefined ? "" : html`<script src="${ASSETS.script.path}" defer></script>`}
</head>
<body data-revision="${revision ?? ""}">
<a class="skip" href="#main">Skip to the content</a>
<header class="top">
<a class="brand" href="/">${raw(MARK)}<span>gh-runner</span></a>
${current === undefined ? "" : html`<nav aria-label="Pages">${links}</nav>`}
<p class="live" id="live" role="status" hidden></p>
${signedIn ? html`<form method="post" action="/sign-out"><button class="quiet">Sign out</button></form>` : ""}
</header>
<main id="main" tabindex="-1">
<div id="outage" data-live>${outageBanner(frame.outage, frame.now)}</div>
<div id="paused" data-live>${pausedBanner(frame)}</div>
${main}
</main>
<footer><p>gh-runner ${version}. <span id="zone">Times are in UTC.</span></p></footer>
<p class="unseen" id="said" aria-live="polite"></p>
</body>
</html>`;
}

/** Says what is paused, by whom and since when. Nothing when nothing is. */
function pausedBanner({ paused, now }: Frame) {
  if (paused.length === 0) return "";
  const all = paused.find(({ workflow }) => workflow === ALL_WORKFLOWS);
  const by = ({ actor, at }: Paused) => html`${name(actor)}, ${time(at, "full", now)}`;
  const what = all
    ? html`<strong>All workflows are paused</strong> (${by(all)}).`
    : paused.map(
        (each, at) => html`${at > 0 ? " " : ""}<strong>${name(each.workflow)} is paused</strong> (${by(each)}).`,
      );
  return html`<div class="banner limit paused"><p>${what} Events are accepted and wait. <a href="/workflows">Resume</a></p></div>`;
}

const MARK = `<svg viewBox="0 0 16 16" width="20" height="20" aria-hidden="true">
<rect width="16" height="16" rx="4" class="mark"/><path d="m6 4.5 5 3.5-5 3.5z" fill="#fff"/></svg>`;

/** A page that says one thing, such as an error, and where to go from there. */
export function messagePage(frame: Frame, title: string, text: string | Html, link?: { href: string; text: string }) {
  const onward = link ? html`<p><a class="button" href="${link.href}">${link.text}</a></p>` : "";
  return layout(title, undefined, frame, html`<div class="message"><h1>${title}</h1><p>${text}</p>${onward}</div>`);
}
