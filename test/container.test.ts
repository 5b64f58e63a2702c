import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { chmodSync, createReadStream, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join, relative } from "node:path";
import { pipeline } from "node:stream/promises";
import { before, describe, it, type TestContext } from "node:test";
import { setTimeout as wait } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { createGzip } from "node:zlib";
import { load } from "js-yaml";
import manifest from "../package.json" with { type: "json" };
import { type GitHubOptions, type StandInGitHub, startGitHub } from "../sandbox/github.ts";
import { buildImage, type Container, podman, runImage, withoutContainers } from "./support/container.ts";
import { documentOf } from "./support/documents.ts";
import { temporaryFolder } from "./support/folder.ts";
import { dispatchTo, eventually, fixedPort } from "./support/process.ts";
import { release } from "./support/release.ts";
import { DEPLOYMENT, deploy, send, TARGET, TOKEN } from "./support/service.ts";

const ROOT = fileURLToPath(new URL("..", import.meta.url));

/** As Kubernetes runs it under the policy "restricted": with an arbitrary user id, and without a writable file system. */
const RESTRICTED = [
  "--user=12345:0",
  "--read-only",
  "--read-only-tmpfs=false",
  "--cap-drop=ALL",
  "--security-opt=no-new-privileges",
  "--memory=128m",
  "--memory-swap=128m",
];

/** The image, restricted, in front of a stand-in GitHub on this machine. */
async function startContainer(
  t: TestContext,
  { github: options = {}, more = [] }: { github?: GitHubOptions; more?: readonly string[] } = {},
): Promise<{ github: StandInGitHub; container: Container; port: number; url: string }> {
  const github = await startGitHub(options);
  t.after(() => github.close());
  github.token(TOKEN);
  github.repository(TARGET);
  deploy(github, "pr-1", "commit-of-pr-1");
  const port = await fixedPort();
  const settings = {
    PORT: String(port),
    HOST: "127.0.0.1",
    LOG_LEVEL: "warn",
    GITHUB_API_URL: github.url,
    GITHUB_TOKEN: TOKEN,
    DEPLOYMENT_REPO: DEPLOYMENT,
    TARGET_REPO: TARGET,
  };
  const variables = Object.entries(settings).map(([name, value]) => `--env=${name}=${value}`);
  const container = await runImage(t, [...RESTRICTED, ...variables, ...more]);
  const url = `http://127.0.0.1:${port}`;
  await healthy(container, url);
  return { github, container, port, url };
}

/** With Node's default heap size, this many requests end the container. */
const FLOOD = 6000;

async function healthy(container: Container, url: string): Promise<void> {
  const end = performance.now() + 60_000;
  for (;;) {
    const answer = await send(url, { path: "/health" }).catch(() => undefined);
    if (answer?.text === '{"status":"healthy"}') return;
    if (performance.now() > end) throw new Error(`it does not become healthy: ${container.logs()}`);
    await wait(20);
  }
}

type Compose = {
  services: {
    "gh-runner": { environment: Record<string, string> };
    github: { entrypoint: string[]; command: string[]; volumes: string[] };
  };
};

const FROM_INSIDE = `
const { createHash } = require("node:crypto");
const { readFileSync, readdirSync } = require("node:fs");
const files = Object.fromEntries(readdirSync("/app").filter((name) => /\\.(js|cache)$/.test(name))
  .map((name) => [name, createHash("sha256").update(readFileSync("/app/" + name)).digest("hex")]));
const one = readFileSync("/proc/1/cmdline", "utf8").split("\\0").slice(0, -1);
console.log(JSON.stringify({ files, one, uid: process.getuid(), packages: readdirSync("/var/lib/dpkg/status.d"),
  programs: [...readdirSync("/usr/bin"), ...readdirSync("/usr/local/bin")], heap: process.env.NODE_OPTIONS }));
`;

