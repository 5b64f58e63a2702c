import * as z from "zod";
import { defineWorkflow, type Json, skip, type WebhookEvent } from "../src/index.ts";

/** Never run: `tsc` checks that the parts of a workflow get their types from each other, and that it reports errors. */

export const http = defineWorkflow({
  name: "comment-preview-url",
  on: {
    http: {
      path: "/previews",
      body: z.object({ pr: z.number().int(), url: z.url(), team: z.string().optional() }),
      reject: (body) => (body.pr > 0 ? undefined : "pr must be positive"),
      answer: (ended) => ({ status: 201, body: ended.status === "success" ? ended.outputs : ended.reason }),
    },
  },
  env: ["SLACK_URL"],
  timeout: "90s",
  retry: false,
  dedupe: { key: ({ body }) => body.url, within: "10m" },
  concurrency: ({ body }) => `pr-${body.pr}`,
  async run({ body, github, step, env, log, signal, waitFor }) {
    const text: string = body.url;
    // @ts-expect-error: pr is a number
    const wrong: string = body.pr;
    // @ts-expect-error: the schema has no such field
    body.prr;
    // @ts-expect-error: http gives no webhook event
    const _event: WebhookEvent = body;
    const slack: string = env.SLACK_URL;
    // @ts-expect-error: only declared names
    env.SLACK_ULR;
    log.info("announced", { pr: body.pr });
    await waitFor(text, { until: ({ status }) => status === 401, timeout: "30s" });
    // @ts-expect-error: a length of time has a unit
    await waitFor(text, { timeout: 30 });
    await fetch(slack, { signal });
    if (!text.startsWith("https:")) return skip("only https previews are announced");
    const comment = await step("comment", () =>
      github.request("POST /repos/{owner}/{repo}/issues/{issue_number}/comments", {
        owner: "acme",
        repo: "shop",
        issue_number: body.pr,
        body: `Preview: ${text}`,
      }),
    );
    const url: string = comment.data.html_url;
    // @ts-expect-error: GitHub's answer has no such field
    comment.data.html_ulr;
    const deployments = "POST /repos/{owner}/{repo}/deployments";
    await github.request(deployments, { owner: "acme", repo: "shop", ref: "main" }, { retry: false, allow: [409] });
    // @ts-expect-error: a workflow cannot set the number of retries
    await github.request(deployments, { owner: "acme", repo: "shop", ref: "main" }, { retry: 5 });
    // @ts-expect-error: issue_number is missing
    await github.request("POST /repos/{owner}/{repo}/issues/{issue_number}/comments", {
      owner: "",
      repo: "",
      body: "",
    });
    const { viewer } = await github.graphql<{ viewer: { login: string } }>(
      "{ viewer { login } }",
      {},
      { retry: false },
    );
    viewer.login satisfies string;
    // @ts-expect-error: the type describes the result of the query
    viewer.lgin;
    // @ts-expect-error: without a type the result is unknown
    (await github.graphql("{ viewer { login } }")).viewer;
    // @ts-expect-error: headers are an option
    await github.graphql("{ viewer { login } }", { headers: { "graphql-features": "sub_issues" } });
    // @ts-expect-error: errors are allowed by GitHub's types, not by status
    await github.graphql("{ viewer { login } }", {}, { allow: [404] });
    // @ts-expect-error: the query and its variables are separate arguments
    await github.graphql({ query: "{ viewer { login } }" });
    // @ts-expect-error: there is no such option
    await github.graphql("{ viewer { login } }", {}, { operation: "A" });
    const started = await github.runWorkflow("acme/shop", "tests.yml", { ref: "main", inputs: { pr: body.pr } });
    // @ts-expect-error: GitHub may not have returned the run
    started.htmlUrl;
    return { pr: body.pr, url, wrong };
  },
});

