import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { describe, it, type TestContext } from "node:test";
import { setTimeout as wait } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { startGitHub } from "../../sandbox/github.ts";
import { temporaryFolder } from "../support/folder.ts";
import { type KubernetesObject, objectsIn } from "../support/kubectl.ts";
import { eventually, fixedPort, listening, spawnService } from "../support/process.ts";
import { DEPLOYMENT, deploy, TOKEN as GITHUB_TOKEN, send, TARGET } from "../support/service.ts";
import { startApiServer } from "./api-server.ts";
import { APPLICATIONS, REVISION, synced } from "./applications.ts";
import { askPeer, peer } from "./peers.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const SHIPPED = readFileSync(`${ROOT}deploy/argocd/argocd-notifications-cm.yaml`, "utf8");
const TOKEN = "a-token-of-argocd";

const nameOf = (app: object) => (app as { metadata: { name: string } }).metadata.name;

type Delivery = Pick<IncomingMessage, "method" | "url" | "headers" | "socket"> & {
  readonly application: string;
  readonly revision: string;
  readonly body: string;
  status?: number;
};

/** A proxy between ArgoCD and the service. It records all requests. If `instead` returns a status, the proxy answers with it. */
async function startBetween(t: TestContext, service: string) {
  const between = {
    url: "",
    deliveries: [] as Delivery[],
    instead: async (_delivery: Delivery): Promise<number | undefined> => undefined,
    /** The deliveries for these applications, in order. */
    of: (...names: string[]) => between.deliveries.filter(({ application }) => names.includes(application)),
  };
  const server = createServer(async (request, response) => {
    const body = (await request.setEncoding("utf8").toArray()).join("");
    const [, application = "", revision = ""] = /"application": "(.*?)", "revision": "?(.*?)"?\}/.exec(body) ?? [];
    const { method, url, headers, socket } = request;
    const delivery: Delivery = { method, url, headers, socket, body, application, revision };
    between.deliveries.push(delivery);
    const instead = await between.instead(delivery);
    const passed = headers as Record<string, string>;
    const answer =
      instead === undefined
        ? await send(service, { method: method ?? "", path: url ?? "", headers: passed, body })
        : { status: instead, text: "" };
    delivery.status = answer.status;
    response.writeHead(answer.status).end(answer.text);
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(() => server.close().closeAllConnections());
  between.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return between;
}

/** The built service in front of a stand-in GitHub. */
async function startBuilt(t: TestContext) {
  const github = await startGitHub();
  t.after(() => github.close());
  github.token(GITHUB_TOKEN);
  github.repository(TARGET);
  github.repository(DEPLOYMENT);
  const port = await fixedPort();
  const settings = { AUTH_TOKENS: TOKEN };
  const command = ["dist/gh-runner.js", "serve"];
  const service = spawnService(t, { port, dataDir: temporaryFolder(t), githubUrl: github.url, command, settings });
  await listening(service, port);
  return { github, url: `http://127.0.0.1:${port}` };
}

/** Starts the controller. The next call replaces it with one that reads the configuration again. */
function controllers(t: TestContext, program: string, KUBECONFIG: string) {
  let stop = async () => {};
  t.after(() => stop());
  return async (processors = 1) => {
    await stop();
    const child = spawn(program, ["controller", String(processors)], {
      env: { KUBECONFIG },
      stdio: ["ignore", "ignore", "pipe"],
    });
    let log = "";
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      log += text;
    });
    const ended = once(child, "close");
    stop = async () => {
      child.kill("SIGKILL");
      await ended;
    };
    await eventually("it runs", 60_000, () => log.includes("Controller is running"));
    return {
      lines: () => log.split("\n"),
      logs: (pattern: RegExp) => eventually(`it logs ${pattern}, not ${log}`, 90_000, () => pattern.test(log)),
    };
  };
}

