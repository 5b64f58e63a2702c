import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync, writeFileSync } from "node:fs";
import { describe, it, type TestContext } from "node:test";
import { fileURLToPath } from "node:url";
import { load } from "js-yaml";
import { type StandInGitHub, startGitHub } from "../sandbox/github.ts";
import { judgeOf } from "../sandbox/openapi.ts";
import { keysIn } from "../src/model/run-names.ts";
import { readConfig } from "../src/service/config/config.ts";
import { temporaryFolder } from "./support/folder.ts";
import { deploy, notify, startService } from "./support/service.ts";

const FILE = "deploy/target/environment-ready.yml";
const text = readFileSync(fileURLToPath(new URL(`../${FILE}`, import.meta.url)), "utf8");

type Step = { run?: string; uses?: string; with?: Record<string, unknown>; env?: Record<string, string> };
type Job = { permissions: Record<string, string>; steps: Step[]; if?: string; "timeout-minutes": number };
type Workflow = {
  "run-name": string;
  on: {
    repository_dispatch: { types: string[] };
    workflow_dispatch: { inputs: Record<string, { required?: boolean }> };
  };
  permissions: object;
  defaults: { run: { shell: string } };
  jobs: Record<"begin" | "tests" | "report", Job>;
};
const workflow = load(text) as Workflow;
const { begin, tests, report } = workflow.jobs;
const steps = Object.values(workflow.jobs).flatMap((job) => job.steps);

const CREATE = "POST /repos/{owner}/{repo}/check-runs";
const UPDATE = "PATCH /repos/{owner}/{repo}/check-runs/{check_run_id}";
const SHA = "9fceb02d0ae598e95dc970b74767f19372d61af8";
const TOKEN = "ghs_tokenOfTheJob";

describe("the workflow of the target repository", () => {
  it("listens to what the service sends, with the key of FOLLOW and without it, and reads its payload", async (t) => {
    assert.deepEqual(workflow.on.repository_dispatch, { types: [readConfig({}).workflows.eventType] });
    const { github, url } = await startService(t);
    deploy(github, "pr-1", "abc");
    await notify(url, { application: "pr-1" });
    const carried = Object.keys(github.dispatches[0]?.payload ?? {});
    const { inputs } = workflow.on.workflow_dispatch;
    assert.deepEqual(Object.keys(inputs), [...carried, "run"]);
    assert.deepEqual(
      carried.map((name) => inputs[name]?.required),
      [true, true],
    );
    assert.equal(inputs.run?.required, undefined);
    // Each is read in the same way, for any source.
    const expressions = [...text.matchAll(/\$\{\{ (.*?(?:inputs|client_payload).*?) \}\}/g)].map(([, each]) => each);
    const known = Object.keys(inputs).map((name) => `inputs.${name} || github.event.client_payload.${name}`);
    assert.deepEqual([...new Set(expressions)].sort(), known.sort());
  });

  it("shows the key at the end of its name, as a word, and nothing without a key", () => {
    const name = (event: object, inputs: object = {}) =>
      workflow["run-name"]
        .replaceAll(/\$\{\{ inputs\.(\w+) \|\| github\.event\.client_payload\.\1 \}\}/g, (_, key) => {
          const given: Record<string, string> = { ...event, ...inputs };
          return given[key] ?? "";
        })
        .trim();
    const carried = { commitHash: SHA, sourceName: "pr-1" };
    const run = "0198c0de-0000-7000-8000-000000000001";
    assert.equal(name({ ...carried, run }), `Tests of pr-1 at ${SHA} ${run}`);
    assert.equal(name({}, { ...carried, run }), `Tests of pr-1 at ${SHA} ${run}`);
    assert.equal(name(carried), `Tests of pr-1 at ${SHA}`);
    assert.ok(keysIn(name({ ...carried, run })).has(run));
  });

  it("gives each job only the permissions that it needs, and the job that runs the commit's code no write permission", () => {
    assert.deepEqual(workflow.permissions, {});
    assert.deepEqual(begin.permissions, { contents: "read", checks: "write" });
    assert.deepEqual(tests.permissions, { contents: "read" });
    assert.deepEqual(report.permissions, { checks: "write" });
    const checkout = tests.steps.find(({ uses }) => uses?.startsWith("actions/checkout@"));
    assert.equal(checkout?.with?.["persist-credentials"], false);
    assert.match(String(checkout?.with?.ref), /^\$\{\{ needs\.begin\.outputs\.commit \}\}$/);
    for (const job of Object.values(workflow.jobs)) assert.ok(job["timeout-minutes"] <= 30);
    assert.match(report.if ?? "", /^always\(\) && needs\.begin\.outputs\.check != ''$/);
  });

  it("puts no text of the event into a script, and no token into a step that runs the commit", () => {
    for (const { run } of steps) assert.ok(!run?.includes("${{"), run ?? "");
    for (const { env } of tests.steps) assert.ok(!Object.values(env ?? {}).some((value) => value.includes("token")));
  });
});

