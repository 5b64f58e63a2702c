import { createRequire } from "node:module";
import type { Json } from "../src/model/run.ts";
import { type Moved, type PastRun, pastRun } from "../test/support/past.ts";
import { type Chance, chanceOf } from "../test/support/random.ts";

const DAY_MS = 86_400_000;
const SEED = 20;

/** Files for a WORKFLOWS_DIR: the workflows of this history. None of them runs. */
export const WORKFLOW_FILES: Readonly<Record<string, string>> = Object.fromEntries(
  Object.entries({
    deploy: '{ github: { events: "push", branches: ["main"] } }',
    labeler: '{ github: { events: "pull_request", actions: ["opened", "synchronize"] } }',
    triage: '{ github: { events: "issues", actions: ["opened"] } }',
    "nightly-report": '{ schedule: { cron: "0 3 * * *" } }',
    release: "{ manual: true }",
  }).map(([name, on]) => [
    `${name}.ts`,
    `import { defineWorkflow } from "gh-runner";\nexport default defineWorkflow({ name: "${name}", on: ${on}, async run() {} });\n`,
  ]),
);

const SHOPS = ["shop", "billing", "search", "mail"];
export const REPOSITORIES = Array.from({ length: 12 }, (_, at) => `acme/${SHOPS[at % SHOPS.length]}-${at}`);
const PEOPLE = ["alice", "bob", "carol", "dave", "erin", "frank", "grace", "heidi"];

/** Runs of several workflows, oldest first, spread evenly over the days before now. The same for each store. */
export function* pastRuns({ count, days, now }: { count: number; days: number; now: number }): Generator<Moved> {
  const chance = chanceOf(SEED);
  for (let nth = 0; nth < count; nth++) {
    const at = Math.floor(now - days * DAY_MS * (1 - nth / count));
    yield pastRun(aRun(nth, at, chance));
  }
}

function aRun(nth: number, at: number, chance: Chance): PastRun {
  const kinds = [
    applicationRun,
    applicationRun,
    applicationRun,
    pushRun,
    pullRun,
    pullRun,
    issueRun,
    nightlyRun,
    releaseRun,
  ];
  const run = chance.pick(kinds)(nth, chance);
  const tookMs = chance.between(80, 4000);
  return ended(
    { id: idOf(chance), at, tookMs, code: hashOf(chance).slice(0, 12), lines: linesOf(run, chance), ...run },
    chance,
  );
}

type Given = Omit<PastRun, "id" | "at">;

function applicationRun(nth: number, chance: Chance): Given {
  const application = `pr-${1000 + (nth % 8000)}`;
  const outputs = { commitHash: hashOf(chance), sourceName: application };
  return { workflow: "environment-ready", group: application, input: { application }, outputs };
}

function pushRun(_nth: number, chance: Chance): Given {
  const [repository, sha, sender] = [chance.pick(REPOSITORIES), hashOf(chance), chance.pick(PEOPLE)];
  const payload = {
    ...chance.pick(examplesOf("push")),
    ref: "refs/heads/main",
    after: sha,
    repository: { full_name: repository },
    sender: { login: sender },
  };
  const steps = ["build", "deploy", "smoke test"].map((name) => ({
    name,
    result: { image: `registry.example/${sha.slice(0, 7)}` },
  }));
  return { ...webhook("deploy", "push", payload, chance), group: repository, outputs: { deployed: sha }, steps };
}

function pullRun(nth: number, chance: Chance): Given {
  const [repository, sha, sender] = [chance.pick(REPOSITORIES), hashOf(chance), chance.pick(PEOPLE)];
  // One in ten has GitHub's full size. The others are as large as a minute allows for filling such a table.
  const whole = nth % 10 === 0 ? chance.pick(examplesOf("pull_request")) : {};
  const number = nth % 5000;
  const pull = {
    number,
    title: `${chance.pick(VERBS)} the ${chance.pick(THINGS)} of ${repository}`,
    head: { sha, ref: `feature/${nth}` },
  };
  const payload = {
    ...whole,
    action: "opened",
    number,
    pull_request: pull,
    repository: { full_name: repository },
    sender: { login: sender },
  };
  return {
    ...webhook("labeler", "pull_request", payload, chance),
    outputs: { labels: [chance.pick(THINGS), "size/M"] },
  };
}

function issueRun(nth: number, chance: Chance): Given {
  const issue = { number: nth % 900, title: `${chance.pick(THINGS)} is broken`, body: words(chance, 60) };
  const payload = {
    action: "opened",
    issue,
    repository: { full_name: chance.pick(REPOSITORIES) },
    sender: { login: chance.pick(PEOPLE) },
  };
  return { ...webhook("triage", "issues", payload, chance), outputs: { team: chance.pick(THINGS) } };
}

function nightlyRun(_nth: number, chance: Chance): Given {
  return {
    workflow: "nightly-report",
    trigger: "schedule",
    actor: "schedule",
    outputs: { rows: chance.between(1, 9000) },
  };
}

function releaseRun(nth: number, chance: Chance): Given {
  const version = `v${1 + (nth % 9)}.${nth % 40}.${nth % 7}`;
  return {
    workflow: "release",
    trigger: "manual",
    actor: `token ${chance.pick(PEOPLE)}`,
    input: { version },
    outputs: { version },
  };
}

function webhook(workflow: string, name: string, payload: object, chance: Chance): Given {
  const input = { name, delivery: idOf(chance), payload } as unknown as Json;
  return { workflow, trigger: "github", actor: "GitHub webhook", input };
}

