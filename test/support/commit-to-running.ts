import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { cpSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { startGitHub } from "../../sandbox/github.ts";
import { command } from "./command.ts";
import { documentOf } from "./documents.ts";
import { temporaryFolder } from "./folder.ts";
import { followed, HELLO, sectionOf } from "./followed-steps.ts";
import type { KubernetesObject } from "./kubectl.ts";
import { eventually, fixedPort, listening, spawnService } from "./process.ts";
import { DEPLOYMENT, send, TARGET, TOKEN } from "./service.ts";

/** Starts a program with only these variables. It ends with the test. */
export type StartSync = (t: TestContext, variables: Readonly<Record<string, string>>) => void;

const REPOSITORY = "https://github.com/acme/workflows";

/** A repository on this machine, and commits to its default branch. */
function repositoryIn(folder: string) {
  const git = (...args: string[]) =>
    execFileSync("git", ["-C", folder, "-c", "user.name=a", "-c", "user.email=a@b.example", ...args], {
      env: { PATH: process.env.PATH, HOME: folder, GIT_CONFIG_NOSYSTEM: "1" },
      stdio: "pipe",
    });
  mkdirSync(join(folder, "workflows/shared"), { recursive: true });
  git("init", "--quiet", "--initial-branch=main");
  return (files: Readonly<Record<string, string>>) => {
    for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, "workflows", name), text);
    git("add", "-A");
    git("commit", "--quiet", "--message=change");
  };
}

/** Each volume of the pod is a folder on this machine. Paths in a container are translated into paths in those folders. */
function volumesOf(pod: KubernetesObject, root: string) {
  for (const { name } of [...pod.volumes, { name: "data" }]) mkdirSync(join(root, name), { recursive: true });
  const here = (container: KubernetesObject, value: string): string => {
    const mount = container.volumeMounts
      .filter(({ mountPath }: KubernetesObject) => value === mountPath || value.startsWith(`${mountPath}/`))
      .sort((one: KubernetesObject, other: KubernetesObject) => other.mountPath.length - one.mountPath.length)[0];
    return mount ? join(root, mount.name, value.slice(mount.mountPath.length)) : value;
  };
  return {
    folder: (name: string) => join(root, name),
    /** The variables of a container, with their paths translated. */
    variables(container: KubernetesObject, settings: Readonly<Record<string, string>>): Record<string, string> {
      const its = container.env.map(({ name, value }: KubernetesObject) => [name, value]);
      const all: Record<string, string> = { ...(container.envFrom ? settings : {}), ...Object.fromEntries(its) };
      return Object.fromEntries(Object.entries(all).map(([name, value]) => [name, here(container, value)]));
    },
  };
}

/** The answer that the page shows. */
const ANSWER = documentOf("docs/kubernetes-workflows.md").blocks.find(({ language }) => language === "json")?.text;

const hello = (says: string) => HELLO.replace("return { hello: body.name };", `return { ${says}: body.name };`);

/**
 * From a commit to a running workflow, by the steps of docs/kubernetes-workflows.md. The test starts the rendered containers
 * on this machine one after the other, as a kubelet does. Only the address of the repository is different.
 */
