import assert from "node:assert/strict";
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it, type TestContext } from "node:test";
import { command } from "./support/command.ts";
import { temporaryFolder } from "./support/folder.ts";
import { eventually } from "./support/process.ts";
import { send, startService } from "./support/service.ts";
import { httpWorkflow, workflowsFolder } from "./support/workflows.ts";

const call = (url: string, path: string) => send(url, { method: "POST", path, body: "{}" });
const said = async (url: string, path: string) => (await call(url, path)).json;
const N = (name: string, n: number) => httpWorkflow(name, `return { n: ${n} };`);
const AGAIN = "the workflows were reloaded";
const OUTDATED = "a workflow's file is broken: its previous version runs";

function reloading(t: TestContext, folder: string, settings: Record<string, string> = {}) {
  return startService(t, { settings: { WORKFLOWS_DIR: folder, WORKFLOWS_RELOAD: "true", ...settings } });
}

/** A folder that changes like a mounted ConfigMap, or like the output of git-sync: by one symbolic link. */
function linked(t: TestContext, files: Readonly<Record<string, string>>) {
  const root = temporaryFolder(t);
  let count = 0;
  const put = (these: Readonly<Record<string, string>>, removeBefore = false) => {
    const name = `.version-${++count}`;
    for (const [path, text] of Object.entries(these)) {
      mkdirSync(join(root, name, path, ".."), { recursive: true });
      writeFileSync(join(root, name, path), text);
    }
    symlinkSync(name, join(root, ".next"));
    renameSync(join(root, ".next"), join(root, "current"));
    if (removeBefore) rmSync(join(root, `.version-${count - 1}`), { recursive: true });
  };
  put(files);
  return { folder: join(root, "current"), put };
}