/** One in twelve runs does not succeed. */
function ended(run: PastRun, chance: Chance): PastRun {
  const draw = chance.next();
  if (draw > 0.085) return run;
  const { outputs: _, ...rest } = run;
  if (draw < 0.05) return { ...rest, status: "failure", reason: chance.pick(CAUSES)(rest, chance) };
  if (draw < 0.07) return { ...rest, status: "skipped", reason: "application name doesn't start with 'pr-'" };
  return { ...rest, status: "cancelled", reason: `cancelled by ${chance.pick(PEOPLE)}` };
}

const CAUSES: readonly ((run: PastRun, chance: Chance) => string)[] = [
  ({ group }) =>
    `Looking up ${group} in acme/deployment failed: there is no configs/pr/light/${group}/values.yaml and no ` +
    `configs/pr/heavy/${group}/values.yaml. Check the application's name, DEPLOYMENT_REPO, VALUES_PATHS, and the branch (DEPLOYMENT_REF).`,
  (_run, chance) =>
    `Dispatching environment_ready to ${chance.pick(REPOSITORIES)} failed: GitHub answered 403 Resource not accessible by ` +
    `personal access token. Give the token Contents: write on it.`,
  ({ workflow, tookMs = 0 }) =>
    `The workflow threw Error: exit code ${tookMs % 5} of the deployment (${workflow}.ts:12)`,
  (_run, chance) =>
    `Running ${chance.pick(VERBS)} failed: it took longer than 5 min (attempt ${chance.between(1, 9)}).`,
];

function linesOf({ group, workflow }: Given, chance: Chance): NonNullable<PastRun["lines"]> {
  const count = chance.next() < 0.02 ? 200 : chance.between(0, 6);
  return Array.from({ length: count }, (_, nth) => ({
    level: nth % 9 === 8 ? "warn" : "info",
    message: `${chance.pick(VERBS)} ${chance.pick(THINGS)} ${group ?? workflow}: ${words(chance, 8)}`,
    ...(nth % 3 === 0 && { facts: { took: chance.between(1, 900), host: `node-${chance.between(1, 40)}` } }),
  }));
}

const VERBS = ["building", "pushing", "checking", "merging", "restarting", "migrating", "labelling", "publishing"];
const THINGS = [
  "checkout",
  "invoice",
  "basket",
  "catalogue",
  "payment",
  "session",
  "gateway",
  "index",
  "image",
  "cache",
];
const WORDS = [
  ...THINGS,
  ...VERBS,
  "the",
  "of",
  "and",
  "with",
  "took",
  "until",
  "node",
  "replica",
  "ready",
  "pod",
  "service",
];

const words = (chance: Chance, count: number) => Array.from({ length: count }, () => chance.pick(WORDS)).join(" ");
const hex = (chance: Chance, length: number) =>
  Array.from({ length }, () => Math.floor(chance.next() * 16).toString(16)).join("");
const hashOf = (chance: Chance) => hex(chance, 40);
const idOf = (chance: Chance) =>
  `${hex(chance, 8)}-${hex(chance, 4)}-4${hex(chance, 3)}-8${hex(chance, 3)}-${hex(chance, 12)}`;

type Example = { readonly name: string; readonly examples: readonly object[] };
const EXAMPLES: readonly Example[] = createRequire(import.meta.url)("@octokit/webhooks-examples");
const examplesOf = (name: string) => EXAMPLES.find((each) => each.name === name)?.examples ?? [];

/** A hundred searches as people type them, with what they are for. */
export function searches(
  runs: readonly { readonly id: string; readonly group?: string; readonly commit?: string }[],
): readonly string[] {
  const chance = chanceOf(SEED + 1);
  const some = () => chance.pick(runs);
  const application = () => `pr-${chance.between(1000, 8999)}`;
  const kinds: readonly (readonly [number, () => string])[] = [
    [22, application],
    [6, () => String(chance.between(1000, 8999))],
    [8, () => some().commit?.slice(0, 7) ?? "abcdef0"],
    [4, () => some().commit ?? "abcdef0"],
    [4, () => some().id.slice(0, 8)],
    [8, () => chance.pick(["values.yaml", "Resource not accessible", "exit code", "took longer than"])],
    [8, () => chance.pick(THINGS)],
    [6, () => `${chance.pick(VERBS)} ${chance.pick(THINGS)} ${application()}`],
    [4, () => `"${chance.pick(VERBS)} ${chance.pick(THINGS)}" node-${chance.between(1, 40)}`],
    [6, () => `repo:${chance.pick(REPOSITORIES)}`],
    [4, () => `by:${chance.pick(PEOPLE)} status:failure`],
    [4, () => `event:pull_request.opened repo:${chance.pick(REPOSITORIES)} pull:${chance.between(1, 4999)}`],
    [4, () => `workflow:deploy status:failure ${chance.pick(["since:7d", "since:30d", "until:2026-01-01", "exit"])}`],
    [2, () => chance.pick(["pr", "of", "a"])],
    [
      10,
      () =>
        chance.pick([
          "pr-99999",
          "nowhere-at-all",
          "zzzz",
          "checkout zzzz",
          "repo:acme/none",
          "0123456789abcdef0123456789abcdef01234567",
        ]),
    ],
  ];
  return kinds.flatMap(([count, make]) => Array.from({ length: count }, make));
}
