import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { describe, it, type TestContext } from "node:test";
import { openFetch } from "../src/github/connections.ts";
import type { Context } from "../src/index.ts";
import type { Fetch, UnsentWrite } from "../src/model/network.ts";
import { unchanging } from "../src/model/renewable.ts";
import type { Run } from "../src/model/run.ts";
import { until } from "./support/clock.ts";
import { workerWith } from "./support/worker.ts";

const PROXIES = { httpProxy: undefined, httpsProxy: undefined, noProxy: undefined };

type Handled = {
  readonly method: string;
  readonly path: string;
  readonly headers: Record<string, unknown>;
  readonly body: string;
};

/** A server that gives the test's answers, and its requests with their bodies. */
async function server(t: TestContext, answer: (request: Handled, response: ServerResponse) => void) {
  const requests: Handled[] = [];
  const http = createServer(async (incoming: IncomingMessage, response) => {
    let body = "";
    for await (const chunk of incoming.setEncoding("utf8")) body += chunk;
    const request = { method: incoming.method ?? "", path: incoming.url ?? "", headers: incoming.headers, body };
    requests.push(request);
    answer(request, response);
  }).listen(0, "127.0.0.1");
  await once(http, "listening");
  t.after(() => {
    http.closeAllConnections();
    http.close();
  });
  return { url: `http://127.0.0.1:${(http.address() as AddressInfo).port}`, requests };
}

/** A run of a workflow that does this work, with the connections of the service. The clock moves automatically. */
async function run(
  t: TestContext,
  work: (context: Context<{ body: never }>) => Promise<unknown>,
  needs: { fetch?: Fetch; dryRun?: (write: UnsentWrite) => void } = {},
) {
  const outside = openFetch(unchanging(PROXIES));
  t.after(() => outside.close());
  const { accept, store, clock } = workerWith(t, work as never, {
    options: { retry: false },
    needs: { fetch: outside.fetch, ...needs },
  });
  await accept();
  let ended: Run | undefined;
  await until("the run has ended", async () => {
    // Pauses within the attempt end immediately.
    const next = clock.next() ?? Number.POSITIVE_INFINITY;
    if (next - clock.now() <= LONGEST_PAUSE_MS) clock.move(next - clock.now());
    const found = (await store.get("r1"))?.run;
    if (found && ["success", "failure"].includes(found.status)) ended = found;
    if (found?.status === "queued" && found.attempts > 0) ended = found;
    return ended !== undefined;
  });
  return ended as Run;
}

const LONGEST_PAUSE_MS = 2000;

