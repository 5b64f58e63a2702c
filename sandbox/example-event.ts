import { randomUUID } from "node:crypto";
import { brotliDecompressSync } from "node:zlib";
import type { WebhookEvent, WebhookName } from "../src/index.ts";
import { type ActionOf, NO_WEBHOOKS } from "../src/model/webhooks.ts";
import packed from "./example-events.json" with { type: "json" };

/**
 * Any part of a payload, at any depth. A list replaces the example's list, and missing fields of its items are filled
 * in.
 */
type Partly<T> = T extends readonly (infer Item)[]
  ? readonly Partly<Item>[]
  : T extends object
    ? { readonly [Name in keyof T]?: Partly<T[Name]> | undefined }
    : T;

export type Override<Payload> = Partly<Omit<Payload, "action" | "repository" | "sender">> & {
  /** Of the issue, the pull request or the discussion. */
  readonly number?: number;
  /** `owner/name`. "acme/shop" by default. Its name, owner and URLs change with it. */
  readonly repository?: string | Partly<PartOf<Payload, "repository">>;
  /** The login of the user who did it. */
  readonly sender?: string | Partly<PartOf<Payload, "sender">>;
};

type PartOf<Payload, Name extends string> = Payload extends { readonly [Each in Name]?: infer Part } ? Part : never;

type PayloadOf<Name extends WebhookName, Action extends ActionOf<Name>> = WebhookEvent<Name, Action>["payload"];

type Without<Name extends WebhookName> = [ActionOf<Name>] extends [never] ? Name : never;

/**
 * An event as GitHub sends it, based on GitHub's example: `exampleEvent("pull_request", "opened", { number: 7 })`. Your
 * values replace those of the example, at any depth. Related values change together: a number with the pull request's
 * number and URLs, a repository with its owner and all URLs.
 * @throws TypeError for an event or an action without an example. It lists the existing ones.
 */
export function exampleEvent<Name extends WebhookName, const Action extends ActionOf<Name>>(
  name: Name,
  action: Action,
  override?: Override<PayloadOf<Name, Action>>,
): WebhookEvent<Name, Action>;
/** The same for the event of a `repository_dispatch`. The action is its type. */
export function exampleEvent(
  name: "repository_dispatch",
  action: string,
  override?: { readonly client_payload?: unknown; readonly repository?: string },
): WebhookEvent<"repository_dispatch">;
/** The same for an event without actions: `exampleEvent("push", { ref: "refs/heads/main" })`. */
export function exampleEvent<Name extends WebhookName>(
  name: Without<Name>,
  override?: Override<PayloadOf<Name, ActionOf<Name>>>,
): WebhookEvent<Name>;
export function exampleEvent(name: string, ...given: readonly unknown[]): unknown {
  const [action, override = {}] = typeof given[0] === "string" ? [given[0], given[1]] : [undefined, given[0]];
  const payload = structuredClone(exampleOf(name, action));
  const { number, repository = DEFAULT_REPOSITORY, sender, ...rest } = override as AnyOverride;
  const named = typeof repository === "string" ? repository : (repository.full_name ?? DEFAULT_REPOSITORY);
  const changed = merge(payload, rest) as Payload;
  const moved = changed.repository ? movedTo(changed, String(named)) : changed;
  const merged = typeof repository === "string" ? moved : (merge(moved, { repository }) as Payload);
  const before = numberOf(payload);
  const after = number ?? numberOf(rest) ?? before;
  if (before !== undefined && after !== undefined) renumber(merged, before, after);
  else if (number !== undefined) merged.number = number;
  if (typeof sender === "string") setLogin(merged, "sender", sender);
  else if (sender) merged.sender = merge(merged.sender, sender);
  return { name, delivery: randomUUID(), payload: merged };
}

const DEFAULT_REPOSITORY = "acme/shop";

// biome-ignore lint/suspicious/noExplicitAny: payloads of any event
type Payload = Record<string, any>;
type AnyOverride = Payload & {
  readonly number?: number;
  readonly repository?: string | Payload;
  readonly sender?: unknown;
};

let unpacked: Readonly<Record<string, Payload>> | undefined;

/** Unpacked at first use: 40 kB become 3 MB. */
function exampleOf(name: string, action: string | undefined): Payload {
  unpacked ??= JSON.parse(brotliDecompressSync(Buffer.from(packed.brotli, "base64")).toString()) as Record<
    string,
    Payload
  >;
  if (name === "repository_dispatch" && action !== undefined) return { ...unpacked[name], action };
  const found = unpacked[action === undefined ? name : `${name}.${action}`];
  if (found) return found;
  if (Object.hasOwn(NO_WEBHOOKS, name)) {
    throw new TypeError(`${name} is not a webhook: ${NO_WEBHOOKS[name as keyof typeof NO_WEBHOOKS]}`);
  }
  const names = Object.keys(unpacked);
  const actions = names.filter((each) => each.startsWith(`${name}.`)).map((each) => each.slice(name.length + 1));
  const events = [...new Set(names.map((each) => each.split(".")[0]))];
  const known = actions.length > 0 ? `Its actions are ${actions.join(", ")}.` : `Events are ${events.join(", ")}.`;
  const isWhole = names.includes(name);
  throw new TypeError(
    `There is no example of ${name}${action === undefined ? " without an action" : `, ${action}`}. ${isWhole ? "It has no actions." : known}`,
  );
}

