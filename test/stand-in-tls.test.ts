import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { describe, it, type TestContext } from "node:test";
import { createSecureContext } from "node:tls";
import { Client } from "undici";
import { privateAuthority } from "../sandbox/certificates.ts";
import type { Fault } from "../sandbox/faults.ts";
import { startGitHub } from "../sandbox/github.ts";

const SHOP = "/repos/acme/shop";
const EVENT = { event_type: "environment-ready", client_payload: { application: "pr-1" } };

describe("a private certificate authority", () => {
  it("vouches for a server's names and addresses, and for no others", () => {
    const authority = privateAuthority();
    const own = new X509Certificate(authority.cert);
    const server = new X509Certificate(authority.issue("ghe.example", "127.0.0.1").cert);
    assert.ok(own.ca);
    assert.ok(server.checkIssued(own) && server.verify(own.publicKey));
    assert.ok(!server.ca);
    assert.equal(server.checkHost("ghe.example"), "ghe.example");
    assert.equal(server.checkIP("127.0.0.1"), "127.0.0.1");
    assert.equal(server.checkHost("other.example"), undefined);
    assert.ok(server.validFromDate < new Date() && server.validToDate > new Date());
    // Lengths differ from one to the next, and every one must be well-formed.
    for (let at = 1; at < 64; at++) assert.ok(createSecureContext(authority.issue("a".repeat(at))));
    assert.ok(!server.verify(new X509Certificate(privateAuthority().cert).publicKey));
  });
});

for (const [version, allowH2] of [
  ["2.0", true],
  ["1.1", false],
] as const) {
  describe(`the stand-in GitHub over TLS to a client of HTTP/${version}`, () => {
    async function scene(t: TestContext) {
      const authority = privateAuthority();
      const github = await startGitHub({ tls: authority.issue("127.0.0.1"), http2: true });
      const client = new Client(github.url, { allowH2, connect: { ca: authority.cert } });
      t.after(async () => {
        await client.destroy();
        await github.close();
      });
      github.token("t");
      github.repository("acme/shop").put("a.yaml", "tag: 1\n");
      const ask = async (method: "GET" | "POST", path: string, body: object | undefined = undefined) => {
        const headers = { authorization: "Bearer t", "user-agent": "test" };
        const answer = await client.request({ method, path, headers, ...(body ? { body: JSON.stringify(body) } : {}) });
        return { status: answer.statusCode, headers: answer.headers, text: await answer.body.text() };
      };
      return { github, client, ask };
    }

    it("reads, dispatches and refuses", async (t) => {
      const { github, ask } = await scene(t);
      const read = await ask("GET", `${SHOP}/contents/a.yaml`);
      assert.deepEqual([read.status, JSON.parse(read.text).path], [200, "a.yaml"]);
      assert.ok(read.headers["x-github-request-id"]);
      assert.deepEqual(await ask("POST", `${SHOP}/dispatches`, EVENT).then(({ status, text }) => [status, text]), [
        204,
        "",
      ]);
      assert.equal((await ask("GET", "/repos/acme/none")).status, 404);
      assert.deepEqual(new Set(github.requests.map(({ httpVersion }) => httpVersion)), new Set([version]));
      assert.deepEqual(
        Object.keys(github.requests[0]?.headers ?? {}).filter((name) => name.startsWith(":")),
        [],
      );
      assert.equal(github.counts.connections, 1);
    });

    for (const fault of [{ kind: "reset" }, { kind: "cut" }] satisfies Fault[]) {
      it(`breaks off, for a client to bear: ${fault.kind}`, async (t) => {
        const { github, ask } = await scene(t);
        github.fault({ times: 1 }, fault);
        await assert.rejects(ask("GET", `${SHOP}/contents/a.yaml`));
        assert.equal((await ask("GET", SHOP)).status, 200);
      });
    }

    it("hangs until the client has had enough, and forgets it then", async (t) => {
      const { github, client, ask } = await scene(t);
      github.limits({ concurrent: 1 });
      github.fault({ times: 1 }, { kind: "hang" });
      const stop = new AbortController();
      const hanging = client.request({ method: "GET", path: SHOP, signal: stop.signal });
      while (github.counts.requests === 0) await new Promise((resolve) => setImmediate(resolve));
      stop.abort();
      await assert.rejects(hanging);
      let status = 0;
      while (status !== 200) ({ status } = await ask("GET", SHOP));
    });
  });
}
