import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { movedRepositories } from "../src/github/redirects.ts";
import { DEPLOYMENT, deploy, notify, startService, TARGET } from "./support/service.ts";

describe("a renamed repository", () => {
  it("costs one redirect, and later requests use its new address", async (t) => {
    const { github, url } = await startService(t);
    for (let at = 0; at < 5; at++) deploy(github, `pr-${at}`, `commit-${at}`);
    github.repository(DEPLOYMENT).rename("acme/new-deployment");
    github.repository(TARGET).rename("acme/new-shop");
    for (let at = 0; at < 5; at++) assert.equal((await notify(url, { application: `pr-${at}` })).status, 200);
    assert.equal(github.dispatches.length, 5);
    // Both reads of the first run may be in flight together.
    const redirects = github.requests.filter(({ status }) => status === 301 || status === 307).length;
    assert.ok(redirects >= 2 && redirects <= 3, `${redirects} redirects`);
  });

  it("is requested by its old name again after a minute, because another repository may have that name", () => {
    let now = 0;
    const { pathNow, redirected } = movedRepositories("/api/v3", () => now);
    const [from, to] = ["/api/v3/repos/acme/Shop/contents/a%2Fb?ref=x", "/api/v3/repositories/7/contents/a%2Fb?ref=x"];
    assert.equal(pathNow(from), from);
    redirected(from, to);
    assert.equal(pathNow(from), to);
    assert.equal(pathNow("/api/v3/repos/ACME/shop"), "/api/v3/repositories/7");
    for (const other of ["/api/v3/repos/acme/shopping", "/api/v3/repos/acme/shop2/dispatches", "/api/v3/user"]) {
      assert.equal(pathNow(other), other);
    }
    now = 60_000;
    assert.equal(pathNow(from), from);
  });

  it("is not assumed after a redirect to anything else", () => {
    const { pathNow, redirected } = movedRepositories("");
    for (const to of ["/login", "/repositories/7/other", "/repos/acme/new/contents/a"]) {
      redirected("/repos/acme/shop/contents/a", to);
      assert.equal(pathNow("/repos/acme/shop/contents/a"), "/repos/acme/shop/contents/a");
    }
  });
});
