import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import {
  existsSync,
  globSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it, type TestContext } from "node:test";
import { fileURLToPath } from "node:url";
import manifest from "../package.json" with { type: "json" };
import { startGitHub } from "../sandbox/github.ts";
import { temporaryFolder } from "./support/folder.ts";
import { eventually, fixedPort, listening, spawnService } from "./support/process.ts";
import { type StandInRegistry, startRegistry } from "./support/registry.ts";

const ROOT = fileURLToPath(new URL("..", import.meta.url));

/** The package's dependencies, with theirs. They come from this folder, so that no registry is used. */
const INSTALLED = ["zod", "@octokit/types", "@octokit/openapi-types", "@octokit/openapi-webhooks-types"];

const WORKFLOW = `import { defineWorkflow, PermanentFailure, skip } from "gh-runner";
import * as z from "zod";

export default defineWorkflow({
  name: "comment",
  on: { http: { path: "/comment", body: z.object({ pr: z.number().int() }) } },
  async run({ body, github, step }) {
    if (body.pr === 0) return skip("no pull request");
    if (body.pr < 0) throw new PermanentFailure({ tried: "counting", happened: "it is negative", remedy: "Fix it." }, 404);
    const made = await step("comment", () =>
      github.request("POST /repos/{owner}/{repo}/issues/{issue_number}/comments", {
        owner: "acme", repo: "shop", issue_number: body.pr, body: "Preview",
      }),
    );
    const url: string = made.data.html_url;
    // @ts-expect-error: the published types reject an unknown field
    made.data.html_ulr;
    // @ts-expect-error: and what the schema gives
    const wrong: string = body.pr;
    return { url, wrong };
  },
});
`;

const PAIR = `import { environmentReady } from "gh-runner/workflows";

export default environmentReady({ name: "web-ready", path: "/web", deploymentRepo: "acme/deployment", targetRepo: "acme/shop" });
`;

const STALE = `import { stale } from "gh-runner/workflows";

// @ts-expect-error: misspelt
() => stale({ daysBeforeStal: 30 });
export default stale({ daysBeforeStale: 30, exemptIssueLabels: ["pinned"], repositories: ["acme/shop"] });
`;

const TEST = `import assert from "node:assert/strict";
import { it } from "node:test";
import { exampleEvent, testRun } from "gh-runner/testing";
import comment from "./comment.ts";
import pair from "./pair.ts";
import old from "./stale.ts";

const COMMENTS = "POST /repos/{owner}/{repo}/issues/{issue_number}/comments";

it("comments", async () => {
  const { run, sent } = await testRun(comment, { body: { pr: 7 } }, { answers: { [COMMENTS]: { body: { html_url: "u" } } } });
  assert.deepEqual([run.status, run.outputs, sent.length], ["success", { url: "u", wrong: 7 }, 1]);
});

it("makes events", () => {
  const { payload } = exampleEvent("issues", "labeled", { number: 7, label: { name: "bug" } });
  assert.deepEqual([payload.issue.number, payload.label?.name], [7, "bug"]);
  // @ts-expect-error: the published types know what an action brings
  exampleEvent("issues", "opened").payload.label;
});

it("marks stale issues", async () => {
  const { run, sent } = await testRun(
    old,
    { trigger: "manual", inputs: { dryRun: false } },
    { prepare: (github) => void github.repository("acme/shop").openIssue({ number: 7, createdAt: 0 }) },
  );
  assert.deepEqual([run.status, sent.map(({ path }) => path)], ["success", ["/repos/acme/shop/issues/7"]]);
});

it("fails with the message of the service", async () => {
  const { run } = await testRun(comment, { body: { pr: -1 } });
  assert.deepEqual([run.kind, run.reason], ["permanent", "Counting failed: it is negative. Fix it."]);
});

it("dispatches", async () => {
  const { dispatches } = await testRun(
    pair,
    { body: { application: "pr-1", revision: undefined } },
    { prepare: (github) => github.repository("acme/deployment").put("configs/pr/light/pr-1/values.yaml", "global: { config: { DEPLOYMENT_TAG: 0012345 } }") },
  );
  assert.deepEqual(dispatches.map(({ payload }) => payload), [{ commitHash: "0012345", sourceName: "pr-1" }]);
});
`;

