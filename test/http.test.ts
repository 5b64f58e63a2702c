import assert from "node:assert/strict";
import { it } from "node:test";
import { startGitHub } from "../sandbox/github.ts";
import { openGitHubHttp } from "../src/github/http.ts";
import { knownSecrets } from "../src/observe/secrets.ts";
import { until } from "./support/clock.ts";

const CONNECTIONS = 50;
const ROUTE = "GET /repos/{owner}/{repo}";

it("reports the beginning of a request when it goes over the wire: with a new connection, and with each redirect", async (t) => {
  const github = await startGitHub();
  t.after(() => github.close());
  const { promise: allAreThere, resolve } = Promise.withResolvers<void>();
  github.fault({ times: CONNECTIONS }, { kind: "hold", until: allAreThere });
  github.token("a-token-of-this-test");
  github.repository("acme/shop").rename("acme/store");
  const http = openGitHubHttp({ apiUrl: github.url, brief: knownSecrets([]).brief, userAgent: "test" });
  t.after(() => http.close());
  let begun = 0;
  const send = (begin: () => void) =>
    http.send(ROUTE, { owner: "acme", repo: "shop" }, "a-token-of-this-test", async () => begin());
  const all = Array.from({ length: CONNECTIONS }, () => send(() => void begun++));
  const prevented = send(() => {
    assert.equal(github.counts.requests, CONNECTIONS, "it has a new connection");
    throw new Error("not any more");
  });
  await until("all are there", () => github.counts.requests === CONNECTIONS);
  resolve();
  await assert.rejects(prevented, /not any more/);
  assert.deepEqual(new Set((await Promise.all(all)).map(({ status }) => status)), new Set([200]));
  assert.deepEqual([begun, github.counts.requests], [2 * CONNECTIONS, 2 * CONNECTIONS]);
});
