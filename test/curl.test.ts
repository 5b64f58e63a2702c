import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { createHmac } from "node:crypto";
import { describe, it } from "node:test";
import fc from "fast-check";
import { type CurlPlace, eventCommand, rerunCommand } from "../src/dashboard/curl.ts";
import type { Json, Run } from "../src/model/run.ts";
import type { Workflow } from "../src/model/workflow.ts";
import { until } from "./support/clock.ts";
import { temporaryFolder } from "./support/folder.ts";
import { aRun } from "./support/pages.ts";
import { send, startService } from "./support/service.ts";
import { workflowsFolder } from "./support/workflows.ts";

const ANYTHING = { safeParse: (data: unknown) => ({ success: true as const, data }) };
const PLACE: CurlPlace = { origin: "https://runner.example.com/ci", guarded: true, fluxKeyOf: () => "FLUX_HMAC_KEY" };
const SECRETS = {
  GH_RUNNER_TOKEN: "to'k\"en $x",
  GITHUB_WEBHOOK_SECRET: "hook",
  FLUX_HMAC_KEY: "flux",
  GITHUB_TOKEN: "callers-token",
};
/** A shell function that prints each argument of curl unchanged, with a zero byte after it. */
const PRINTING = 'curl() { for each in "$@"; do printf \'%s\\0\' "$each"; done; }';

const workflow = (on: Workflow["on"], more = {}) => ({ name: "deploy", on, run: async () => {}, ...more }) as Workflow;
const HTTP = workflow({ http: { path: "/deploy", body: ANYTHING, tokenField: "github_token" } });
const GITHUB = workflow({ github: { events: "push" } as never });
const FLUX = workflow({ flux: { path: "/flux" } });
const MANUAL = workflow({ manual: true });

/** The arguments that a real shell passes for a command. */
function argumentsOf(text: string): readonly string[] {
  const { status, stdout, stderr } = spawnSync("sh", ["-c", `${PRINTING}\n${text}`], {
    env: { PATH: process.env.PATH, ...SECRETS },
  });
  assert.equal(status, 0, `${stderr}\n${text}`);
  return stdout.toString().split("\0").slice(0, -1);
}

const headersIn = (words: readonly string[]) =>
  Object.fromEntries(words.flatMap((word, at) => (words[at - 1] === "-H" ? [word.split(/: (.*)/s).slice(0, 2)] : [])));
const bodyIn = (words: readonly string[]) => words[words.indexOf("--data-raw") + 1] ?? "";

const HOSTILE = [
  "'",
  "'\\''",
  '"',
  "$(touch /tmp/owned)",
  "`id`",
  "\n",
  "\r\n",
  "\\",
  "\\n",
  "!!",
  "$HOME",
  "$" + "{x}",
  ";",
  "&&",
  "|",
  "\u202e",
  "\u0000",
  "\ud800",
  "😀",
  "--data",
  "@file",
  "é",
  "*",
  "~",
  "#",
  "%s",
  "%",
];
const hostile = fc
  .array(fc.oneof(fc.constantFrom(...HOSTILE), fc.string({ maxLength: 5 })), { maxLength: 12 })
  .map((parts) => parts.join(""));
const input = fc.dictionary(
  hostile,
  fc.oneof(hostile, fc.integer(), fc.boolean(), fc.constant(null), fc.array(hostile, { maxLength: 3 })),
  { maxKeys: 4 },
);
const RUNS = { numRuns: Number(process.env.PROPERTY_RUNS ?? 60) };

const runOf = (trigger: Run["trigger"], given: unknown, more: Partial<Run> = {}) =>
  aRun({ workflow: "deploy", trigger, input: given as Json, ...more });