export const nightly = defineWorkflow({
  name: "nightly",
  on: { schedule: { cron: "0 3 * * *", timeZone: "Europe/Zagreb" } },
  concurrency: "nightly",
  // @ts-expect-error: a schedule has no body
  labels: ({ body }) => body,
  async run({ event, github }) {
    const at: string = event.scheduledAt;
    const { data } = await github.request("GET /repos/{owner}/{repo}/branches", { owner: "acme", repo: "shop" });
    const names: string[] = data.map(({ name }) => name);
    return { at, names };
  },
});

export const label = defineWorkflow({
  name: "label",
  on: {
    github: {
      events: "pull_request",
      actions: ["opened", "reopened"],
      filter: ({ payload }) => !payload.pull_request.draft,
    },
  },
  async run({ event }) {
    const number: number = event.payload.pull_request.number;
    const delivery: string = event.delivery;
    // @ts-expect-error: the workflow is not for this action
    event.payload.action === "closed";
    // @ts-expect-error: a pull_request event has no workflow_run
    event.payload.workflow_run;
    return { number, delivery };
  },
});

export const several = defineWorkflow({
  name: "several",
  on: { github: { events: ["issues", "push"] } },
  async run({ event }) {
    if (event.name === "push") return { ref: event.payload.ref };
    return { title: event.payload.issue.title };
  },
});

export const flux = defineWorkflow({
  name: "flux",
  on: { flux: { path: "/flux", filter: (event) => event.severity === "info" } },
  async run({ body, github }) {
    if (!body.commit) return skip("no commit");
    await github.dispatch("acme/shop", "deployed", { commit: body.commit, name: body.involvedObject.name });
  },
});

export const byHand = defineWorkflow({
  name: "by-hand",
  on: { manual: { inputs: z.object({ ref: z.string(), force: z.boolean().default(false) }), description: "Deploys." } },
  throttle: { limit: 3, per: "1m" },
  debounce: "30s",
  labels: ({ inputs, trigger }) => ({ ref: inputs.ref, trigger }),
  async run({ inputs, trigger }) {
    const ref: string = inputs.ref;
    const force: boolean = inputs.force;
    // @ts-expect-error: the schema has no such field
    inputs.rev;
    return { ref, force, trigger };
  },
  async cancelled({ inputs, github }) {
    await github.dispatch("acme/shop", "gone", { ref: inputs.ref });
  },
});

export const withoutInputs = defineWorkflow({
  name: "without-inputs",
  on: { manual: true },
  async run({ inputs }) {
    // @ts-expect-error: it has no inputs
    const ref: string = inputs.ref;
    return Object.keys(inputs).length + ref;
  },
});

export const manyTriggers = defineWorkflow({
  name: "many-triggers",
  on: {
    http: { path: "/deploy", body: z.object({ ref: z.string() }), reject: (body) => (body.ref ? undefined : "no ref") },
    github: [
      { events: "pull_request", actions: ["closed"], filter: ({ payload }) => payload.pull_request.merged === true },
      { events: ["push"], filter: ({ payload }) => payload.ref === "refs/heads/main" },
    ],
    schedule: { cron: "0 3 * * *" },
    manual: { inputs: z.object({ ref: z.string(), number: z.int() }) },
  },
  concurrency: {
    group: ({ trigger, inputs }) => (trigger === "manual" ? inputs.ref : undefined),
    cancelRunning: true,
  },
  dedupe: { key: (given) => (given.trigger === "http" ? given.body.ref : given.trigger), within: "1h" },
  async run({ trigger, body, event, inputs }) {
    // @ts-expect-error: there is no body unless http started it
    body.ref;
    if (trigger === "http") return body.ref;
    if (trigger === "manual") {
      // @ts-expect-error: number is a number
      const wrong: string = inputs.number;
      return inputs.ref + wrong;
    }
    if (trigger === "schedule") return event.scheduledAt;
    // @ts-expect-error: flux does not start it
    if (trigger === "flux") return "flux";
    if (event.name === "push") return event.payload.ref;
    // @ts-expect-error: no entry is for this event
    event.name === "issues";
    // @ts-expect-error: the entry is not for this action
    event.payload.action === "opened";
    return event.payload.pull_request.number;
  },
});

