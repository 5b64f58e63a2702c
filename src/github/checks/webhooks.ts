import { type Check, ok, warning } from "../../model/check.ts";
import { isFailure } from "../../model/failure.ts";
import { type DeliveryLog, nameOf, openDeliveryLog, type WantedHook } from "../deliveries.ts";
import type { Checked } from "./checked.ts";

/** The webhooks whose missed deliveries the service fetches. */
export type CheckedWebhooks = {
  readonly owners: readonly string[];
  readonly wanted: WantedHook;
  /** The repositories in the settings. */
  readonly repositories: readonly string[];
  /** How long GitHub keeps deliveries, ms. */
  readonly keptMs: number;
  /** Until when the service has read each owner's log, epoch milliseconds by GitHub's clock. */
  readonly readUntil: ReadonlyMap<string, number>;
};

const CHECK = "missed webhooks";
const DAY_MS = 86_400_000;

/**
 * Checks whether the service can read missed deliveries, and how far back. If the settings name no owner, one readable
 * webhook is enough. A failure here does not stop anything else.
 */
export async function checkWebhooks(
  { github, apiUrl }: Pick<Checked, "github" | "apiUrl">,
  { owners, ...webhooks }: CheckedWebhooks,
): Promise<readonly Check[]> {
  const asked = { ...github, apiUrl, repositories: webhooks.repositories };
  const looks = owners.map(async (owner) => {
    try {
      const log = await openDeliveryLog(asked, owner, webhooks.wanted, 0);
      return { check: await checkLog(owner, log, webhooks), isRead: true };
    } catch (error) {
      if (!isFailure(error)) throw error;
      const { tried, happened, remedy } = error.facts;
      const lacking = `gh-runner cannot catch up on events that GitHub sends while it is down: ${tried} failed: ${happened}`;
      return { check: warning(CHECK, lacking, `${remedy} Or set GITHUB_WEBHOOK_OF=off.`), isRead: false };
    }
  });
  const all = await Promise.all(looks);
  const enough = webhooks.wanted.isNamed ? [] : all.filter(({ isRead }) => isRead);
  return (enough.length > 0 ? enough : all).map(({ check }) => check);
}

async function checkLog(
  owner: string,
  log: DeliveryLog,
  { keptMs, readUntil }: Pick<CheckedWebhooks, "keptMs" | "readUntil">,
): Promise<Check> {
  const { deliveries, cursor, at } = await log.page();
  const [newest, oldest] = [deliveries[0], deliveries.at(-1)];
  const days = keptMs / DAY_MS;
  const until = readUntil.get(owner);
  const reaches =
    newest && oldest
      ? `it goes back to ${timeOf(oldest.at)}${cursor === undefined ? "" : " and further"}, and the latest delivery is of ${timeOf(newest.at)}`
      : "it is empty";
  const known =
    until === undefined ? "the service has not read it yet" : `the service has read it until ${timeOf(until)}`;
  const message = `the log of ${nameOf(owner)} can be read, of the last ${days} days: ${reaches}; ${known}`;
  if (until !== undefined && until < at - keptMs) {
    const lost = `${message}, and GitHub no longer keeps deliveries from then`;
    return warning(CHECK, lost, "Start the service. Check your systems for events that they missed before that.");
  }
  if (newest && (newest.status < 200 || newest.status > 299)) {
    const remedy =
      "See its answer on GitHub, under Recent Deliveries. 401 means that the secret differs from GITHUB_WEBHOOK_SECRET.";
    return warning(CHECK, `${message}, which was answered ${newest.status || "nothing"}`, remedy);
  }
  return ok(CHECK, message);
}

const timeOf = (epochMs: number): string => new Date(epochMs).toISOString();