describe("ArgoCD's notifications controller, with what deploy/argocd ships", () => {
  it("on a real Kubernetes API server", { timeout: 600_000 }, async (t) => {
    const program = peer(t, "argocd");
    const server = program && (await startApiServer(t));
    if (!server) return;
    const { shell } = server;
    const { github, url: service } = await startBuilt(t);
    const between = await startBetween(t, service);

    const configMap = SHIPPED.replace("http://gh-runner.gh-runner.svc:9555", between.url);
    const configure = (text: string) => shell("kubectl apply --server-side --field-manager=gh-runner -f -", text);
    const giveToken = (key: string) =>
      shell(`kubectl -n argocd create secret generic argocd-notifications-secret --from-literal=${key}=${TOKEN} \
        --dry-run=client -o yaml | kubectl apply -f -`);
    const set = (...apps: object[]) =>
      shell(
        "kubectl apply --server-side --force-conflicts --field-manager=argocd -f -",
        apps.map((app) => JSON.stringify(app)).join("\n---\n"),
      );
    /** Resolves once the controller has seen that an application is not ready. Then it notifies again. */
    const unnotified = (name: string) =>
      eventually(`${name} is not notified`, 60_000, async () => {
        const { stdout } = await shell(`kubectl -n argocd get application ${name} -o json`);
        return !("notified.notifications.argoproj.io" in JSON.parse(stdout).metadata.annotations);
      });
    const controller = controllers(t, program, server.kubeconfig);

    await configure(configMap);
    await giveToken("gh-runner-token");

    const putAtRevision = (name: string) => {
      const text = "global:\n  config:\n    DEPLOYMENT_TAG: of-the-revision\n";
      github.repository(DEPLOYMENT).put(`configs/pr/light/${name}/values.yaml`, text, REVISION);
    };
    await t.test("each ready application reaches the service, which dispatches it, and no other does", async () => {
      const cases = Object.values(APPLICATIONS);
      for (const { app } of cases) {
        deploy(github, nameOf(app), "of-the-branch");
        putAtRevision(nameOf(app));
      }
      const { lines, logs } = await controller();
      await set(...cases.map(({ app }) => app));
      for (const { app } of cases) await logs(new RegExp(`Processing completed.*argocd/${nameOf(app)}\n`));
      const expected = cases
        .filter(({ triggers }) => triggers)
        .map(({ app, revision }) => [nameOf(app), revision ? "of-the-revision" : "of-the-branch"]);
      await eventually("all are dispatched", 60_000, () => github.dispatches.length >= expected.length);
      const got = github.dispatches.map(({ payload }) => [payload.sourceName, payload.commitHash]);
      assert.deepEqual(got.toSorted(), expected.toSorted());
      // ArgoCD logs a condition that it cannot evaluate, for each application at each check.
      assert.deepEqual(
        lines().filter((line) => /level=(error|fatal)/.test(line)),
        [],
      );
    });

    await t.test("it sends a POST with our headers, no content type, and opens a connection for it", () => {
      const [first, second] = between.deliveries;
      assert.deepEqual([first?.method, first?.url, first?.status], ["POST", "/dispatch", 202]);
      const [one] = between.of(nameOf(APPLICATIONS["with one source"].app));
      assert.equal(one?.body, `{"application": "pr-1", "revision": "${REVISION}"}\n`);
      assert.notEqual(first?.socket, second?.socket);
      const { host, "content-length": length, ...headers } = first?.headers ?? {};
      assert.deepEqual(headers, {
        authorization: `Bearer ${TOKEN}`,
        prefer: "respond-async",
        "user-agent": "Go-http-client/1.1",
        "accept-encoding": "gzip",
      });
    });

    await t.test("it gets its answer as soon as a run is stored, for any delay of GitHub", async () => {
      putAtRevision("pr-slow");
      const hanging = github.fault({ method: "GET" }, { kind: "hang" });
      await controller();
      await set(synced("pr-slow"));
      await eventually("it is answered", 60_000, () => between.of("pr-slow")[0]?.status === 202);
      assert.ok(!github.dispatches.some(({ payload }) => payload.sourceName === "pr-slow"));
      hanging.remove();
    });

    await t.test("it tries four times, and again at its next check", async () => {
      const statuses = [503, 500, 429, 503];
      between.instead = async ({ application }) => (application === "pr-away" ? statuses.shift() : undefined);
      putAtRevision("pr-away");
      const { logs } = await controller();
      await set(synced("pr-away"), synced("pr-none"));
      await logs(/pr-away.*giving up after 4 attempt\(s\)/);
      assert.equal(between.of("pr-away").length, 4);
      await eventually("it is sent again", 90_000, () => between.of("pr-away").length > 4);
      const sent = () => github.dispatches.map(({ payload }) => payload.sourceName);
      await eventually("it is dispatched", 60_000, () => sent().includes("pr-away"));
    });

    await t.test("it sends nothing again when the run fails", async () => {
      const answer = await send(service, { path: "/api/runs", headers: { authorization: `Bearer ${TOKEN}` } });
      const failed = answer.json.runs.filter(({ status }: { status: string }) => status === "failure");
      assert.deepEqual(
        failed.map(({ group }: { group: string }) => group),
        ["pr-none"],
      );
      assert.deepEqual(
        between.of("pr-none").map(({ status }) => status),
        [202],
      );
    });

    const MISTAKES = [
      ["{{ .app.metadata.name | toJson }}", "null", 400, "application"],
      ["{{ .app.metadata.name | toJson }}", '"{{ .app.metadata.nome }}"', 400, "names a field that this application"],
      ["webhook:\n      gh-runner:", "webhook:\n      ghrunner:", 405, "the key under `webhook`"],
    ] as const;
    for (const [at, [from, to, code, says]] of MISTAKES.entries()) {
      await t.test(`it treats ${code} as final, and logs the explanation: ${says}`, async () => {
        assert.notEqual(configMap.replace(from, to), configMap);
        await configure(configMap.replace(from, to));
        const { logs } = await controller();
        await set(synced(`pr-mistaken-${at}`));
        await logs(new RegExp(`has failed with error code ${code} : .*${says}`));
      });
    }

    await t.test("it treats 401 as final when its Secret lacks the key, and logs both", async () => {
      await configure(configMap);
      await giveToken("another-key");
      const { logs } = await controller();
      await set(synced("pr-stranger"));
      await logs(/has failed with error code 401 : /);
      await logs(/gh-runner-token.*key does not exist in secret/);
      assert.ok(!github.dispatches.some(({ payload }) => payload.sourceName === "pr-stranger"));
      await giveToken("gh-runner-token");
    });

    for (const processors of [1, 5]) {
      const what = processors > 1 ? "sends" : "never sends";
      await t.test(
        `it ${what} a short sync while it waits for another answer, with ${processors} processors`,
        async () => {
          const [first = "", short = "", last = ""] = ["held", "short", "last"].map(
            (name) => `pr-${name}-${processors}`,
          );
          let release = () => {};
          const released = new Promise<void>((resolve) => {
            release = resolve;
          });
          between.instead = async ({ application, revision }) => {
            if (application === first && revision === "b") await released;
            return 202;
          };
          const got = () =>
            between.of(first, short, last).map(({ application, revision }) => `${application} ${revision}`);
          const sent = (what: string) => eventually(`${what} is sent`, 60_000, () => got().includes(what));
          await controller(processors);
          await set(synced(first, "Succeeded", "a"), synced(short, "Succeeded", "a"));
          for (const name of [first, short]) await sent(`${name} a`);
          await set(synced(first, "Running", "a"));
          await unnotified(first);
          await set(synced(first, "Succeeded", "b"));
          await sent(`${first} b`);
          await set(synced(short, "Running", "a"));
          if (processors > 1) await unnotified(short);
          await set(synced(short, "Succeeded", "b"));
          // Nothing shows when the controller's watch has received both changes.
          if (processors > 1) await sent(`${short} b`);
          else await wait(3000);
          release();
          await set(synced(last, "Succeeded", "a"));
          await sent(`${last} a`);
          const short2 = processors > 1 ? [`${short} b`] : [];
          assert.deepEqual(got().slice(2), [`${first} b`, ...short2, `${last} a`]);
        },
      );
    }
  });

  it("makes an application from the ApplicationSet with the name of the folder of its values file", (t) => {
    const [set] = objectsIn(readFileSync(`${ROOT}deploy/argocd/application-set.yaml`, "utf8"));
    const [{ git }] = set.spec.generators;
    for (const { path } of git.directories) {
      const folder = path.replace("*", "pr-1234");
      const parameters = { path: { path: folder, basename: "pr-1234" } };
      const made = askPeer<KubernetesObject>(t, "argocd", [set, parameters], ["render"]);
      if (!made) return;
      const { metadata, spec } = made;
      assert.deepEqual([metadata.name, spec.source.path, spec.destination.namespace], ["pr-1234", folder, "pr-1234"]);
    }
  });
});
