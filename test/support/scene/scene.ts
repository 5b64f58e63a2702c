import assert from "node:assert/strict";
import type { TestContext } from "node:test";
import { systemClock } from "../../../src/model/clock.ts";
import { unchanging } from "../../../src/model/renewable.ts";
import { readConfig } from "../../../src/service/config/config.ts";
import { openStore } from "../../../src/service/open-store.ts";
import { until } from "../clock.ts";
import { temporaryFolder } from "../folder.ts";
import { fillStore } from "../past.ts";
import { fixedPort } from "../port.ts";
import { type Story, writePreview } from "../previews.ts";
import { deploy, notify, type Service, send, startService } from "../service.ts";
import { deliver, payloadOf, WEBHOOK_SECRET } from "../webhooks.ts";
import { workflowsFolder } from "../workflows.ts";
import { sceneHistory } from "./history.ts";
import { SCENE_WORKFLOWS } from "./workflows.ts";

export const ALICE = "alice-token-0123456789";
const ARGOCD = "argocd-token-0123456789";
/** Tokens of others: one reads everything, one reads three workflows, one only starts runs. */
export const [VERA, LARRY, CORA] = ["vera-token-0123456789ab", "larry-token-0123456789a", "cora-token-0123456789ab"];
const TOKENS = [
  ...[`alice:${ALICE}`, `argocd:${ARGOCD}`, `vera:viewer:${VERA}`],
  ...[`larry:viewer@deploy+release+cleanup:${LARRY}`, `cora:caller:${CORA}`],
];
export const SHA = "9fceb02d0ae598e95dc970b74767f19372d61af8";

export type Scene = Service & {
  /** Ids of runs, by what is special about them. */
  readonly runs: Readonly<Record<SceneRun, string>>;
  /** The page on which a person approves. */
  readonly callback: string;
  /** Calls the API as alice. */
  asAlice(method: string, path: string, body?: unknown): ReturnType<typeof send>;
};

type SceneRun =
  | ("succeeded" | "failed" | "retried" | "skipped" | "running" | "cancelled" | "queued" | "waiting")
  | ("greeted" | "crashed" | "limited" | "superseded" | "rerun");

const STORIES: readonly Omit<Story, "at">[] = [
  { application: "pr-2001", tests: "passed" },
  { application: "pr-2002", tests: "failed", jobs: ["unit", "end to end (chromium, 1 of 4)"] },
  { application: "pr-2003", tests: "no run" },
  { application: "pr-2004", tests: "running" },
  { application: "pr-2005", tests: "cancelled" },
  { application: "pr-2006", tests: "closed" },
  { application: "pr-2007" },
];

/**
 * A service of a small team at three in the morning: months of history, something of each status, previews, webhooks
 * that started nothing, rejected requests, a paused workflow, a broken file, and GitHub's limit at the end.
 */
export async function openScene(t: TestContext, settings: Record<string, string> = {}): Promise<Scene> {
  const DATA_DIR = settings.DATA_DIR ?? temporaryFolder(t);
  const now = Date.now();
  const place = readConfig({ DATA_DIR, GITHUB_TOKEN: "unused", ...settings }).store;
  await fillStore(place, sceneHistory(now));
  const store = await openStore(unchanging(place), { clock: systemClock, log: { warn: () => {} } });
  for (const [nth, story] of STORIES.entries()) await writePreview(store, { ...story, at: now - (nth + 8) * 120_000 });
  await store.close();

  const port = String(await fixedPort());
  const service = await startService(t, {
    settings: {
      ...{ PORT: port, PUBLIC_URL: `http://127.0.0.1:${port}` },
      ...{ DATA_DIR, AUTH_TOKENS: String(TOKENS), GITHUB_WEBHOOK_SECRET: WEBHOOK_SECRET },
      ...{
        WORKFLOWS_DIR: workflowsFolder(t, SCENE_WORKFLOWS),
        ARGOCD_URL: "https://argocd.example",
        WORKFLOWS_STRICT: "false",
      },
      ...settings,
    },
    options: { serverLimits: { drainMs: 200 } },
  });
  return fill(service);
}

