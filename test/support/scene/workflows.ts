/** The workflows of the scene: one of each kind, as a team has them. */
export const SCENE_WORKFLOWS: Readonly<Record<string, string>> = {
  "welcome.ts": `import { defineWorkflow, skip } from "gh-runner";
export default defineWorkflow({
  name: "welcome",
  on: { github: { events: "pull_request", actions: ["opened"] } },
  title: ({ event }) => \`#\${event.payload.pull_request.number} \${event.payload.pull_request.title}\`,
  async run({ event, github, repo, step, log }) {
    const { number, user } = event.payload.pull_request;
    if (user.login === "renovate") return skip("a bot opened it");
    log.info("greeting " + user.login, { pull: number });
    await step("comment", async () => {
      const { data } = await github.rest.issues.createComment({ ...repo, issue_number: number, body: "Welcome, " + user.login + "!" });
      return { comment: data.html_url };
    });
    return { greeted: user.login };
  },
});
`,
  "deploy.ts": `import { defineWorkflow } from "gh-runner";

async function rollOut(cluster: string, log: { warn(message: string): void }) {
  log.warn("the cluster " + cluster + " answers slowly");
  throw new Error("deployment shop in " + cluster + " exceeded its progress deadline");
}

export default defineWorkflow({
  name: "deploy",
  repository: "acme/shop",
  on: { github: { events: "push", branches: ["main"] } },
  concurrency: ({ event }) => event.payload.repository.full_name,
  timeout: "10m",
  async run({ event, step, log }) {
    const commit = event.payload.after;
    log.info("deploying " + commit.slice(0, 7), { ref: event.payload.ref });
    await step("build", () => ({ image: "registry.example/shop:" + commit.slice(0, 7), layers: 12 }));
    await step("scan", () => null);
    await step("roll out", () => rollOut("prod-eu", log));
  },
});
`,
  "nightly-report.ts": `import { defineWorkflow } from "gh-runner";
export default defineWorkflow({
  name: "nightly-report",
  on: { schedule: { cron: "0 3 * * *", timeZone: "Europe/Zagreb" }, manual: { description: "Writes the report of yesterday." } },
  async run({ step }) {
    return { rows: await step("count", () => 4711) };
  },
});
`,
  "cleanup.ts": `import { defineWorkflow } from "gh-runner";
export default defineWorkflow({
  name: "cleanup",
  on: { schedule: { cron: "*/30 * * * *" }, manual: true },
  concurrency: "cleanup",
  async run() {
    return { deleted: 3 };
  },
});
`,
  "release.ts": `import { defineWorkflow } from "gh-runner";
import * as z from "zod";
export default defineWorkflow({
  name: "release",
  repository: "acme/shop",
  on: {
    manual: {
      description: "Builds a tag and publishes it.",
      inputs: z.object({
        version: z.string().regex(/^v\\d/, "must begin with v and a digit").describe("Tag to release"),
        channel: z.enum(["stable", "beta"]).default("beta"),
        notes: z.string().optional(),
        loud: z.boolean().default(false),
      }),
    },
  },
  title: ({ inputs }) => "Release " + inputs.version,
  async run({ inputs, step, log, signal }) {
    log.info("building " + inputs.version, { channel: inputs.channel });
    await step("check out", () => ({ files: 812 }));
    await step("build", () => ({ took: "41 s" }));
    for (let line = 1; line <= 25; line++) log.info("pushing layer " + line);
    log.warn("registry.example answers slowly");
    log.error("layer 7 is pushed again");
    await step("publish", () => new Promise((_, reject) => {
      signal.addEventListener("abort", () => reject(new Error("aborted")));
    }));
  },
});
`,
  "approve.ts": `import { defineWorkflow } from "gh-runner";
import * as z from "zod";
export default defineWorkflow({
  name: "approve",
  on: { manual: true },
  async run({ callback }) {
    const { url, result } = await callback("approval", { body: z.object({ approved: z.boolean() }), timeout: "2d" });
    globalThis.sceneCallback = url;
    return await result();
  },
});
`,
  "tests.ts": `import { defineWorkflow, TransientFailure } from "gh-runner";
import * as z from "zod";
export default defineWorkflow({
  name: "tests",
  on: { http: { path: "/tests", body: z.object({ suite: z.string() }) } },
  concurrency: ({ body }) => body.suite,
  async run({ body, log }) {
    log.debug("asking for a machine");
    throw new TransientFailure({ tried: "testing " + body.suite, happened: "no machine is free", remedy: "This is usually temporary." });
  },
});
`,
  "broken.ts": `import { defineWorkflow } from "gh-runner";
export default defineWorkflow({ name: "broken", on: { schedule: { cron: "every day" } }, async run() {} });
`,
};