export async function commitToRunning(t: TestContext, startSync: StartSync): Promise<void> {
  const objects = followed(t, sectionOf("## From a git repository"));
  if (!objects) return;
  const pod = objects.find(({ kind }) => kind === "StatefulSet").spec.template.spec;
  const [sync, check] = pod.initContainers;
  const [service] = pod.containers;
  const settings = objects.find(
    ({ kind, metadata }) => kind === "ConfigMap" && metadata.name === service.envFrom[0].configMapRef.name,
  ).data;
  assert.equal(settings.GITSYNC_REPO, REPOSITORY);

  const root = temporaryFolder(t);
  const volumes = volumesOf(pod, root);
  for (const [key, text] of Object.entries({ "github-token": TOKEN, "auth-tokens": "of-a-caller" })) {
    writeFileSync(join(volumes.folder("secrets"), key), text);
  }
  const source = temporaryFolder(t);
  const commit = repositoryIn(source);
  commit({ "hello.ts": hello("hello"), "hello.test.ts": "throw new Error();" });

  // git-sync, until its probe reports the first commit.
  const syncPort = await fixedPort();
  const inSync = volumes.variables(sync, settings);
  assert.equal(inSync.GITSYNC_HTTP_BIND, `:${sync.ports[0].containerPort}`);
  startSync(t, {
    ...inSync,
    GITSYNC_REPO: `file://${source}`,
    GITSYNC_HTTP_BIND: `127.0.0.1:${syncPort}`,
    GITSYNC_PERIOD: "500ms",
  });
  const isReady = async () =>
    send(`http://127.0.0.1:${syncPort}`, { path: sync.startupProbe.httpGet.path }).then(
      ({ status }) => status === 200,
      () => false,
    );
  await eventually("git-sync has the first commit", 60_000, isReady);

  // The check, with only its variables.
  const checked = () => command(check.args, volumes.variables(check, settings));
  const first = await checked();
  assert.equal(first.code, 0, first.stderr);
  assert.match(first.stdout, /^hello +http POST \/hello +hello\.ts$/m);

  const github = await startGitHub();
  t.after(() => github.close());
  github.token(TOKEN);
  for (const each of [TARGET, DEPLOYMENT]) github.repository(each);
  const port = await fixedPort();
  const url = `http://127.0.0.1:${port}`;
  const variables = volumes.variables(service, settings);
  const start = async () => {
    const process = spawnService(t, {
      ...{ port, githubUrl: github.url, dataDir: variables.DATA_DIR ?? "" },
      settings: { ...variables, GITHUB_TOKEN: "", LOG_LEVEL: "info" },
    });
    await listening(process, port);
    return process;
  };
  const running = await start();
  const caller = { authorization: "Bearer of-a-caller" };
  const call = async () =>
    (await send(url, { method: "POST", path: "/hello", body: '{"name":"world"}', headers: caller })).json;
  assert.equal(`${JSON.stringify(await call())}\n`, ANSWER);

  // A commit with a file that the workflow imports.
  commit({
    "hello.ts": `import { word } from "./shared/word.ts";\n${hello("[word]")}`,
    "shared/word.ts": 'export const word: string = "welcome";',
  });
  await eventually("the commit runs", 60_000, async () => (await call()).welcome === "world");

  // A commit that breaks the workflow and adds another one.
  commit({
    "hello.ts": "export default {",
    "other.ts": HELLO.replaceAll("hello", "other"),
  });
  const outdated = async () =>
    /^gh_runner_workflow_files_outdated (\d)$/m.exec(
      (await send(url, { path: "/metrics", headers: caller })).text,
    )?.[1];
  await eventually("the broken commit is reported by the metric", 60_000, async () => (await outdated()) === "1");
  assert.deepEqual(await call(), { status: "success", welcome: "world" });
  const page = await send(url, { path: "/api/workflows", headers: caller });
  assert.deepEqual(
    page.json.outdated.map(({ file }: { file: string }) => file),
    ["hello.ts"],
  );
  assert.match(running.output(), /"file":"hello\.ts","problems":\["SyntaxError.*its previous version runs/);
  assert.deepEqual(page.json.workflows.map(({ name }: { name: string }) => name).sort(), [
    "environment-ready",
    "hello",
    "other",
  ]);
  assert.equal(running.child.exitCode, null, "nothing was restarted");

  // The pod is replaced while the commit is broken: a new checkout, the same data volume.
  running.stop();
  await running.ended;
  const again = await checked();
  assert.equal(again.code, 0, again.stderr);
  assert.match(again.stderr, /its previous version runs: hello\.ts: SyntaxError/);
  const second = await start();
  assert.deepEqual(await call(), { status: "success", welcome: "world" });

  // A pod without earlier data does not start.
  const empty = temporaryFolder(t);
  cpSync(volumes.folder("git"), join(empty, "git"), { recursive: true, verbatimSymlinks: true });
  const without = await command(check.args, volumesOf(pod, empty).variables(check, settings));
  assert.deepEqual([without.code, /hello\.ts: SyntaxError/.test(without.stderr)], [1, true], without.stderr);

  commit({ "hello.ts": hello("fixed") });
  await eventually("the fixed commit runs", 60_000, async () => (await call()).fixed === "world");
  assert.equal(await outdated(), "0");
  assert.equal(second.child.exitCode, null);
}
