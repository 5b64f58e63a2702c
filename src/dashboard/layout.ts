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

/** What all pages of an installation have in common. */
export type Look = {
  /** What tells it from others, such as `staging`. */
  readonly name: string | undefined;
  /** The zone of times, until a reader chooses: the reader's, or UTC. */
  readonly time: "local" | "utc";
  readonly assets: Assets;
};

/** What every page knows. */
export type Frame = {
  readonly look: Look;
  /** Failed runs that ended within the last hour, for those who may see them. */
  readonly failures: number;
  readonly version: string;
  readonly reader: Reader;
  /** Whether there is a session that can be ended. */
  readonly signedIn: boolean;
  /** `Overview.revision` of what the page shows; undefined when an open page is not kept up to date. */
  readonly revision: string | undefined;
  /** What is paused now, which every page says. */
  readonly paused: readonly Paused[];
  /** That GitHub fails most requests, which every page says, too. */
  readonly outage?: Outage | undefined;
  /** The zone in which the reader is shown times, which those in a search mean, too: `UTC`, or `Europe/Berlin`. */
  readonly zone: string;
  /** What is looked for now, which stands in the field of the top bar. */
  readonly search?: Searched;
  /** The path of the same page, where it answers a form and so has another address. */
  readonly canonical?: string;
  readonly now: number;
};

type Current = (typeof NAVIGATION)[number]["page"] | undefined;

/** A whole page. `title` is text; everything that `html` is given is escaped by it. */
export function layout(title: string, current: Current, frame: Frame, main: Html) {
  const { version, signedIn, revision, canonical, failures, reader } = frame;
  const { name: installation, assets, time } = frame.look;
  const links = pagesFor(reader).map(
    ({ href, page, text, letter }) =>
      html`<a href="${href}" data-go="${letter}"${current === page ? raw(' aria-current="page"') : ""}>${text}</a>`,
  );
  // Others, such as those of callbacks, are for people who may see nothing else.
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

/** What stands before the title: a tab that is not looked at shows little more. */
export function failureCount(failures: number): string {
  if (failures === 0) return "";
  return `(${failures > MAX_FAILURES_SHOWN ? `${MAX_FAILURES_SHOWN}+` : failures}) `;
}

/** The path of the icon that shows so many failures. */
export function iconOf({ assets: { icons } }: Look, failures: number): string {
  return icons[Math.min(failures, icons.length - 1)]?.path ?? "";
}

/** Says what is paused, by whom and since when. Nothing when nothing is. */
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

/** A page that says one thing, such as an error, and where to go from there. */
export function messagePage(frame: Frame, title: string, text: string | Html, link?: { href: string; text: string }) {
  const onward = link ? html`<p><a class="button" href="${link.href}">${link.text}</a></p>` : "";
  return layout(title, undefined, frame, html`<div class="message"><h1>${title}</h1><p>${text}</p>${onward}</div>`);
}