describe("fetch", () => {
  it("resolves with any answer, and sends what the platform's takes", async (t) => {
    const { url, requests } = await server(t, ({ path }, response) => {
      response.writeHead(path === "/gone" ? 404 : 200, { "content-type": "application/json" }).end('{"ok":true}');
    });
    const { outputs } = await run(t, async ({ fetch }) => {
      const form = new FormData();
      form.set("name", "value");
      const answers = [
        await fetch(`${url}/gone`),
        await fetch(new URL("/json", url), {
          method: "post",
          body: JSON.stringify({ a: 1 }),
          headers: { "content-type": "application/json" },
        }),
        await fetch(`${url}/form`, { method: "PUT", body: form, headers: new Headers({ "x-mine": "yes" }) }),
        await fetch(`${url}/query`, { method: "POST", body: new URLSearchParams({ a: "b" }) }),
      ];
      return { statuses: answers.map(({ status }) => status), json: await answers[1]?.json() };
    });
    assert.deepEqual(outputs, { statuses: [404, 200, 200, 200], json: { ok: true } });
    assert.deepEqual(
      requests.map(({ method, path }) => `${method} ${path}`),
      ["GET /gone", "POST /json", "PUT /form", "POST /query"],
    );
    assert.match(String(requests[2]?.headers["content-type"]), /^multipart\/form-data; boundary=/);
    assert.match(requests[2]?.body ?? "", /name="name"\r\n\r\nvalue/);
    assert.equal(requests[2]?.headers["x-mine"], "yes");
    assert.match(String(requests[3]?.headers["content-type"]), /^application\/x-www-form-urlencoded/);
    assert.equal(requests[3]?.body, "a=b");
  });

  it("retries a GET twice after a transient fault, and never a POST", async (t) => {
    let down = 2;
    const { url, requests } = await server(t, (_, response) => {
      if (down-- > 0) response.socket?.destroy();
      else response.writeHead(down > -2 ? 200 : 503).end("fine");
    });
    const { outputs } = await run(t, async ({ fetch }) => (await fetch(`${url}/get`)).text());
    assert.equal(outputs, "fine");
    assert.equal(requests.length, 3);
    const { outputs: status } = await run(t, async ({ fetch }) => (await fetch(`${url}/get`)).status);
    assert.equal(status, 503);
    assert.equal(requests.length, 6);
    down = 5;
    const {
      status: failed,
      reason,
      kind,
    } = await run(t, async ({ fetch }) => void (await fetch(`${url}/post?token=abc`, { method: "POST" })));
    assert.deepEqual([failed, kind], ["failure", "transient"]);
    assert.match(String(reason), /Fetching http:\/\/127\.0\.0\.1:\d+\/post failed: connection/);
    assert.equal(requests.length, 7);
  });

  it("shows no secret in what it throws", async (t) => {
    const { reason, kind } = await run(
      t,
      async ({ fetch }) => void (await fetch("https://user:pass@127.0.0.1:1/x?key=s3cret")),
    );
    assert.equal(kind, "permanent");
    assert.doesNotMatch(String(reason), /user:|:pass|s3cret/);
    const { reason: port } = await run(t, async ({ fetch }) => void (await fetch("nowhere?key=s3cret")));
    assert.match(String(port), /Fetching a URL failed: the request cannot be made/);
    assert.doesNotMatch(String(port), /s3cret/);
  });

  it("ends with the attempt, and starts nothing after it", async (t) => {
    const { url, requests } = await server(t, () => {});
    let late: Promise<unknown> = Promise.resolve();
    const { accept, clock, store } = workerWith(
      t,
      async ({ fetch }) => {
        await fetch(`${url}/hangs`).catch(() => {});
        late = fetch(`${url}/late`);
        await late;
      },
      { options: { timeout: "30s", retry: false } },
    );
    await accept();
    await until("it hangs", () => requests.length === 1);
    clock.move(31_000);
    await until("the attempt is over", async () => (await store.get("r1"))?.run.status === "failure");
    await assert.rejects(late, /the attempt is over/);
    assert.equal(requests.length, 1);
  });

  it("follows redirects as fetch does, without the password for another host", async (t) => {
    const other = await server(t, (_, response) => response.end("there"));
    const { url } = await server(t, (_, response) => response.writeHead(302, { location: `${other.url}/there` }).end());
    const headers = { authorization: "Bearer s3cret", cookie: "session=s3cret", "x-api-key": "k" };
    const { outputs } = await run(t, async ({ fetch }) => (await fetch(`${url}/here`, { headers })).text());
    assert.equal(outputs, "there");
    const { authorization, cookie, "x-api-key": key } = other.requests[0]?.headers ?? {};
    assert.deepEqual([authorization, cookie, key], [undefined, undefined, "k"]);
  });

  it("shows in a dry run what it would send, without passwords", async (t) => {
    const shown: UnsentWrite[] = [];
    const { url, requests } = await server(t, (_, response) => response.end("read"));
    const { outputs } = await run(
      t,
      async ({ fetch }) => {
        const headers = { authorization: "Bearer s3cret", "x-api-key": "s3cret", accept: "text/plain" };
        const { status } = await fetch(`${url}/write?key=s3cret`, { method: "DELETE", headers, body: "all of it" });
        return { status, read: await (await fetch(`${url}/read`)).text() };
      },
      { dryRun: (write) => shown.push(write) },
    );
    assert.deepEqual(outputs, { status: 200, read: "read" });
    assert.deepEqual(
      requests.map(({ method }) => method),
      ["GET"],
    );
    const headers = {
      accept: "text/plain",
      authorization: "***",
      "content-type": "text/plain;charset=UTF-8",
      "x-api-key": "***",
    };
    assert.deepEqual(shown, [{ method: "DELETE", url: `${url}/write`, headers, body: "all of it" }]);
  });
});