async function fill(service: Service): Promise<Scene> {
  const { url, github } = service;
  const [alice, argocd] = [ALICE, ARGOCD].map((token) => ({ authorization: `Bearer ${token}` })) as [Bearer, Bearer];
  const asAlice: Scene["asAlice"] = (method, path, body) =>
    send(url, { method, path, headers: alice, body: body === undefined ? "" : JSON.stringify(body) });
  const start = async (workflow: string, inputs: object = {}) => {
    const { json, status } = await asAlice("POST", `/api/workflows/${workflow}/runs`, { inputs });
    assert.equal(status, 202, `${workflow} was not started`);
    return json.id as string;
  };
  const reach = async (id: string, ...statuses: string[]) => {
    let now: Record<string, unknown> = {};
    const isThere = async () => {
      now = (await asAlice("GET", `/api/runs/${id}`)).json;
      return statuses.includes(String(now.status));
    };
    const fails = () => assert.fail(`${now.workflow} is ${now.status}, not ${statuses}: ${now.reason}`);
    await until(`${id} is ${statuses}`, isThere).catch(fails);
  };
  const sent = async (application: string) => String((await notify(url, { application }, argocd)).headers["x-run-id"]);
  const hooked = async (name: string, payload: object) => {
    const { json } = await deliver(url, name, payload);
    return json.runs?.[0]?.run as string;
  };

  deploy(github, "pr-1", SHA);
  deploy(github, "pr-limited", SHA);
  const shop = github.repository("acme/shop");
  shop.addCommit(SHA);
  shop.openPull({ number: 7, title: "Show prices with tax", head: { ref: "prices", sha: SHA } });

  const succeeded = await sent("pr-1");
  const skipped = await sent("main");
  const failed = await sent("pr-none");
  const rerun = await sent("pr-gone");
  await asAlice("POST", `/api/runs/${rerun}/rerun`);
  await reach(rerun, "failure");

  await notify(url, { app: "pr-1" }, argocd);
  await notify(url, { application: "pr-1" }, { authorization: "Bearer wrong-token-0123456789" });
  const greeted = await hooked("pull_request", pullEvent("opened"));
  await hooked("pull_request", pullEvent("closed"));
  await deliver(url, "push", pushEvent("refs/heads/feature/x"), { secret: "another secret" });
  await hooked("push", pushEvent("refs/heads/feature/x"));
  const crashed = await hooked("push", pushEvent("refs/heads/main"));
  await Promise.all([reach(greeted, "success", "failure"), reach(crashed, "failure")]);

  const running = await start("release", { version: "v1.2.3" });
  const cancelled = await start("release", { version: "v1.2.2" });
  const waiting = await start("approve");
  await Promise.all([reach(running, "running"), reach(cancelled, "running"), reach(waiting, "waiting")]);
  await asAlice("POST", `/api/runs/${cancelled}/cancel`);
  await reach(cancelled, "cancelled");
  await asAlice("POST", "/api/workflows/cleanup/pause");
  const superseded = await start("cleanup");
  const queued = await start("cleanup");
  const { headers } = await send(url, {
    ...{ method: "POST", path: "/tests", body: JSON.stringify({ suite: "end to end" }) },
    headers: { ...argocd, prefer: "respond-async" },
  });
  const retried = String(headers["x-run-id"]);
  await reach(retried, "queued", "failure");

  for (const [token = "", path = ""] of [
    [VERA, `/api/runs/${failed}/rerun`],
    [CORA, "/api/workflows/release/pause"],
  ]) {
    const { status } = await send(url, { method: "POST", path, headers: { authorization: `Bearer ${token}` } });
    assert.equal(status, 403);
  }

  github.fault({ times: 1 }, { kind: "limit", secondary: true, retryAfterSeconds: 3000 });
  const limited = await notify(url, { application: "pr-limited" }, { ...argocd, prefer: "respond-async" });
  const limitedId = String(limited.headers["x-run-id"]);
  await reach(limitedId, "waiting", "queued");
  return {
    ...service,
    asAlice,
    callback: String((globalThis as { sceneCallback?: string }).sceneCallback),
    runs: {
      ...{ succeeded, skipped, failed, rerun, greeted, crashed, running, cancelled, waiting, superseded, queued },
      ...{ retried, limited: limitedId },
    },
  };
}

type Bearer = { readonly authorization: string };

function pullEvent(action: string): object {
  const payload = payloadOf("pull_request", action) as { pull_request: object };
  const pull = { ...payload.pull_request, number: 7, title: "Show prices with tax", user: { login: "dora" } };
  const repository = { ...(payload as { repository?: object }).repository, full_name: "acme/shop" };
  return { ...payload, action, number: 7, pull_request: pull, repository, sender: { login: "dora" } };
}

function pushEvent(ref: string): object {
  const payload = payloadOf("push") as { repository: object };
  return {
    ...payload,
    ref,
    after: SHA,
    deleted: false,
    repository: { ...payload.repository, full_name: "acme/shop" },
    sender: { login: "bob" },
  };
}
