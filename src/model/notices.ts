import type { NoticeFormat } from "./chat.ts";

export const NOTICE_KINDS = ["failure", "recovery", "success", "waiting"] as const;

/**
 * The occasion of a notice. `failure`: a run failed permanently. `recovery`: a run succeeded after its group's previous
 * run had failed. `success`: a run succeeded. `waiting`: a run started to wait, such as for an approval.
 */
export type NoticeKind = (typeof NOTICE_KINDS)[number];

/**
 * The receivers of a workflow's notices, instead of `NOTIFY_URL`: the name of the variable with a webhook's address,
 * the long form, or several of these. `false`: no receiver.
 */
export type NotifyOption = false | string | NotifyTarget | readonly (string | NotifyTarget)[];

/** One receiver of notices, and which notices it gets. */
export type NotifyTarget = {
  /** The name of the environment variable with the address, which may be given as `NAME_FILE`. */
  readonly to: string;
  /** Default: `["failure", "recovery"]`. */
  readonly on?: readonly NoticeKind[];
  /** Default: by the host of the address; an unknown host gets JSON. */
  readonly as?: NoticeFormat;
};

export const USUAL_KINDS: readonly NoticeKind[] = ["failure", "recovery"];

/** The targets in the long form; undefined: the service's targets. */
export function targetsIn(notify: NotifyOption | undefined): readonly NotifyTarget[] | undefined {
  if (notify === undefined) return undefined;
  if (notify === false) return [];
  return ([] as (string | NotifyTarget)[])
    .concat(notify)
    .map((each) => (typeof each === "string" ? { to: each } : each));
}

/** A webhook that gets notices. */
export type NoticeTarget = {
  /** The variable with the address. */
  readonly name: string;
  /** A secret: anyone who knows it can post there. */
  readonly url: string;
  readonly format: NoticeFormat;
  readonly on: readonly NoticeKind[];
};

/** The receivers of notices: those that workflows name, and NOTIFY_URL for the others. */
export type NoticeTargets = {
  readonly of: (workflow: string) => readonly NoticeTarget[];
  /** Every receiver once. */
  readonly all: readonly NoticeTarget[];
  /** The receivers of failures. NOTIFY_URL is always one, even if all workflows name others. */
  readonly failures: readonly NoticeTarget[];
};

/** Keeps the first of several targets with the same address. */
export function onePerAddress(targets: readonly NoticeTarget[]): readonly NoticeTarget[] {
  return [...new Map(targets.toReversed().map((each) => [each.url, each])).values()].toReversed();
}

/**
 * Parses the address of a webhook.
 * @throws Error that says what was expected, without the text.
 */
export function webhookAddress(text: string): string {
  const url = URL.parse(text.trim());
  if (!url || !["http:", "https:"].includes(url.protocol)) throw new Error("expected a URL that begins with https://");
  if (url.username || url.password) throw new Error("must not contain a user or a password");
  return url.href;
}

/**
 * The secrets in a webhook's address. A part of its path or query is its password, and an answer may quote only that
 * part.
 */
export function passwordsIn(address: string): readonly string[] {
  const { pathname, searchParams } = new URL(address);
  const parts = [...pathname.split("/"), ...searchParams.values()];
  return [address, ...parts.filter(({ length }) => length >= SHORTEST_PASSWORD)];
}

const SHORTEST_PASSWORD = 16;