describe("A command that sends an event again", () => {
  it("passes any body unchanged to curl through a real shell", () => {
    fc.assert(
      fc.property(input, (given) => {
        const words = argumentsOf(eventCommand(runOf("http", given), HTTP, PLACE)?.text ?? "");
        assert.deepEqual(JSON.parse(bodyIn(words)), JSON.parse(JSON.stringify(given)));
        assert.deepEqual(words.slice(0, 4), ["-sS", "-X", "POST", "https://runner.example.com/ci/deploy"]);
        const headers = { authorization: `Bearer ${SECRETS.GH_RUNNER_TOKEN}`, "content-type": "application/json" };
        assert.deepEqual(headersIn(words), headers);
      }),
      RUNS,
    );
  });

  it("signs what it sends as GitHub and Flux do", () => {
    fc.assert(
      fc.property(input, (payload) => {
        const github = argumentsOf(
          eventCommand(runOf("github", { name: "push", delivery: "1", payload }), GITHUB, PLACE)?.text ?? "",
        );
        const body = bodyIn(github);
        const signature = (key: string, text: string) =>
          `sha256=${createHmac("sha256", key).update(text).digest("hex")}`;
        const { "x-hub-signature-256": its, "x-github-event": name, "x-github-delivery": id } = headersIn(github);
        assert.deepEqual(
          [its, name, JSON.parse(body)],
          [signature("hook", body), "push", JSON.parse(JSON.stringify(payload))],
        );
        assert.match(id ?? "", /^copy-\d+$/);
        const flux = argumentsOf(eventCommand(runOf("flux", payload), FLUX, PLACE)?.text ?? "");
        assert.equal(headersIn(flux)["x-signature"], signature("flux", bodyIn(flux)));
      }),
      { numRuns: 15 },
    );
  });

  it("has a variable for the caller's token, and never a token", () => {
    fc.assert(
      fc.property(input, hostile, (given, field) => {
        const its = workflow({ http: { path: "/deploy", body: ANYTHING, tokenField: field || "t" } });
        const command = eventCommand(runOf("http", given, { ownToken: true }), its, PLACE);
        const body = JSON.parse(bodyIn(argumentsOf(command?.text ?? "")));
        assert.equal(body[JSON.parse(JSON.stringify(field || "t"))], "callers-token");
        assert.match(command?.note ?? "", /Set GITHUB_TOKEN/);
      }),
      RUNS,
    );
  });

  it("says whose token each command needs, because the reader may not have it", () => {
    const long = { text: "x".repeat(5000) };
    const note = (trigger: Run["trigger"], its: Workflow, given: Json, place = PLACE) =>
      eventCommand(runOf(trigger, given), its, place)?.note ?? "";
    const keyed = workflow({ http: { path: "/deploy", body: ANYTHING, token: "PATH_TOKEN" } });
    assert.match(note("http", HTTP, {}), /^Set GH_RUNNER_TOKEN to a token of a caller or an operator first\./);
    assert.match(note("http", HTTP, long), /^Set GH_RUNNER_TOKEN to a token of an operator first\./);
    assert.equal(note("http", keyed, {}), "Set PATH_TOKEN to the token of /deploy first. This starts a new run.");
    assert.match(
      note("http", keyed, long),
      /PATH_TOKEN .*Set GH_RUNNER_TOKEN to a token of a viewer or an operator first/,
    );
    assert.equal(note("manual", MANUAL, {}), "Set GH_RUNNER_TOKEN to a token of an operator first.");
    const event = (payload: Json) => ({ name: "push", payload });
    assert.doesNotMatch(note("github", GITHUB, event({})), /GH_RUNNER_TOKEN/);
    assert.match(
      note("github", GITHUB, event(long)),
      /Set GH_RUNNER_TOKEN to a token of a viewer or an operator first/,
    );
    assert.match(rerunCommand(runOf("http", {}, { status: "failure" }), PLACE)?.note ?? "", /a token of an operator/);
    const open = { ...PLACE, guarded: false };
    assert.doesNotMatch(note("http", HTTP, long, open) + note("manual", MANUAL, {}, open), /token of/);
  });

  it("stays short for any event: a long body comes from the API", () => {
    const deep = Array.from({ length: 5000 }).reduce<Json>((inner) => [inner], 1);
    for (const given of [{ text: "x".repeat(1_000_000) }, { deep }]) {
      for (const [trigger, its, of] of [
        ["http", HTTP, given],
        ["flux", FLUX, given],
        ["manual", MANUAL, given],
        ["github", GITHUB, { name: "push", payload: given }],
      ] as const) {
        const { text } = eventCommand(runOf(trigger, of), its, PLACE) ?? { text: "" };
        assert.match(
          text,
          /^curl -sS -H "authorization: Bearer \$GH_RUNNER_TOKEN" 'https:\/\/runner\.example\.com\/ci\/api\/runs\/[-\w]+' \| jq -cj '.+' > event\.json\n/,
        );
        assert.match(text, /--data-binary @event\.json$/);
        assert.ok(text.length < 1000, text);
      }
    }
  });

  it("starts the run by hand if no request brought it, and is missing if it cannot be sent", () => {
    const both = workflow({ schedule: { cron: "@daily" }, manual: true });
    assert.match(
      eventCommand(runOf("schedule", { scheduledAt: "x" }), both, PLACE)?.text ?? "",
      /'https:[^']+\/api\/workflows\/deploy\/runs'/,
    );
    assert.equal(eventCommand(runOf("schedule", {}), workflow({ schedule: { cron: "@daily" } }), PLACE), undefined);
    assert.equal(eventCommand(runOf("http", {}), undefined, PLACE), undefined);
    assert.equal(eventCommand(runOf("http", {}), MANUAL, PLACE), undefined);
    for (const name of ["push\r\nx-evil: 1", "", 7, "x".repeat(100)]) {
      assert.equal(eventCommand(runOf("github", { name, payload: {} }), GITHUB, PLACE), undefined);
    }
    assert.equal(rerunCommand(runOf("http", {}, { ownToken: true, status: "failure" }), PLACE), undefined);
    assert.equal(rerunCommand(runOf("http", {}), PLACE), undefined, "it has not ended");
  });
});

