import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Answer } from "../src/github/answer.ts";
import { rememberedAnswers } from "../src/github/etags.ts";
import { DEPLOYMENT, deploy, notify, type Service, startService, TOKEN } from "./support/service.ts";

const CONTENTS = "GET /repos/{owner}/{repo}/contents/{path}";

/** Statuses of the reads so far, in order. */
const reads = ({ github }: Service) =>
  github.requests.filter(({ route }) => route === CONTENTS).map(({ status }) => status);

const commitOf = async ({ url }: Service, body: Record<string, string> = {}) =>
  (await notify(url, { application: "pr-1", ...body })).json.commitHash;

describe("reading with ETags", () => {
  it("costs no primary quota while the file is unchanged", async (t) => {
    // The first of three notifications costs three requests, the others two: the missing file and the dispatch.
    const service = await startService(t, { github: { limits: { primaryPerHour: 7 } } });
    deploy(service.github, "pr-1", "abc");
    for (let at = 0; at < 3; at++) assert.equal(await commitOf(service), "abc");
    assert.deepEqual(reads(service).sort(), [200, 304, 304, 404, 404, 404]);
    const fourth = await notify(service.url, { application: "pr-1" });
    assert.equal(fourth.status, 202, "the quota is used up by then, and not before");
  });

  it("never dispatches the old content of the file", async (t) => {
    const service = await startService(t);
    for (const tag of ["a", "b", "a", "a", "c"]) {
      deploy(service.github, "pr-1", tag);
      assert.equal(await commitOf(service), tag);
    }
    assert.equal(reads(service).filter((status) => status === 304).length, 1);
  });

  it("sees a file that moves between light and heavy, and one that is deleted", async (t) => {
    const service = await startService(t);
    const { github, url } = service;
    const repository = github.repository(DEPLOYMENT);
    deploy(github, "pr-1", "light");
    assert.equal(await commitOf(service), "light");
    repository.remove("configs/pr/light/pr-1/values.yaml");
    deploy(github, "pr-1", "heavy", "heavy");
    assert.equal(await commitOf(service), "heavy");
    deploy(github, "pr-1", "light");
    assert.equal(await commitOf(service), "light");
    repository.remove("configs/pr/light/pr-1/values.yaml");
    assert.equal(await commitOf(service), "heavy");
    repository.remove("configs/pr/heavy/pr-1/values.yaml");
    assert.equal((await notify(url, { application: "pr-1" })).status, 404);
  });

  it("keeps refs apart", async (t) => {
    const service = await startService(t);
    const path = "configs/pr/light/pr-1/values.yaml";
    const repository = service.github.repository(DEPLOYMENT);
    deploy(service.github, "pr-1", "on-main");
    repository.put(path, "global: { config: { DEPLOYMENT_TAG: on-next } }", "next");
    for (let at = 0; at < 2; at++) {
      assert.equal(await commitOf(service), "on-main");
      assert.equal(await commitOf(service, { revision: "next" }), "on-next");
    }
  });

  it("returns nothing to a token without access, and nothing more to one that lost its access", async (t) => {
    const service = await startService(t);
    const { github, url } = service;
    deploy(github, "pr-1", "abc");
    assert.equal(await commitOf(service), "abc");
    github.token("blind-token-000000", { repositories: ["acme/shop"] });
    const blind = await notify(url, { application: "pr-1", github_token: "blind-token-000000" });
    assert.match(blind.json.detail, /cannot see it/);
    github.token(TOKEN, { repositories: ["acme/shop"] });
    assert.match((await notify(url, { application: "pr-1" })).json.detail, /cannot see it/);
    assert.equal(github.dispatches.length, 1);
  });

  it("reads a file again when the token is another one", async (t) => {
    const service = await startService(t);
    deploy(service.github, "pr-1", "abc");
    service.github.token("other-token-000000");
    assert.equal(await commitOf(service), "abc");
    assert.equal(await commitOf(service, { github_token: "other-token-000000" }), "abc");
    assert.ok(!reads(service).includes(304));
  });

  it("continues when the repository is renamed, and sees changes there", async (t) => {
    const service = await startService(t);
    deploy(service.github, "pr-1", "abc");
    assert.equal(await commitOf(service), "abc");
    service.github.repository(DEPLOYMENT).rename("acme/moved");
    assert.equal(await commitOf(service), "abc");
    assert.ok(reads(service).includes(304));
    deploy(service.github, "pr-1", "def");
    assert.equal(await commitOf(service), "def");
  });

  it("recognises another repository with the old name", async (t) => {
    const { github, url } = await startService(t, { settings: { DEPLOYMENT_REPO: "acme/second" } });
    github
      .repository("acme/second")
      .put("configs/pr/light/pr-1/values.yaml", "global: { config: { DEPLOYMENT_TAG: b } }");
    assert.equal((await notify(url, { application: "pr-1" })).json.commitHash, "b");
  });
});

describe("the cache of answers", () => {
  const answer = (bytes: number, etag: string | undefined = `"${bytes}"`): Answer => ({
    status: 200,
    headers: etag === undefined ? {} : { etag },
    bytes: new Uint8Array(bytes),
    message: "",
    documentationUrl: "",
    facts: [],
  });

  it("is limited, and keeps what was used last", () => {
    const remembered = rememberedAnswers(10_000);
    for (let at = 0; at < 100; at++) {
      remembered.put(`file ${at}`, answer(1000));
      remembered.get("file 0");
    }
    const kept = Array.from({ length: 100 }, (_, at) => at).filter((at) => remembered.get(`file ${at}`));
    assert.deepEqual(kept, [0, 96, 97, 98, 99]);
  });

  it("drops an answer when a newer one has no ETag or is too large", () => {
    const remembered = rememberedAnswers(10_000);
    for (const newer of [answer(10, undefined), { ...answer(10), headers: {} }, answer(5000)]) {
      remembered.put("file", answer(10, '"old"'));
      remembered.put("file", newer);
      assert.notEqual(remembered.get("file")?.headers.etag, '"old"');
    }
  });
});