it("pins the one action that it uses as the workflows of this project do, and uses no cache of the default branch", () => {
  const ci = readFileSync(fileURLToPath(new URL("../.github/workflows/ci.yml", import.meta.url)), "utf8");
  const used = text.match(/uses: .*/g) ?? [];
  assert.equal(used.length, 1);
  assert.match(used[0], /^uses: actions\/checkout@[0-9a-f]{40} # v/);
  assert.ok(ci.includes(used[0]));
});

describe("its check", () => {
  it("is begun on the commit that was deployed, whole, and ended with the result of the tests", async (t) => {
    const { github, run } = await scene(t);
    const source = `pr-1 "; touch injected; $(id) \${{ x }}`;
    const begun = await run(begin, { COMMIT: SHA.slice(0, 7), SOURCE: source });
    if (!begun) return;
    assert.equal(begun.code, 0, begun.output);
    assert.deepEqual(begun.outputs, { commit: SHA, check: "4711" });
    for (const RESULT of ["success", "failure", "cancelled", "skipped"]) {
      assert.equal((await run(report, { CHECK: "4711", RESULT }))?.code, 0);
    }
    const sent = checksSent(github);
    assert.deepEqual(
      sent.map(({ path, body }) => [path, body.head_sha ?? body.conclusion]),
      [
        ["/repos/acme/shop/check-runs", SHA],
        ...["success", "failure", "cancelled", "skipped"].map((each) => ["/repos/acme/shop/check-runs/4711", each]),
      ],
    );
    const { external_id, details_url } = sent[0]?.body ?? {};
    assert.deepEqual([external_id, details_url], [source, "https://github.com/acme/shop/actions/runs/99"]);
    const judge = judgeOf("api.github.com");
    for (const { body, method } of sent) {
      assert.deepEqual(judge.validateRequest({ route: method === "POST" ? CREATE : UPDATE, requestBody: body }), []);
    }
    assert.notDeepEqual(judge.validateRequest({ route: UPDATE, requestBody: { conclusion: "passed" } }), []);
  });

  it("is not begun where the service reports, and the whole commit is known to the tests", async (t) => {
    const { github, run } = await scene(t);
    const begun = await run(begin, { COMMIT: SHA.slice(0, 7), SOURCE: "pr-1", FOLLOWED_BY: "0198c0de" });
    if (!begun) return;
    assert.equal(begun.code, 0, begun.output);
    assert.deepEqual(begun.outputs, { commit: SHA });
    assert.deepEqual(checksSent(github), []);
  });

  for (const COMMIT of ["", "../../../user", "a/b", "$(id)", "-x", "abc def", "abc\nsha=1"]) {
    it(`is not begun for ${JSON.stringify(COMMIT)}, and GitHub is not asked`, async (t) => {
      const { github, run } = await scene(t);
      const begun = await run(begin, { COMMIT, SOURCE: "pr-1" });
      if (!begun) return;
      assert.equal(begun.code, 1);
      assert.match(begun.output, /not a commit or a tag/);
      assert.deepEqual(begun.outputs, {});
      assert.equal(github.requests.length, 0);
    });
  }

  it("is not begun for a commit that there is not, and the job fails", async (t) => {
    const { github, run } = await scene(t);
    const begun = await run(begin, { COMMIT: "0123456", SOURCE: "pr-1" });
    if (!begun) return;
    assert.notEqual(begun.code, 0);
    assert.deepEqual(checksSent(github), []);
  });

  it("does not count as begun when GitHub rejects it", async (t) => {
    const { github, run } = await scene(t);
    github.fault({ method: "POST" }, { kind: "status", status: 403, body: '{"message":"Resource not accessible"}' });
    const begun = await run(begin, { COMMIT: SHA, SOURCE: "pr-1" });
    if (!begun) return;
    assert.notEqual(begun.code, 0);
    assert.equal(begun.outputs.check, undefined);
  });
});

const checksSent = ({ requests }: StandInGitHub) =>
  requests
    .filter(({ method }) => method !== "GET")
    .map(({ method, path, body }) => ({ method, path, body: JSON.parse(body) }));

/** A stand-in GitHub with the commit and checks, and a function that runs a job's script against it as a runner does. */
async function scene(t: TestContext) {
  const github = await startGitHub();
  t.after(() => github.close());
  github.token(TOKEN);
  github.repository("acme/shop").addCommit(SHA);
  const headers = { "content-type": "application/json; charset=utf-8" };
  const body = JSON.stringify({ id: 4711 });
  github.fault({ method: "POST", path: /\/check-runs$/ }, { kind: "status", status: 201, headers, body });
  github.fault({ method: "PATCH", path: /\/check-runs\/4711$/ }, { kind: "status", status: 200, headers, body });
  const folder = temporaryFolder(t);

  async function run(job: Job, variables: Readonly<Record<string, string>>) {
    const script = job.steps[0]?.run ?? assert.fail("the job runs no script");
    writeFileSync(`${folder}/script.sh`, script);
    writeFileSync(`${folder}/output`, "");
    // A runner starts `shell: bash` like this.
    const child = spawn("bash", ["--noprofile", "--norc", "-eo", "pipefail", `${folder}/script.sh`], {
      cwd: folder,
      env: {
        PATH: process.env.PATH,
        GITHUB_API_URL: github.url,
        GITHUB_SERVER_URL: "https://github.com",
        GITHUB_REPOSITORY: "acme/shop",
        GITHUB_RUN_ID: "99",
        GITHUB_OUTPUT: `${folder}/output`,
        TOKEN,
        FOLLOWED_BY: "",
        ...variables,
      },
    });
    let output = "";
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding("utf8").on("data", (part: string) => {
        output += part;
      });
    }
    const [code] = await once(child, "close");
    if (code === 127) {
      if (process.env.CI === "true") throw new Error(`a program is missing: apt-get install jq curl: ${output}`);
      t.skip("jq or curl is missing: apt-get install jq curl");
      return undefined;
    }
    const lines = readFileSync(`${folder}/output`, "utf8").split("\n").filter(Boolean);
    return { code, output, outputs: Object.fromEntries(lines.map((line) => line.split("="))) };
  }
  assert.equal(workflow.defaults.run.shell, "bash");
  return { github, run };
}
