import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import { describe, it } from "node:test";
import type { StandInGitHub } from "../sandbox/github.ts";
import { EDITIONS, judgeOf } from "../sandbox/openapi.ts";
import { DEPLOYMENT, deploy, notify, startService, TARGET } from "./support/service.ts";

const REPOSITORY = "GET /repos/{owner}/{repo}";
const CONTENTS = "GET /repos/{owner}/{repo}/contents/{path}";
const INSTALLATION = "GET /repos/{owner}/{repo}/installation";
const ACCESS_TOKEN = "POST /app/installations/{installation_id}/access_tokens";
const DISPATCH = "POST /repos/{owner}/{repo}/dispatches";

describe("every request of the service is one that GitHub documents", () => {
  const judges = EDITIONS.map((edition) => judgeOf(edition));
  const asks: Record<string, (github: StandInGitHub) => { application: string; revision?: string }> = {
    "for a light environment": (github) => {
      deploy(github, "pr-1", "abc");
      return { application: "pr-1" };
    },
    "for a heavy environment": (github) => {
      deploy(github, "pr-1", "abc", "heavy");
      return { application: "pr-1" };
    },
    "for an environment that is missing": () => ({ application: "pr-1" }),
    "for an environment at a revision": (github) => {
      const revision = "5b7c9e1f3a2d4c6e8f0a1b2c3d4e5f6a7b8c9d0e";
      const text = "global:\n  config:\n    DEPLOYMENT_TAG: abc\n";
      github.repository(DEPLOYMENT).put("configs/pr/light/pr-1/values.yaml", text, revision);
      return { application: "pr-1", revision };
    },
    "for repositories that have been renamed": (github) => {
      deploy(github, "pr-1", "abc");
      github.repository(DEPLOYMENT).rename("acme/new-deployment");
      github.repository(TARGET).rename("acme/new-shop");
      return { application: "pr-1" };
    },
    "for a name that has to be encoded": (github) => {
      deploy(github, "pr-ä b?c#d%2F", "abc");
      return { application: "pr-ä b?c#d%2F" };
    },
  };

  for (const [what, ask] of Object.entries(asks)) {
    it(what, async (t) => {
      const { github, url } = await startService(t);
      const missing = what.includes("missing");
      const answer = await notify(url, ask(github));
      assert.equal(answer.status < 300, !missing, answer.text);
      assert.equal(github.dispatches.length, missing ? 0 : 1);
      assert.deepEqual(judged(github), new Set([CONTENTS, missing ? REPOSITORY : DISPATCH]));
    });
  }

  it("as an App", async (t) => {
    const { privateKey, publicKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
    const key = privateKey.export({ type: "pkcs1", format: "pem" }).toString();
    const settings = { GITHUB_TOKEN: "", GITHUB_APP_ID: "7", GITHUB_APP_PRIVATE_KEY: key };
    const { github, url } = await startService(t, { settings });
    const pem = publicKey.export({ type: "spki", format: "pem" }).toString();
    github.app({ id: 7, publicKey: pem, installations: [{ id: 70, owner: "acme" }] });
    deploy(github, "pr-1", "abc");
    assert.equal((await notify(url, { application: "pr-1" })).status, 200);
    assert.deepEqual(judged(github), new Set([INSTALLATION, ACCESS_TOKEN, CONTENTS, DISPATCH]));
  });

  /** The requested routes, each of them valid in every edition. */
  function judged(github: StandInGitHub): ReadonlySet<string> {
    for (const { route, query, body, headers } of github.requests) {
      const requestBody = body === "" ? undefined : JSON.parse(body);
      for (const { validateRequest } of judges) assert.deepEqual(validateRequest({ route, query, requestBody }), []);
      assert.match(headers.accept ?? "", /^application\/vnd\.github(\.raw)?\+json$/);
      assert.match(headers["user-agent"] ?? "", /gh-runner/);
      assert.match(headers.authorization ?? "", /^Bearer \S+$/);
      // The description lists no versions. This one: docs.github.com/en/rest/about-the-rest-api/api-versions
      assert.equal(headers["x-github-api-version"], "2022-11-28");
      assert.equal(headers["content-type"], body === "" ? undefined : "application/json; charset=utf-8");
    }
    return new Set(github.requests.map(({ route }) => route));
  }
});
