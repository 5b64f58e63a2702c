import assert from "node:assert/strict";
import { once } from "node:events";
import { Agent, createServer, request } from "node:http";
import { type AddressInfo, connect, type Socket } from "node:net";
import { describe, it, type TestContext } from "node:test";
import fc from "fast-check";
import * as z from "zod";
import { boundConnections } from "../src/http/connections.ts";
import { SERVER_LIMITS, type ServerLimits } from "../src/http/server.ts";
import { defineWorkflow } from "../src/index.ts";
import type { Workflow } from "../src/model/workflow.ts";
import { until } from "./support/clock.ts";
import { deploy, notify, send, startService } from "./support/service.ts";

const CALLER = "caller-token-0123456789";
const GET = "GET /x HTTP/1.1\r\nHost: a\r\n\r\n";

async function open(t: TestContext, url: string, from = "127.0.0.1"): Promise<Socket> {
  const socket = connect({ port: Number(new URL(url).port), host: "127.0.0.1", localAddress: from });
  t.after(() => void socket.destroy());
  socket.on("error", () => {});
  await once(socket, "connect");
  return socket;
}

const closed = (socket: Socket) => new Promise((resolve) => socket.once("close", resolve));

/** Writes without a pause until the connection is closed. */
async function writeOn(socket: Socket, text: string): Promise<void> {
  const much = text.repeat(500);
  while (!socket.destroyed) {
    if (!socket.write(much)) await Promise.race([once(socket, "drain").catch(() => {}), closed(socket)]);
  }
}

/** The status lines of the answers on a connection, until it has this many. */
async function statuses(socket: Socket, count: number): Promise<string[]> {
  let text = "";
  const found = () => [...text.matchAll(/HTTP\/1\.1 (\d{3}) /g)].map(([, status]) => status ?? "");
  socket.on("data", (chunk) => {
    text += chunk;
  });
  await until(`${count} answers have come, not ${found().length}`, () => found().length >= count || socket.destroyed);
  return found();
}

describe("clients without a token that write requests without a pause", () => {
  it("are closed, while dispatches of others are answered", async (t) => {
    const { url, github, log } = await startService(t, { settings: { AUTH_TOKENS: CALLER } });
    let done = false;
    let ends = 0;
    const attackers = Array.from({ length: 5 }, async () => {
      while (!done) {
        const socket = await open(t, url);
        socket.resume();
        await writeOn(socket, GET);
        ends++;
      }
    });
    for (let n = 0; n < 20; n++) {
      deploy(github, `pr-${n}`, `commit-${n}`);
      const answer = await notify(url, { application: `pr-${n}` }, { authorization: `Bearer ${CALLER}` });
      assert.equal(answer.status, 200);
    }
    await until("attackers were closed", () => ends > 0);
    done = true;
    await Promise.all(attackers);
    const records = log().filter(({ msg }) => /sent requests without waiting for answers/.test(String(msg)));
    assert.equal(records.length, 1, "one record for all of them");
    assert.equal(records[0]?.address, "127.0.0.1");
  });

  it("are closed when they repeatedly send a little ahead", async (t) => {
    const { url } = await startService(t);
    const socket = await open(t, url);
    const end = closed(socket);
    socket.on("data", () => void socket.write(GET.repeat(3)));
    socket.write(GET.repeat(3));
    await end;
  });

  for (const cut of [1, 2, 3]) {
    it(`are closed, though the end of the first headers comes in two pieces: ${cut} bytes later`, async (t) => {
      const { url } = await startService(t);
      const socket = await open(t, url);
      socket.setNoDelay(true);
      const end = closed(socket);
      let text = "";
      socket.on("data", (chunk) => {
        text += chunk;
      });
      socket.write(GET.slice(0, -cut));
      // Its answer comes later than it was sent, so the piece has arrived.
      assert.equal((await send(url, { path: "/health" })).status, 200);
      socket.write(GET.slice(-cut) + GET.repeat(2000));
      await end;
      assert.ok(text.split("HTTP/1.1 404").length <= 2, text.slice(0, 300));
    });
  }

  for (const [what, text] of [
    ["line breaks alone", "\r\n"],
    ["line breaks between requests", `\r\n\r\n\r\n${GET}`],
    ["expectations that cannot be met", "POST /x HTTP/1.1\r\nHost: a\r\nExpect: much\r\nContent-Length: 0\r\n\r\n"],
    ["requests with line feeds alone", "GET /x HTTP/1.1\nHost: a\n\n"],
    ["bodies that end in requests", `POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n{}${GET}`],
    ["chunked bodies", "POST /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n4\r\n\r\n\r\n\r\n0\r\n\r\n"],
  ]) {
    it(`are closed, and others are answered: ${what}`, async (t) => {
      const { url } = await startService(t);
      const attackers = await Promise.all(Array.from({ length: 5 }, () => open(t, url)));
      const ends = attackers.map(async (socket) => {
        socket.resume();
        await writeOn(socket, text ?? "");
      });
      assert.equal((await notify(url, { application: "main" })).status, 200);
      await Promise.all(ends);
    });
  }
});

