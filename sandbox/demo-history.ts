import { randomUUID } from "node:crypto";
import type { Settlement } from "../src/model/claim.ts";
import type { Attempt } from "../src/model/run.ts";
import type { RunStore } from "../src/model/store.ts";

const HOUR_MS = 3_600_000;

/** Random numbers that are the same in every demo: a linear congruential generator. */
function chance(): () => number {
  let state = 42;
  return () => {
    state = (state * 1_664_525 + 1_013_904_223) % 2 ** 32;
    return state / 2 ** 32;
  };
}

/** Fills a store with a plausible day: busy by day, quiet by night, a few failures, skips and limits. */
export async function writeHistory(store: RunStore, now: number): Promise<void> {
  const random = chance();
  const events: number[] = [];
  for (let hour = 24; hour > 0; hour--) {
    const start = now - hour * HOUR_MS;
    const daylight = Math.max(0, Math.sin(((new Date(start).getUTCHours() - 5) / 14) * Math.PI));
    const count = Math.round(2 + daylight * 45 * (0.6 + 0.8 * random()));
    for (let at = 0; at < count; at++) events.push(start + random() * HOUR_MS * 0.98);
  }
  events.sort((a, b) => a - b);
  for (const acceptedAt of events) await writeRun(store, Math.floor(acceptedAt), random);
}

async function writeRun(store: RunStore, acceptedAt: number, random: () => number): Promise<void> {
  const application = random() < 0.08 ? "monitoring" : `pr-${1200 + Math.floor(random() * 60)}`;
  const owner = "demo";
  const { claim } = await store.accept(
    {
      id: randomUUID(),
      workflow: "environment-ready",
      group: application,
      input: { application },
      ownToken: false,
    },
    { owner, now: acceptedAt, leaseMs: HOUR_MS, take: true },
  );
  if (!claim) return;
  const startedAt = acceptedAt + 2;
  const endedAt = startedAt + Math.floor(120 + random() ** 3 * 1900);
  const { settlement, attempt } = endOf(application, random);
  const github = { githubRequestId: `${randomUUID().slice(0, 4).toUpperCase()}:5EED`, kind: undefined };
  await store.settle(claim, { number: 1, startedAt, endedAt, ...github, ...attempt }, settlement);
}

function endOf(
  application: string,
  random: () => number,
): { settlement: Settlement; attempt: Pick<Attempt, "outcome" | "reason"> & Partial<Attempt> } {
  const draw = random();
  if (!application.startsWith("pr-")) {
    const reason = "application name doesn't start with 'pr-'";
    return { settlement: { status: "skipped", reason }, attempt: { outcome: "skipped", reason } };
  }
  const commitHash = Array.from({ length: 40 }, () => Math.floor(random() * 16).toString(16)).join("");
  if (draw < 0.05) {
    const reason = FAILURES[Math.floor((draw / 0.05) * FAILURES.length)]!(application);
    const kind = "permanent" as const;
    return {
      settlement: { status: "failure", reason, http: 500, kind },
      attempt: { outcome: "failure", reason, kind },
    };
  }
  if (draw < 0.09) {
    const reason = `${commitHash} was dispatched for ${application} by run ${randomUUID()} within 600 s`;
    return { settlement: { status: "skipped", reason }, attempt: { outcome: "skipped", reason } };
  }
  const outputs = { commitHash, sourceName: application };
  return {
    settlement: { status: "success", outputs, dedupeKey: undefined },
    attempt: { outcome: "success", reason: undefined },
  };
}

const FAILURES: readonly ((application: string) => string)[] = [
  (application) =>
    `Looking up ${application} in acme/deployment failed: there is no configs/pr/light/${application}/values.yaml and no ` +
    `configs/pr/heavy/${application}/values.yaml. Check the application's name, DEPLOYMENT_REPO, VALUES_PATHS, and the ` +
    "branch (DEPLOYMENT_REF).",
  (application) =>
    `Reading global.config.DEPLOYMENT_TAG from configs/pr/light/${application}/values.yaml in acme/deployment failed: ` +
    "the key is missing. Write the commit hash as text under global.config.DEPLOYMENT_TAG, or set TAG_KEY to the key that holds it.",
  () =>
    "Dispatching environment_ready to acme/shop failed: GitHub answered 403 Resource not accessible by personal access " +
    "token. Give the token Contents: write on acme/shop.",
];
