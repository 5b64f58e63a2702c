import assert from "node:assert/strict";
import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { knownSecrets } from "../src/observe/secrets.ts";
import { temporaryFolder } from "./support/folder.ts";
import { eventually } from "./support/process.ts";
import { startReceiver } from "./support/receiver.ts";
import { deploy, notify, send, startService } from "./support/service.ts";
import { workflowsFolder } from "./support/workflows.ts";

/** Has no known token shape, so only a service that knows it can hide it. */
const CALLERS_TOKEN = "q7Zk1Xw9Vb3Nf5Tg8Jm2Hs6Dr4Lp0Yc-Ua_Ei.Ox";
const PIECE = 8;

const PIECES = Array.from({ length: CALLERS_TOKEN.length - PIECE + 1 }, (_, at) => CALLERS_TOKEN.slice(at, at + PIECE));

function assertNoPiece(text: string, where: string): void {
  const piece = PIECES.find((each) => text.includes(each));
  assert.equal(
    piece,
    undefined,
    `${where}: …${text.slice(Math.max(0, text.indexOf(piece ?? "") - 60)).slice(0, 160)}…`,
  );
}

/** A text in which the token begins this many characters before a limit, or after it. */
const across = (limit: number, offset: number) => `${filler(limit + offset)}${CALLERS_TOKEN}${" end".repeat(20)}`;
const filler = (length: number) => "x ".repeat(Math.max(0, length)).slice(0, Math.max(0, length));

const OFFSETS = Array.from({ length: 51 }, (_, at) => at - 45);

const CASES: Readonly<Record<string, readonly number[]>> = { message: [300, 600], title: [200, 300], header: [200] };

const SLIDES = `import { defineWorkflow, PermanentFailure, TransientFailure, skip } from "gh-runner";
import * as z from "zod";
export default defineWorkflow({
  name: "slides",
  on: { http: { path: "/slides", body: z.object({ how: z.string(), offset: z.number() }), tokenField: "github_token" } },
  githubToken: "OTHER_TOKEN",
  env: ["KNOWN"],
  retry: false,
  async run({ body: { how, offset }, github, step, log, env }) {
    const across = (limit) => "x ".repeat(limit).slice(0, limit + offset) + env.KNOWN + " end".repeat(20);
    if (how === "log") {
      log.info(across(2000));
      console.log(across(2000));
      return null;
    }
    if (how === "step name") return step(across(100) + "y".repeat(200), () => 1);
    if (how === "step") return step("failing", () => { throw new Error(across(4000)); });
    if (how === "event type") return github.dispatch("acme/shop", across(100), {});
    if (how === "reason") throw new Error(across(4000 - 20));
    if (how === "start of the reason") throw new Error(across(3000 - 20) + "z".repeat(2000));
    if (how === "end of the reason") throw new Error("z".repeat(5000) + env.KNOWN + "e".repeat(1000 + offset));
    if (how === "fact") throw new PermanentFailure({ tried: across(1000), happened: across(1000), remedy: across(1000) });
    if (how === "transient") throw new TransientFailure({ tried: "it", happened: across(1000), remedy: "Wait." });
    return skip(across(4000));
  },
});`;

const HOWS = [
  "log",
  "step name",
  "step",
  "event type",
  "reason",
  "start of the reason",
  "end of the reason",
  "fact",
  "transient",
  "skip",
];

