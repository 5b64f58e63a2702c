import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { privateAuthority } from "../sandbox/certificates.ts";
import { type StandInGitHub, startGitHub } from "../sandbox/github.ts";
import { DOCUMENTED_LIMITS, type Limits } from "../sandbox/limits.ts";
import { startRawFiles } from "../sandbox/raw-files.ts";
import type { Contestant } from "./contestants.ts";
import { dispatch, TOKEN } from "./service.ts";

const LATENCY_MS = 40;
const BURST = 500;
/**
 * How many times faster the clock of GitHub's limits runs for gh-runner, which obeys the limits and needs six minutes.
 * The others meet them in real time: they have ended, with or without losses, before the limits end.
 */
const FASTER = 60;
const OUTAGE = { sent: 200, forMs: 10_000, fromMs: 2_500, toMs: 7_500 };
/** When ArgoCD retries after a 5xx or no answer, s after the previous try. Then it gives up. */
export const ARGOCD_RETRIES = [1, 2, 4];

/** 500 applications at the same time, each sent once, against GitHub's documented limits. */
export async function burst(contestant: Contestant) {
  const scale = contestant.keepsEvents ? FASTER : 1;
  const windows = `points=900/${60 / scale}s,writes=80/${60 / scale}s,writes=500/${3600 / scale}s`;
  const { github, service, done } = await scene(contestant, { ...DOCUMENTED_LIMITS, scale }, windows, BURST);
  const memory = watchMemory(service.pid);
  await Promise.all(Array.from({ length: BURST }, (_, at) => notify(service.url, `pr-${at}`, [])));
  if (contestant.keepsEvents) await arrived(github, BURST, 90_000);
  const measured = { lost: BURST - applications(github), memory: memory(), limitsMet: github.counts.limited };
  await done();
  return measured;
}

/** How many of 200 events are lost that are sent over 10 s, while GitHub answers 502 for 5 s in the middle. */
export async function outage(contestant: Contestant, retries: readonly number[]): Promise<number> {
  const { github, service, done } = await scene(contestant, {}, "off", OUTAGE.sent);
  const down = setTimeout(() => {
    const fault = github.fault({}, { kind: "status", status: 502 });
    setTimeout(() => fault.remove(), OUTAGE.toMs - OUTAGE.fromMs);
  }, OUTAGE.fromMs);
  await Promise.all(
    Array.from({ length: OUTAGE.sent }, async (_, at) => {
      await wait((at * OUTAGE.forMs) / OUTAGE.sent);
      return notify(service.url, `pr-${at}`, retries);
    }),
  );
  clearTimeout(down);
  if (contestant.keepsEvents) await arrived(github, OUTAGE.sent, 30_000);
  const lost = OUTAGE.sent - applications(github);
  await done();
  return lost;
}

async function scene(contestant: Contestant, limits: Limits, setting: string, count: number) {
  const authority = privateAuthority();
  const github = await startGitHub({ limits, latencyMs: LATENCY_MS });
  const raw = await startRawFiles(github, { authority, latencyMs: LATENCY_MS });
  const folder = mkdtempSync(join(tmpdir(), "gh-runner-bench-"));
  const authorityFile = join(folder, "authority.pem");
  writeFileSync(authorityFile, authority.cert);
  github.token(TOKEN);
  github.repository("acme/shop");
  const deployment = github.repository("acme/deployment");
  for (let at = 0; at < count; at++) {
    const values = `global:\n  config:\n    DEPLOYMENT_TAG: ${String(at).padStart(40, "a")}\n`;
    deployment.put(`configs/pr/light/pr-${at}/values.yaml`, values);
  }
  const place = { url: github.url, authorityFile, rawProxy: raw.proxy };
  const service = await contestant.start(place, { env: { GITHUB_LIMITS: setting, WAIT_SECONDS: "2" }, asImage: true });
  const done = async () => {
    await service.stop();
    await raw.close();
    await github.close();
    rmSync(folder, { recursive: true, force: true });
  };
  return { github, service, done };
}

/** Sends like ArgoCD: again after a 5xx or no answer, with these delays. Resolves with the final status. */
async function notify(url: string, application: string, retries: readonly number[]): Promise<number> {
  for (const seconds of [0, ...retries]) {
    await wait(seconds * 1000);
    const status = await dispatch(url, application, { accepted: [200, 202] }).then(
      () => 200,
      () => 500,
    );
    if (status === 200) return status;
  }
  return 500;
}

/** Resolves when all have arrived, or after this many ms. For a service that sends stored events later. */
async function arrived(github: Pick<StandInGitHub, "dispatches">, count: number, milliseconds: number): Promise<void> {
  const end = Date.now() + milliseconds;
  while (applications(github) < count && Date.now() < end) await wait(100);
}

function applications({ dispatches }: Pick<StandInGitHub, "dispatches">): number {
  return new Set(dispatches.map(({ payload }) => payload.sourceName)).size;
}

/**
 * Watches the private memory of a process and its children (`RssAnon`, which a container's limit counts in addition to
 * files), every 100 ms. Call the returned function to stop. It returns the maximum, MB.
 */
function watchMemory(pid: number): () => number {
  let most = 0;
  const look = () => {
    most = Math.max(most, anonymousMemory(pid));
  };
  const timer = setInterval(look, 100);
  return () => {
    clearInterval(timer);
    look();
    return most;
  };
}

/** The same at this moment, MB. */
function anonymousMemory(pid: number): number {
  let sum = 0;
  for (const each of familyOf(pid)) {
    try {
      const [, resident = 0, shared = 0] = readFileSync(`/proc/${each}/statm`, "utf8").split(" ").map(Number);
      sum += resident - shared;
    } catch {
      // The process has just ended.
    }
  }
  return (sum * 4096) / 2 ** 20;
}

function familyOf(pid: number): number[] {
  const family = [pid];
  for (let at = 0; at < family.length; at++) {
    try {
      for (const task of readdirSync(`/proc/${family[at]}/task`)) {
        const children = readFileSync(`/proc/${family[at]}/task/${task}/children`, "utf8").trim();
        if (children) family.push(...children.split(" ").map(Number));
      }
    } catch {
      // The process has just ended.
    }
  }
  return family;
}
