import type { IgnoredEvent } from "../events.ts";
import type { RejectedKind } from "../overview.ts";
import { fold, type Search } from "../search.ts";
import type { Facts, Finding } from "./facts.ts";
import type { Subject } from "./subject.ts";
import { ago, sentence, short, times } from "./words.ts";

type Dated = Finding & { readonly at: number };

/** More than this tells the reader nothing new. */
const [MAX_REJECTED, MAX_IGNORED, MAX_REASONS] = [2, 3, 4];

/** Rejected requests that name the subject and arrived at or after `since`. */
export function rejectedFindings(facts: Facts, since: number): Dated[] {
  const { rejected, text, now } = facts;
  return rejected
    .filter((each) => each.lastAt >= since && isNamed(facts.search) && isRejectedMatch(each, facts.search))
    .slice(0, MAX_REJECTED)
    .map(({ method, path, status, application, reason, lastAt, times: count }) => ({
      what: "rejected",
      text: `A request${application === undefined ? "" : ` for ${short(application)}`} was rejected ${ago(lastAt, now)}${count > 1 ? ` (${times(count)})` : ""}: ${method} ${short(path)} returned ${status}. ${sentence(short(reason))}`,
      at: lastAt,
      link: { href: eventsPath(text), text: "See rejected requests" },
    }));
}

/**
 * Whether a search finds a rejected request. Its application is the only fact of an event that a rejected request has.
 */
export function isRejectedMatch(
  { method, path, status, application = "", reason, firstAt, lastAt }: RejectedKind,
  { filter }: Search,
): boolean {
  const { words = [], group, since, until, ...others } = filter;
  if (Object.keys(others).length > 0) return false;
  if (group !== undefined && fold(application) !== fold(group)) return false;
  if ((since !== undefined && lastAt < since) || (until !== undefined && firstAt >= until)) return false;
  const all = fold(`${application} ${method} ${path} ${status} ${reason}`);
  return words.every((word) => all.includes(fold(word)));
}

const isNamed = ({ filter }: Search) => (filter.words?.length ?? 0) > 0 || filter.group !== undefined;

/**
 * Rejected requests that may have been about the subject. Either they had no valid credential, which is checked before
 * the request is read. Or they named no application, such as the GET that ArgoCD sends when a template's webhook and
 * its service have different names.
 */
export function possiblyRejected({ rejected, now }: Facts, { application, repository }: Subject, since: number) {
  const name = application ?? repository;
  if (name === undefined) return [];
  const isWebhook = repository !== undefined;
  return rejected
    .filter(({ path, lastAt }) => (path === WEBHOOKS) === isWebhook && lastAt >= since)
    .filter(({ status, application }) => status === 401 || (!isWebhook && status >= 400 && application === undefined))
    .slice(0, MAX_REJECTED)
    .map(({ method, path, status, reason, lastAt, times: count }) => {
      const credential = isWebhook ? "signature" : "token";
      const [why, among] =
        status === 401
          ? [` for a wrong ${credential}`, `the service checks the ${credential} before it reads the request`]
          : [` with ${status}`, "the rejected request named no application"];
      const finding: Dated = {
        what: "rejected",
        text: `No ${since > 0 ? "newer " : ""}event for ${short(name)} was accepted, but ${method} ${short(path)} was rejected ${times(count)}${why}, most recently ${ago(lastAt, now)}. ${short(name)} may be among them: ${among}. ${sentence(short(reason))}`,
        at: lastAt,
        link: { href: "/events", text: "See rejected requests" },
      };
      return { finding, isUnnamed: status !== 401 };
    });
}

const WEBHOOKS = "/webhooks/github";

/** Matching events that started no run, with each workflow's reason. */
export function ignoredFindings({ ignored, text, now }: Facts, since: number): Dated[] {
  return ignored
    .filter(({ at }) => at >= since)
    .slice(0, MAX_IGNORED)
    .map((event) => ({
      what: "ignored",
      text: `${inWords(event)} arrived ${ago(event.at, now)} and started no run. ${reasonsOf(event)}`,
      at: event.at,
      link: { href: eventsPath(text), text: "See the events" },
    }));
}

/** For example `The webhook pull_request.closed of acme/shop #7 by mona`. */
function inWords({ source, event, repository, number, subject, sender }: IgnoredEvent): string {
  const kind = { github: "The webhook", flux: "The Flux event", http: "The request" }[source];
  const of = [repository, number === undefined ? undefined : `#${number}`].filter(Boolean).join(" ");
  const about = [of && `of ${of}`, subject && `for ${subject}`, sender && `by ${sender}`].filter(Boolean).join(" ");
  return short([kind, event, about].filter(Boolean).join(" "));
}

function reasonsOf({ reasons, answer, woken }: IgnoredEvent): string {
  if (reasons.length === 0 || woken > 0) return sentence(answer);
  const named = reasons
    .slice(0, MAX_REASONS)
    .map(({ workflow, reason }) => `${short(workflow)}: ${sentence(short(reason))}`);
  const more = reasons.length - named.length;
  return `${named.join(" ")}${more > 0 ? ` ${more} more ${more === 1 ? "workflow does" : "workflows do"} not want it.` : ""}`;
}

const eventsPath = (text: string): string => `/events?text=${encodeURIComponent(text)}`;
