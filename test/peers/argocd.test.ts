import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { createInterface } from "node:readline";
import { describe, it, type TestContext } from "node:test";
import { fileURLToPath } from "node:url";
import { APPLICATIONS, REVISION } from "../support/applications.ts";
import { until } from "../support/clock.ts";
import { objectsIn } from "../support/kubectl.ts";
import { eventually } from "../support/process.ts";
import { DEPLOYMENT, deploy, startService } from "../support/service.ts";
import { peer } from "./peers.ts";

const FILE = fileURLToPath(new URL("../../deploy/argocd/argocd-notifications-cm.yaml", import.meta.url));
const { data: SHIPPED } = objectsIn(readFileSync(FILE, "utf8"))[0] as { data: Record<string, string> };
const SERVICE = "service.webhook.gh-runner";
const TOKEN = "a-token-of-argocd";

/** What the engine did with an application. */
type Notified = { readonly triggered: boolean; readonly error?: string; readonly log: readonly string[] };

/** The ConfigMap as it is shipped; only the address is another one. */
const shippedFor = (url: string): Record<string, string> => ({
  ...SHIPPED,
  [SERVICE]: (SHIPPED[SERVICE] ?? "").replace("http://gh-runner.gh-runner.svc:9555", url),
});
/** It waits 1, 2 and 4 s between its attempts otherwise; the numbers are nanoseconds. */
const quickly = (configMap: Record<string, string>) => ({
  ...configMap,
  [SERVICE]: `${configMap[SERVICE]}\nretryWaitMin: 1000000\nretryWaitMax: 2000000\n`,
});

/** Has ArgoCD's notifications-engine decide on applications and send. Undefined where it is not built. */
async function notifyBy(
  t: TestContext,
  configMap: Record<string, string>,
  applications: readonly unknown[],
  secret: Record<string, string> = { "gh-runner-token": TOKEN },
): Promise<readonly Notified[] | undefined> {
  const program = peer(t, "notifications-engine");
  if (program === undefined) return undefined;
  const question = { configMap, secret, trigger: "on-environment-ready", service: "gh-runner", applications };
  const child = spawn(program, { stdio: ["pipe", "pipe", "ignore"] });
  child.stdin.end(JSON.stringify(question));
  const [text, [code]] = await Promise.all([child.stdout.setEncoding("utf8").toArray(), once(child, "close")]);
  assert.equal(code, 0);
  return JSON.parse(text.join(""));
}

const READY = APPLICATIONS["with one source"].app;