describe("the image", { skip: withoutContainers }, () => {
  before(
    async () => {
      release();
      await buildImage();
    },
    { timeout: 600_000 },
  );

  it("runs with an arbitrary user id on a read-only root, and dispatches", async (t) => {
    const { github, container, port } = await startContainer(t);
    assert.equal((await dispatchTo(port, { application: "pr-1" }))?.status, 200);
    assert.deepEqual(
      github.dispatches.map(({ payload }) => payload),
      [{ commitHash: "commit-of-pr-1", sourceName: "pr-1" }],
    );
    await podman("healthcheck", "run", container.id);
    assert.equal(await podman("exec", container.id, "gh-runner", "--version"), manifest.version);
    const inside = JSON.parse(await podman("exec", container.id, "node", "-e", FROM_INSIDE));
    assert.deepEqual(inside.one, ["node", "/app/gh-runner.js", "serve"]);
    assert.equal(inside.uid, 12345);
    assert.deepEqual(inside.programs, ["env", "gh-runner", "node"]);
    assert.deepEqual(inside.packages.sort(), ["coreutils", "libatomic1", "libc6", "libgcc-s1", "libstdc++6"]);
    await assert.rejects(podman("exec", container.id, "node", "-e", 'fs.writeFileSync("/app/file", "")'), /EROFS/);
  });

  it("has exactly the files that npm run build makes in another folder", async (t) => {
    const { container } = await startContainer(t);
    const { files } = JSON.parse(await podman("exec", container.id, "node", "-e", FROM_INSIDE));
    assert.ok(Object.keys(files).length >= 3);
    for (const [name, hash] of Object.entries(files)) {
      const here = createHash("sha256").update(readFileSync(join(ROOT, "dist", name)));
      assert.equal(here.digest("hex"), hash, name);
    }
  });

  it("listens on 9555 without any setting, and its health check finds it there", async (t) => {
    const container = await runImage(t, ["--network=none"]);
    const said = () => container.logs().includes("gh-runner is ready");
    await eventually("it is ready", 60_000, said);
    assert.match(container.logs(), /"url":"http:\/\/127\.0\.0\.1:9555"/);
    await podman("healthcheck", "run", container.id);
    const [image] = JSON.parse(await podman("image", "inspect", "gh-runner"));
    assert.deepEqual(Object.keys(image.Config.ExposedPorts), ["9555/tcp"]);
    assert.deepEqual(Object.keys(image.Config.Volumes), ["/data"]);
    assert.equal(image.Config.User, "65532:65532");
    assert.equal(image.Config.Labels["org.opencontainers.image.version"], manifest.version);
    const megabytes = image.Size / 1e6;
    t.diagnostic(`${megabytes.toFixed(0)} MB`);
    const told = Number(/the image +\| (\d+) MB/.exec(documentOf("docs/container.md").text)?.[1]);
    assert.ok(Math.abs(megabytes - told) < told / 10, `docs/container.md says ${told} MB`);
  });

  it("takes as little to transfer as docs/container.md says, and at most 60 MB", async (t) => {
    const file = join(temporaryFolder(t), "image.tar");
    await podman("save", "-o", file, "gh-runner");
    let bytes = 0;
    // As a registry stores it: gzip at its default level.
    await pipeline(createReadStream(file), createGzip(), async (parts: AsyncIterable<Buffer>) => {
      for await (const part of parts) bytes += part.byteLength;
    });
    const megabytes = bytes / 1e6;
    t.diagnostic(`${megabytes.toFixed(1)} MB, compressed`);
    assert.ok(megabytes <= 60);
    const told = Number(/(\d+) MB to transfer/.exec(documentOf("docs/container.md").text)?.[1]);
    assert.ok(Math.abs(megabytes - told) <= 2, `docs/container.md says ${told} MB`);
  });

  it("takes your workflows as docs/kubernetes-workflows.md adds them, and is not built with a broken one", async (t) => {
    const { text } = documentOf("docs/kubernetes-workflows.md");
    const [, dockerfile = ""] = /```dockerfile\n([\s\S]*?)```/.exec(text) ?? [];
    const workflow = documentOf("docs/first-workflow.md").blocks.find(({ file }) => file === "announce-preview.ts");
    const folder = temporaryFolder(t);
    mkdirSync(join(folder, "workflows"));
    writeFileSync(join(folder, "workflows/announce-preview.ts"), workflow?.text ?? assert.fail("there is no workflow"));
    writeFileSync(join(folder, "Dockerfile"), dockerfile.replace(/^FROM .*$/m, "FROM localhost/gh-runner"));
    const build = () => podman("build", "--network=none", "-t", "gh-runner-with-workflows", folder);
    await build();
    t.after(() => podman("rmi", "-f", "gh-runner-with-workflows"));
    const listed = await podman("run", "--rm", "--network=none", "gh-runner-with-workflows", "workflows");
    assert.match(listed, /^announce-preview .*announce-preview\.ts/m);
    writeFileSync(join(folder, "workflows/broken.ts"), "export default {};\n");
    await assert.rejects(build, /broken\.ts/);
  });

  for (const document of ["README.md", "docs/container.md"]) {
    it(`starts with the first commands of ${document}`, async (t) => {
      const { text } = documentOf(document);
      const [line = ""] = /^docker run --name gh-runner .* gh-runner$/m.exec(text) ?? [];
      assert.ok(line && text.includes("\ndocker build -t gh-runner .\n"));
      // In a separate network, because the port may be taken on this machine.
      const asWritten = line.split(" ").slice(2, -1);
      await podman("rm", "-f", "-i", "-t", "0", "gh-runner");
      t.after(() => podman("volume", "rm", "-f", "gh-runner"));
      const container = await runImage(t, ["--network=none", ...asWritten]);
      await eventually("it is ready", 60_000, () => container.logs().includes("gh-runner is ready"));
      await podman("healthcheck", "run", "gh-runner");
    });
  }

  it("is the stand-in GitHub of compose.yaml too, and finds it by its name", async (t) => {
    const { services } = load(readFileSync(join(ROOT, "compose.yaml"), "utf8")) as Compose;
    const { "gh-runner": runner, github } = services;
    const standIn = await runImage(
      t,
      [
        "--network=none",
        "--read-only",
        `--entrypoint=${JSON.stringify(github.entrypoint)}`,
        ...github.volumes.map((volume) => `--volume=${volume.replace(/^\./, ROOT.slice(0, -1))}`),
      ],
      github.command,
    );
    await eventually("it is ready", 60_000, () => standIn.logs().includes("A stand-in GitHub answers"));
    const settings = Object.entries(runner.environment).map(
      ([name, value]) => `--env=${name}=${value.replace(/^\$\{\w+:-(.*)\}$/, "$1")}`,
    );
    const network = `ns:/proc/${await pidOf(standIn)}/ns/net`;
    const container = await runImage(t, [
      ...RESTRICTED,
      `--network=${network}`,
      "--add-host=github:127.0.0.1",
      ...settings,
    ]);
    await eventually("it is ready", 60_000, () => container.logs().includes("gh-runner is ready"));
    const notification = `fetch("http://127.0.0.1:9555/dispatch", { method: "POST", body: '{"application":"pr-1234"}' })
      .then((answer) => answer.text()).then(console.log)`;
    const answer = await podman("exec", container.id, "node", "-e", notification);
    assert.match(answer, /"status":"success".*"sourceName":"pr-1234"/);
    await eventually("the stand-in logs it", 60_000, () => standIn.logs().includes("GitHub got environment_ready"));
  });

  it("has a failing health check while nothing listens", async (t) => {
    const container = await runImage(t, ["--network=none", "--env=PORT=9556"]);
    await eventually("it is ready", 60_000, () => container.logs().includes("gh-runner is ready"));
    const asked = podman("exec", "--env=PORT=9557", container.id, "node", "/app/health.js");
    await assert.rejects(asked, /not healthy at 127\.0\.0\.1:9557: connect ECONNREFUSED/);
  });

  it("finishes a run that it accepted before it was killed, on the same volume", async (t) => {
    const { github, container, port, url } = await startContainer(t);
    const hanging = github.fault({ route: "POST /repos/{owner}/{repo}/dispatches" }, { kind: "hang" });
    const answer = await dispatchTo(port, { application: "pr-1" }, { prefer: "respond-async" });
    assert.equal(answer?.status, 202);
    await eventually("the event is being sent", 60_000, () => github.requests.some(({ method }) => method === "POST"));
    await podman("kill", "--signal=KILL", container.id);
    assert.equal(await container.ended(), 137);
    hanging.remove();
    await podman("start", container.id);
    await healthy(container, url);
    await eventually("the event has arrived", 60_000, () => github.dispatches.length === 1);
    const run = (await send(url, { path: `/api/runs/${JSON.parse(answer.text).run}` })).json;
    assert.equal(run.attempts[0].outcome, "interrupted");
  });

  it("on SIGTERM ends what is in flight, answers it, and exits with 0", async (t) => {
    const { github, container, port } = await startContainer(t, { github: { latencyMs: 700 } });
    const answer = dispatchTo(port, { application: "pr-1" });
    await eventually("the run has begun", 60_000, () => github.requests.length > 0);
    await podman("stop", "-t", "15", container.id);
    assert.equal((await answer)?.status, 200);
    assert.equal(github.dispatches.length, 1);
    assert.equal(await container.ended(), 0);
  });

  it("accepts 500 deployments at the same time within 128 MiB, while its health check passes", {
    timeout: 240_000,
  }, async (t) => {
    const { github, container, port, url } = await startContainer(t, { github: { latencyMs: 40 } });
    const applications = Array.from({ length: 500 }, (_, at) => `pr-${at}`);
    for (const application of applications) deploy(github, application, `commit-of-${application}`);
    const group = memoryGroupOf(await pidOf(container));
    assert.equal(group.limit(), 128 * 1024 * 1024);
    let peak = 0;
    const sampling = setInterval(() => {
      peak = Math.max(peak, group.anonymous());
    }, 10);
    t.after(() => clearInterval(sampling));
    const answers = Promise.all(applications.map((application) => dispatchTo(port, { application })));
    await podman("healthcheck", "run", container.id);
    for (const answer of await answers)
      assert.ok([200, 202].includes(answer?.status ?? 0), `${answer?.status} ${answer?.text}`);
    await eventually("all have arrived", 60_000, () => github.dispatches.length >= 500);
    clearInterval(sampling);
    assert.equal(new Set(github.dispatches.map(({ payload }) => payload.commitHash)).size, 500);
    await healthy(container, url);
    const state = JSON.parse(await podman("inspect", container.id, "--format", "{{json .State}}"));
    assert.deepEqual([state.Running, state.OOMKilled], [true, false]);
    assert.equal(group.killed(), 0);
    t.diagnostic(
      `memory that cannot be given back, both processes: ${(peak / 1024 / 1024).toFixed(1)} MiB at the peak`,
    );
  });

  it("survives a flood within 128 MiB, with the permissions of docs/security.md too", {
    timeout: 240_000,
  }, async (t) => {
    const [, options = ""] = /^NODE_OPTIONS="(.*--permission .*)"$/m.exec(documentOf("docs/security.md").text) ?? [];
    const { github, container, port, url } = await startContainer(t, { more: [`--env=NODE_OPTIONS=${options}`] });
    const flood = Array.from({ length: FLOOD }, () => dispatchTo(port, { application: "pr-1" }));
    const answers = await Promise.all(flood);
    // 503: there was no room. Undefined: closed before it was read.
    for (const answer of answers)
      assert.ok([200, 202, 503, undefined].includes(answer?.status), `${answer?.status} ${answer?.text}`);
    t.diagnostic(`${answers.filter((answer) => answer && answer.status !== 503).length} of ${FLOOD} were accepted`);
    await healthy(container, url);
    const state = JSON.parse(await podman("inspect", container.id, "--format", "{{json .State}}"));
    assert.deepEqual([state.Running, state.OOMKilled], [true, false]);
    assert.equal(memoryGroupOf(await pidOf(container)).killed(), 0);
    assert.ok(github.dispatches.length > 0);
    await podman("healthcheck", "run", container.id);
  });

  it("names both owners when its volume belongs to another user", async (t) => {
    const folder = temporaryFolder(t);
    chmodSync(folder, 0o755);
    const container = await runImage(t, [...RESTRICTED, "--network=none", `--volume=${folder}:/data`]);
    assert.equal(await container.ended(), 1);
    assert.match(
      container.logs(),
      /^Cannot write to \/data \(it belongs to user 0 and group 0, with mode 0755, and this process is user 12345 of group 0\)\. /,
    );
  });
});

