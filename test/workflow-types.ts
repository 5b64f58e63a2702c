import * as z from "zod";
import { defineWorkflow, skip, type WebhookEvent } from "../src/index.ts";

/** Never run: `tsc` holds that a workflow's parts get their types from each other, and that mistakes are noticed. */

export const http = defineWorkflow({
  name: "comment-preview-url",
  on: {
    http: {
      path: "/previews",
      body: z.object({ pr: z.number().int(), url: z.url(), team: z.string().optional() }),
      refuse: (body) => (body.pr > 0 ? undefined : "pr must be positive"),
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
    // @ts-expect-error: the webhook's event is not what http gives
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
    // @ts-expect-error: GitHub answers with no such field
    comment.data.html_ulr;
    const deployments = "POST /repos/{owner}/{repo}/deployments";
    await github.request(deployments, { owner: "acme", repo: "shop", ref: "main" }, { retry: false, allow: [409] });
    // @ts-expect-error: how often is not the workflow's to choose
    await github.request(deployments, { owner: "acme", repo: "shop", ref: "main" }, { retry: 5 });
    // @ts-expect-error: issue_number is missing
    await github.request("POST /repos/{owner}/{repo}/issues/{issue_number}/comments", {
      owner: "",
      repo: "",
      body: "",
    });
    const started = await github.runWorkflow("acme/shop", "tests.yml", { ref: "main", inputs: { pr: body.pr } });
    // @ts-expect-error: GitHub may not have told which run it is
    started.htmlUrl;
    return { pr: body.pr, url, wrong };
  },
});

export const nightly = defineWorkflow({
  name: "nightly",
  on: { schedule: { cron: "0 3 * * *", timeZone: "Europe/Zagreb" } },
  concurrency: "nightly",
  // @ts-expect-error: a schedule brings no body
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
    // @ts-expect-error: a pull_request event carries no workflow_run
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
  // @ts-expect-error: a function is no JSON
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
