/** What people and workflows have left in a repository besides its files. */
export type Records = {
  /** By number. */
  readonly pulls: Map<number, Pull>;
  readonly comments: Comment[];
  readonly deployments: Deployment[];
  readonly statuses: CommitStatus[];
  /** Runs of GitHub Actions that `workflow_dispatch` has started, by id. */
  readonly runs: Map<number, ActionsRun>;
  /** Opens a pull request; what is left out is the usual. */
  openPull(facts?: Partial<Pull>): Pull;
};

export type Pull = {
  readonly number: number;
  title: string;
  /** Branch and its commit. */
  head: { ref: string; sha: string };
  author: string;
  state: "open" | "closed";
  draft: boolean;
  readonly labels: string[];
  readonly assignees: string[];
  /** Paths that it changes. */
  readonly files: string[];
};

export type Comment = { readonly id: number; readonly pull: number; readonly author: string; body: string };

export type Deployment = {
  readonly id: number;
  readonly sha: string;
  readonly ref: string;
  readonly environment: string;
  readonly description: string | null;
  /** Newest first, as GitHub lists them. */
  readonly statuses: DeploymentStatus[];
};

export type DeploymentStatus = {
  readonly id: number;
  readonly state: string;
  readonly description: string;
  readonly environmentUrl: string;
};

export type CommitStatus = {
  readonly id: number;
  readonly sha: string;
  readonly state: string;
  readonly context: string;
  readonly description: string | null;
  readonly targetUrl: string | null;
};

export type ActionsRun = {
  readonly id: number;
  /** Of the workflow's file. */
  readonly path: string;
  readonly branch: string;
  readonly inputs: Readonly<Record<string, unknown>>;
  status: "queued" | "in_progress" | "completed";
  /** Of a run that is completed: `success`, `failure`, `cancelled`, … */
  conclusion: string | null;
};

export function newRecords(): Records {
  const pulls = new Map<number, Pull>();
  return {
    pulls,
    comments: [],
    deployments: [],
    statuses: [],
    runs: new Map(),
    openPull(facts = {}) {
      const number = facts.number ?? Math.max(0, ...pulls.keys()) + 1;
      const pull: Pull = {
        title: `Change ${number}`,
        head: { ref: `change-${number}`, sha: "c".repeat(40) },
        author: "octocat",
        state: "open",
        draft: false,
        labels: [],
        assignees: [],
        files: [],
        ...facts,
        number,
      };
      pulls.set(number, pull);
      return pull;
    },
  };
}
