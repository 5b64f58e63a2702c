import { randomUUID } from "node:crypto";
import type { Moved } from "../past.ts";
import { pastRun } from "../past.ts";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

const PROGRESS = (cluster: string) =>
  `The workflow threw Error: deployment shop in ${cluster} exceeded its progress deadline (deploy.ts:5)`;

const NO_VALUES = (application: string) =>
  `Looking up ${application} in acme/deployment failed: there is no configs/pr/light/${application}/values.yaml and no ` +
  `configs/pr/heavy/${application}/values.yaml. Check the application's name, DEPLOYMENT_REPO, VALUES_PATHS, and the branch (DEPLOYMENT_REF).`;

const hash = (nth: number) => nth.toString(16).padStart(4, "0").repeat(10);

/** What the scene's workflows did before the scene began, oldest first. */
export function sceneHistory(now: number): Moved[] {
  return [...nights(now), ...pushes(now), ...smoke(now), ...notifications(now)].toSorted(
    (a, b) => Number(a.acceptedAt) - Number(b.acceptedAt),
  );
}

/** The report of each night. The one of five nights ago failed. */
function nights(now: number): Moved[] {
  return Array.from({ length: 20 }, (_, nth) => {
    const failed =
      nth === 4 && ({ status: "failure", reason: "Counting rows failed: the database is locked" } as const);
    return pastRun({
      ...{ id: randomUUID(), workflow: "nightly-report", trigger: "schedule", actor: "schedule" },
      ...{
        at: now - (nth + 1) * DAY + 2 * HOUR,
        outputs: failed ? undefined : { rows: 4000 + nth },
        tookMs: 60_000 + nth * 977,
      },
      ...failed,
    });
  });
}

/** Runs of a workflow that was removed. */
function smoke(now: number): Moved[] {
  return Array.from({ length: 7 }, (_, nth) =>
    pastRun({
      ...{ id: randomUUID(), workflow: "smoke", trigger: "http", actor: "token argocd", tookMs: 4000 + nth * 800 },
      ...{ at: now - (nth + 12) * DAY, outputs: { checked: 12 } },
    }),
  );
}

/** Pushes to main: the last successful deployment is three days old, and all since failed with other code. */
function pushes(now: number): Moved[] {
  return Array.from({ length: 40 }, (_, nth) => {
    const isGood = nth > 4 && nth % 13 !== 0;
    const [sha, at] = [hash(nth), now - 3 * DAY - (nth - 5) * 7 * HOUR];
    const payload = {
      ref: "refs/heads/main",
      after: sha,
      repository: { full_name: "acme/shop" },
      sender: { login: "bob" },
    };
    return pastRun({
      ...{ id: randomUUID(), workflow: "deploy", trigger: "github", actor: "GitHub webhook", group: "acme/shop" },
      ...{
        at: nth > 4 ? at : now - (nth + 1) * 8 * HOUR,
        tookMs: 90_000 - nth * 211,
        code: isGood ? "5f1c0e9a2b77" : "c0ffee123456",
      },
      input: { name: "push", delivery: randomUUID(), payload },
      steps: [
        { name: "build", result: { image: `registry.example/shop:${sha.slice(0, 7)}` } },
        { name: "scan", result: null },
      ],
      lines: [{ level: "info", message: `deploying ${sha.slice(0, 7)}` }],
      ...(isGood
        ? { outputs: { deployed: sha } }
        : { status: "failure", reason: PROGRESS(nth % 2 ? "prod-us" : "prod-eu") }),
    });
  });
}

/** ArgoCD's notifications of 22 hours: a few without a values file, a few of an application that is skipped. */
function notifications(now: number): Moved[] {
  return Array.from({ length: 90 }, (_, nth) => {
    const application = nth % 15 === 7 ? "monitoring" : `pr-${1200 + ((nth * 7) % 40)}`;
    const run = { id: randomUUID(), workflow: "environment-ready", group: application, input: { application } };
    const times = { at: now - 20 * MINUTE - Math.floor((nth / 90) * 22 * HOUR), tookMs: 120 + ((nth * 37) % 1900) };
    if (application === "monitoring") {
      return pastRun({ ...run, ...times, status: "skipped", reason: "application name doesn't start with 'pr-'" });
    }
    if (nth % 11 === 3) return pastRun({ ...run, ...times, status: "failure", reason: NO_VALUES(application) });
    return pastRun({ ...run, ...times, outputs: { commitHash: hash(nth + 99), sourceName: application } });
  });
}
