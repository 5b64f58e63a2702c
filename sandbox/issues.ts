/** Issues and pull requests, which GitHub numbers together. */
export type Issues = {
  /** Issues that are not pull requests, by number. */
  readonly issues: Map<number, Issue>;
  /** By number. */
  readonly pulls: Map<number, Pull>;
  readonly comments: Comment[];
  readonly reactions: Reaction[];
  /** Events of issues and pull requests, oldest first. */
  readonly events: IssueEvent[];
  /** Of the repository, by name in lower case. */
  readonly labels: Map<string, Label>;
  /** By number. */
  readonly milestones: Map<number, Milestone>;
  /** The issue or the pull request of this number. */
  issue(number: number): Issue | Pull | undefined;
  /** The label of this name, created on first use. */
  label(name: string, facts?: Partial<Label>): Label;
  /** Opens an issue. Missing facts get usual values. */
  openIssue(facts?: Partial<Issue>): Issue;
  /** Opens a pull request. Missing facts get usual values. */
  openPull(facts?: Partial<Pull>): Pull;
};

/** Times are epoch milliseconds. */
export type Issue = {
  readonly number: number;
  title: string;
  body: string | null;
  author: string;
  /** `MEMBER`, `CONTRIBUTOR`, `NONE`, … */
  authorAssociation: string;
  state: "open" | "closed";
  /** `completed`, `not_planned`, `reopened`, `duplicate` */
  stateReason: string | null;
  readonly labels: string[];
  readonly assignees: string[];
  /** Its number. */
  milestone: number | null;
  locked: boolean;
  /** Set if it is locked: `resolved`, `spam`, `too heated`, `off-topic` */
  lockReason: string | null;
  /** Its type, such as "Bug", in an organisation that has types. */
  type: string | null;
  createdAt: number;
  updatedAt: number;
  closedAt: number | null;
  closedBy: string | null;
};

export type Pull = Issue & {
  /** Branch and its commit. */
  head: { ref: string; sha: string };
  /** The target branch. The default branch if it is missing. */
  base?: string;
  draft: boolean;
  /** Logins of requested reviewers, and slugs of teams. */
  readonly reviewers: string[];
  readonly teamReviewers: string[];
  /** Paths that it changes. */
  readonly files: string[];
  /** Its commits before the head. */
  readonly commits?: readonly string[];
  /** Oldest first. */
  readonly reviews: Review[];
  /** Whether it can be merged: `clean` by default, `blocked`, `unstable`, `behind`, `dirty`, `unknown`, … */
  mergeableState?: string;
  /** Who has switched auto-merge on. */
  autoMerge?: { readonly method: "merge" | "squash" | "rebase"; readonly by: string } | null;
  /** Set if it is closed. */
  merged?: boolean;
};

export type Review = {
  readonly id: number;
  readonly author: string;
  state: "APPROVED" | "CHANGES_REQUESTED" | "COMMENTED" | "DISMISSED" | "PENDING";
  readonly body: string;
  readonly commit: string;
  /** Epoch milliseconds. */
  readonly submittedAt: number;
};

/** Times are epoch milliseconds. The beginning of 2026 by default. */
export type Comment = {
  readonly id: number;
  /** Number of the issue or pull request. */
  readonly issue: number;
  readonly author: string;
  body: string;
  readonly createdAt?: number;
  updatedAt?: number;
};

export type Reaction = {
  readonly id: number;
  readonly on: { readonly issue: number } | { readonly comment: number };
  /** `+1`, `-1`, `laugh`, `confused`, `heart`, `hooray`, `rocket`, `eyes` */
  readonly content: string;
  readonly author: string;
  readonly createdAt: number;
};

export type IssueEvent = {
  readonly id: number;
  readonly issue: number;
  /** `labeled`, `unlabeled`, `closed`, `reopened`, `assigned`, `locked`, … */
  readonly event: string;
  readonly actor: string;
  /** For `labeled` and `unlabeled`. */
  readonly label?: string;
  /** For `assigned` and `unassigned`. */
  readonly assignee?: string;
  readonly createdAt: number;
};

/** The colour is six hexadecimal digits. */
export type Label = { readonly id: number; name: string; color: string; description: string };

export type Milestone = {
  readonly number: number;
  title: string;
  description: string | null;
  state: "open" | "closed";
  /** RFC 3339. */
  dueOn: string | null;
};

/** Everything here was created at the beginning of 2026. */
const MADE_AT = Date.UTC(2026, 0, 1);

export function newIssues(): Issues {
  const issues = new Map<number, Issue>();
  const pulls = new Map<number, Pull>();
  const labels = new Map<string, Label>();
  const usual = ({ number, createdAt = MADE_AT, ...facts }: Partial<Issue>, what: string): Issue => {
    const chosen = number ?? Math.max(0, ...issues.keys(), ...pulls.keys()) + 1;
    for (const name of facts.labels ?? []) opened.label(name);
    return {
      number: chosen,
      title: `${what} ${chosen}`,
      body: null,
      author: "octocat",
      authorAssociation: "MEMBER",
      state: "open",
      stateReason: null,
      labels: [],
      assignees: [],
      milestone: null,
      locked: false,
      lockReason: null,
      type: null,
      createdAt,
      updatedAt: createdAt,
      closedAt: null,
      closedBy: null,
      ...facts,
    };
  };
  const opened: Issues = {
    issues,
    pulls,
    comments: [],
    reactions: [],
    events: [],
    labels,
    milestones: new Map(),
    issue: (number) => issues.get(number) ?? pulls.get(number),
    label(name, facts = {}) {
      const known = labels.get(name.toLowerCase());
      if (known) return known;
      const label = { id: labels.size + 1, name, color: "ededed", description: "", ...facts };
      labels.set(name.toLowerCase(), label);
      return label;
    },
    openIssue(facts = {}) {
      const issue = usual(facts, "Issue");
      issues.set(issue.number, issue);
      return issue;
    },
    openPull(facts = {}) {
      const issue = usual(facts, "Change");
      const head = { ref: `change-${issue.number}`, sha: "c".repeat(40) };
      const pull: Pull = {
        head,
        draft: false,
        reviewers: [],
        teamReviewers: [],
        files: [],
        reviews: [],
        ...facts,
        ...issue,
      };
      pulls.set(pull.number, pull);
      return pull;
    },
  };
  return opened;
}