describe("requests that are sent ahead, few at a time", () => {
  const requests = [
    ["GET /health HTTP/1.1\r\nHost: a\r\n\r\n", "200"],
    ["GET /nothing HTTP/1.1\r\nHost: a\r\n\r\n", "404"],
    ["POST /health HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n", "405"],
    ['POST /dispatch HTTP/1.1\r\nHost: a\r\nContent-Length: 22\r\n\r\n{"application":"main"}', "200"],
    ["POST /dispatch HTTP/1.1\r\nHost: a\r\nContent-Length: 12\r\n\r\n\r\n\r\n\r\n\r\nGET ", "400"],
    [
      'POST /dispatch HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n10\r\n{"application":"\r\n6\r\nmain"}\r\n0\r\n\r\n',
      "200",
    ],
    [
      "POST /dispatch HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n4\r\n\r\n\r\n\r\n0\r\nX: y\r\n\r\n",
      "400",
    ],
    ["\r\n\r\nGET /health HTTP/1.1\r\nHost: a\r\n\r\n", "200"],
  ] as const;

  it("are answered in order, even if they arrive in pieces", async (t) => {
    const { url } = await startService(t);
    const sent = fc.array(fc.constantFrom(...requests), { minLength: 1, maxLength: 12 });
    const cuts = fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 8 });
    await fc.assert(
      fc.asyncProperty(sent, cuts, async (each, at) => {
        const text = each.map(([bytes]) => bytes).join("");
        const places = [0, ...at.map((share) => Math.floor(share * text.length)), text.length].sort((a, b) => a - b);
        const socket = await open(t, url);
        socket.setNoDelay(true);
        const answers = statuses(socket, each.length);
        for (const [n, place] of places.slice(1).entries()) {
          await new Promise((resolve) => socket.write(text.slice(places[n], place), resolve));
          await new Promise((resolve) => setImmediate(resolve));
        }
        assert.deepEqual(
          await answers,
          each.map(([, status]) => status),
        );
        socket.destroy();
      }),
      { numRuns: 150 },
    );
  });
});

describe("a request for another protocol, which the service does not speak", () => {
  const UPGRADE = "GET /health HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n";

  it("is answered like all others, and so is the next request, even if they arrive in pieces", async (t) => {
    const { url } = await startService(t);
    for (let cut = 0; cut < UPGRADE.length; cut++) {
      const socket = await open(t, url);
      socket.setNoDelay(true);
      const answers = statuses(socket, 2);
      await new Promise((resolve) => socket.write(UPGRADE.slice(0, cut), resolve));
      await send(url, { path: "/health" });
      socket.write(UPGRADE.slice(cut) + GET);
      assert.deepEqual(await answers, ["200", "404"], `cut at ${cut}`);
      socket.destroy();
    }
  });
});