export const called = defineWorkflow({
  name: "called",
  on: { call: { inputs: z.object({ application: z.string() }) }, schedule: { cron: "@daily" } },
  concurrency: ({ trigger, inputs }) => (trigger === "call" ? inputs.application : undefined),
  async run({ trigger, inputs }) {
    if (trigger === "schedule") return trigger;
    // @ts-expect-error: the schema has no such field
    inputs.commit;
    return inputs.application;
  },
});

export const follower = defineWorkflow({
  name: "follower",
  on: { call: true },
  async run({ github, runs }) {
    const started = await github.dispatch("acme/shop", "ready", { n: 1 }, { once: "dispatch" });
    const key: string | undefined = started.key;
    const nothing = await github.dispatch("acme/shop", "ready", { n: 1 });
    const named = await github.runWorkflow("acme/shop", "tests.yml", { ref: "main", once: "start" });
    const options = { ref: "main", once: "start again" };
    await github.follow(await github.runWorkflow("acme/shop", "tests.yml", options));
    const { runId } = await github.findRun(named, { nothingAfter: "5m" });
    const { conclusion } = await github.follow({ repository: "acme/shop", runId }, { mustSucceed: true });
    await github.follow(started, { name: "tests", timeout: "2h" });
    // @ts-expect-error: an event that was sent without `once` cannot be followed
    await github.follow(nothing);
    // @ts-expect-error: inputs are JSON
    await runs.start("called", { application: () => {} });
    const open = await runs.open("called", "pr-1");
    // @ts-expect-error: it may be undefined
    open.id;
    return { key: key ?? null, conclusion };
  },
});

export const entries = defineWorkflow({
  name: "entries",
  on: {
    github: [
      { events: "issues", actions: ["opened", "edited"] },
      { events: "label", actions: ["created"] },
      { events: "release" },
      { events: "fork" },
      { events: "watch" },
    ],
  },
  async run({ event }) {
    if (event.name === "issues") return event.payload.issue.number;
    if (event.name === "label") return event.payload.label.name;
    if (event.name === "release") return event.payload.release.tag_name;
    if (event.name === "fork") return event.payload.forkee.full_name;
    return event.payload.action;
  },
});

defineWorkflow({
  name: "unknown-action-in-a-list",
  on: {
    github: [
      { events: "push" },
      // @ts-expect-error: pull_request has no such action
      { events: "pull_request", actions: ["open"] },
    ],
  },
  async run() {},
});

defineWorkflow({
  name: "queue",
  on: { manual: true },
  // @ts-expect-error: there is no such queue
  concurrency: { group: "queue", queue: "max" },
  async run() {},
});

defineWorkflow({
  name: "unknown-trigger",
  // @ts-expect-error: there is no such trigger
  on: { htpp: { path: "/x" } },
  async run() {},
});

defineWorkflow({
  name: "unknown-action",
  // @ts-expect-error: pull_request has no such action
  on: { github: { events: "pull_request", actions: ["open"] } },
  async run() {},
});

defineWorkflow({
  name: "outputs",
  on: { schedule: { cron: "* * * * *" } },
  // @ts-expect-error: a function is not JSON
  async run() {
    return { later: () => {} };
  },
});

defineWorkflow({
  name: "timeout",
  on: { schedule: { cron: "* * * * *" } },
  // @ts-expect-error: a length of time has a unit
  timeout: 300,
  async run() {},
});