/** A receiver that answers each request with the next of these statuses, and what it was sent. */
async function receiver(t: TestContext, statuses: readonly number[]) {
  const got: { method: unknown; path: unknown; headers: IncomingMessage["headers"]; body: string; socket: unknown }[] =
    [];
  const server = createServer(async (request, response) => {
    const body = (await request.setEncoding("utf8").toArray()).join("");
    const { method, url: path, headers, socket } = request;
    got.push({ method, path, headers, body, socket });
    response.writeHead(statuses[got.length - 1] ?? 200).end("why it was not taken");
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(() => server.close().closeAllConnections());
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, got };
}

describe("ArgoCD's notifications-engine, with our ConfigMap", () => {
  it("sends each ready application to the service, which dispatches it, and no other", async (t) => {
    const { github, url } = await startService(t, { settings: { AUTH_TOKENS: TOKEN } });
    const cases = Object.values(APPLICATIONS);
    const nameOf = (app: unknown) => (app as { metadata: { name: string } }).metadata.name;
    for (const { app } of cases) deploy(github, nameOf(app), "of-the-branch");
    for (const { app } of cases) {
      const text = "global:\n  config:\n    DEPLOYMENT_TAG: of-the-revision\n";
      github.repository(DEPLOYMENT).put(`configs/pr/light/${nameOf(app)}/values.yaml`, text, REVISION);
    }
    const notified = await notifyBy(
      t,
      shippedFor(url),
      cases.map(({ app }) => app),
    );
    if (!notified) return;
    assert.deepEqual(
      notified,
      cases.map(({ triggers }) => ({ triggered: triggers, log: [] })),
    );
    const expected = cases
      .filter(({ triggers }) => triggers)
      .map(({ app, revision }) => [nameOf(app), revision ? "of-the-revision" : "of-the-branch"]);
    await until("all are dispatched", () => github.dispatches.length >= expected.length);
    const got = github.dispatches.map(({ payload }) => [payload.sourceName, payload.commitHash]);
    assert.deepEqual(got.toSorted(), expected.toSorted());
  });

  it("sends a POST with our headers, no content type, and on a connection of its own", async (t) => {
    const { url, got } = await receiver(t, []);
    if (!(await notifyBy(t, shippedFor(url), [READY, READY]))) return;
    const [first, second, ...more] = got;
    assert.deepEqual(more, []);
    assert.deepEqual([first?.method, first?.path], ["POST", "/dispatch"]);
    assert.equal(first?.body, `{"application": "pr-1", "revision": "${REVISION}"}\n`);
    assert.notEqual(first?.socket, second?.socket);
    const { host, "content-length": length, ...headers } = first?.headers ?? {};
    assert.deepEqual(headers, {
      authorization: `Bearer ${TOKEN}`,
      prefer: "respond-async",
      "user-agent": "Go-http-client/1.1",
      "accept-encoding": "gzip",
    });
  });

  it("tries four times when the service cannot take it, and is taken then", async (t) => {
    const { url, got } = await receiver(t, [503, 500, 429]);
    const notified = await notifyBy(t, quickly(shippedFor(url)), [READY]);
    if (!notified) return;
    assert.deepEqual([notified[0]?.error, got.length], [undefined, 4]);

    const away = await receiver(t, Array(9).fill(503));
    const [given] = (await notifyBy(t, quickly(shippedFor(away.url)), [READY])) ?? [];
    assert.match(given?.error ?? "", /giving up after 4 attempt\(s\)/);
    assert.equal(away.got.length, 4);
  });

  it("takes a 4xx for final, and puts our explanation into its log", async (t) => {
    const { github, url } = await startService(t, { settings: { AUTH_TOKENS: TOKEN } });
    const [nameless] = (await notifyBy(t, shippedFor(url), [{ ...READY, metadata: {} }])) ?? [];
    if (!nameless) return;
    assert.match(nameless.error ?? "", /has failed with error code 400 : .*application/);
    const [stranger] = (await notifyBy(t, shippedFor(url), [READY], {})) ?? [];
    assert.match(stranger?.error ?? "", /has failed with error code 401 : /);
    assert.match(stranger?.log.join() ?? "", /gh-runner-token.*key does not exist in secret/);
    assert.equal(github.requests.length, 0);
  });

  it("sends GET when the template names another service, and is told so", async (t) => {
    const { url } = await startService(t, { settings: { AUTH_TOKENS: TOKEN } });
    const mistaken = shippedFor(url);
    const template = "template.environment-ready";
    const [answer] =
      (await notifyBy(t, { ...mistaken, [template]: (mistaken[template] ?? "").replace("gh-runner:", "ghrunner:") }, [
        READY,
      ])) ?? [];
    if (answer) assert.match(answer.error ?? "", /error code 405 : .*the key under `webhook`/);
  });
});

/** The engine's controller, as ArgoCD runs it with --processors-count, on applications that the test changes. */
function startController(t: TestContext, configMap: Record<string, string>, processors: number) {
  const program = peer(t, "notifications-engine");
  if (program === undefined) return undefined;
  const child = spawn(program, { stdio: ["pipe", "pipe", "ignore"] });
  t.after(() => void child.kill("SIGKILL"));
  const events: string[] = [];
  createInterface(child.stdout).on("line", (line) => events.push(JSON.parse(line).join(" ")));
  const tell = (line: unknown) => void child.stdin.write(`${JSON.stringify(line)}\n`);
  tell({ configMap, secret: {}, processors });

  return {
    /** Sets the state of an application; resolves when the controller has it, or has also looked at it. */
    async set(name: string, phase: string, revision: string, until: "applied" | "processed") {
      const annotations = { "notifications.argoproj.io/subscribe.on-environment-ready.gh-runner": "" };
      const { metadata, status, ...rest } = READY as { metadata: object; status: object };
      const operationState = { phase, syncResult: { revision } };
      tell({ ...rest, metadata: { ...metadata, name, annotations }, status: { ...status, operationState } });
      const event = [until, name, phase, revision].join(" ");
      await eventually(event, 20_000, () => events.includes(event));
    },
  };
}

describe("ArgoCD's notifications controller, while it waits for an answer", () => {
  for (const { processors, sent } of [
    { processors: 1, sent: ["pr-1 a", "pr-2 a", "pr-1 b", "pr-3 a"] },
    { processors: 5, sent: ["pr-1 a", "pr-2 a", "pr-1 b", "pr-2 b", "pr-3 a"] },
  ]) {
    const what = sent.includes("pr-2 b") ? "sends" : "never sends";
    it(`${what} another application's short sync, with --processors-count ${processors}`, async (t) => {
      const got: string[] = [];
      let release = () => {};
      const held = new Promise<void>((resolve) => {
        release = resolve;
      });
      const server = createServer(async (request, response) => {
        const { application, revision } = JSON.parse((await request.setEncoding("utf8").toArray()).join(""));
        got.push(`${application} ${revision}`);
        if (got.at(-1) === "pr-1 b") await held;
        response.writeHead(202).end();
      }).listen(0, "127.0.0.1");
      await once(server, "listening");
      t.after(() => server.close().closeAllConnections());
      const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
      const controller = startController(t, shippedFor(url), processors);
      if (!controller) return;

      for (const name of ["pr-1", "pr-2"]) await controller.set(name, "Succeeded", "a", "processed");
      await controller.set("pr-1", "Running", "a", "processed");
      await controller.set("pr-1", "Succeeded", "b", "applied");
      await eventually("its answer is waited for", 20_000, () => got.includes("pr-1 b"));
      const looks = processors > 1 ? "processed" : "applied";
      await controller.set("pr-2", "Running", "a", looks);
      await controller.set("pr-2", "Succeeded", "b", looks);
      release();
      // Its turn comes after all that was queued before.
      await controller.set("pr-3", "Succeeded", "a", "processed");
      assert.deepEqual(got, sent);
    });
  }
});
