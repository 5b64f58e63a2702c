import { createHmac } from "node:crypto";
import { once } from "node:events";
import { mkdirSync, writeFileSync } from "node:fs";
import { type IncomingMessage, request } from "node:http";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { APPLICATIONS } from "./service.ts";

export const WEBHOOK_SECRET = "soak-webhook-secret-0123456789";
export const FLUX_KEY = "soak-flux-key-0123456789";
/** A token that a caller sends with its event. */
export const OWN_TOKEN = "soak-own-token-0123456789";

/** Statuses so far, by kind of request. 0 if the connection broke, `hung up` if the caller left. */
export type Tally = Record<string, Record<string, number>>;

/** Writes a workflow for each kind of webhook. */
export function writeWorkflows(folder: string): void {
  mkdirSync(folder, { recursive: true });
  const of = (name: string, on: string, group: string) => `import { defineWorkflow } from "gh-runner";
export default defineWorkflow({
  name: "${name}",
  on: ${on},
  concurrency: ${group},
  async run({ github, step }) {
    await step("look", async () => (await github.request("GET /repos/{owner}/{repo}", { owner: "acme", repo: "shop" })).status);
    return { seen: true };
  },
});
`;
  writeFileSync(
    join(folder, "labelled.js"),
    of("labelled", `{ github: { events: "pull_request" } }`, "({ event }) => String(event.payload.number)"),
  );
  writeFileSync(
    join(folder, "reconciled.js"),
    of("reconciled", `{ flux: { path: "/flux" } }`, "({ body }) => body.involvedObject.name"),
  );
}

/**
 * One request of the mix, selected by a random number from 0 to 1: mostly deployments, then webhooks, pages, API
 * requests, and each kind of faulty caller.
 */
export async function oneRequest(url: string, random: () => number, tally: Tally): Promise<void> {
  const application = `pr-${random() < 0.5 ? "light" : "heavy"}-${Math.floor(random() * APPLICATIONS)}`;
  const dispatch = (body: string, headers = {}) => ({ method: "POST", path: "/dispatch", headers, body });
  const event = JSON.stringify({ application });
  const [kind, what, hangUpAfterMs] = drawn(random(), [
    [0.5, "dispatch", () => dispatch(event)],
    [0.1, "dispatch, respond-async", () => dispatch(event, { prefer: "respond-async" })],
    [0.05, "dispatch, caller's token", () => dispatch(JSON.stringify({ application, github_token: OWN_TOKEN }))],
    [0.05, "dispatch, hung up", () => dispatch(event), 10],
    [0.03, "skipped", () => dispatch('{"application":"main"}')],
    [0.03, "no such environment", () => dispatch('{"application":"pr-nowhere"}')],
    [0.03, "broken JSON", () => dispatch('{"application":"pr-1')],
    [0.01, "too large", () => dispatch("x".repeat(100_000))],
    [0.05, "github webhook", () => gitHubDelivery(random, WEBHOOK_SECRET)],
    [0.01, "github webhook, wrong key", () => gitHubDelivery(random, "another key")],
    [0.05, "flux", () => fluxEvent(application, random)],
    [0.03, "page", () => get("/")],
    [0.02, "runs API", () => get("/api/runs?limit=20")],
    [0.02, "metrics", () => get("/metrics")],
    [0.02, "health", () => get("/health")],
  ]);
  const status = await answered(url, what, hangUpAfterMs);
  tally[kind] = { ...tally[kind], [status]: (tally[kind]?.[status] ?? 0) + 1 };
}

/** Reads the page's server-sent events for a while, leaves, and starts again, until the signal. */
export async function viewer(url: string, random: () => number, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    const outgoing = request(`${url}/live`, { agent: false });
    outgoing.on("error", () => {});
    outgoing.end();
    outgoing.on("response", (incoming) => incoming.on("error", () => {}).resume());
    await wait(2000 + random() * 20_000, undefined, { signal }).catch(() => {});
    outgoing.destroy();
  }
}

type Request = { method: string; path: string; headers: Record<string, string>; body: string };
type Kind = readonly [share: number, name: string, request: () => Request, hangUpAfterMs?: number];

function drawn(at: number, kinds: readonly Kind[]): [string, Request, number | undefined] {
  let left = at;
  for (const [share, name, of, hangUpAfterMs] of kinds) {
    left -= share;
    if (left < 0) return [name, of(), hangUpAfterMs];
  }
  const [, name, of, hangUpAfterMs] = kinds[0] as Kind;
  return [name, of(), hangUpAfterMs];
}

const get = (path: string): Request => ({ method: "GET", path, headers: {}, body: "" });

function gitHubDelivery(random: () => number, key: string): Request {
  const number = Math.floor(random() * 200);
  const body = JSON.stringify({ action: "labeled", number, pull_request: { title: "x".repeat(random() * 20_000) } });
  return {
    method: "POST",
    path: "/webhooks/github",
    headers: {
      "content-type": "application/json",
      "x-github-event": "pull_request",
      "x-github-delivery": crypto.randomUUID(),
      "x-hub-signature-256": `sha256=${createHmac("sha256", key).update(body).digest("hex")}`,
    },
    body,
  };
}

function fluxEvent(name: string, random: () => number): Request {
  const body = JSON.stringify({
    involvedObject: { kind: "Kustomization", namespace: "flux-system", name, uid: name },
    severity: "info",
    timestamp: "2026-11-24T12:00:00Z",
    message: "Reconciliation finished",
    reason: "ReconciliationSucceeded",
    metadata: {
      revision: `main@sha1:${Math.floor(random() * 1e9)
        .toString(16)
        .padStart(40, "0")}`,
    },
  });
  const signature = createHmac("sha256", FLUX_KEY).update(body).digest("hex");
  return { method: "POST", path: "/flux", headers: { "x-signature": `sha256=${signature}` }, body };
}

async function answered(
  url: string,
  { method, path, headers, body }: Request,
  hangUpAfterMs?: number,
): Promise<string> {
  const outgoing = request(`${url}${path}`, {
    method,
    agent: false,
    headers: { ...headers, "content-length": String(Buffer.byteLength(body)) },
  });
  const leave = hangUpAfterMs === undefined ? undefined : setTimeout(() => outgoing.destroy(), hangUpAfterMs);
  try {
    outgoing.end(body);
    const [incoming] = (await once(outgoing, "response")) as [IncomingMessage];
    incoming.resume();
    await once(incoming, "end");
    return String(incoming.statusCode);
  } catch {
    return hangUpAfterMs === undefined ? "0" : "hung up";
  } finally {
    clearTimeout(leave);
  }
}
