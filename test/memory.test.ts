import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { before, describe, it } from "node:test";
import { type GitHubOptions, startGitHub } from "../sandbox/github.ts";
import { DOCUMENTED_LIMITS } from "../sandbox/limits.ts";
import { temporaryFolder } from "./support/folder.ts";
import { unfinished } from "./support/history.ts";
import { buildBundle, dispatchTo, eventually, fixedPort, listening, spawnService } from "./support/process.ts";
import { deploy, TARGET, TOKEN } from "./support/service.ts";

const DEPLOYMENTS = 500;

/** What the container may use, all of it together. */
const CONTAINER_MIB = 128;

/**
 * How the image starts Node. Measured peaks of these bursts on 2 cores: 117 to 119 MiB with all of it, 119 to 124 MiB
 * without the settings of malloc, and 120 to 130 MiB with an old space of 48 MB; 150 to 195 MiB with no option. Half of each
 * is Node's code.
 */
const DOCKERFILE = readFileSync(new URL("../Dockerfile", import.meta.url), "utf8");
const imageSetting = (name: string) => new RegExp(`\\b${name}="?([^"\\\\\\n]*[^"\\\\\\s])`).exec(DOCKERFILE)?.[1] ?? "";
const FLAGS = imageSetting("NODE_OPTIONS").split(" ");
const MALLOC = Object.fromEntries(
  ["MALLOC_ARENA_MAX", "MALLOC_TRIM_THRESHOLD_"].map((name) => [name, imageSetting(name)]),
);

/** Peak of the resident memory, MiB: https://man7.org/linux/man-pages/man5/proc_pid_status.5.html */
function peakMiB(pid: number): number {
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  return Number(/^VmHWM:\s+(\d+) kB$/m.exec(status)?.[1]) / 1024;
}

describe(`${DEPLOYMENTS} deployments at once in a container of ${CONTAINER_MIB} MiB`, {
  skip: process.platform !== "linux" && "the peak of the resident memory is read from Linux's /proc",
}, () => {
  let bundle: string;
  before(async () => {
    bundle = await buildBundle();
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
    it(`${what}: all arrive, and the peak stays below`, { timeout: 120_000 }, async (t) => {
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
      const idle = peakMiB(service.child.pid!);
      const begun = performance.now();
      const answers = await Promise.all(applications.map((application) => dispatchTo(port, { application })));
      const answered = performance.now() - begun;
      await eventually("every run has ended", 90_000, () => unfinished(dataDir) === 0);
      const seconds = (performance.now() - begun) / 1000;
      const peak = peakMiB(service.child.pid!);
      const late = answers.filter((answer) => answer?.status === 202).length;
      t.diagnostic(
        `${idle.toFixed(1)} MiB when ready, ${peak.toFixed(1)} MiB at the peak; answered in ${(answered / 1000).toFixed(1)} s ` +
          `(${late} with 202), ended in ${seconds.toFixed(1)} s; ${github.counts.limited} requests met a limit`,
      );
      assert.ok(peak < CONTAINER_MIB, `the peak was ${peak} MiB`);
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
