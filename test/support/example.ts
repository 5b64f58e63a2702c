import assert from "node:assert/strict";
import { createHmac, randomUUID } from "node:crypto";
import { createRequire } from "node:module";
import type { TestContext } from "node:test";
import { fileURLToPath } from "node:url";
import type { FaultMatch } from "../../sandbox/faults.ts";
import { movedClock, until } from "./clock.ts";
import { send, startService } from "./service.ts";

const SECRETS = { AUTH_TOKENS: "argocd-token", GITHUB_WEBHOOK_SECRET: "of the webhook", FLUX_HMAC_KEY: "of Flux" };

/** Longer than the delay before the second attempt of a run that failed for a passing reason, ms. */
const NEXT_ATTEMPT_MS = 10_000;

const STEP_MS = 1000;

/** The service with the workflows of one folder of `examples/`, a clock that the test moves, and its callers. */
export async function startExample(
  t: TestContext,
  name: string,
  { settings = {}, start }: { settings?: Record<string, string>; start?: string } = {},
) {
  const folder = fileURLToPath(new URL(`../../examples/${name}`, import.meta.url));
  const clock = movedClock(start === undefined ? undefined : Date.parse(start));
  const service = await startService(t, {
    settings: { WORKFLOWS_DIR: folder, ...SECRETS, ...settings },
    github: { now: clock.now },
    options: { clock },
  });
  const { github, url } = service;
  const authorization = `Bearer ${SECRETS.AUTH_TOKENS}`;

  async function post(path: string, body: string, headers: Record<string, string>) {
    const answer = await send(url, { method: "POST", path, body, headers });
    assert.ok(answer.status < 500, answer.text);
    return answer;
  }
  const get = async (path: string) => (await send(url, { path, headers: { authorization } })).json;
  const runs = async (): Promise<Payload[]> => (await get("/api/runs?limit=100")).runs.reverse();
  /** As GitHub delivers it. */
  function webhook(event: string, payload: unknown, delivery: string = randomUUID()) {
    const body = JSON.stringify(payload);
    return post("/webhooks/github", body, {
      "content-type": "application/json",
      "user-agent": "GitHub-Hookshot/044aadd",
      "x-github-event": event,
      "x-github-delivery": delivery,
      "x-hub-signature-256": `sha256=${hmac(SECRETS.GITHUB_WEBHOOK_SECRET, body)}`,
    });
  }
  const passUntil = (what: string, condition: () => boolean | Promise<boolean>) =>
    until(what, async () => {
      if (await condition()) return true;
      clock.move(STEP_MS);
      // Requests on real sockets must arrive first. Otherwise minutes pass during one request.
      await send(url, { path: "/health" });
      return false;
    });

  return {
    ...service,
    clock,
    /** As ArgoCD sends it: no content type, a newline after the body. Resolves with the outcome. */
    argocd: (path: string, body: unknown) =>
      send(url, {
        method: "POST",
        path,
        body: `${JSON.stringify(body)}\n`,
        headers: { authorization, "user-agent": "Go-http-client/1.1" },
      }),
    webhook,
    /** As Flux's notification-controller forwards it, provider generic-hmac. */
    flux(path: string, event: unknown) {
      const body = JSON.stringify(event);
      return post(path, body, {
        "content-type": "application/json",
        "gotk-component": "kustomize-controller",
        "x-signature": `sha256=${hmac(SECRETS.FLUX_HMAC_KEY, body)}`,
      });
    },
    /** Every run so far, oldest first. */
    runs,
    /** Resolves once the last run waits and all its work is done. */
    waiting: () => until("the run waits", async () => (await runs()).at(-1)?.status === "waiting"),
    /** Lets time pass, a second at a time, until the condition holds. */
    passUntil,
    /** The last run of GitHub Actions in a repository. */
    lastActionsRun: (repository: string) =>
      [...github.repository(repository).runs.values()].at(-1) ?? assert.fail("GitHub Actions has started nothing"),
    /** Sends GitHub's webhook for a run of Actions that has ended, from GitHub's example payload. */
    tellEnded(repository: string, id: number, delivery?: string) {
      const real = payloadOf("workflow_run", ({ action }) => action === "completed");
      const its = { ...real.repository, full_name: repository };
      return webhook(
        "workflow_run",
        { ...real, workflow_run: { ...real.workflow_run, id }, repository: its },
        delivery,
      );
    },
    /** The last run, once every run has ended. */
    async lastRun() {
      let runs: Payload[] = [];
      await until("every run has ended", async () => {
        ({ runs } = await get("/api/runs?limit=100"));
        return (
          runs.length > 0 && runs.every(({ status }: { status: string }) => !/queued|running|waiting/.test(status))
        );
      });
      return runs[0];
    },
    /** From now on GitHub fails such requests for a passing reason. */
    breakDown: (match: FaultMatch) => github.fault(match, { kind: "status", status: 502 }),
    /** Ends the fault. The run that failed because of it is retried. */
    async recover() {
      const failed = async () => (await get("/api/runs?limit=1")).runs[0]?.kind === "transient";
      await until("an attempt has failed", failed);
      github.clearFaults();
      clock.move(NEXT_ATTEMPT_MS);
    },
    /** How many requests of this route GitHub answered with success. */
    done: (route: string) =>
      github.requests.filter((request) => request.route === route && request.status >= 200 && request.status < 300)
        .length,
  };
}

/** A real GitHub payload from `@octokit/webhooks-examples`: the first one of this event with this action. */
export function payloadOf(name: string, wanted: (payload: Payload) => boolean): Payload {
  const all: readonly { name: string; examples: readonly Payload[] }[] = createRequire(import.meta.url)(
    "@octokit/webhooks-examples",
  );
  return all.find((each) => each.name === name)?.examples.find(wanted) ?? assert.fail(`no such payload of ${name}`);
}

// biome-ignore lint/suspicious/noExplicitAny: tests look into payloads freely
type Payload = any;

function hmac(key: string, body: string): string {
  return createHmac("sha256", key).update(body).digest("hex");
}
