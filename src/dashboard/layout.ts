import { html, raw } from "hono/html";
import type { Outage } from "../model/outage.ts";
import { ALL_WORKFLOWS, type Paused } from "../model/run-actions.ts";
import { type Assets, MAX_FAILURES_SHOWN } from "./assets.ts";
import { keysDialog, type NAVIGATION, pagesFor } from "./keys.ts";
import { outageBanner } from "./outage-banner.ts";
import { type Reader, whoReads } from "./reader.ts";
import { type Searched, searchField } from "./search-field.ts";
import { name, time } from "./shown.ts";

export type Html = ReturnType<typeof raw> | Promise<ReturnType<typeof raw>>;

/** What all pages of an installation share. */
export type Look = {
  /** Name of the installation, such as `staging`. */
  readonly name: string | undefined;
  /** The default time zone: the reader's, or UTC. */
  readonly time: "local" | "utc";
  readonly assets: Assets;
};

/** The facts that every page has. */
export type Frame = {
  readonly look: Look;
  /** Number of runs that failed within the last hour. 0 for readers who may not see all runs. */
  readonly failures: number;
  readonly version: string;
  readonly reader: Reader;
  /** Whether the reader has a session that they can end. */
  readonly signedIn: boolean;
  /** `Overview.revision` of the page's content. Undefined if an open page is not kept up to date. */
  readonly revision: string | undefined;
  /** What is paused now. Every page shows it. */
  readonly paused: readonly Paused[];
  /** GitHub's outage, if there is one. Every page shows it. */
  readonly outage?: Outage | undefined;
  /** The reader's time zone, also for times in a search: `UTC`, or `Europe/Berlin`. */
  readonly zone: string;
  /** The current search, shown in the field of the top bar. */
  readonly search?: Searched;
  /** The address of the same page, if it is the answer to a form and therefore has another address. */
  readonly canonical?: string;
  readonly now: number;
};

type Current = (typeof NAVIGATION)[number]["page"] | undefined;

/** A whole page. `title` is plain text: `html` escapes every value. */
export function layout(title: string, current: Current, frame: Frame, main: Html) {
  const { version, signedIn, revision, canonical, failures, reader } = frame;
  const { name: installation, assets, time } = frame.look;
  const links = pagesFor(reader).map(
    ({ href, page, text, letter }) =>
      html`<a href="${href}" data-go="${letter}"${current === page ? raw(' aria-current="page"') : ""}>${text}</a>`,
  );
  // Other pages, such as those of callbacks, are for people who may see nothing else.
  const isInside = reader.may("read") && (current !== undefined || revision !== undefined);
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${failureCount(failures)}${[title, installation, "gh-runner"].filter(Boolean).join(" · ")}</title>
<link rel="icon" href="${iconOf(frame.look, failures)}" type="image/svg+xml">
<link rel="stylesheet" href="${assets.style.path}">
${canonical === undefined ? "" : html`<link rel="canonical" href="${canonical}">`}
${revision === undefined ? "" : html`<script src="${assets.script.path}" defer></script>`}
</head>
<body data-revision="${revision ?? ""}" data-time="${time}">
<a class="skip" href="#main">Skip to the content</a>
<header class="top">
<a class="brand" href="/">${raw(MARK)}<span>gh-runner</span>
${installation === undefined ? "" : html`<b class="installation" title="${installation}">${installation}</b>`}</a>
${isInside ? html`<nav aria-label="Pages">${links}</nav>${searchField(frame.search)}` : ""}
<p class="live" id="live" role="status" hidden></p>
${whoReads(reader, "top", signedIn)}
${signedIn ? html`<form method="post" action="/sign-out"><button class="quiet">Sign out</button></form>` : ""}
</header>
<main id="main" tabindex="-1">
<div id="outage" data-live>${outageBanner(frame.outage, frame.now)}</div>
<div id="paused" data-live>${pausedBanner(frame)}</div>
${main}
</main>
<footer><p>gh-runner ${version}. <span id="zone">Times are in UTC.</span>
<button type="button" class="text" id="zone-switch" hidden>Show UTC</button>
<button type="button" class="text" id="keys-button" hidden>Keyboard</button> ${whoReads(reader, "foot", signedIn)}</p></footer>
${revision === undefined ? "" : keysDialog(reader)}
<p class="unseen" id="said" aria-live="polite"></p>
</body>
</html>`;
}

/** The number before the title. A tab in the background shows little more. */
export function failureCount(failures: number): string {
  if (failures === 0) return "";
  return `(${failures > MAX_FAILURES_SHOWN ? `${MAX_FAILURES_SHOWN}+` : failures}) `;
}

/** The path of the icon for a number of failures. */
export function iconOf({ assets: { icons } }: Look, failures: number): string {
  return icons[Math.min(failures, icons.length - 1)]?.path ?? "";
}

/** Shows what is paused, by whom and since when. Empty if nothing is paused. */
function pausedBanner({ paused, now, reader }: Frame) {
  if (paused.length === 0) return "";
  const all = paused.find(({ workflow }) => workflow === ALL_WORKFLOWS);
  const by = ({ actor, at }: Paused) => html`${name(actor)}, ${time(at, "full", now)}`;
  const what = all
    ? html`<strong>All workflows are paused</strong> (${by(all)}).`
    : paused.map(
        (each, at) => html`${at > 0 ? " " : ""}<strong>${name(each.workflow)} is paused</strong> (${by(each)}).`,
      );
  const [only, ...others] = paused;
  const place = only && others.length === 0 && !all ? `#workflow-${encodeURIComponent(only.workflow)}` : "";
  const resume = paused.some(({ workflow }) =>
    reader.may(workflow === ALL_WORKFLOWS ? "operate-all" : "operate", workflow),
  );
  return html`<div class="banner limit paused"><p>${what} Events are accepted and wait.
${resume ? html`<a href="/workflows${place}">Resume…</a>` : ""}</p></div>`;
}

const MARK = `<svg viewBox="0 0 16 16" width="20" height="20" aria-hidden="true">
<rect width="16" height="16" rx="4" class="mark"/><path d="m6 4.5 5 3.5-5 3.5z" class="play"/></svg>`;

/** A page with one message, such as an error, and a link to continue. */
export function messagePage(frame: Frame, title: string, text: string | Html, link?: { href: string; text: string }) {
  const onward = link ? html`<p><a class="button" href="${link.href}">${link.text}</a></p>` : "";
  return layout(title, undefined, frame, html`<div class="message"><h1>${title}</h1><p>${text}</p>${onward}</div>`);
}