const TSCONFIG = {
  compilerOptions: {
    module: "nodenext",
    target: "es2024",
    strict: true,
    noEmit: true,
    erasableSyntaxOnly: true,
    allowImportingTsExtensions: true,
    types: ["node"],
    typeRoots: [join(ROOT, "node_modules/@types")],
  },
  include: ["workflows"],
};

before(() => void execFileSync(process.execPath, ["scripts/build-package.ts"], { cwd: ROOT }));

describe("the npm package", () => {
  let project = "";
  const inProject = (command: string, ...args: string[]) =>
    execFileSync(command, args, { cwd: project, encoding: "utf8", env: { PATH: process.env.PATH, HOME: project } });
  const bin = () => join(project, "node_modules/.bin/gh-runner");

  before(() => {
    project = mkdtempSync(join(tmpdir(), "gh-runner-package-"));
    const [packed] = JSON.parse(inProject("npm", "pack", "--offline", "--json", join(ROOT, "dist/package"))) as [
      { filename: string },
    ];
    const local = INSTALLED.map((name) => [name, `file:${join(ROOT, "node_modules", name)}`]);
    const dependencies = { "gh-runner": `file:${packed.filename}`, ...Object.fromEntries(local) };
    const files = {
      "package.json": JSON.stringify({ private: true, type: "module", dependencies }),
      "tsconfig.json": JSON.stringify(TSCONFIG),
      "workflows/comment.ts": WORKFLOW,
      "workflows/pair.ts": PAIR,
      "workflows/stale.ts": STALE,
      "workflows/comment.test.ts": TEST,
    };
    mkdirSync(join(project, "workflows"));
    for (const [file, text] of Object.entries(files)) writeFileSync(join(project, file), text);
    inProject("npm", "install", "--offline", "--ignore-scripts", "--no-audit", "--no-fund");
  });
  after(() => rmSync(project, { recursive: true, force: true }));

  it("has types that check a workflow and its test", () => {
    inProject(process.execPath, join(ROOT, "node_modules/typescript/bin/tsc"), "-p", ".");
  });

  it("runs a workflow's test with Node only", () => {
    const told = inProject(process.execPath, "--test", "--test-reporter=tap", "workflows/comment.test.ts");
    assert.match(told, /# pass 5\n# fail 0/);
  });

  it("has its documents, its bill of materials, and the licences", () => {
    const brought = readdirSync(join(project, "node_modules/gh-runner"));
    for (const file of ["README.md", "CHANGELOG.md", "LICENSE", "SECURITY.md", "LICENSES.txt", "sbom.cdx.json"]) {
      assert.ok(brought.includes(file), file);
    }
    const bill = JSON.parse(readFileSync(join(project, "node_modules/gh-runner/sbom.cdx.json"), "utf8"));
    const names = (bill.components as { name: string }[]).map(({ name }) => name);
    assert.ok(names.includes("undici") && !names.includes("zod"), "what is installed beside it is not in it");
  });

  it("has documents with working links: to its files, or to the repository", () => {
    const folder = join(project, "node_modules/gh-runner");
    const documents = globSync(["*.md", "docs/**/*.md"], { cwd: folder });
    assert.ok(documents.length > 20);
    for (const document of documents) {
      const text = readFileSync(join(folder, document), "utf8");
      for (const [, link = ""] of text.matchAll(/(?:\]\(|\bsrc(?:set)?=")(?!https?:|mailto:|#)([^)#\s"]+)/g)) {
        assert.ok(existsSync(join(folder, document, "..", link)), `${document}: ${link}`);
      }
    }
    const readme = readFileSync(join(folder, "README.md"), "utf8");
    const target = `/blob/v${manifest.version}/deploy/target/environment-ready.yml)`;
    assert.ok(readme.includes(target));
  });

  it("has the command", () => {
    assert.equal(inProject(bin(), "--version").trim(), manifest.version);
  });

  it("starts the service, with workflows that use the same copy of zod", async (t) => {
    const modules = join(project, "node_modules/gh-runner");
    const ofTheService = createRequire(join(modules, "gh-runner.js")).resolve("zod");
    assert.equal(createRequire(join(project, "workflows/comment.ts")).resolve("zod"), ofTheService);
    assert.deepEqual(globSync("**/zod*", { cwd: modules }), [], "no second copy");
    const port = await fixedPort();
    const service = spawnService(t, {
      port,
      dataDir: join(project, "data"),
      githubUrl: "http://127.0.0.1:1",
      command: [bin(), "serve"],
      settings: { WORKFLOWS_DIR: join(project, "workflows") },
    });
    await listening(service, port);
    const answer = await fetch(`http://127.0.0.1:${port}/comment`, { method: "POST", body: '{"pr":0}' });
    assert.deepEqual(await answer.json(), { status: "skipped", reason: "no pull request" });
    const rejected = await fetch(`http://127.0.0.1:${port}/comment`, { method: "POST", body: '{"pr":-1}' });
    assert.equal(rejected.status, 404);
    const described = (await (await fetch(`http://127.0.0.1:${port}/openapi.json`)).json()) as {
      components: { schemas: Record<string, { required?: unknown }> };
    };
    assert.deepEqual(described.components.schemas["comment-body"]?.required, ["pr"]);
    service.stop();
    assert.equal(await service.ended, 0);
  });
});

