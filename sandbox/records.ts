import { type Issues, newIssues } from "./issues.ts";
import { zipOf } from "./zip.ts";

/** What people and workflows have left in a repository besides its files. */
export type Records = Issues & {
  readonly deployments: Deployment[];
  readonly statuses: CommitStatus[];
  readonly checks: CheckRun[];
  /** The oldest first. */
  readonly releases: Release[];
  /** Who has made a commit, by its hash; octocat, without a signature, where nothing is said. */
  readonly written: Map<string, Written>;
  /** Runs of GitHub Actions, by id, the oldest first. */
  readonly runs: Map<number, ActionsRun>;
  /** By id, the oldest first. */
  readonly artifacts: Map<number, Artifact>;
  /** Adds an artifact of a run, with these files. */
  addArtifact(
    run: number,
    name: string,
    files: Readonly<Record<string, string | Uint8Array>>,
    facts?: Partial<Artifact>,
  ): Artifact;
  /** Adds a run of Actions that goes nowhere by itself; what is left out is the usual. */
  addRun(facts?: Partial<ActionsRun>): ActionsRun;
};

type Written = {
  readonly author?: string;
  readonly committer?: string;
  readonly message?: string;
  readonly isVerified?: boolean;
  /** How many commits it follows; a merge follows two. */
  readonly parents?: number;
};

export type Deployment = {
  readonly id: number;
  readonly sha: string;
  readonly ref: string;
  readonly environment: string;
  readonly description: string | null;
  readonly task: string;
  readonly payload: unknown;
  readonly isTransient: boolean;
  readonly isProduction: boolean;
  /** Epoch milliseconds. */
  readonly createdAt: number;
  /** Newest first, as GitHub lists them. */
  readonly statuses: DeploymentStatus[];
};

export type DeploymentStatus = {
  readonly id: number;
  readonly state: string;
  readonly description: string;
  readonly environmentUrl: string;
  readonly logUrl: string;
  /** Epoch milliseconds. */
  readonly createdAt: number;
};

export type Release = {
  readonly id: number;
  tag: string;
  /** A branch or a commit. */
  target: string;
  name: string | null;
  body: string | null;
  draft: boolean;
  prerelease: boolean;
  readonly author: string;
  /** Epoch milliseconds. */
  readonly createdAt: number;
};

export type CommitStatus = {
  readonly id: number;
  readonly sha: string;
  readonly state: string;
  readonly context: string;
  readonly description: string | null;
  readonly targetUrl: string | null;
  /** Epoch milliseconds. */
  readonly createdAt: number;
};

export type CheckRun = {
  readonly id: number;
  readonly sha: string;
  name: string;
  /** Id of the App that made it. */
  readonly app: number;
  externalId: string;
  detailsUrl: string | null;
  status: string;
  conclusion: string | null;
  output: { title: string | null; summary: string | null; text: string | null };
  /** As GitHub was given them, and with each update more. */
  readonly annotations: Readonly<Record<string, unknown>>[];
  /** RFC 3339. */
  startedAt: string;
  completedAt: string | null;
};

/** A run of GitHub Actions. Times are epoch milliseconds. */
export type ActionsRun = {
  readonly id: number;
  /** Counts the runs of its workflow, from 1. */
  readonly number: number;
  /** Of the workflow's file. */
  readonly path: string;
  /** `workflow_dispatch`, `repository_dispatch`, `push`, … */
  readonly event: string;
  readonly branch: string;
  readonly sha: string;
  /** What its `run-name` made of it. */
  readonly title: string;
  readonly actor: string;
  /** Of the latest attempt. */
  triggeredBy: string;
  readonly inputs: Readonly<Record<string, unknown>>;
  readonly createdAt: number;
  /** From then on it is in lists; at once without it. */
  readonly listedAt?: number;
  /** Of the latest attempt. */
  startedAt: number;
  updatedAt: number;
  /** From 1. */
  attempt: number;
  /** `pending`: its concurrency group has another. */
  status: "pending" | "queued" | "in_progress" | "completed";
  /** Of a run that is completed: `success`, `failure`, `cancelled`, … */
  conclusion: string | null;
  /** Of all attempts. */
  readonly jobs: ActionsJob[];
  /** Requests to cancel it, in order. */
  readonly cancels: { readonly at: number; readonly force: boolean; readonly by: string }[];
};

export type Artifact = {
  readonly id: number;
  /** Id of its run. */
  readonly run: number;
  readonly name: string;
  zip: Buffer;
  expired: boolean;
  /** Epoch milliseconds. */
  readonly createdAt: number;
};

export type ActionsJob = {
  readonly id: number;
  readonly name: string;
  readonly attempt: number;
  readonly createdAt: number;
  status: "queued" | "in_progress" | "completed";
  conclusion: string | null;
  startedAt: number | undefined;
  endedAt: number | undefined;
};

let lastId = 30_433_642;

/** Of a run or a job: GitHub counts them over all repositories. */
export const nextId = (): number => ++lastId;

/** So many are kept; the oldest go first. */
const MAX_RUNS = 10_000;

export function newRecords(): Records {
  const runs = new Map<number, ActionsRun>();
  const artifacts = new Map<number, Artifact>();
  return {
    ...newIssues(),
    deployments: [],
    statuses: [],
    checks: [],
    releases: [],
    written: new Map(),
    runs,
    artifacts,
    addArtifact(run, name, files, facts) {
      const createdAt = runs.get(run)?.updatedAt ?? Date.UTC(2026, 0, 1);
      const artifact = { id: nextId(), run, name, zip: zipOf(files), expired: false, createdAt, ...facts };
      artifacts.set(artifact.id, artifact);
      return artifact;
    },
    addRun(facts = {}) {
      const path = facts.path ?? ".github/workflows/tests.yml";
      const createdAt = facts.createdAt ?? Date.UTC(2026, 0, 1);
      const run: ActionsRun = {
        id: nextId(),
        number: facts.number ?? 1 + [...runs.values()].filter((each) => each.path === path).length,
        event: "workflow_dispatch",
        branch: "main",
        sha: "c".repeat(40),
        title: "Tests",
        actor: "octocat",
        triggeredBy: facts.actor ?? "octocat",
        inputs: {},
        startedAt: createdAt,
        updatedAt: createdAt,
        attempt: 1,
        status: "queued",
        conclusion: null,
        jobs: [],
        cancels: [],
        ...facts,
        path,
        createdAt,
      };
      runs.set(run.id, run);
      if (runs.size > MAX_RUNS) runs.delete(runs.keys().next().value as number);
      return run;
    },
  };
}
