import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { startGitHub } from "../sandbox/github.ts";
import { checkSettings } from "../src/service/doctor.ts";
import { temporaryFolder } from "./support/folder.ts";
import { OPENID_CLIENT, startSignInIssuer } from "./support/openid-provider.ts";
import { DEPLOYMENT, TARGET, TOKEN } from "./support/service.ts";
import { ALICE } from "./support/signing-in.ts";

describe("doctor", () => {
  it("asks the issuer of people, and names the redirect URIs to register", async (t) => {
    const github = await startGitHub();
    t.after(() => github.close());
    github.token(TOKEN);
    const issuer = await startSignInIssuer(t, ALICE);
    issuer.redirectUri = "https://ci.example/sign-in/oidc/callback";
    const settings = {
      ...{ GITHUB_API_URL: github.url, GITHUB_TOKEN: TOKEN, DEPLOYMENT_REPO: DEPLOYMENT, TARGET_REPO: TARGET },
      ...{ DATA_DIR: temporaryFolder(t), PUBLIC_URL: "https://ci.example" },
      ...{ OIDC_ISSUER: issuer.url, OIDC_CLIENT_ID: OPENID_CLIENT.id, OIDC_CLIENT_SECRET: OPENID_CLIENT.secret },
      ...{ GITHUB_CLIENT_ID: "Iv1.0123", GITHUB_CLIENT_SECRET: "a-secret-0123456789abcdef" },
      SIGN_IN_ROLES: "github:acme=viewer,*=viewer",
    };
    const of = async (more = {}) =>
      (await checkSettings({ ...settings, ...more })).filter(({ check }) => check.startsWith("sign-in"));
    const { host } = new URL(issuer.url);
    assert.deepEqual(
      (await of()).map(({ check, status, message }) => [check, status, message]),
      [
        [
          "sign-in oidc",
          "ok",
          `the issuer ${host} answers; register https://ci.example/sign-in/oidc/callback there as the redirect URI`,
        ],
        [
          "sign-in github",
          "ok",
          "people sign in with GitHub; register https://ci.example/sign-in/github/callback there as the redirect URI",
        ],
        ["sign-in roles", "ok", "2 entries in SIGN_IN_ROLES"],
      ],
    );
    for (const url of ["http://ci.example", "http://localhost.ci.example", "http://127.ci.example"])
      assert.ok(
        (await of({ PUBLIC_URL: url })).some(({ status }) => status === "warning"),
        url,
      );
    assert.ok((await of({ PUBLIC_URL: "http://localhost:9555" })).every(({ status }) => status === "ok"));
    await issuer.stop();
    const [down] = await of();
    assert.equal(down?.status, "problem");
    assert.match(down?.message ?? "", /cannot be reached/);
    assert.match(down?.remedy ?? "", /Check OIDC_ISSUER/);
  });

  it("says what of the sign-in settings is missing, all together", async () => {
    const problems = async (settings: Record<string, string>) =>
      (await checkSettings({ GITHUB_API_URL: "http://127.0.0.1:1", ...settings }))
        .filter(({ check, status }) => check === "settings" && status === "problem")
        .map(({ message }) => message);
    assert.deepEqual(await problems({ OIDC_ISSUER: "https://login.acme.com" }), [
      "OIDC_ISSUER: needs OIDC_CLIENT_ID, OIDC_CLIENT_SECRET, SIGN_IN_ROLES, PUBLIC_URL",
    ]);
    const gitHub = { GITHUB_CLIENT_ID: "x", GITHUB_CLIENT_SECRET: "y", PUBLIC_URL: "https://ci.example" };
    assert.deepEqual(await problems({ ...gitHub, SIGN_IN_ROLES: "*=viewer" }), [
      "SIGN_IN_ROLES: has no entry for GitHub: add one such as github:acme=viewer",
    ]);
    assert.deepEqual(await problems({ ...gitHub, SIGN_IN_ROLES: "github:acme=viewer", DASHBOARD: "off" }), [
      "GITHUB_CLIENT_ID: needs DASHBOARD on",
    ]);
    assert.match((await problems({ OIDC_ISSUER: "http://login.acme.com" }))[0] ?? "", /expected a URL such as https/);
    assert.match(
      (await problems({ OIDC_ISSUER: "https://x/.well-known/openid-configuration" }))[0] ?? "",
      /without \/\.well-known/,
    );
  });
});