describe("the next steps that gh-runner init prints", () => {
  let registry: StandInRegistry;
  /** npm's cache, and the package as an installed command. */
  let home = "";
  before(async () => {
    const beside = [...INSTALLED, "@types/node", "undici-types"];
    registry = await startRegistry({
      "gh-runner": join(ROOT, "dist/package"),
      ...Object.fromEntries(beside.map((name) => [name, join(ROOT, "node_modules", name)])),
    });
    home = mkdtempSync(join(tmpdir(), "gh-runner-home-"));
    const install = spawn("npm", ["install", "--global", "--prefix", home, "gh-runner"], { env: environment() });
    const told = toldBy(install);
    const [code] = await once(install, "close");
    assert.equal(code, 0, told());
  });
  after(async () => {
    await registry.close();
    rmSync(home, { recursive: true, force: true });
  });

  const environment = () => ({
    PATH: process.env.PATH,
    HOME: home,
    npm_config_registry: registry.url,
    npm_config_audit: "false",
    npm_config_fund: "false",
    npm_config_update_notifier: "false",
  });

  type Scene = {
    /** The folder in which the commands run. */
    readonly cwd: string;
    readonly env: Record<string, string | undefined>;
    readonly shell: (line: string) => Promise<string>;
  };

  async function sceneIn(t: TestContext, cwd: string): Promise<Scene & { dispatched: () => readonly string[] }> {
    const github = await startGitHub();
    t.after(() => github.close());
    github.token("github_pat_yours");
    github.repository("acme/shop");
    const env = {
      ...environment(),
      GITHUB_API_URL: github.url,
      DATA_DIR: temporaryFolder(t),
      LOG_LEVEL: "warn",
      HOST: "127.0.0.1",
      PORT: String(await fixedPort()),
    };
    async function shell(line: string): Promise<string> {
      const child = spawn("sh", ["-c", line], { cwd, env });
      const told = toldBy(child);
      const [code] = await once(child, "close");
      assert.equal(code, 0, `${line}\n${told()}`);
      return told();
    }
    return { cwd, env, shell, dispatched: () => github.dispatches.map(({ eventType }) => eventType) };
  }

  function toldBy(child: ReturnType<typeof spawn>): () => string {
    let told = "";
    for (const stream of [child.stdout, child.stderr]) {
      stream?.setEncoding("utf8").on("data", (text) => {
        told += text;
      });
    }
    return () => told;
  }

  /** Runs all printed commands, line by line. */
  async function follow(t: TestContext, { cwd, env, shell }: Scene, told: string): Promise<readonly string[]> {
    const lines = [...told.matchAll(/^ {2}(.*)$/gm)].map(([, line = ""]) => line);
    const [test = "", dev = "", dryRun = "", serve = "", curl = ""] = lines.slice(-5);
    const install = lines.slice(0, -5);
    const answers = () =>
      fetch(`http://127.0.0.1:${env.PORT}/health`).then(
        () => true,
        () => false,
      );
    async function whileRunning(line: string, work: () => Promise<void>): Promise<void> {
      // A process group, so that the signal reaches the processes that npx started.
      const service = spawn("sh", ["-c", line], { cwd, env, detached: true });
      const ended = once(service, "close");
      let running = true;
      ended.then(() => {
        running = false;
      });
      t.after(() => running && process.kill(-Number(service.pid), "SIGKILL"));
      await listening({ child: service, output: toldBy(service) }, Number(env.PORT));
      // gh-runner dev first tests whether the port is free.
      await eventually("the service answers", 60_000, answers);
      await work();
      process.kill(-Number(service.pid), "SIGTERM");
      await ended;
      // The shell may end before the service does. The service would then be taken for the next one.
      await eventually("the service has ended, too", 60_000, async () => !(await answers()));
    }
    for (const line of install) await shell(line);
    const tested = await shell(test);
    assert.match(tested, /pass 2/);
    assert.doesNotMatch(tested, /MODULE_TYPELESS_PACKAGE_JSON/);
    await whileRunning(dev, async () => {
      assert.match(await shell(`${curl} -s`), /\{"status":"success","application":"pr-1234"\}/);
    });
    assert.match(await shell(dryRun), /"event_type":"preview_ready"[\s\S]*^success: \{"application":"pr-1234"\}$/m);
    await whileRunning(serve, async () => {
      assert.match(await shell(`${curl} -s`), /\{"status":"success","application":"pr-1234"\}/);
    });
    return install;
  }

  for (const [where, manifestThere, ending] of [
    ["in an empty folder", undefined, "ts"],
    ["beside a package.json of modules", { type: "module" }, "ts"],
    ["beside a package.json of CommonJS", { type: "commonjs" }, "mts"],
  ] as const) {
    it(`works ${where}`, async (t) => {
      const scene = await sceneIn(t, temporaryFolder(t));
      if (manifestThere) writeFileSync(join(scene.cwd, "package.json"), JSON.stringify(manifestThere));
      const told = await scene.shell(`${home}/bin/gh-runner init`);
      const written = ["argocd.yaml", ending, `test.${ending}`].map((each) => `announce-preview.${each}`);
      assert.deepEqual(new Set(readdirSync(join(scene.cwd, "workflows"))), new Set(written));
      assert.deepEqual(await follow(t, scene, told), [
        `npm install --save-dev gh-runner@${manifest.version} @types/node`,
        ...(manifestThere ? [] : ["npm pkg set type=module"]),
      ]);
      assert.deepEqual(scene.dispatched(), ["preview_ready"]);
      const again = await scene.shell("npx gh-runner init second");
      assert.doesNotMatch(again, /npm install/, "it is installed by now");
    });
  }

  it("works for a folder elsewhere, from a checkout", async (t) => {
    const scene = await sceneIn(t, temporaryFolder(t));
    const folder = join(temporaryFolder(t), "my folder");
    const told = await scene.shell(`WORKFLOWS_DIR='${folder}' node ${join(ROOT, "src/main.ts")} init`);
    const at = {
      ...scene,
      shell: (line: string) => scene.shell(line.startsWith("curl") ? line : `cd '${folder}'; ${line}`),
    };
    const install = await follow(t, { ...at, cwd: folder }, told);
    assert.deepEqual(install.slice(0, 1), [`cd '${folder}'`]);
    assert.deepEqual(scene.dispatched(), ["preview_ready"]);
  });

  it("works within the checkout, where nothing must be installed", async (t) => {
    const scene = await sceneIn(t, ROOT);
    const folder = mkdtempSync(join(ROOT, "test/.init-"));
    t.after(() => rmSync(folder, { recursive: true, force: true }));
    const told = await scene.shell(`WORKFLOWS_DIR=${folder} node src/main.ts init`);
    assert.deepEqual(await follow(t, scene, told), []);
    assert.deepEqual(scene.dispatched(), ["preview_ready"]);
  });
});
