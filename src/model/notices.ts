import type { NoticeFormat } from "./chat.ts";

export const NOTICE_KINDS = ["failure", "recovery", "success", "waiting"] as const;

/**
 * What a notice is about. `failure`: a run has failed for good. `recovery`: a run has succeeded, and the one of its group before
 * it had failed. `success`: a run has succeeded. `waiting`: a run has begun to wait, such as for an approval.
 */
export type NoticeKind = (typeof NOTICE_KINDS)[number];

/**
 * Who gets the notices of a workflow instead of `NOTIFY_URL`: the name of a variable that holds the address of a webhook, the long
 * form, or several of these. `false`: no receiver.
 */
export type NotifyOption = false | string | NotifyTarget | readonly (string | NotifyTarget)[];

export type NotifyTarget = {
  /** Name of the environment variable that holds the address, which may be given as `NAME_FILE`. */
  readonly to: string;
  /** `["failure", "recovery"]` without it. */
  readonly on?: readonly NoticeKind[];
  /** Without it the host of the address decides, and what is no known chat gets JSON. */
  readonly as?: NoticeFormat;
};

export const USUAL_KINDS: readonly NoticeKind[] = ["failure", "recovery"];

/** The targets in the long form; undefined: those of the service. */
export function targetsIn(notify: NotifyOption | undefined): readonly NotifyTarget[] | undefined {
  if (notify === undefined) return undefined;
  if (notify === false) return [];
  return ([] as (string | NotifyTarget)[])
    .concat(notify)
    .map((each) => (typeof each === "string" ? { to: each } : each));
}

/** A webhook that gets notices. */
export type NoticeTarget = {
  /** The variable that holds the address. */
  readonly name: string;
  /** A secret: anyone who knows it can post there. */
  readonly url: string;
  readonly format: NoticeFormat;
  readonly on: readonly NoticeKind[];
};

/** Who gets notices: what workflows name, and NOTIFY_URL for the others. */
export type NoticeTargets = {
  readonly of: (workflow: string) => readonly NoticeTarget[];
  /** Every receiver once. */
  readonly all: readonly NoticeTarget[];
  /** Those that are notified of failures. NOTIFY_URL is one also where all workflows name others. */
  readonly failures: readonly NoticeTarget[];
};

/** The first of those that have the same address. */
export function onePerAddress(targets: readonly NoticeTarget[]): readonly NoticeTarget[] {
  return [...new Map(targets.toReversed().map((each) => [each.url, each])).values()].toReversed();
}

/**
 * The address of a webhook.
 * @throws Error that says what was expected, without the text.
 */
export function webhookAddress(text: string): string {
  const url = URL.parse(text.trim());
  if (!url || !["http:", "https:"].includes(url.protocol)) throw new Error("expected a URL that begins with https://");
  if (url.username || url.password) throw new Error("must not contain a user or a password");
  return url.href;
}

/** What of the address of a webhook must not be seen: a part of its path or query is its password, and an answer may quote it alone. */
export function passwordsIn(address: string): readonly string[] {
  const { pathname, searchParams } = new URL(address);
  const parts = [...pathname.split("/"), ...searchParams.values()];
  return [address, ...parts.filter(({ length }) => length >= SHORTEST_PASSWORD)];
}

const SHORTEST_PASSWORD = 16;