describe("with WORKFLOWS_RELOAD=true", () => {
  it("a file that is added, changed or removed is loaded without a restart", async (t) => {
    const folder = workflowsFolder(t, {
      "one.ts": `import { n } from "./shared/n.ts";\n${httpWorkflow("one", "return { n };")}`,
      "shared/n.ts": "export const n: number = 1;",
      "gone.ts": N("gone", 1),
    });
    const { url, log } = await reloading(t, folder);
    assert.equal((await said(url, "/one")).n, 1);
    writeFileSync(join(folder, "shared/n.ts"), "export const n: number = 2;");
    writeFileSync(join(folder, "new.ts"), N("new", 7));
    rmSync(join(folder, "gone.ts"));
    await eventually("it is loaded", 60_000, () => log().some(({ msg }) => msg === AGAIN));
    assert.equal((await said(url, "/one")).n, 2);
    assert.equal((await said(url, "/new")).n, 7);
    assert.equal((await call(url, "/gone")).status, 404);
    const [record] = log().filter(({ msg }) => msg === AGAIN);
    assert.deepEqual([record?.workflows, record?.broken, record?.outdated], [3, 0, 0]);
  });

  it("a new folder behind a link is loaded, and the previous one may be deleted, with its late imports", async (t) => {
    const late = (n: number) => ({
      "late.ts": httpWorkflow(
        "late",
        `const { readFileSync } = await import("node:fs");
         const { n } = await import("./later.ts");
         return { n, text: readFileSync(new URL("./text.md", import.meta.url), "utf8") };`,
      ),
      "later.ts": `export const n = ${n};\nexport default { name: "later", on: { manual: {} }, run() {} };`,
      "text.md": `text ${n}`,
    });
    const { folder, put } = linked(t, late(1));
    const { url, log } = await reloading(t, folder);
    put(late(1), true);
    assert.deepEqual(await said(url, "/late"), { status: "success", n: 1, text: "text 1" });
    put(late(2), true);
    await eventually("it is loaded", 60_000, () => log().some(({ msg }) => msg === AGAIN));
    assert.deepEqual(await said(url, "/late"), { status: "success", n: 2, text: "text 2" });
  });

  it("the same content in another place is not loaded again", async (t) => {
    const { folder, put } = linked(t, { "one.ts": N("one", 1) });
    const { url, log } = await reloading(t, folder);
    put({ "one.ts": N("one", 1), "one.test.ts": "export {};" }, true);
    put({ "one.ts": N("one", 1) }, true);
    put({ "one.ts": N("one", 2) }, true);
    await eventually("it is loaded", 60_000, () => log().some(({ msg }) => msg === AGAIN));
    assert.equal((await said(url, "/one")).n, 2);
    assert.equal(log().filter(({ msg }) => msg === AGAIN).length, 1);
  });

  it("a broken file keeps its previous version, and page, API, log and metric report it until it is fixed", async (t) => {
    const folder = workflowsFolder(t, { "a.ts": N("a", 1), "b.ts": N("b", 1) });
    const { url, log } = await reloading(t, folder);
    writeFileSync(join(folder, "a.ts"), "export default {");
    writeFileSync(join(folder, "b.ts"), N("b", 2));
    await eventually("it is loaded", 60_000, () => log().some(({ msg }) => msg === AGAIN));
    assert.equal((await said(url, "/a")).n, 1);
    assert.equal((await said(url, "/b")).n, 2);
    const [warning] = log().filter(({ msg }) => msg === OUTDATED);
    assert.deepEqual([warning?.level, warning?.file], ["warn", "a.ts"]);
    assert.match(String(warning?.problems), /^SyntaxError: .*\(a\.ts:1\)$/);
    for (const path of ["/", "/workflows"]) {
      const page = (await send(url, { path })).text;
      assert.match(page, /1 workflow file is broken\.<\/strong> Its previous version runs\./);
      assert.match(page, /<bdi>a\.ts<\/bdi>/);
    }
    const list = (await send(url, { path: "/api/workflows" })).json;
    assert.deepEqual(list.broken, []);
    assert.deepEqual(
      list.outdated.map(({ file }: { file: string }) => file),
      ["a.ts"],
    );
    const gauge = async () =>
      /^gh_runner_workflow_files_outdated (\d+)$/m.exec((await send(url, { path: "/metrics" })).text)?.[1];
    assert.equal(await gauge(), "1");
    assert.match(
      (await command(["workflow", "list"], { GH_RUNNER_URL: url })).stderr,
      /^a\.ts is broken, its previous version/,
    );

    writeFileSync(join(folder, "a.ts"), N("a", 3));
    await eventually("it is loaded", 60_000, async () => (await said(url, "/a")).n === 3);
    assert.equal(await gauge(), "0");
    assert.doesNotMatch((await send(url, {})).text, /broken/);
    assert.equal((await send(url, { path: "/api/workflows" })).json.outdated, undefined);
  });

  it("a broken file keeps its previous version at a restart, and `gh-runner workflows` prints the same", async (t) => {
    const folder = workflowsFolder(t, { "a.ts": N("a", 1), "b.ts": N("b", 1) });
    const DATA_DIR = temporaryFolder(t);
    const first = await reloading(t, folder, { DATA_DIR });
    await first.app.close();
    writeFileSync(join(folder, "a.ts"), "export default {");
    writeFileSync(join(folder, "b.ts"), N("b", 2));
    const second = await reloading(t, folder, { DATA_DIR });
    assert.equal((await said(second.url, "/a")).n, 1);
    assert.equal((await said(second.url, "/b")).n, 2);
    await second.app.close();

    const settings = { WORKFLOWS_DIR: folder, GITHUB_TOKEN: "x", DATA_DIR };
    const kept = await command(["workflows"], { ...settings, WORKFLOWS_RELOAD: "true" });
    assert.equal(kept.code, 0, kept.stderr);
    assert.match(kept.stderr, /^broken, its previous version runs: a\.ts: SyntaxError/);
    assert.match(kept.stdout, /^a +http POST \/a +a\.ts$/m);
    for (const more of [{}, { WORKFLOWS_RELOAD: "true", DATA_DIR: temporaryFolder(t) }]) {
      const fails = await command(["workflows"], { ...settings, ...more });
      assert.deepEqual([fails.code, /a\.ts: SyntaxError/.test(fails.stderr)], [1, true], fails.stderr);
    }
    // Each file has its last good version, not the version of a commit in which all were good.
    writeFileSync(join(folder, "b.ts"), "export default {");
    const third = await reloading(t, folder, { DATA_DIR });
    assert.deepEqual([(await said(third.url, "/a")).n, (await said(third.url, "/b")).n], [1, 2]);
  });

  it("a file without a previous version stops the start", async (t) => {
    const folder = workflowsFolder(t, { "a.ts": "export default {" });
    await assert.rejects(reloading(t, folder), /^Error: Cannot start\. Fix these workflows .*\n {2}a\.ts: SyntaxError/);
  });

  it("an unreadable folder changes nothing, and is loaded when it is back", async (t) => {
    const folder = workflowsFolder(t, { "a.ts": N("a", 1) });
    const { url, log } = await reloading(t, folder);
    renameSync(folder, `${folder}-away`);
    const failed = () => log().filter(({ msg }) => String(msg).startsWith("the workflows cannot be reloaded"));
    await eventually("it is reported", 60_000, () => failed().length > 0);
    assert.equal((await said(url, "/a")).n, 1);
    writeFileSync(join(`${folder}-away`, "a.ts"), N("a", 2));
    renameSync(`${folder}-away`, folder);
    await eventually("it is loaded", 60_000, async () => (await said(url, "/a")).n === 2);
    assert.equal(failed().length, 1);
  });

  it("unchanged files are not loaded again, unless they may import changed ones", async (t) => {
    const counts = globalThis as unknown as { loads: Record<string, number> };
    counts.loads = {};
    const counted = (name: string, text: string) =>
      `globalThis.loads.${name} = (globalThis.loads.${name} ?? 0) + 1;\n${text}`;
    const folder = workflowsFolder(t, {
      "alone.ts": counted("alone", N("alone", 1)),
      "importer.ts": `import { n } from "./imported.ts";\n${counted("importer", httpWorkflow("importer", "return { n };"))}`,
      "imported.ts": `export const n = 1;\n${counted("imported", N("imported", 1))}`,
      "below/data.json": "{}",
    });
    const { app, url } = await reloading(t, folder);
    const after = async (file: string, text: string) => {
      writeFileSync(join(folder, file), text);
      counts.loads = {};
      assert.deepEqual((await app.reload()).broken, []);
      return Object.keys(counts.loads).sort();
    };
    assert.deepEqual(await after("alone.ts", counted("alone", N("alone", 2))), ["alone"]);
    const imported = `export const n = 2;\n${counted("imported", N("imported", 2))}`;
    assert.deepEqual(await after("imported.ts", imported), ["imported", "importer"]);
    assert.deepEqual([(await said(url, "/importer")).n, (await said(url, "/alone")).n], [2, 2]);
    assert.deepEqual(await after("below/data.json", '{"a":1}'), ["alone", "imported", "importer"]);
    rmSync(join(folder, "alone.ts"));
    assert.deepEqual(await after("below/data.json", '{"a":2}'), ["imported", "importer"]);
    assert.equal((await call(url, "/alone")).status, 404);
  });

  it("packages come from the folder's node_modules, and from one above it", async (t) => {
    const root = temporaryFolder(t);
    const one = (name: string) => `import { from } from "${name}";\n${httpWorkflow(name, "return { from };")}`;
    const add = (at: string, name: string) => {
      mkdirSync(join(root, at, "node_modules", name), { recursive: true });
      writeFileSync(join(root, at, "node_modules", name, "package.json"), '{"type":"module","exports":"./index.js"}');
      writeFileSync(join(root, at, "node_modules", name, "index.js"), `export const from = "${at}";`);
    };
    mkdirSync(join(root, "above/inside"), { recursive: true });
    writeFileSync(join(root, "above/inside/near.ts"), one("near"));
    add("above", "near");
    const above = await reloading(t, join(root, "above/inside"));
    assert.equal((await said(above.url, "/near")).from, "above");
    add("above/inside", "near");
    const inside = await reloading(t, join(root, "above/inside"));
    assert.equal((await said(inside.url, "/near")).from, "above/inside");
  });

  it("keeps few versions, in a folder only for its user, and files that are too large prevent the start", async (t) => {
    const folder = workflowsFolder(t, { "a.ts": N("a", 0) });
    const DATA_DIR = temporaryFolder(t);
    const { app, url } = await reloading(t, folder, { DATA_DIR });
    for (let n = 1; n <= 12; n++) {
      writeFileSync(join(folder, "a.ts"), N("a", n));
      await app.reload();
      assert.equal((await said(url, "/a")).n, n);
    }
    const versions = readdirSync(join(DATA_DIR, "workflows"));
    assert.ok(versions.length <= 7, versions.join());
    const { "a.ts": sound } = JSON.parse(readFileSync(join(DATA_DIR, "workflows/sound.json"), "utf8"));
    assert.ok(versions.includes(sound));
    await app.close();
    writeFileSync(join(folder, "large.bin"), Buffer.alloc(17 * 1024 * 1024));
    await assert.rejects(reloading(t, folder, { DATA_DIR }), /^Error: Cannot read the folder .*more than 16 MiB/);
  });
});

it("without it the files are read at the start, and no copy is made", async (t) => {
  const folder = workflowsFolder(t, { "a.ts": N("a", 1) });
  const DATA_DIR = temporaryFolder(t);
  await startService(t, { settings: { WORKFLOWS_DIR: folder, DATA_DIR } });
  assert.ok(!readdirSync(DATA_DIR).includes("workflows"));
});