describe("a token across a limit of length", () => {
  it("appears in no answer, log line, page, list, notice, trace or file", { timeout: 600_000 }, async (t) => {
    const DATA_DIR = temporaryFolder(t);
    const [chat, collector] = [await startReceiver(t), await startReceiver(t)];
    const { url, github, logLines, app } = await startService(t, {
      settings: {
        DATA_DIR,
        WORKFLOWS_DIR: workflowsFolder(t, { "slides.ts": SLIDES }),
        KNOWN: CALLERS_TOKEN,
        OTHER_TOKEN: CALLERS_TOKEN,
        LOG_LEVEL: "trace",
        NOTIFY_URL: `${chat.url}/hook`,
        OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
      },
    });
    github.token(CALLERS_TOKEN);
    deploy(github, "pr-1", "abc");
    const said: string[] = [];
    const keep = async (answer: ReturnType<typeof send>) => {
      const { text, headers } = await answer;
      said.push(text + JSON.stringify(headers));
    };
    const withToken = { github_token: CALLERS_TOKEN };
    const route = "POST /repos/{owner}/{repo}/dispatches";

    for (const offset of OFFSETS) {
      const faults = [
        ...CASES.message!.map((limit) => ({ status: 403, body: JSON.stringify({ message: across(limit, offset) }) })),
        { status: 422, body: JSON.stringify({ message: "no", errors: [across(295, offset)] }) },
        { status: 400, body: across(300, offset) },
        ...CASES.title!.map((limit) => ({ status: 403, body: `<html><title>${across(limit, offset)}</title>` })),
        ...["x-github-request-id", "x-accepted-github-permissions", "location"].map((name) => ({
          status: 403,
          body: "{}",
          headers: { [name]: across(200, offset).replaceAll(" ", "x") },
        })),
      ];
      for (const fault of faults) {
        github.fault({ route, times: 3 }, { kind: "status", ...fault });
        await keep(notify(url, { application: "pr-1", ...withToken }));
        github.clearFaults();
      }
      for (const limit of [80, 100, 253, 300]) {
        await keep(notify(url, { application: `$${across(limit, offset)}`, ...withToken }));
        await keep(notify(url, { application: across(limit, offset), ...withToken }));
        await keep(notify(url, { application: "pr-1", revision: across(limit, offset), ...withToken }));
      }
      await keep(notify(url, { application: "pr-1", [across(200, offset)]: CALLERS_TOKEN, ...withToken }));
      for (const how of HOWS) {
        const headers = { "content-type": "application/json" };
        await keep(send(url, { method: "POST", path: "/slides", body: JSON.stringify({ how, offset }), headers }));
      }
      for (const limit of [100, 200]) {
        const text = encodeURIComponent(across(limit, offset));
        for (const path of [`/?text=${text}`, `/?workflow=${text}`, `/runs/${text}`, `/api/runs?workflow=${text}`]) {
          await keep(send(url, { path }));
        }
      }
    }
    for (const path of ["/", "/?status=failure", "/events", "/metrics"]) await keep(send(url, { path }));
    const { runs } = (await send(url, { path: "/api/runs?limit=100" })).json;
    for (const { id } of runs) {
      await keep(send(url, { path: `/api/runs/${id}` }));
      await keep(send(url, { path: `/runs/${id}` }));
    }
    await app.close();
    await eventually("traces came", 60_000, () => collector.received.length > 0);
    assert.ok(chat.received.length > 0);
    assert.ok(said.join("").includes("***"), "nothing was hidden, so nothing was tested");
    for (const text of said) assertNoPiece(text, "an answer");
    for (const line of logLines) assertNoPiece(line, "the log");
    for (const { body } of chat.received) assertNoPiece(body, "a notice");
    for (const { body } of collector.received) assertNoPiece(body, "a trace");
    for (const file of globSync(join(DATA_DIR, "*"))) {
      if (!file.endsWith("compiled")) assertNoPiece(readFileSync(file, "latin1"), file);
    }
  });

  it("is hidden before the text is shortened, for any length of the text", () => {
    const { brief } = knownSecrets([CALLERS_TOKEN]);
    for (const limit of [1, 100, 5000]) {
      for (const offset of OFFSETS) {
        for (const many of [1, 100, 3000]) {
          const text = filler(limit + offset) + `${CALLERS_TOKEN} `.repeat(many);
          const short = brief(text, limit);
          assert.ok(short.length <= limit + 1, `${short.length}`);
          assertNoPiece(short, `${limit} ${offset} ${many}`);
        }
      }
    }
    assert.equal(brief("no more than that", 17), "no more than that");
    assert.equal(brief("no more than that", 7), "no more…");
  });

  it("cannot be forgotten: only `brief` shortens texts of others", () => {
    /** Files that shorten something else, and what they shorten. */
    const allowed: Readonly<Record<string, string>> = {
      "src/observe/secrets.ts": "brief itself",
      "src/worker/kept.ts": "a reason without its secrets",
      "src/http/authorize.ts": "what was scrubbed in the same expression",
      "src/access/openid.ts": "the name of a person",
      "src/access/oidc.ts": "what the token that was sent says",
      "src/access/proxies.ts": "a list of groups",
      "src/access/slow-down.ts": "a list of parts of an address",
      "src/http/routes.ts": "what was scrubbed in the same expression",
      "src/worker/attempt.ts": "a list of calls",
      "src/worker/changed-files.ts": "lists of patterns and files",
      "src/workflows/ready/labeler-file.ts": "lists of patterns and problems",
      "src/worker/log-facts.ts": "lists of facts and errors",
      "src/worker/names.ts": "names without their secrets",
      "src/worker/following.ts": "a list of jobs",
      "src/worker/process-guard.ts": "a list of what was printed",
      "src/worker/waiting-for.ts": "a list of waits",
      "src/model/github-trigger.ts": "lists of patterns, labels and files",
      "src/model/search.ts": "a list of problems",
      "src/model/run-actions.ts": "the id of a run",
      "src/model/why/words.ts": "texts out of the store",
      "src/model/why/runs.ts": "the id of a run, and a commit",
      "src/model/why/requests.ts": "lists of requests and events",
      "src/http/noted-events.ts": "lists of events and reasons",
      "src/model/since-success.ts": "inputs and outputs out of the store",
      "src/workflows/load/load-workflows.ts": "a digest",
      "src/service/config/auth.ts": "a digest",
      "src/service/workflow-versions.ts": "a digest, and a list of folders",
      "src/worker/outcome.ts": "a list of frames",
      "src/observe/notice-text.ts": "what was scrubbed in the same expression",
      "src/dashboard/shown.ts": "names out of the store, and times",
      "src/dashboard/run-page.ts": "JSON out of the store",
      "src/dashboard/github-web.ts": "a commit out of the store",
      "src/dashboard/run-row.ts": "the id of a run",
      "src/dashboard/assets.ts": "a digest",
      "src/dashboard/live-state.ts": "a list of runs",
      "src/dashboard/log-lines.ts": "times",
      "src/dashboard/step-list.ts": "results out of the store",
      "src/dashboard/run-facts.ts": "the id of a run",
      "src/dashboard/time-line.ts": "lists of attempts",
      "src/dashboard/schedule-list.ts": "lists of ticks, and a time",
      "src/service/workflow-facts.ts": "a list of ticks",
      "src/service/bulk.ts": "a list of runs",
      "src/store/postgres/batch.ts": "a list of writes",
      "src/dashboard/bulk-page.ts": "a list of runs",
      "src/dashboard/list-query.ts": "what the viewer looks for",
      "src/dashboard/preview-query.ts": "what the viewer looks for",
      "src/dashboard/chain-view.ts": "a list of jobs",
      "src/model/chain-facts.ts": "a list of jobs",
      "src/dashboard/verdict.ts": "seven characters of a commit",
      "src/dashboard/audit-page.ts": "the id of a run",
      "src/http/audit-notes.ts": "a list of records",
      "src/cli/previews.ts": "seven characters of a commit",
      "src/cli/runs-print.ts": "the id of a run",
      "src/cli/terminal.ts": "the service's answer, and the line of the command",
      "src/github/auth/credentials.ts": "a digest",
      "src/github/actions/find.ts": "a list of runs",
      "src/github/actions/show.ts": "a list of jobs",
      "src/github/reports/annotations.ts": "a list of annotations",
      "src/github/route-label.ts": "words of GitHub's",
      "src/github/graphql/errors.ts": "a list of errors",
      "src/github/checks/credential.ts": "a date",
      "src/github/checks/repositories.ts": "seven characters of a commit",
      "src/observe/tracing.ts": "a digest",
      "src/model/run-names.ts": "a list of words that are only compared",
      "src/store/search-document.ts": "what is searched, out of the store",
      "src/model/nearest-name.ts": "what is only compared",
      "src/workflows/preview-tests.ts": "a list of jobs",
      "src/workflows/summary.ts": "seven characters of a commit",
    };
    const cutting = globSync("src/**/*.ts", { cwd: join(import.meta.dirname, "..") }).filter((file) => {
      const text = readFileSync(join(import.meta.dirname, "..", file), "utf8");
      return /\.(?:slice|substring)\((?:0, )(?:MAX|[2-9]|\d{2,}|most|characters|width)/.test(text);
    });
    assert.deepEqual(cutting.sort(), Object.keys(allowed).sort());
  });
});