const FILES = {
  "all.ts": `import { defineWorkflow } from "gh-runner";
import * as z from "zod";
export default defineWorkflow({
  name: "all",
  on: {
    http: { path: "/all", body: z.looseObject({}) },
    github: { events: "push" },
    flux: { path: "/flux-all" },
    manual: { inputs: z.looseObject({}) },
  },
  run: async () => null,
});
`,
};

/** Runs a command in a real shell with the real curl. Resolves with its output. */
function inShell(text: string, cwd: string, env: Record<string, string>): Promise<string> {
  const shell = spawn("sh", ["-c", text], { cwd, env: { PATH: process.env.PATH, ...env } });
  let [out, err] = ["", ""];
  shell.stdout.on("data", (chunk) => (out += chunk));
  shell.stderr.on("data", (chunk) => (err += chunk));
  return new Promise((resolve, reject) =>
    shell.on("close", (code) => (code === 0 ? resolve(out) : reject(new Error(`${code} ${err}`)))),
  );
}

describe("A command that was copied from a run", () => {
  it("starts another run with the same input, for each trigger, also with a long input", async (t) => {
    const env = {
      GH_RUNNER_TOKEN: "t0ken-of-alice-0123456789",
      GITHUB_WEBHOOK_SECRET: "hook-secret-0123456789",
      FLUX_HMAC_KEY: "flux-key-0123456789",
    };
    const { url } = await startService(t, {
      settings: {
        WORKFLOWS_DIR: workflowsFolder(t, FILES),
        AUTH_TOKENS: `alice:operator:${env.GH_RUNNER_TOKEN}`,
        GITHUB_WEBHOOK_SECRET: env.GITHUB_WEBHOOK_SECRET,
        FLUX_HMAC_KEY: env.FLUX_HMAC_KEY,
      },
    });
    const headers = { authorization: `Bearer ${env.GH_RUNNER_TOKEN}` };
    const api = async (path: string) => (await send(url, { path, headers })).json;
    const of = workflow(
      {
        http: { path: "/all", body: ANYTHING },
        github: { events: "push" } as never,
        flux: { path: "/flux-all" },
        manual: true,
      },
      { name: "all" },
    );
    const place = { origin: url, guarded: true, fluxKeyOf: () => "FLUX_HMAC_KEY" };
    const cwd = temporaryFolder(t);
    /** The run that a command starts, after its end. */
    const runBy = async (command: string) => {
      const answer = JSON.parse(await inShell(command, cwd, env));
      const id = answer.run ?? answer.id ?? answer.runs?.[0]?.run ?? (await api("/api/runs?limit=1")).runs[0].id;
      await until("it has ended", async () => (await api(`/api/runs/${id}`)).status === "success");
      return api(`/api/runs/${id}`);
    };
    const text = 'it\'s "$HOME" `id` $(id) \\ \n ü 😀';
    const event = {
      involvedObject: { kind: "Kustomization", namespace: "a", name: "b", uid: text },
      ...{ severity: "info", timestamp: "2026-01-01T00:00:00Z", message: text, reason: "ReconciliationSucceeded" },
    };
    const cases = [
      ["http", { text }, "text"],
      ["manual", { text }, "text"],
      ["github", { name: "push", delivery: "1", payload: { text } }, "payload"],
      ["flux", event, "involvedObject"],
    ] as const;
    for (const [trigger, input, field] of cases) {
      const run = aRun({ workflow: "all", trigger, input: input as Json });
      const found = await runBy(eventCommand(run, of, place)?.text ?? "");
      assert.equal(found.trigger, trigger);
      assert.deepEqual(found.input[field], (input as Record<string, unknown>)[field]);
    }

    const long = { text: "long ' ".repeat(5000) };
    const first = await startedBy(url, headers, long);
    const command =
      eventCommand(aRun({ ...first, workflow: "all", trigger: "http", input: long }), of, place)?.text ?? "";
    assert.match(command, /jq/);
    const { id, input } = await runBy(command);
    assert.deepEqual(input, long);
    const again = JSON.parse(await inShell(rerunCommand(aRun({ id, status: "success" }), place)?.text ?? "", cwd, env));
    assert.deepEqual([again.id, again.status], [id, "queued"]);
  });
});

async function startedBy(
  url: string,
  headers: Record<string, string>,
  inputs: object,
): Promise<{ readonly id: string }> {
  const body = JSON.stringify({ inputs });
  const its = { ...headers, "content-type": "application/json", "content-length": String(Buffer.byteLength(body)) };
  const answer = await send(url, { method: "POST", path: "/api/workflows/all/runs", headers: its, body });
  assert.equal(answer.status, 202, answer.text.slice(0, 300));
  return { id: answer.json.id };
}
