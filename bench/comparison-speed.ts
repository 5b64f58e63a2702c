import { setTimeout as wait } from "node:timers/promises";
import type { Contestant, GitHubPlace, Started } from "./contestants.ts";
import { dispatch, load, type MeasuredGitHub, quantile, startStandIn } from "./service.ts";

/** Receives the values of a round. */
export type Note<Key extends string> = (contestant: Contestant, key: Key, value: number) => void;

/** All contestants take turns, so that other work on the machine affects all of them equally. */
type Turns<Key extends string> = {
  readonly contestants: readonly Contestant[];
  readonly rounds: number;
  readonly note: Note<Key>;
};

const LATENCY_MS = 40;
const LATENCIES = 12;
/** Dispatches of a round, half of them light and half heavy, by how many are in flight at a time. */
const DISPATCHES = [
  [1, 120, "cpu1"],
  [32, 480, "cpu32"],
  [200, 800, "cpu200"],
] as const;
const WITH_THE_IMAGE = [[32, 480, "cpu32Image"]] as const;
const WARM_UP = 1000;
const IDLE_AFTER_MS = 2000;
/** Work after the answers begins within this time. It has ended when a look finds less CPU than this. */
const BEHIND_MS = 2500;
const [LOOK_MS, CALM_CPU_MS, MOST_LOOKS] = [500, 5, 40];

/** Starts each one, waits until it is calm, reads its memory, and stops it. Then the same with the image's options. */
export async function measureStarts({
  contestants,
  rounds,
  note,
}: Turns<"ready" | "readyCpu" | "privateIdle" | "residentIdle" | "privateIdleImage">): Promise<void> {
  const github = await startStandIn(0);
  for (let round = 0; round < rounds; round++) {
    for (const asImage of [false, true]) {
      const started = await startAll(
        contestants.filter(({ hasImage }) => hasImage || !asImage),
        github,
        asImage,
      );
      await wait(IDLE_AFTER_MS);
      for (const [contestant, service] of started) {
        const { privateDirty, resident } = service.memory();
        if (asImage || !contestant.hasImage) note(contestant, "privateIdleImage", privateDirty);
        if (!asImage) {
          note(contestant, "ready", service.readyMs);
          note(contestant, "readyCpu", service.readyCpuMs);
          note(contestant, "privateIdle", privateDirty);
          note(contestant, "residentIdle", resident);
        }
      }
      await Promise.all(started.map(([, service]) => service.stop()));
    }
  }
  await github.stop();
}

/** Over TLS, with HTTP/2 if the contestant supports it, as for api.github.com. */
export async function measureCpu({
  contestants,
  rounds,
  note,
}: Turns<(typeof DISPATCHES | typeof WITH_THE_IMAGE)[number][2]>): Promise<void> {
  const github = await startStandIn(0, "http2");
  const plain = await startAll(contestants, github, false);
  const asImage = await startAll(
    contestants.filter(({ hasImage }) => hasImage),
    github,
    true,
  );
  for (const [{ share }, service] of [...plain, ...asImage]) await load(service.url, "both", WARM_UP * share, 32);
  await calm([...plain, ...asImage].map(([, service]) => service));
  for (let round = 0; round < rounds; round++) {
    for (const [services, kinds] of [
      [plain, DISPATCHES],
      [asImage, WITH_THE_IMAGE],
    ] as const) {
      for (const [concurrency, dispatches, key] of kinds) {
        const before = new Map(services.map(([, service]) => [service, service.cpuMs()]));
        const countOf = ({ share }: Contestant) => Math.max(concurrency, dispatches * share);
        for (const [contestant, service] of beginningWith(round, services))
          await load(service.url, "both", countOf(contestant), concurrency);
        await calm(services.map(([, service]) => service));
        for (const [contestant, service] of services) {
          const perDispatch = (service.cpuMs() - (before.get(service) ?? 0)) / countOf(contestant);
          note(contestant, key, perDispatch);
          if (key === "cpu32" && !contestant.hasImage) note(contestant, "cpu32Image", perDispatch);
        }
      }
    }
  }
  for (const [, service] of [...plain, ...asImage]) await service.stop();
  await github.stop();
}

/** One dispatch at a time, the caller on a separate connection, while GitHub takes 40 ms per request. */
export async function measureLatency({ contestants, rounds, note }: Turns<"light" | "heavy">): Promise<void> {
  const github = await startStandIn(LATENCY_MS, "http2");
  const services = await startAll(contestants, github, false);
  for (const [{ share }, service] of services) await load(service.url, "both", 200 * share, 8);
  for (let round = 0; round < rounds; round++) {
    const latencies = services.map(() => ({ light: [] as number[], heavy: [] as number[] }));
    for (let at = 0; at < LATENCIES; at++) {
      for (const [place, [, service]] of services.entries()) {
        latencies[place]?.light.push(await dispatch(service.url, `pr-light-${at}`));
        latencies[place]?.heavy.push(await dispatch(service.url, `pr-heavy-${at}`));
      }
    }
    for (const [place, [contestant]] of services.entries()) {
      for (const size of ["light", "heavy"] as const)
        note(contestant, size, quantile(latencies[place]?.[size] ?? [], 0.5));
    }
  }
  for (const [, service] of services) await service.stop();
  await github.stop();
}

/**
 * Resolves when all work after the answers has ended. gh-runner makes runs searchable two seconds later. This work
 * belongs to the dispatches that caused it, not to the next measurement.
 */
async function calm(services: readonly Started[]): Promise<void> {
  await wait(BEHIND_MS);
  for (let looks = 0; looks < MOST_LOOKS; looks++) {
    const before = services.map((service) => service.cpuMs());
    await wait(LOOK_MS);
    if (services.every((service, at) => service.cpuMs() - (before[at] ?? 0) < CALM_CPU_MS)) return;
  }
}

/** A different one is first in each round, in case the order makes a difference. */
function beginningWith<Each>(round: number, all: readonly Each[]): readonly Each[] {
  const first = round % all.length;
  return [...all.slice(first), ...all.slice(0, first)];
}

async function startAll(
  contestants: readonly Contestant[],
  github: MeasuredGitHub,
  asImage: boolean,
): Promise<readonly (readonly [Contestant, Started])[]> {
  const started: [Contestant, Started][] = [];
  for (const contestant of contestants)
    started.push([contestant, await contestant.start(placeOf(github), { asImage })]);
  return started;
}

const placeOf = ({ url, env, rawProxy }: MeasuredGitHub): GitHubPlace => ({
  url,
  authorityFile: env.NODE_EXTRA_CA_CERTS ?? "",
  rawProxy,
});