describe("bodies of many small chunks", () => {
  const CLIENTS = 20;
  const CHUNK = "1\r\nx\r\n";
  const [BEGIN, REST] = [CHUNK.repeat(400), CHUNK.repeat(4000)];

  it("are read in slices, one body after the other, and other requests are handled between the slices", async (t) => {
    let chunks = 0;
    const server = createServer((incoming, answer) => {
      incoming.on("data", () => void chunks++).on("end", () => answer.end());
    });
    t.after(boundConnections(server, { limits: SERVER_LIMITS, onClosed: () => {} }).lookAway);
    await once(server.listen(0, "127.0.0.1"), "listening");
    t.after(() => server.close().closeAllConnections());
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const clients = await Promise.all(Array.from({ length: CLIENTS }, () => open(t, url)));
    const answered = clients.map((socket) => statuses(socket, 1));
    for (const socket of clients) {
      socket.write(`POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n${BEGIN}`);
    }
    await until("the beginnings were read", () => chunks === CLIENTS * 400);
    for (const socket of clients) socket.write(`${REST}0\r\n\r\n`);
    let most = 0;
    while (chunks < CLIENTS * 4400) {
      const before = chunks;
      await new Promise((resolve) => setImmediate(resolve));
      most = Math.max(most, chunks - before);
    }
    assert.ok(most <= 8192 / CHUNK.length + 1, `${most} chunks in one turn`);
    assert.deepEqual(await Promise.all(answered), Array(CLIENTS).fill(["200"]));
  });
});

describe("more long bodies than there is room for", () => {
  it("close only the largest of them", async (t) => {
    const reasons: string[] = [];
    const server = createServer((incoming, answer) => void incoming.resume().on("end", () => answer.end()));
    t.after(boundConnections(server, { limits: SERVER_LIMITS, onClosed: (why) => reasons.push(why) }).lookAway);
    await once(server.listen(0, "127.0.0.1"), "listening");
    t.after(() => server.close().closeAllConnections());
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const begin = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
    const sockets = await Promise.all(Array.from({ length: 560 }, () => open(t, url)));
    const [large, small] = [sockets.slice(0, 500), sockets.slice(500)];
    for (const socket of large) socket.write(begin + "1\r\nx\r\n".repeat(20_000));
    await until("some were closed", () => reasons.length > 0);
    const answered = small.map((socket) => statuses(socket, 1));
    for (const socket of small) socket.write(`${begin}1f40\r\n${"x".repeat(8000)}\r\n0\r\n\r\n`);
    assert.deepEqual(await Promise.all(answered), Array(small.length).fill(["200"]));
    assert.deepEqual([...new Set(reasons)], ["bodies"]);
  });
});

describe("an answer that is not read", () => {
  /** More than the system buffers for a client. */
  const LARGE = "x".repeat(20_000_000);
  const large = {
    file: "large.ts",
    workflow: defineWorkflow({
      name: "large",
      on: { http: { path: "/large", body: z.object({}), answer: () => ({ body: LARGE }) } },
      run: async () => {},
    }) as Workflow,
  };
  const POST = "POST /large HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n{}";

  async function startLarge(t: TestContext, serverLimits: Partial<ServerLimits>) {
    const { url, log } = await startService(t, { options: { serverLimits, workflows: [large] } });
    const told = () => log().filter(({ msg }) => /did not read its answer/.test(String(msg))).length;
    const deaf = async () => {
      const socket = await open(t, url);
      socket.pause().write(POST);
      return socket;
    };
    return { url, told, deaf };
  }

  it("closes its connection after a while, and no other", async (t) => {
    const { url, told, deaf } = await startLarge(t, { unreadMs: 200 });
    const live = await open(t, url);
    live.resume().write("GET /live HTTP/1.1\r\nHost: a\r\n\r\n");
    await deaf();
    await until("the connection is closed", () => told() === 1);
    assert.equal(live.destroyed, false);
    assert.equal((await send(url, { path: "/health" })).status, 200);
  });

  it("uses only its share of the memory: the answer that waited longest is dropped", async (t) => {
    const { url, told, deaf } = await startLarge(t, { unreadBytes: 50_000_000 });
    const first = await deaf();
    await deaf();
    await deaf();
    await until("one connection is closed", () => told() === 1);
    const end = closed(first);
    first.resume();
    await end;
    assert.equal((await send(url, { path: "/health" })).status, 200);
  });
});

