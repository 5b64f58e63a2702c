import { type Issues, newIssues } from "./issues.ts";
import { zipOf } from "./zip.ts";

/** What people and workflows have created in a repository, apart from its files. */
export type Records = Issues & {
  readonly deployments: Deployment[];
  readonly statuses: CommitStatus[];
  readonly checks: CheckRun[];
  /** Oldest first. */
  readonly releases: Release[];
  /** The author of a commit, by its hash. By default octocat, without a signature. */
  readonly written: Map<string, Written>;
  /** Runs of GitHub Actions, by id, oldest first. */
  readonly runs: Map<number, ActionsRun>;
  /** By id, oldest first. */
  readonly artifacts: Map<number, Artifact>;
  /** Adds an artifact of a run, with these files. */
  addArtifact(
    run: number,
    name: string,
    files: Readonly<Record<string, string | Uint8Array>>,
    facts?: Partial<Artifact>,
  ): Artifact;
  /** Adds a run of Actions that does not proceed automatically. Missing facts get usual values. */
  addRun(facts?: Partial<ActionsRun>): ActionsRun;
};

type Written = {
  readonly author?: string;
  readonly committer?: string;
  readonly message?: string;
  readonly isVerified?: boolean;
  /** How many parents it has. A merge has two. */
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
  /** As GitHub received them. Each update adds more. */
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
  /** The path of the workflow's file. */
  readonly path: string;
  /** `workflow_dispatch`, `repository_dispatch`, `push`, … */
  readonly event: string;
  readonly branch: string;
  readonly sha: string;
  /** The result of its `run-name`. */
  readonly title: string;
  readonly actor: string;
  /** For the latest attempt. */
  triggeredBy: string;
  readonly inputs: Readonly<Record<string, unknown>>;
  readonly createdAt: number;
  /** From this time on, lists contain it. Missing: lists contain it immediately. */
  readonly listedAt?: number;
  /** For the latest attempt. */
  startedAt: number;
  updatedAt: number;
  /** From 1. */
  attempt: number;
  /** `pending`: another run of its concurrency group is in progress. */
  status: "pending" | "queued" | "in_progress" | "completed";
  /** Set if the run is completed: `success`, `failure`, `cancelled`, … */
  conclusion: string | null;
  /** The jobs of all attempts. */
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

/** The id of a run or a job. GitHub counts them over all repositories. */
export const nextId = (): number => ++lastId;

/** Up to this number are kept. The oldest are deleted first. */
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
