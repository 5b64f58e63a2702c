import { setTimeout as wait } from "node:timers/promises";
import type { Contestant, GitHubPlace, Started } from "./contestants.ts";
import { dispatch, load, type MeasuredGitHub, quantile, startStandIn } from "./service.ts";

/** Where the values of a round go. */
export type Note<Key extends string> = (contestant: Contestant, key: Key, value: number) => void;

/** All in turns, so that what else the machine does meets all of them alike. */
type Turns<Key extends string> = {
  readonly contestants: readonly Contestant[];
  readonly rounds: number;
  readonly note: Note<Key>;
};

const LATENCY_MS = 40;
const LATENCIES = 12;
/** Dispatches of a round, half of them light and half heavy, by how many are in flight at once. */
const DISPATCHES = [
  [1, 120, "cpu1"],
  [32, 480, "cpu32"],
  [200, 800, "cpu200"],
] as const;
const WITH_THE_IMAGE = [[32, 480, "cpu32Image"]] as const;
const WARM_UP = 1000;
const IDLE_AFTER_MS = 2000;

/** Starts each one, waits until it has become calm, reads its memory, and stops it; then the same as the image does it. */
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

/** Over TLS, HTTP/2 where the contestant speaks it, as api.github.com is asked. */
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
  for (let round = 0; round < rounds; round++) {
    for (const [services, kinds] of [
      [plain, DISPATCHES],
      [asImage, WITH_THE_IMAGE],
    ] as const) {
      for (const [concurrency, dispatches, key] of kinds) {
        for (const [contestant, service] of beginningWith(round, services)) {
          const count = Math.max(concurrency, dispatches * contestant.share);
          const before = service.cpuMs();
          await load(service.url, "both", count, concurrency);
          const perDispatch = (service.cpuMs() - before) / count;
          note(contestant, key, perDispatch);
          if (key === "cpu32" && !contestant.hasImage) note(contestant, "cpu32Image", perDispatch);
        }
      }
    }
  }
  for (const [, service] of [...plain, ...asImage]) await service.stop();
  await github.stop();
}

/** One dispatch at a time, the caller on a separate connection, while GitHub takes 40 ms for each request. */
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

/** Another one is the first in each round, in case its place in a round makes a difference. */
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