export const waiting = defineWorkflow({
  name: "waiting",
  on: { manual: true },
  async run({ sleep, waitUntil, callback, by }) {
    const who: string | undefined = by;
    await sleep("until", new Date());
    // @ts-expect-error: a length of time has a unit
    await sleep("long", "2 hours");
    const merged = await waitUntil("merged", async () => (who ? { sha: "abc" } : undefined), {
      every: "5m",
      wakeOn: [
        { pullRequest: { repository: "acme/shop", number: 7 } },
        { check: { repository: "acme/shop", sha: "" } },
      ],
    });
    const sha: string = merged.sha;
    // @ts-expect-error: a pull request has a number
    await waitUntil("closed", () => sha, { wakeOn: { pullRequest: { repository: "acme/shop" } } });
    const approval = await callback("approval", { body: z.object({ by: z.string() }) });
    const url: string = approval.url;
    const answer: { by: string } = await approval.result();
    const anything: Json = await (await callback("anything")).result();
    return { url, sha, by: answer.by, anything };
  },
  cancelled: async ({ step, by }) => step("clean up", () => by?.length ?? 0),
});

export const facts = [
  defineWorkflow({
    name: "of-pull-requests",
    on: { github: { events: ["pull_request", "pull_request_review"] } },
    concurrency: ({ repository, pull }) => `${repository}#${pull}`,
    async run({ github, repo, repository, issue, pull, sha }) {
      const [_number, _commit]: [number, string] = [pull, sha];
      await github.status({ repository, sha, context: "title", state: "success" });
      await github.request("GET /repos/{owner}/{repo}/issues/{issue_number}", { ...repo, issue_number: issue });
    },
  }),
  defineWorkflow({
    name: "of-comments",
    on: { github: { events: "issue_comment" } },
    async run({ issue, pull, sha }) {
      const number: number = issue;
      // @ts-expect-error: not every issue is a pull request
      const _pull: number = pull;
      // @ts-expect-error: a comment is about no commit
      const _sha: string = sha;
      return { number };
    },
  }),
  defineWorkflow({
    name: "of-pushes",
    on: { github: [{ events: "push" }, { events: "merge_group" }] },
    async run({ sha }) {
      // @ts-expect-error: a deleted branch has no commit
      const _sha: string = sha;
    },
  }),
  defineWorkflow({
    name: "by-the-clock",
    on: { schedule: { cron: "0 3 * * *" } },
    repository: "acme/shop",
    async run({ repo, repository, issue }) {
      const texts: [string, string] = [repo.owner, repository];
      // @ts-expect-error: no event is about an issue
      const _number: number = issue;
      return texts;
    },
  }),
];

export const identities = [
  defineWorkflow({
    name: "release",
    on: { manual: true },
    githubApp: "RELEASE_APP",
    identities: {
      bot: { githubApp: "BOT", permissions: { pull_requests: "write" } },
      reader: { githubToken: "READER_TOKEN" },
    },
    permissions: { contents: "write", organization_projects: "admin" },
    async run({ github }) {
      await github.as("bot").comment({ repository: "acme/shop", number: 1, key: "release", body: "Out." });
      const text = await github.as("reader").as("service").readFile("acme/shop", "a.md");
      // @ts-expect-error: the workflow has no such identity
      github.as("bto");
      return { text: text ?? "" };
    },
    async cancelled({ github }) {
      // @ts-expect-error: the same in `cancelled`
      github.as("boot");
      await github.as("bot").cancelRun("acme/shop", 1);
    },
  }),
  defineWorkflow({
    name: "alone",
    on: { manual: true },
    async run({ github }) {
      await github.as("service").hasCommit("acme/shop", "v1");
      // @ts-expect-error: it has no identities
      github.as("bot");
    },
  }),
  defineWorkflow({
    name: "mistaken",
    on: { manual: true },
    identities: {
      // @ts-expect-error: only one of the two
      both: { githubApp: "BOT", githubToken: "BOT_TOKEN" },
      // @ts-expect-error: an App or a token
      neither: { permissions: { issues: "read" } },
      // @ts-expect-error: this name is reserved for the service
      service: { githubApp: "BOT" },
    },
    // @ts-expect-error: the API's name has an underscore
    permissions: { "pull-requests": "write" },
    async run() {},
  }),
  defineWorkflow({
    name: "mistaken-levels",
    on: { manual: true },
    // @ts-expect-error: workflow files have only the level write
    permissions: { workflows: "read" },
    async run() {},
  }),
];