describe("notify", () => {
  const SLACK = "https://hooks.slack.com/services/T00000000/B00000000/XXXXXXXXXXXXXXXXXXXXXXXX";
  const DISCORD = "https://discord.com/api/webhooks/1234567890/abcdefghij0123456789";
  const TEAMS =
    "https://default1.2e.environment.api.powerplatform.com:443/powerautomate/automations/direct/workflows/x?sig=y";

  /** What is posted for a text. */
  async function posted(t: TestContext, url: string, text: string): Promise<never> {
    const bodies: string[] = [];
    const fetch: Fetch = async (_, init) => {
      bodies.push(new TextDecoder().decode(init?.body as ArrayBuffer));
      return new Response("ok");
    };
    const { status, reason } = await run(t, async ({ notify }) => notify(url, text), { fetch });
    assert.equal(status, "success", String(reason));
    assert.equal(bodies.length, 1);
    return JSON.parse(bodies[0] ?? "") as never;
  }

  it("uses the format of each chat", async (t) => {
    const text = "**Fixed**: [tests & co](https://x.test/?a=1&b=2) <!channel>\nbye";
    assert.deepEqual(await posted(t, SLACK, text), {
      text: "*Fixed*: <https://x.test/?a=1&amp;b=2|tests &amp; co> &lt;!channel&gt;\nbye",
    });
    assert.deepEqual(await posted(t, DISCORD, text), { content: text, allowed_mentions: { parse: [] } });
    const { attachments } = (await posted(t, TEAMS, text)) as {
      attachments: { content: { body: { text: string }[] } }[];
    };
    assert.equal(attachments[0]?.content.body[0]?.text, text.replace("\n", "\n\n"));
    assert.deepEqual(await posted(t, "https://mattermost.acme.test/hooks/abc", text), { text });
  });

  it("cuts a text to the limit of the chat", async (t) => {
    const long = "x".repeat(60_000);
    assert.ok(((await posted(t, SLACK, long)) as { text: string }).text.length <= 40_000);
    const { content } = (await posted(t, DISCORD, long)) as { content: string };
    assert.ok(content.length <= 2000 && content.length > 1990 && content.endsWith("…"), content.slice(-5));
    assert.ok(JSON.stringify(await posted(t, TEAMS, "語".repeat(60_000))).length * 3 < 28_000);
  });

  it("waits if a chat asks for a short pause, and lets the run wait for a long one", async (t) => {
    const asked: string[] = ["1", "2", ""];
    const fetch: Fetch = async () => {
      const after = asked.shift();
      return after === ""
        ? new Response(null, { status: 204 })
        : new Response("slow down", { status: 429, headers: { "retry-after": after ?? "90" } });
    };
    const { status } = await run(t, async ({ notify }) => notify(DISCORD, "hello"), { fetch });
    assert.equal(status, "success");
    assert.deepEqual(asked, []);
    const later = await run(t, async ({ notify }) => notify(DISCORD, "hello"), { fetch });
    assert.deepEqual([later.status, later.kind], ["queued", "limit"]);
    assert.match(
      String(later.reason),
      /Posting to https:\/\/discord\.com\/api\/webhooks\/\S*… failed: it answered 429 "slow down"/,
    );
  });

  it("fails permanently when the webhook is gone, and shows no address", async (t) => {
    const fetch: Fetch = async () => new Response("no_service", { status: 404 });
    const { status, kind, reason } = await run(t, async ({ notify }) => notify(SLACK, "hello"), { fetch });
    assert.deepEqual([status, kind], ["failure", "permanent"]);
    assert.match(String(reason), /it answered 404 "no_service"\. Create a new webhook/);
    assert.doesNotMatch(String(reason), /XXXX/);
    const wrong = await run(t, async ({ notify }) => notify("#general", "hello"), { fetch });
    assert.match(String(wrong.reason), /Posting to a URL failed: this is not the address of a webhook/);
  });

  it("hides an address that the answer repeats", async (t) => {
    const fetch: Fetch = async (url) => new Response(`Cannot POST ${url}`, { status: 404 });
    for (const url of [SLACK, `${DISCORD}?key=a%2Bsecret`, "https://x.test/hooks?key=12345678&v=1"]) {
      const { reason } = await run(t, async ({ notify }) => notify(url, "hello"), { fetch });
      assert.match(String(reason), /it answered 404 "Cannot POST https:\/\/\S*…\S*"\. Create a new webhook/);
      const secrets = url.split(/[/?&=]/).filter((part) => /^.{16}|secret|1234/.test(part));
      for (const secret of secrets) assert.ok(!reason?.includes(secret), String(reason));
    }
  });

  it("sends nothing in a dry run", async (t) => {
    const shown: UnsentWrite[] = [];
    const fetch: Fetch = async () => assert.fail("nothing is sent");
    const { status } = await run(t, async ({ notify }) => notify(SLACK, "hello"), {
      fetch,
      dryRun: (write) => shown.push(write),
    });
    assert.equal(status, "success");
    assert.deepEqual(
      shown.map(({ url, body }) => [url, body]),
      [["https://hooks.slack.com/services/T00000000/B00000000/…", '{"text":"hello"}']],
    );
  });
});
