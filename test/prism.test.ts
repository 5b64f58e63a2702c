import assert from "node:assert/strict";
import { generateKeyPairSync, sign } from "node:crypto";
import { type TestContext, test } from "node:test";
import { startGitHub } from "../sandbox/github.ts";
import { startPrism } from "./support/prism.ts";
import { fixedPort } from "./support/process.ts";
import { DEPLOYMENT, notify, send, startService } from "./support/service.ts";

const PATHS = [
  "/repos/{owner}/{repo}",
  "/repos/{owner}/{repo}/contents/{path}",
  "/repos/{owner}/{repo}/dispatches",
  "/repos/{owner}/{repo}/installation",
  "/app/installations/{installation_id}/access_tokens",
];

const ACCESS_TOKENS = "/app/installations/70/access_tokens";
const ERRORS = "https://stoplight.io/prism/errors";

test("Prism, by GitHub's description,", async (t) => {
  // One for all: it takes seconds to start. Each test has its own stand-in behind it, at the same port.
  const port = await fixedPort();
  const prism = await startPrism(t, `http://127.0.0.1:${port}`, PATHS);

  await t.test("lets through whatever the service sends, and the answers to it", async (t) => {
    const { github, url } = await startService(t, { github: { port }, settings: { GITHUB_API_URL: prism } });
    const deployment = github.repository(DEPLOYMENT);
    // Prism takes whatever is called +json for JSON, raw files too. YAML may be written as JSON.
    const put = (size: string, application: string, tag: string, ref = "main") =>
      deployment.put(
        `configs/pr/${size}/${application}/values.yaml`,
        `{"global":{"config":{"DEPLOYMENT_TAG":"${tag}"}}}`,
        ref,
      );
    const revision = "5b7c9e1f3a2d4c6e8f0a1b2c3d4e5f6a7b8c9d0e";
    put("light", "pr-1", "abc");
    put("heavy", "pr-2", "0012345");
    put("light", "pr-4", "at-revision", revision);
    put("light", "pr-ä b", "def");

    const statuses = [];
    for (const application of ["pr-1", "pr-2", "pr-3", "pr-4", "pr-ä b"]) {
      const event = { application, ...(application === "pr-4" ? { revision } : {}) };
      statuses.push((await notify(url, event)).status);
    }
    assert.deepEqual(statuses, [200, 200, 404, 200, 200]);
    const tags = github.dispatches.map(({ payload }) => payload.commitHash);
    assert.deepEqual(tags, ["abc", "0012345", "at-revision", "def"]);
    // Two files for each event; one dispatch for each that is found; a look at the repository for the one that is not.
    assert.equal(github.counts.requests, 5 * 2 + 4 + 1);
  });

  await t.test("lets through the service as an App: its installation, its tokens, its event", async (t) => {
    const { privateKey, publicKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
    const { github, url } = await startService(t, {
      github: { port },
      settings: {
        GITHUB_API_URL: prism,
        GITHUB_TOKEN: "",
        GITHUB_APP_ID: "7",
        GITHUB_APP_PRIVATE_KEY: privateKey.export({ type: "pkcs8", format: "pem" }).toString(),
      },
    });
    const pem = publicKey.export({ type: "spki", format: "pem" }).toString();
    github.app({ id: 7, publicKey: pem, installations: [{ id: 70, owner: "acme" }] });
    const values = '{"global":{"config":{"DEPLOYMENT_TAG":"abc"}}}';
    github.repository(DEPLOYMENT).put("configs/pr/light/pr-1/values.yaml", values);
    assert.equal((await notify(url, { application: "pr-1" })).status, 200);
    // One installation, a token for reading and one for dispatching, two files, one event.
    assert.deepEqual([github.dispatches.length, github.counts.requests], [1, 1 + 2 + 2 + 1]);
  });

  await t.test("lets through an App that finds its installation and gets a token, narrowed or not", async (t) => {
    const { github, ask } = await app(t, port, prism);
    assert.equal((await ask("GET", "/repos/acme/shop/installation")).json.id, 70);
    const narrowed = { repositories: ["shop"], permissions: { contents: "read" } };
    for (const body of [undefined, narrowed]) assert.equal((await ask("POST", ACCESS_TOKENS, body)).status, 201);
    assert.equal(github.counts.requests, 3);
  });

  await t.test("refuses an event, or a wish for a token, that GitHub does not document", async (t) => {
    const { github, ask } = await app(t, port, prism);
    const wrong: [path: string, body: object][] = [
      ["/repos/acme/shop/dispatches", { event_type: "e".repeat(101) }],
      ["/repos/acme/shop/dispatches", { client_payload: {} }],
      [ACCESS_TOKENS, { permissions: { contents: "admin" } }],
    ];
    for (const [path, body] of wrong) {
      const { status, json } = await ask("POST", path, body);
      assert.deepEqual([status, json.type], [422, `${ERRORS}#UNPROCESSABLE_ENTITY`]);
    }
    const unknown = await ask("GET", "/repos/acme/shop/no-such-route");
    assert.equal(unknown.json.type, `${ERRORS}#NO_PATH_MATCHED_ERROR`);
    assert.equal(github.counts.requests, 0);
  });

  await t.test("refuses an answer that GitHub does not document", async (t) => {
    const { github, ask } = await app(t, port, prism);
    github.fault({}, { kind: "status", status: 201, body: "{}", headers: { "content-type": "application/json" } });
    const { status, json } = await ask("POST", ACCESS_TOKENS);
    assert.deepEqual([status, json.type], [500, `${ERRORS}#VIOLATIONS`]);
    assert.equal(github.counts.requests, 1);
  });
});

/** A stand-in at this port with an App, and how the App asks it through Prism. */
async function app(t: TestContext, port: number, prism: string) {
  const { privateKey, publicKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
  const github = await startGitHub({ port });
  t.after(() => github.close());
  github.repository("acme/shop");
  const pem = publicKey.export({ type: "spki", format: "pem" }).toString();
  github.app({ id: 7, publicKey: pem, installations: [{ id: 70, owner: "acme" }] });

  const now = Math.floor(Date.now() / 1000);
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString("base64url");
  const text = `${part({ alg: "RS256", typ: "JWT" })}.${part({ iss: 7, iat: now - 60, exp: now + 540 })}`;
  const jwt = `${text}.${sign("sha256", Buffer.from(text), privateKey).toString("base64url")}`;
  const common = { authorization: `Bearer ${jwt}`, "user-agent": "test", accept: "application/vnd.github+json" };
  return {
    github,
    ask(method: string, path: string, body?: object) {
      const bytes = body ? JSON.stringify(body) : "";
      const ofBody = { "content-type": "application/json", "content-length": String(bytes.length) };
      return send(prism, { method, path, headers: { ...common, ...(body ? ofBody : {}) }, body: bytes });
    },
  };
}