/** The pid of its process 1 on this machine. */
function pidOf({ id }: Container): Promise<string> {
  return podman("inspect", id, "--format", "{{.State.Pid}}");
}

/** The kernel's memory accounting of a container, bytes: https://docs.kernel.org/admin-guide/cgroup-v2.html#memory */
function memoryGroupOf(pid: string) {
  const groups = readFileSync(`/proc/${pid}/cgroup`, "utf8");
  const old = /^\d+:memory:(.*)$/m.exec(groups)?.[1];
  const path = old ?? /^0::(.*)$/m.exec(groups)?.[1] ?? "";
  // If this test runs in a container, only a part of the tree may be mounted, and paths begin above it.
  const mount =
    old !== undefined
      ? /^\S+ \S+ \S+ (\S+) (\S+) .* - cgroup \S+ \S*\bmemory\b/m
      : /^\S+ \S+ \S+ (\S+) (\S+) .* - cgroup2 /m;
  const [, root = "/", point = ""] = mount.exec(readFileSync("/proc/self/mountinfo", "utf8")) ?? [];
  const folder = join(point, relative(root, path));
  const read = (name: string) => readFileSync(join(folder, name), "utf8");
  const entry = (name: string, key: string) => Number(new RegExp(`^${key} (\\d+)$`, "m").exec(read(name))?.[1]);
  const isOld = existsSync(join(folder, "memory.limit_in_bytes"));
  return {
    limit: () => Number(read(isOld ? "memory.limit_in_bytes" : "memory.max")),
    /** Without cached file pages, which the kernel frees when it needs memory. */
    anonymous: () => entry("memory.stat", isOld ? "rss" : "anon"),
    killed: () => (isOld ? entry("memory.oom_control", "oom_kill") : entry("memory.events", "oom_kill")),
  };
}
