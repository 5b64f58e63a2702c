import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { before, describe, it } from "node:test";
import { type GitHubOptions, startGitHub } from "../sandbox/github.ts";
import { DOCUMENTED_LIMITS } from "../sandbox/limits.ts";
import { temporaryFolder } from "./support/folder.ts";
import { unfinished } from "./support/history.ts";
import { dispatchTo, eventually, fixedPort, listening, spawnService } from "./support/process.ts";
import { release } from "./support/release.ts";
import { deploy, TARGET, TOKEN } from "./support/service.ts";

const DEPLOYMENTS = 500;

/**
 * Peak private memory. The container's limit is 128 MiB. The limit counts what the process has written, and the pages of Node's
 * binary in use, 47 to 58 MiB of the 130 MiB file. The kernel can free those pages and read them again; it ends a process
 * only for memory that it cannot free. test/container.test.ts runs the burst under that limit. This number is the maximum of
 * private memory that leaves room for a health check, which is a second Node of 15 MiB, and for pages in constant use.
 *
 * Measured, eight runs of the first burst on 2 cores that others used too: 61 to 71 MiB, resident 119 to 128 MiB. V8 keeps
 * garbage until the heap nears its limit, so less in use when idle hardly lowers the peak.
 */
const PRIVATE_MIB = 80;

/** The image's options of Node. */
const DOCKERFILE = readFileSync(new URL("../Dockerfile", import.meta.url), "utf8");
const imageSetting = (name: string) => new RegExp(`\\b${name}="?([^"\\\\\\n]*[^"\\\\\\s])`).exec(DOCKERFILE)?.[1] ?? "";
const FLAGS = imageSetting("NODE_OPTIONS").split(" ");
const MALLOC = Object.fromEntries(
  ["MALLOC_ARENA_MAX", "MALLOC_TRIM_THRESHOLD_"].map((name) => [name, imageSetting(name)]),
);

/** MiB: https://man7.org/linux/man-pages/man5/proc_pid_status.5.html */
function memoryOf(pid: number): Readonly<Record<"private" | "peakResident", number>> {
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  const mib = (name: string) => Number(new RegExp(`^${name}:\\s+(\\d+) kB$`, "m").exec(status)?.[1]) / 1024;
  return { private: mib("RssAnon"), peakResident: mib("VmHWM") };
}

/** Samples private memory every 5 ms. The returned function gives the highest value, MiB. */
function watchPeak(pid: number): () => number {
  let peak = 0;
  const look = () => {
    peak = Math.max(peak, memoryOf(pid).private);
  };
  const timer = setInterval(look, 5);
  return () => {
    clearInterval(timer);
    look();
    return peak;
  };
}

describe(`${DEPLOYMENTS} deployments at the same time with the options of the image`, {
  skip: process.platform !== "linux" && "private memory is read from Linux's /proc",
}, () => {
  let bundle: string;
  before(async () => {
    bundle = release();
  });

  const cases: readonly [string, GitHubOptions][] = [
    ["at 40 ms a request to GitHub", { latencyMs: 40 }],
    [
      "against GitHub's limits, sixty times as fast",
      {
        latencyMs: 5,
        limits: { ...DOCUMENTED_LIMITS, scale: 60 },
      },
    ],
  ];
  for (const [what, options] of cases) {
    it(`${what}: all arrive, within ${PRIVATE_MIB} MiB of private memory`, { timeout: 600_000 }, async (t) => {
      const github = await startGitHub(options);
      t.after(() => github.close());
      github.token(TOKEN);
      github.repository(TARGET);
      const applications = Array.from({ length: DEPLOYMENTS }, (_, at) => `pr-${at}`);
      for (const application of applications) deploy(github, application, `commit-of-${application}`);

      const dataDir = temporaryFolder(t);
      const port = await fixedPort();
      assert.deepEqual(FLAGS.length + Object.values(MALLOC).filter((value) => /^\d+$/.test(value)).length, 4);
      const command = [...FLAGS, bundle, "serve"];
      const service = spawnService(t, { port, dataDir, githubUrl: github.url, command, settings: MALLOC });
      await listening(service, port);
      const pid = service.child.pid!;
      const idle = memoryOf(pid);
      const peakOf = watchPeak(pid);
      const begun = performance.now();
      const answers = await Promise.all(applications.map((application) => dispatchTo(port, { application })));
      const answered = performance.now() - begun;
      await eventually("every run has ended", 90_000, () => unfinished(dataDir) === 0);
      const seconds = (performance.now() - begun) / 1000;
      const peak = peakOf();
      const late = answers.filter((answer) => answer?.status === 202).length;
      t.diagnostic(
        `private ${idle.private.toFixed(1)} MiB when ready, ${peak.toFixed(1)} MiB at the peak, ` +
          `resident ${memoryOf(pid).peakResident.toFixed(1)} MiB; answered in ${(answered / 1000).toFixed(1)} s ` +
          `(${late} with 202), ended in ${seconds.toFixed(1)} s; ${github.counts.limited} requests met a limit`,
      );
      assert.ok(peak > idle.private && peak < PRIVATE_MIB, `the peak was ${peak} MiB`);
      assert.deepEqual(
        github.dispatches.map(({ payload }) => payload.commitHash).sort(),
        applications.map((application) => `commit-of-${application}`).sort(),
      );
      for (const answer of answers)
        assert.ok([200, 202].includes(answer?.status ?? 0), `${answer?.status} ${answer?.text}`);
      service.stop();
      assert.equal(await service.ended, 0);
    });
  }
});
