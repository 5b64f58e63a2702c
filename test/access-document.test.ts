import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, it } from "node:test";
import { readConfig } from "../src/service/config/config.ts";

const page = readFileSync(new URL("../docs/access.md", import.meta.url), "utf8");

const entries = [...page.matchAll(/^```json\n([\s\S]*?)^```$/gm)].map(([, block = ""]) => block);

/** Replaces paths of files that exist only in a pod. */
const here = (text: string) => text.replaceAll(/"\/var\/run\/[^"]+"/g, JSON.stringify(import.meta.filename));

const trusts = (entry: object, more: readonly object[] = []) =>
  readConfig({ AUTH_OIDC: JSON.stringify([{ ...entry }, ...more]) }).auth.oidc;

describe("AUTH_OIDC", () => {
  it("accepts each example of docs/access.md", () => {
    assert.ok(entries.length >= 3);
    for (const entry of entries) assert.equal(readConfig({ AUTH_OIDC: here(entry) }).auth.oidc.length, 1, entry);
  });

  const ACTIONS = {
    issuer: "https://token.actions.githubusercontent.com",
    audience: "https://gh-runner.acme.com",
    claims: { repository: "acme/shop" },
    role: "caller@environment-ready",
  };

  it("turns an entry into the checks of a token", () => {
    assert.deepEqual(trusts({ ...ACTIONS, claims: { repository: ["acme/*", "acme-labs/*"], run_attempt: 1 } }), [
      {
        issuer: ACTIONS.issuer,
        audience: [ACTIONS.audience],
        claims: { repository: ["acme/*", "acme-labs/*"], run_attempt: ["1"] },
        grant: { role: "caller", workflows: ["environment-ready"] },
        name: "sub",
        jwks: undefined,
        caFile: undefined,
        tokenFile: undefined,
      },
    ]);
  });

  it("trusts an issuer that anyone can get tokens from only with claims that select the owner", () => {
    const tooOpen = [
      { ref: "refs/heads/main" },
      { repository: "*" },
      { repository_owner: "acme*" },
      { sub: "repo:acme*" },
      { sub: "repo:*:ref:refs/heads/main" },
      { repository: ["acme/shop", "*"] },
      { actor: "alice" },
    ];
    for (const claims of tooOpen)
      assert.throws(
        () => trusts({ ...ACTIONS, claims }),
        /entry 1: everyone can get a token of https:\/\/token\.actions/,
      );
    const taken = [
      { repository: "acme/*" },
      { repository_owner_id: 123, ref: "*" },
      { sub: "repo:acme@123456/shop@456789:*" },
      { job_workflow_ref: "acme/workflows/.github/workflows/deploy.yml@refs/heads/main" },
    ];
    for (const claims of taken) assert.equal(trusts({ ...ACTIONS, claims }).length, 1);
    const gitLab = { ...ACTIONS, issuer: "https://gitlab.com", claims: { ref: "main" } };
    assert.throws(() => trusts(gitLab), /everyone can get a token of https:\/\/gitlab\.com/);
  });

  const WRONG: Readonly<Record<string, readonly [entry: object | string, says: RegExp]>> = {
    "what is no JSON": ["issuer: https://x", /AUTH_OIDC: expected a JSON list of entries/],
    "an entry alone": [JSON.stringify(ACTIONS), /AUTH_OIDC: expected a JSON list of one or more entries/],
    "no entries": ["[]", /AUTH_OIDC: expected a JSON list of one or more entries/],
    "no audience": [{ audience: undefined }, /entry 1: audience: expected a text or a list of texts/],
    "no claims": [{ claims: {} }, /claims is empty/],
    "a field that there is not": [{ audiences: "x" }, /entry 1: there is no field audiences: did you mean audience\?/],
    "a role that there is not": [{ role: "admin" }, /entry 1: expected one of the roles caller, viewer, operator/],
    "plain http": [{ issuer: "http://keycloak.acme.com" }, /expected an https address as issuer/],
    "keys over plain http": [{ jwks: "http://keycloak.acme.com/keys" }, /expected an https address as jwks/],
    "an issuer that is no address": [{ issuer: "kubernetes/serviceaccount" }, /expected an https address as issuer/],
    "a file that is not there": [
      { caFile: "/no/such/ca.crt" },
      /caFile names a file that does not exist: \/no\/such\/ca\.crt/,
    ],
  };
  for (const [what, [entry, says]] of Object.entries(WRONG))
    it(`rejects ${what}`, () => {
      const text = typeof entry === "string" ? entry : JSON.stringify([{ ...ACTIONS, ...entry }]);
      assert.throws(() => readConfig({ AUTH_OIDC: text }), says);
    });

  it("rejects two key set addresses for one issuer", () => {
    const other = { ...ACTIONS, jwks: "https://mirror.acme.com/keys" };
    assert.throws(() => trusts(ACTIONS, [other]), /entry 2: expected the same jwks, caFile and tokenFile/);
    assert.equal(trusts(ACTIONS, [{ ...ACTIONS, role: "viewer" }]).length, 2);
  });
});