describe("idle connections", () => {
  async function idle(t: TestContext, url: string, from?: string): Promise<Socket> {
    const socket = await open(t, url, from);
    socket.write("GET /health HTTP/1.1\r\nHost: a\r\n\r\n");
    await once(socket, "data");
    return socket;
  }

  it("stay open for 65 s, longer than proxies keep theirs, and the setting changes that", async (t) => {
    const agent = new Agent({ keepAlive: true });
    t.after(() => agent.destroy());
    const keepAlive = async (url: string) => {
      const outgoing = request(`${url}/health`, { agent }).end();
      const [incoming] = await once(outgoing, "response");
      await once(incoming.resume(), "end");
      return { header: incoming.headers["keep-alive"], reused: outgoing.reusedSocket };
    };
    const [long, short] = [await startService(t), await startService(t, { settings: { KEEP_ALIVE_SECONDS: "1" } })];
    assert.deepEqual(await keepAlive(long.url), { header: "timeout=65", reused: false });
    const socket = await idle(t, short.url);
    await closed(socket);
    assert.deepEqual(await keepAlive(long.url), { header: "timeout=65", reused: true });
  });

  it("still work after the timeout for headers", async (t) => {
    const { url } = await startService(t, { options: { serverLimits: { headersMs: 500, requestMs: 1000 } } });
    const [reused, never] = [await idle(t, url), await open(t, url)];
    // It sends nothing. When it ends, the time is over.
    await closed(never.resume());
    reused.write("GET /health HTTP/1.1\r\nHost: a\r\n\r\n");
    assert.match(String(await once(reused, "data")), /^HTTP\/1\.1 200 /);
  });

  it("are limited: the longest idle one of the address with the most connections is closed", async (t) => {
    const { url } = await startService(t, { options: { serverLimits: { maxIdle: 4 } } });
    const proxy = await idle(t, url, "127.0.0.2");
    const callers: Socket[] = [];
    for (let n = 0; n < 3; n++) callers.push(await idle(t, url));
    callers[0]?.write("GET /health HTTP/1.1\r\nHost: a\r\n\r\n");
    await once(callers[0] as Socket, "data");
    const end = closed(callers[1] as Socket);
    callers.push(await idle(t, url));
    await end;
    for (const [n, socket] of [proxy, ...callers].entries()) {
      if (n === 2) continue;
      socket.write("GET /health HTTP/1.1\r\nHost: a\r\n\r\n");
      assert.match(String(await once(socket, "data")), /^HTTP\/1\.1 200 /, `connection ${n}`);
    }
  });

  it("are closed to make room only after a second of idle time, because a request may be on its way", async (t) => {
    let now = 0;
    const server = createServer(({ url }, answer) => {
      if (url === "/last") answer.setHeader("connection", "close");
      answer.end("ok");
    });
    const { closeIdle, lookAway } = boundConnections(server, {
      limits: SERVER_LIMITS,
      onClosed: () => {},
      monotonic: () => now,
    });
    t.after(lookAway);
    await once(server.listen(0, "127.0.0.1"), "listening");
    t.after(() => void server.close());
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const ask = async (path: string) => {
      const socket = await open(t, url);
      socket.write(`GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`);
      await once(socket, "data");
      return socket;
    };
    const first = await ask("/");
    await closed((await ask("/last")).resume());
    now = 999;
    await ask("/");
    assert.equal(closeIdle(9), 0);
    now = 1000;
    assert.equal(closeIdle(9), 1, "not the one that was not kept alive");
    await closed(first);
  });
});
