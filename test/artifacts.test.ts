import assert from "node:assert/strict";
import { describe, it, type TestContext } from "node:test";
import { crc32 } from "node:zlib";
import { startGitHub } from "../sandbox/github.ts";
import { zipOf } from "../sandbox/zip.ts";
import { unzip } from "../src/github/artifacts/zip.ts";
import { clientOf, type Scripted, scriptedGitHub } from "./support/scripted-github.ts";

const DOWNLOAD = "GET /downloads/artifacts/{repository_id}/{artifact_id}";
const ZIP = "GET /repos/{owner}/{repo}/actions/artifacts/{artifact_id}/{archive_format}";

async function scene(t: TestContext, options: Parameters<typeof startGitHub>[0] = {}) {
  const stand = await startGitHub(options);
  t.after(() => stand.close());
  stand.token("token");
  const shop = stand.repository("acme/shop");
  shop.addRun({ id: 9 });
  const { github } = clientOf(t, stand.url);
  return { stand, shop, github };
}

describe("an artifact", () => {
  it("has its files; of several with the same name the newest is read", async (t) => {
    const { shop, github } = await scene(t);
    shop.addArtifact(9, "results", { "a.txt": "old" });
    shop.addArtifact(9, "results", { "results/a.txt": "new", "grüße.txt": "ü", empty: "" });
    shop.addArtifact(9, "results-2", { "a.txt": "another" });
    const files = await github.artifact("acme/shop", 9, "results");
    assert.deepEqual([...files.keys()], ["results/a.txt", "grüße.txt", "empty"]);
    assert.equal(files.text("results/a.txt"), "new");
    assert.equal(files.text("none"), undefined);
    assert.deepEqual([...(files.get("grüße.txt") ?? [])], [0xc3, 0xbc]);
  });

  it("is downloaded from another host, which gets no token", async (t) => {
    for (const options of [{}, { enterprise: "3.19.0", basePath: "/api/v3" }]) {
      const { stand, shop, github } = await scene(t, options);
      shop.addArtifact(9, "results", { "a.txt": "a" });
      await github.artifact("acme/shop", 9, "results");
      const [download] = stand.requests.slice(-1);
      assert.equal(download?.route, DOWNLOAD);
      assert.equal(download.headers.authorization, undefined);
      assert.match(download.headers.host ?? "", /^localhost:/);
      assert.notEqual(new URL(stand.url).hostname, "localhost");
    }
  });

  it("is downloaded again from a new address after a temporary failure", async (t) => {
    const { stand, shop, github } = await scene(t);
    shop.addArtifact(9, "results", { "a.txt": "a" });
    stand.fault({ route: DOWNLOAD, times: 1 }, { kind: "cut" });
    stand.fault({ route: DOWNLOAD, times: 1 }, { kind: "status", status: 503 });
    assert.equal((await github.artifact("acme/shop", 9, "results")).text("a.txt"), "a");
    assert.equal(stand.requests.filter(({ route }) => route === ZIP).length, 3);
    stand.fault({ route: DOWNLOAD }, { kind: "status", status: 403 });
    await assert.rejects(github.artifact("acme/shop", 9, "results"), (error: Error & { kind?: string }) => {
      assert.equal(error.kind, "transient");
      assert.match(error.message, /localhost:\d+, where GitHub keeps it, answered 403/);
      assert.doesNotMatch(error.message, /sig=/);
      return true;
    });
  });

  it("that is missing or expired fails with what to do", async (t) => {
    const { stand, shop, github } = await scene(t);
    await assert.rejects(github.artifact("acme/shop", 9, "results"), /the run has no artifacts\. Check the name/);
    shop.addArtifact(9, "coverage", { "a.txt": "a" });
    shop.addArtifact(9, "results", { "a.txt": "a" }).expired = true;
    await assert.rejects(
      github.artifact("acme/shop", 9, "resutls"),
      /the run has only these artifacts: results, coverage\./,
    );
    await assert.rejects(github.artifact("acme/shop", 9, "results"), /it has expired.*retention-days/);
    stand.fault({ route: ZIP }, { kind: "status", status: 410 });
    await assert.rejects(github.artifact("acme/shop", 9, "coverage"), /it has expired/);
  });

  it("is not unpacked beyond a limit", async (t) => {
    const { shop, github } = await scene(t);
    shop.addArtifact(9, "bomb", { a: Buffer.alloc(30_000_000), b: Buffer.alloc(30_000_000) });
    await assert.rejects(github.artifact("acme/shop", 9, "bomb"), /its files are too large.*50 MB/);
    shop.addArtifact(9, "web page", {}).zip = Buffer.from("<html>");
    await assert.rejects(
      github.artifact("acme/shop", 9, "web page"),
      /the zip cannot be used: it is not a zip, or it is cut off/,
    );
  });

  it("is not downloaded when it is too large, or its address is not safe", async (t) => {
    const answers =
      (artifact: object, location = ""): ((request: { path: string }) => Scripted) =>
      ({ path }) =>
        path.endsWith("/zip")
          ? { status: 302, headers: { location } }
          : { json: { artifacts: [{ id: 1, name: "a", ...artifact }] } };
    const large = await scriptedGitHub(t, answers({ size_in_bytes: 60_000_000 }));
    await assert.rejects(large.github.artifact("acme/shop", 9, "a"), /it has 60 MB\. Up to 50 MB are read/);
    assert.equal(large.requests.length, 1);
    const unsafe = await scriptedGitHub(t, answers({}, "file:///etc/passwd"));
    await assert.rejects(
      unsafe.github.artifact("acme/shop", 9, "a"),
      /GitHub's answer does not have the expected content/,
    );
  });
});