/**
 * Merges objects. Everything else replaces the previous value. Items of a list get missing fields from the first item
 * of the example. The URLs of users and labels change with their names.
 */
function merge(base: unknown, over: unknown, name = ""): unknown {
  if (Array.isArray(over)) {
    const like = (Array.isArray(base) ? base[0] : undefined) ?? (name in ITEMS ? ITEMS[name]?.() : undefined);
    return over.map((item) => (isPlain(item) ? merge(like ?? {}, item) : item));
  }
  if (!isPlain(base) || !isPlain(over)) return over;
  const named = typeof over.login === "string" ? (withLogin(base, over.login) as Payload) : base;
  const isLabel = "color" in named && typeof over.name === "string" && typeof named.url === "string";
  const url = isLabel ? { url: named.url.replace(/[^/]+$/, encodeURIComponent(over.name)) } : {};
  const entries = Object.entries(over).filter(([, value]) => value !== undefined);
  return {
    ...named,
    ...url,
    ...Object.fromEntries(entries.map(([key, value]) => [key, merge(named[key], value, key)])),
  };
}

const ITEMS: Readonly<Record<string, () => unknown>> = {
  labels: () => exampleOf("issues", "labeled").label,
  assignees: () => exampleOf("issues", "opened").sender,
  requested_reviewers: () => exampleOf("issues", "opened").sender,
};

const isPlain = (value: unknown): value is Payload =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** The subjects of a payload that have its number. */
const NUMBERED = ["pull_request", "issue", "discussion"];

const numberOf = (payload: Payload): number | undefined =>
  NUMBERED.map((name) => payload[name]?.number).find((each) => typeof each === "number");

/** Gives the subject another number, also in its URLs and in those of its comments. */
function renumber(payload: Payload, before: number, after: number): void {
  const inUrl = new RegExp(`/(pulls?|issues|discussions)/${before}(?=$|[/.#{?])`, "g");
  for (const name of [...NUMBERED, "comment", "review", "thread"]) {
    if (isPlain(payload[name])) payload[name] = mapTexts(payload[name], (text) => text.replace(inUrl, `/$1/${after}`));
    if (NUMBERED.includes(name) && isPlain(payload[name])) payload[name].number = after;
  }
  if ("number" in payload) payload.number = after;
}

/** The payload for another repository: its names, its owner and all URLs. */
function movedTo(payload: Payload, fullName: string): Payload {
  const before = String(payload.repository.full_name);
  const [owner = "", name = ""] = fullName.split("/");
  const [ownerBefore = ""] = before.split("/");
  const inUrl = new RegExp(`(?<=[/:])${before.replace(/[.]/g, "\\.")}(?=$|[/.?#])`, "g");
  const moved = mapTexts(payload, (text) => (text === before ? fullName : text.replace(inUrl, fullName))) as Payload;
  const owned = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(owned);
    if (!isPlain(value)) return value;
    const deep = Object.fromEntries(Object.entries(value).map(([key, each]) => [key, owned(each)]));
    if (deep.full_name === fullName && isPlain(deep.owner)) {
      return { ...deep, name, owner: withLogin(deep.owner, owner) };
    }
    const isBranch = typeof deep.label === "string" && deep.label.startsWith(`${ownerBefore}:`) && isPlain(deep.repo);
    return isBranch
      ? { ...deep, label: String(deep.label).replace(ownerBefore, owner), user: withLogin(deep.user, owner) }
      : deep;
  };
  const result = owned(moved) as Payload;
  if (isPlain(result.organization) && result.organization.login === ownerBefore) {
    result.organization = withLogin(result.organization, owner);
  }
  return result;
}

function setLogin(payload: Payload, name: string, login: string): void {
  if (isPlain(payload[name])) payload[name] = withLogin(payload[name], login);
}

/** A user with another login, and matching URLs. */
function withLogin(user: unknown, login: string): unknown {
  if (!isPlain(user)) return user;
  const before = String(user.login);
  const inUrl = new RegExp(`(?<=/)${before}(?=$|[/{?])`);
  const moved = mapTexts(user, (text) => text.replace(inUrl, login)) as Payload;
  return { ...moved, login, ...("name" in moved && moved.name === before ? { name: login } : {}) };
}

function mapTexts(value: unknown, change: (text: string) => string): unknown {
  if (typeof value === "string") return change(value);
  if (Array.isArray(value)) return value.map((each) => mapTexts(each, change));
  if (!isPlain(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, mapTexts(each, change)]));
}
