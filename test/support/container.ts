import { execFile, execFileSync, spawnSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import type { TestContext } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const TOOLS = ["podman", "runc", "mmdebstrap"];

/** False, or why tests that need containers are skipped. With CONTAINERS_REQUIRED they fail instead. */
export const withoutContainers: string | false =
  process.env.CONTAINERS_REQUIRED || (process.getuid?.() === 0 && TOOLS.every(isInstalled))
    ? false
    : `containers are run as root on Debian, with its packages ${TOOLS.join(", ")}`;

function isInstalled(tool: string): boolean {
  return !spawnSync(tool, ["--version"]).error;
}

/** Images and containers of these tests only, so that the base image below is never taken for the real one. Kept between runs. */
const STORE = join(tmpdir(), "gh-runner-containers");

const CONTAINERS_CONF = `
[containers]
netns = "host"
default_ulimits = ["nofile=4096:4096", "nproc=4096:4096"]
[engine]
runtime = "runc"
cgroup_manager = "cgroupfs"
events_logger = "none"
`;

const STORAGE_CONF = `
[storage]
driver = "overlay"
graphroot = "${STORE}/images"
runroot = "${STORE}/running"
`;

const ENVIRONMENT = {
  ...process.env,
  CONTAINERS_CONF: join(STORE, "containers.conf"),
  CONTAINERS_STORAGE_CONF: join(STORE, "storage.conf"),
};

/** Runs podman and resolves with its output. @throws Error with the exit code and the output. */
export async function podman(...args: readonly string[]): Promise<string> {
  const { stdout } = await promisify(execFile)("podman", args, {
    cwd: ROOT,
    env: ENVIRONMENT,
    maxBuffer: 64 * 1024 * 1024,
  });
  return stdout.trim();
}

/** Builds the image from the Dockerfile as docs/container.md does. Only the base image is made here instead of downloaded. */
export async function buildImage(): Promise<void> {
  mkdirSync(STORE, { recursive: true });
  writeFileSync(join(STORE, "containers.conf"), CONTAINERS_CONF);
  writeFileSync(join(STORE, "storage.conf"), STORAGE_CONF);
  const base = /^ARG NODE_IMAGE=(\S+)$/m.exec(readFileSync(join(ROOT, "Dockerfile"), "utf8"))?.[1];
  if (base === undefined) throw new Error("the Dockerfile has no line ARG NODE_IMAGE=…");
  await provideBase(base);
  await podman("build", "--format", "docker", "-t", "gh-runner", ".");
  await podman("image", "prune", "-f");
}

/** Imitates the official image: essential packages of the Debian in its tag, with node and npm in /usr/local. */
async function provideBase(name: string): Promise<void> {
  const suite = /:\d+-([a-z]+)-slim$/.exec(name)?.[1];
  if (suite === undefined) throw new Error(`${name} is no tag such as node:26-trixie-slim`);
  const label = `${process.version} on ${suite}`;
  const made = await podman("image", "inspect", name, "--format", '{{ index .Labels "node" }}').catch(() => undefined);
  if (made === label) return;
  const folder = mkdtempSync(join(STORE, "base-"));
  try {
    await promisify(execFile)("mmdebstrap", [
      "--variant=essential",
      "--include=libatomic1,libstdc++6",
      suite,
      join(folder, "debian.tar"),
    ]);
    cpSync(process.execPath, join(folder, "node"));
    const npm = realpathSync(execFileSync("sh", ["-c", "command -v npm"], { encoding: "utf8" }).trim());
    cpSync(join(dirname(npm), ".."), join(folder, "npm"), { recursive: true });
    // Needed where the registry uses a private certificate authority.
    const authority = process.env.NODE_EXTRA_CA_CERTS;
    if (authority && existsSync(authority)) cpSync(authority, join(folder, "authority.pem"));
    else writeFileSync(join(folder, "authority.pem"), "");
    writeFileSync(
      join(folder, "Dockerfile"),
      [
        "FROM scratch",
        "ADD debian.tar /",
        "COPY node /usr/local/bin/node",
        "COPY npm /usr/local/lib/node_modules/npm",
        "COPY authority.pem /etc/authority.pem",
        "ENV NODE_EXTRA_CA_CERTS=/etc/authority.pem",
        "RUN ln -s ../lib/node_modules/npm/bin/npm-cli.js /usr/local/bin/npm",
        `LABEL node="${label}"`,
      ].join("\n"),
    );
    await podman("build", "-t", name, folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

export type Container = {
  readonly id: string;
  /** Standard output and standard error so far. */
  logs(): string;
  /** Exit code, once it has ended. */
  ended(): Promise<number>;
};

/** Starts a container of the image with these options of `podman run`. It and its volumes are removed with the test. */
export async function runImage(
  t: TestContext,
  options: readonly string[],
  command: readonly string[] = [],
): Promise<Container> {
  const id = await podman("run", "-d", ...options, "gh-runner", ...command);
  t.after(() => podman("rm", "-f", "-v", "-t", "0", id));
  return {
    id,
    logs: () => {
      const { stdout, stderr } = spawnSync("podman", ["logs", id], { encoding: "utf8", env: ENVIRONMENT });
      return stdout + stderr;
    },
    ended: async () => Number(await podman("wait", id)),
  };
}