describe("a zip", () => {
  /** Made by Python's zipfile as a stream: sizes after the data, zip64 fields, a folder, a file that is stored, a comment. */
  const STREAMED = `UEsDBBQACAAAAAAAIQAAAAAAAAAAAAAAAAAIAAAAcmVzdWx0cy9QSwcIAAAAAAAAAAAAAAAAUEsDBC0ACAAIAAAAIVwAAAAA//////////8RABQAcmVzdWx0
    cy9qdW5pdC54bWwBABAAAAAAAAAAAAAAAAAAAAAAALMpSS0uKS7NBFL6djYjkwMAUEsHCNDqdvERAAAAAAAAAAQBAAAAAAAAUEsDBBQACAAAAAAAIVwAAAAAAAAAAAAAAAAKAAAA
    c3RvcmVkLnR4dHZlcmJhdGltUEsHCDox1SQIAAAACAAAAFBLAQIUAxQACAAAAAAAIQAAAAAAAAAAAAAAAAAIAAAAAAAAAAAAAACAAQAAAAByZXN1bHRzL1BLAQItAy0ACAAIAAAA
    IVzQ6nbxEQAAAAQBAAARAAAAAAAAAAAAAACAATYAAAByZXN1bHRzL2p1bml0LnhtbFBLAQIUAxQACAAAAAAAIVw6MdUkCAAAAAgAAAAKAAAAAAAAAAAAAACAAaIAAABzdG9yZWQu
    dHh0UEsFBgAAAAADAAMArQAAAOIAAAAJAGEgY29tbWVudA==`;
  const zip = () => Buffer.from(STREAMED, "base64");
  const texts = (files: Map<string, Uint8Array>) =>
    [...files].map(([path, bytes]) => [path, Buffer.from(bytes).toString()]);

  it("is read in the form that other programs write", async () => {
    assert.deepEqual(texts(await unzip(zip(), 1000)), [
      ["results/junit.xml", "<testsuites/>".repeat(20)],
      ["stored.txt", "verbatim"],
    ]);
    assert.deepEqual(texts(await unzip(zipOf({}), 0)), []);
  });

  it("is read in its large form (zip64)", async () => {
    const small = zipOf({ "a.txt": "hello" });
    const end = small.subarray(-22);
    const [size, offset] = [end.readUInt32LE(12), end.readUInt32LE(16)];
    const central = Buffer.from(small.subarray(offset, offset + size));
    const extra = Buffer.alloc(4 + 24);
    extra.writeUInt16LE(1, 0);
    extra.writeUInt16LE(24, 2);
    for (const [at, from] of [
      [4, 24],
      [12, 20],
      [20, 42],
    ] as const) {
      extra.writeBigUInt64LE(BigInt(central.readUInt32LE(from)), at);
      central.writeUInt32LE(0xffffffff, from);
    }
    central.writeUInt16LE(extra.byteLength, 30);
    const end64 = Buffer.alloc(56 + 20);
    end64.write("PK\x06\x06", 0, "latin1");
    end64.writeBigUInt64LE(1n, 24);
    end64.writeBigUInt64LE(1n, 32);
    end64.writeBigUInt64LE(BigInt(offset), 48);
    end64.write("PK\x06\x07", 56, "latin1");
    end64.writeBigUInt64LE(BigInt(offset + central.byteLength + extra.byteLength), 64);
    end.writeUInt32LE(0xffffffff, 16);
    const large = Buffer.concat([small.subarray(0, offset), central, extra, end64, end]);
    assert.deepEqual(texts(await unzip(large, 100)), [["a.txt", "hello"]]);
  });

  it("ends at the limit to the byte, for any declared sizes", async () => {
    assert.equal((await unzip(zipOf({ a: "12345", b: "12345" }), 10)).size, 2);
    await assert.rejects(unzip(zipOf({ a: "12345", b: "123456" }), 10), /too large/);
    const lying = zipOf({ a: Buffer.alloc(1_000_000) });
    for (let at = 0; at < lying.byteLength - 4; at++)
      if (lying.readUInt32LE(at) === 1_000_000) lying.writeUInt32LE(1, at);
    await assert.rejects(unzip(lying, 1000), /too large/);
  });

  it("is reported as damaged when it is changed or cut off anywhere, and never read as something else", async () => {
    const files = { "a.txt": "hello ".repeat(50), "b.txt": "bye" };
    const whole = zipOf(files);
    const sums = new Set(Object.values(files).map((text) => crc32(text)));
    for (let at = 0; at < whole.byteLength; at++) {
      await assert.rejects(unzip(whole.subarray(0, at), 10_000), { name: "Error" });
      const changed = Buffer.from(whole);
      changed[at] = (changed[at] ?? 0) ^ 0xff;
      const read = await unzip(changed, 10_000).catch((error: Error) => {
        assert.equal(error.constructor.name, "ZipError", `${at}: ${error.stack}`);
      });
      for (const bytes of read?.values() ?? []) assert.ok(sums.has(crc32(bytes)), String(at));
    }
  });
});
