import { once } from "node:events";
import { Agent, request } from "node:http";
import { connect, type Socket } from "node:net";
import { APPLICATIONS, IMAGE_OPTIONS, quantile, startBundle, startStandIn } from "./service.ts";

/**
 * Dispatches of one honest caller, alone and beside clients without a token, and the memory that those clients take.
 */
const SECONDS = 5;
const CALLER = "bench-caller-token-0123456789";
const TIMEOUT_MS = 10_000;

const github = await startStandIn(0);
const service = await startBundle(github.url, { nodeOptions: IMAGE_OPTIONS, env: { AUTH_TOKENS: CALLER } });
const { hostname, port } = new URL(service.url);
const agent = new Agent({ keepAlive: true, maxSockets: Number.POSITIVE_INFINITY });
let done = false;

function post(path: string, body: string, headers: Record<string, string> = {}): Promise<number> {
  return new Promise((resolve) => {
    const length = String(Buffer.byteLength(body));
    const options = { method: "POST", agent, timeout: TIMEOUT_MS, headers: { ...headers, "content-length": length } };
    const outgoing = request(service.url + path, options, (incoming) => {
      incoming.resume().on("end", () => resolve(incoming.statusCode ?? 0));
    });
    outgoing.on("timeout", () => outgoing.destroy());
    outgoing.on("error", () => resolve(0));
    outgoing.end(body);
  });
}

function dispatch(n: number): Promise<number> {
  const body = JSON.stringify({ application: `pr-light-${n % APPLICATIONS}` });
  return post("/dispatch", body, { authorization: `Bearer ${CALLER}` });
}

/** Connects, writes without a pause until the connection is closed, and connects again. */
async function writer(text: string, reads: boolean, first = ""): Promise<void> {
  const much = Buffer.from(text.repeat(Math.ceil(16_384 / text.length)));
  while (!done) {
    const socket = connect(Number(port), hostname);
    socket.on("error", () => {});
    if (reads) socket.resume();
    else socket.pause();
    const closed = new Promise((resolve) => socket.on("close", resolve));
    await Promise.race([once(socket, "connect").catch(() => {}), closed]);
    socket.write(first);
    while (!done && !socket.destroyed) {
      if (!socket.write(much)) await Promise.race([once(socket, "drain").catch(() => {}), closed, ended]);
    }
    sockets.delete(socket.destroy());
  }
}
const sockets = new Set<Socket>();
let end = () => {};
let ended = Promise.resolve();

const times = (count: number, each: () => Promise<void>) => Array.from({ length: count }, each);
const GET = "GET /x HTTP/1.1\r\nHost: a\r\n\r\n";
const CHUNKED = "POST /dispatch HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
const CHUNKS = "1\r\nx\r\n";
const LIST = `GET /api/runs?limit=100 HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer ${CALLER}\r\n\r\n`;
const again = (path: string) => async () => {
  while (!done) await post(path, '{"application":"pr-1"}');
};
const BESIDE: Readonly<Record<string, () => Promise<void>[]>> = {
  "nothing else": () => [],
  "5 clients that write GET /x without a pause": () => times(5, () => writer(GET, true)),
  "50 of them": () => times(50, () => writer(GET, true)),
  "50 clients that send bodies in chunks of one byte": () => times(50, () => writer(CHUNKS, true, CHUNKED)),
  "20 clients that never read GET /api/runs": () => times(20, () => writer(LIST, false)),
  "100 clients that post elsewhere (404)": () => times(100, again("/nothing")),
  "100 clients that post without a token (401)": () => times(100, again("/dispatch")),
};

for (let n = 0; n < 300; n++) await dispatch(n);
process.stdout.write("| beside | p50 | p99 | dispatches | failed | memory at most |\n|---|---|---|---|---|---|\n");
for (const [name, begin] of Object.entries(BESIDE)) {
  done = false;
  ended = new Promise((resolve) => {
    end = resolve;
  });
  const others = begin();
  const taken: number[] = [];
  let failed = 0;
  let memory = 0;
  const until = performance.now() + SECONDS * 1000;
  for (let n = 0; performance.now() < until; n++) {
    const started = performance.now();
    const status = await dispatch(n);
    taken.push(performance.now() - started);
    if (status !== 200) failed++;
    memory = Math.max(memory, service.memory().resident);
  }
  done = true;
  end();
  await Promise.all(others);
  const [p50, p99] = [quantile(taken, 0.5), quantile(taken, 0.99)].map((ms) => `${ms.toFixed(1)} ms`);
  process.stdout.write(`| ${name} | ${p50} | ${p99} | ${taken.length} | ${failed} | ${memory.toFixed(0)} MB |\n`);
}
agent.destroy();
await service.stop();
await github.stop();
