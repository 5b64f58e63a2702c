import { createHmac } from "node:crypto";
import fc from "fast-check";

/** Secrets that the service knows and must never reveal, and those that a caller sends. */
export const SECRETS = {
  github: "fuzz-service-token-0123456789",
  auth: "fuzz-caller-token-0123456789",
  caller: "fuzz-own-token-0123456789",
  webhook: "fuzz-webhook-secret-0123456789",
  flux: "fuzz-flux-key-0123456789",
  /** Sent in the wrong place. Only its shape shows that it is a token. */
  misplaced: `ghp_${"f".repeat(36)}`,
} as const;

export const KNOWN_APPLICATION = "pr-1";

/** One connection: the bytes that are sent, in the parts in which they are sent. */
export type Sent = { readonly parts: readonly Buffer[]; readonly text: string };

const STRINGS = [
  "",
  KNOWN_APPLICATION,
  "main",
  "pr-",
  "pr-..",
  "pr-../../x",
  "..",
  "pr-%2e%2e%2f",
  "pr-a/b",
  "pr-a\\b",
  "pr-\u0000",
  "pr-\r\nx-injected: 1",
  "pr-\ud800",
  "pr-\u202e\u2066日本😀",
  "__proto__",
  "constructor",
  "toString",
  "<no value>",
  "$secret-name",
  "'; DROP TABLE runs; --",
  "<script>alert(1)</script>",
  `"'--></title><x-hostile onmouseover=alert(1)>`,
  'status:failure since:2h "two words" repo:acme/shop #7',
  "status:nonsense since:tomorrow until:1e999 pull:99999999999999999999",
  '"unclosed by:',
  SECRETS.misplaced,
  `pr-${"a".repeat(300)}`,
  "a".repeat(70_000),
];

const text = fc.oneof(
  { weight: 3, arbitrary: fc.constantFrom(...STRINGS) },
  { weight: 1, arbitrary: fc.string({ unit: "binary", maxLength: 40 }) },
  { weight: 1, arbitrary: fc.string({ unit: "grapheme", maxLength: 40 }).map((each) => `pr-${each}`) },
);

const KEYS = [
  "application",
  "github_token",
  "revision",
  "__proto__",
  "constructor",
  "toJSON",
  "status",
  "metadata",
  "",
];

const value: fc.Arbitrary<unknown> = fc.oneof(
  { weight: 5, arbitrary: text },
  { weight: 1, arbitrary: fc.jsonValue({ maxDepth: 3 }) },
  { weight: 1, arbitrary: fc.constantFrom(null, true, 0, -0, 1e308, [], {}, ["pr-1"], { toString: 1 }) },
);

/** JSON that no serializer writes: duplicate keys, endless numbers, deep nesting, other encodings, defects. */
const json = (whole: fc.Arbitrary<string>): fc.Arbitrary<Buffer> =>
  fc
    .tuple(whole, fc.constantFrom("utf8", "utf8", "utf8", "utf8", "latin1", "utf16le", "bom"), fc.nat(99), fc.nat())
    .map(([written, encoding, mutation, at]) => {
      const bytes =
        encoding === "bom" ? Buffer.from(`\ufeff${written}`) : Buffer.from(written, encoding as BufferEncoding);
      if (mutation > 10 || bytes.length === 0) return bytes;
      const place = at % bytes.length;
      if (mutation < 4) return bytes.subarray(0, place);
      if (mutation < 7) return Buffer.concat([bytes.subarray(0, place), Buffer.of(at % 256), bytes.subarray(place)]);
      const changed = Buffer.from(bytes);
      changed[place] = at % 256;
      return changed;
    });

const member = fc.tuple(fc.oneof(fc.constantFrom(...KEYS), text), value);
const memberText = ([key, each]: [string, unknown]) => `${JSON.stringify(key)}:${JSON.stringify(each) ?? "null"}`;

const objectText = fc.oneof(
  { weight: 4, arbitrary: fc.array(member, { maxLength: 6 }).map((members) => `{${members.map(memberText)}}`) },
  {
    weight: 4,
    arbitrary: fc
      .record(
        {
          application: value,
          github_token: fc.oneof(fc.constantFrom(SECRETS.caller, "", "$secret", "a b", null), value),
          revision: value,
        },
        { requiredKeys: ["application"] },
      )
      .map((each) => JSON.stringify(each)),
  },
  { weight: 1, arbitrary: fc.jsonValue().map((each) => JSON.stringify(each)) },
  {
    weight: 1,
    arbitrary: fc
      .tuple(fc.integer({ min: 1, max: 30_000 }), fc.constantFrom("[", '{"a":', '{"application":"pr-1","a":'))
      .map(([depth, open]) => open.repeat(Math.floor(depth / open.length))),
  },
  {
    weight: 1,
    arbitrary: fc.integer({ min: 1, max: 30_000 }).map((depth) => {
      const half = Math.floor(depth / 2);
      return `{"application":"pr-1","deep":${"[".repeat(half)}${"]".repeat(half)}}`;
    }),
  },
  {
    weight: 1,
    arbitrary: fc.constantFrom(
      '{"application":"pr-1","application":"main"}',
      '{"application":"main","application":"pr-none"}',
      '{"application":"pr-1","github_token":1e999}',
      '{"application":"pr-\\ud800"}',
      '{"application":"pr-1","__proto__":{"github_token":"x","application":"main"}}',
      '{"__proto__":{"application":"pr-1"}}',
      '{"constructor":{"prototype":{"application":"pr-1"}},"application":"pr-1"}',
      "application=pr-1",
    ),
  },
);

const PATHS = [
  "/dispatch",
  "/health",
  "/ready",
  "/metrics",
  "/",
  "/live",
  "/runs/0",
  "/runs/0/rerun",
  "/sign-in",
  "/sign-out",
  "/openapi.json",
  "/api/runs",
  "/api/runs/0",
  "/api/runs/0/rerun",
  "/webhooks/github",
  "/flux",
  "/previews",
  "/events",
  "/workflows",
  "/workflows/labelled",
  "/workflows/labelled/start",
  "/bulk/rerun",
  "/bulk/cancel",
  "/runs/0/attempts/1",
  "/runs/0/log",
  "/runs/0/changed",
  "/api/why",
  "/api/events",
  "/api/workflows",
  "/api/previews",
  "/api/runs/0/logs",
  "/assets/style.css",
];

const QUERY_NAMES = [
  ...["limit", "cursor", "before", "status", "workflow", "group", "q", "next", "text", "text", "text", "__proto__", ""],
  ...["since", "until", "result", "application", "after", "level"],
];

const percent = (each: string) =>
  [...Buffer.from(each)].map((byte) => `%${byte.toString(16).padStart(2, "0")}`).join("");

/** A path; the same with letters percent-encoded once or twice, or with something inserted; and a query. */
const target: fc.Arbitrary<string> = fc
  .tuple(
    fc.constantFrom(...PATHS),
    fc.nat(20),
    fc.nat(),
    text,
    fc.array(fc.tuple(fc.constantFrom(...QUERY_NAMES), text), { maxLength: 3 }),
    fc.nat(3),
  )
  .map(([path, how, at, other, query, queryForm]) => {
    const place = 1 + (at % path.length);
    const spelled = [
      () => path.slice(0, place) + percent(path.slice(place, place + 1)) + path.slice(place + 1),
      () => path.slice(0, place) + percent(percent(path.slice(place, place + 1))) + path.slice(place + 1),
      () => `${path.slice(0, place)}%${path.slice(place)}`,
      () => `${path.slice(0, place)}%zz${path.slice(place)}`,
      () => `/${path}`,
      () => `${path}/`,
      () => `/x/..${path}`,
      () => `/%2e%2e${path}`,
      () => path.toUpperCase(),
      () => `http://elsewhere.example${path}`,
      () => `${path.slice(0, place)}${percent(other)}`,
      () => `${path.slice(0, place)}${other.replace(/[\s\u0000]/g, "")}`,
      () => `/runs/${percent(other)}`,
      () => `/api/runs/${percent(other)}/rerun`,
    ][how];
    const spelt = spelled?.() ?? path;
    const pairs = query.map(
      ([name, each]) => `${name}=${queryForm === 0 ? each.replace(/[\s\u0000]/g, "") : percent(each)}`,
    );
    return pairs.length > 0 ? `${spelt}?${pairs.join("&")}` : spelt;
  });

const HEADERS: Readonly<Record<string, readonly string[]>> = {
  prefer: ["respond-async", "respond-async;wait=1, x", "wait=999999", ",,;;==", "RESPOND-ASYNC"],
  range: ["bytes=0-0", "bytes=-1", "bytes=9-1,0-0", "x"],
  cookie: ["gh-runner-session=x", "gh-runner-session=%zz; a", ";;;=", "__proto__=1", "gh-runner-session=%00"],
  authorization: [
    `Bearer ${SECRETS.auth}`,
    `Basic ${Buffer.from(`x:${SECRETS.auth}`).toString("base64")}`,
    "Bearer",
    "x y z",
  ],
  "content-type": [
    "application/json",
    "application/x-www-form-urlencoded",
    "multipart/form-data",
    "text/plain;;;",
    "é",
  ],
  "content-encoding": ["gzip", "br", "x"],
  accept: ["text/html", "application/json", "*/*;q=x", ""],
  "accept-encoding": ["gzip", "*;q=0"],
  expect: ["100-continue", "something else"],
  upgrade: ["websocket", "h2c"],
  connection: ["close", "upgrade", "keep-alive", "x-run-id, close"],
  origin: ["null", "http://evil.example", "http://localhost"],
  "sec-fetch-site": ["cross-site", "same-origin", "none", "x"],
  traceparent: ["00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", "00-x", "ff-0-0-0"],
  "x-forwarded-proto": ["https", "https,http", "x"],
  "x-forwarded-host": ["evil.example", "a b"],
  "if-none-match": ["*", 'W/"x"'],
  "last-event-id": ["9999999999", "x"],
  host: ["localhost", "evil.example", "", "a b", "[::1", "localhost:99999", "é"],
  "x-github-event": ["pull_request", "ping", "__proto__", ""],
  "x-github-delivery": ["7d0cdc51-ddcf-4743-b223-83ca5c699632", "", "x".repeat(5000)],
  "x-hub-signature-256": ["sha256=00", "sha1=00", "sha256=", "x"],
  "x-signature": ["sha256=00", "sha512=00", "md5=00", "x"],
  "x-odd": ["x".repeat(20_000), SECRETS.misplaced, "\u0001", "a\r b", "a\n b"],
};

const header = fc
  .constantFrom(...Object.keys(HEADERS))
  .chain((name) =>
    fc.tuple(
      fc.constantFrom(name, name, name, name.toUpperCase(), `${name} `, ` ${name}`),
      fc.oneof(
        { weight: 6, arbitrary: fc.constantFrom(...(HEADERS[name] as string[])) },
        { weight: 1, arbitrary: text },
      ),
    ),
  );

type Framing = (body: Buffer) => { headers: readonly string[]; bytes: Buffer };
const length = (bytes: Buffer, said: string | number = bytes.length) => ({
  headers: [`Content-Length: ${said}`],
  bytes,
});
const chunked = (bytes: Buffer, text: string) => ({
  headers: ["Transfer-Encoding: chunked"],
  bytes: Buffer.concat([
    Buffer.from(text.replace("SIZE", bytes.length.toString(16))),
    bytes,
    Buffer.from("\r\n0\r\n\r\n"),
  ]),
});

const FRAMINGS: readonly Framing[] = [
  (body) => length(body, body.length + 10),
  (body) => length(body, Math.max(0, body.length - 3)),
  (body) => length(body, -1),
  (body) => length(body, "0x10"),
  (body) => length(body, "1e3"),
  (body) => length(body, "99999999999999999999"),
  (body) => ({ headers: [`Content-Length: ${body.length}`, "Content-Length: 3"], bytes: body }),
  (body) => ({ headers: [], bytes: body }),
  (body) => chunked(body, "SIZE\r\n"),
  (body) => chunked(body, "SIZE;name=value\r\n"),
  (body) => chunked(body, `SIZE;${"x".repeat(30_000)}\r\n`),
  (body) => chunked(body, "zz\r\n"),
  (body) => chunked(body, "ffffffffffffffffff\r\n"),
  (body) => chunked(body, "-1\r\n"),
  (body) => ({ ...chunked(body, "SIZE\n"), headers: ["Transfer-Encoding: chunked", `Content-Length: ${body.length}`] }),
  (body) => ({ headers: ["Transfer-Encoding: gzip, chunked"], bytes: body }),
  (body) => ({ headers: ["Transfer-Encoding: x"], bytes: body }),
];

const framing = fc.oneof(
  { weight: 5, arbitrary: fc.constant<Framing>((body) => length(body)) },
  { weight: 2, arbitrary: fc.constantFrom(...FRAMINGS) },
);

const method = fc.oneof(
  { weight: 5, arbitrary: fc.constant("POST") },
  { weight: 4, arbitrary: fc.constantFrom("GET", "GET", "GET", "HEAD") },
  {
    weight: 1,
    arbitrary: fc.constantFrom(
      "PUT",
      "PATCH",
      "DELETE",
      "OPTIONS",
      "TRACE",
      "CONNECT",
      "PROPFIND",
      "get",
      "P\u00d6ST",
      "",
    ),
  },
);

const version = fc.oneof(
  { weight: 20, arbitrary: fc.constant("HTTP/1.1") },
  { weight: 1, arbitrary: fc.constantFrom("HTTP/1.0", "HTTP/2.0", "HTTP/9.9", "HTTP/1.1 x", "", "http/1.1") },
);

/** Any request at any path. */
const anyRequest: fc.Arbitrary<Sent> = fc
  .record({
    method,
    target,
    version,
    headers: fc.array(header, { maxLength: 4 }),
    withHost: fc.integer({ min: 0, max: 19 }),
    isSignedIn: fc.boolean(),
    body: fc.oneof({ weight: 3, arbitrary: json(objectText) }, { weight: 1, arbitrary: fc.constant(Buffer.alloc(0)) }),
    framing,
  })
  .map(({ method: verb, target: at, version: spoken, headers, withHost, isSignedIn, body, framing: frame }) => {
    const framed = verb === "POST" || body.length > 0 ? frame(body) : { headers: [], bytes: body };
    return request(
      `${verb} ${at} ${spoken}`,
      [
        ...(withHost > 0 ? ["Host: localhost"] : []),
        ...(isSignedIn ? [`Authorization: Bearer ${SECRETS.auth}`] : []),
        ...headers.map(([name, each]) => `${name}: ${each}`),
        ...framed.headers,
      ],
      framed.bytes,
    );
  });

/** A webhook of GitHub with a valid signature and any body. */
const gitHubWebhook: fc.Arbitrary<Sent> = fc
  .tuple(
    json(
      fc.oneof(
        objectText,
        fc
          .record({ action: value, number: value, pull_request: value, repository: value }, { requiredKeys: [] })
          .map((each) => JSON.stringify(each)),
      ),
    ),
    fc.oneof(fc.constantFrom("pull_request", "push", "ping", "__proto__"), fc.string()),
    fc.oneof(fc.uuid(), fc.constantFrom("", "x"), fc.string({ unit: "binary", maxLength: 20 })),
    fc.array(header, { maxLength: 2 }),
  )
  .map(([body, event, delivery, headers]) =>
    request(
      "POST /webhooks/github HTTP/1.1",
      [
        "Host: localhost",
        `X-GitHub-Event: ${event}`,
        `X-GitHub-Delivery: ${delivery}`,
        `X-Hub-Signature-256: sha256=${createHmac("sha256", SECRETS.webhook).update(body).digest("hex")}`,
        ...headers.map(([name, each]) => `${name}: ${each}`),
        `Content-Length: ${body.length}`,
      ],
      body,
    ),
  );

/** An event of Flux with a valid signature and any content. */
const fluxEvent: fc.Arbitrary<Sent> = fc
  .tuple(
    json(
      fc
        .record(
          {
            involvedObject: fc.oneof(
              {
                weight: 5,
                arbitrary: fc.record(
                  { kind: value, namespace: value, name: value, uid: value },
                  { requiredKeys: ["kind", "name"] },
                ),
              },
              { weight: 1, arbitrary: value },
            ),
            severity: value,
            timestamp: text,
            message: value,
            reason: text,
            metadata: fc.oneof(
              fc.dictionary(fc.oneof(text, fc.constantFrom("a/revision", "revision", "x/__proto__")), text),
              value,
            ),
          },
          { requiredKeys: ["involvedObject", "timestamp", "reason"] },
        )
        .map((each) => JSON.stringify(each)),
    ),
    fc.constantFrom("sha256", "sha512"),
    fc.array(header, { maxLength: 2 }),
  )
  .map(([body, algorithm, headers]) =>
    request(
      "POST /flux HTTP/1.1",
      [
        "Host: localhost",
        `X-Signature: ${algorithm}=${createHmac(algorithm, SECRETS.flux).update(body).digest("hex")}`,
        ...headers.map(([name, each]) => `${name}: ${each}`),
        `Content-Length: ${body.length}`,
      ],
      body,
    ),
  );

/** Bytes that may not be HTTP, or that stop being HTTP midway. */
const broken: fc.Arbitrary<Sent> = fc.oneof(
  fc.uint8Array({ maxLength: 300 }).map((bytes) => sentOf(Buffer.from(bytes))),
  fc
    .constantFrom(
      "\r\n\r\n",
      "GET\r\n\r\n",
      "GET / HTTP/1.1\n\n",
      "GET  /health  HTTP/1.1\r\nHost: x\r\n\r\n",
      `GET /${"a".repeat(20_000)} HTTP/1.1\r\nHost: x\r\n\r\n`,
      `GET / HTTP/1.1\r\nHost: x\r\n${"X-A: b\r\n".repeat(3000)}\r\n`,
      "GET / HTTP/1.1\r\nHost: x\r\n folded: y\r\n\r\n",
      "GET / HTTP/1.1\r\nHost x\r\n\r\n",
      "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
      "\u0016\u0003\u0001\u0002\u0000\u0001\u0000\u0001\u00fc\u0003\u0003",
      "OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n",
      "CONNECT github.com:443 HTTP/1.1\r\nHost: x\r\n\r\n",
    )
    .map((each) => sentOf(Buffer.from(each, "latin1"))),
  fc.tuple(anyRequest, fc.nat(), fc.nat(255)).map(([{ parts }, at, byte]) => {
    const bytes = Buffer.concat(parts);
    const changed = Buffer.from(bytes);
    changed[at % bytes.length] = byte;
    return sentOf(changed);
  }),
  fc.tuple(anyRequest, fc.nat()).map(([{ parts }, at]) => {
    const bytes = Buffer.concat(parts);
    return sentOf(bytes.subarray(0, at % bytes.length));
  }),
);

/** What one connection sends, in one part or in two. */
export const connections: fc.Arbitrary<Sent> = fc
  .tuple(
    fc.oneof(
      { weight: 6, arbitrary: anyRequest },
      { weight: 2, arbitrary: gitHubWebhook },
      { weight: 2, arbitrary: fluxEvent },
      { weight: 2, arbitrary: broken },
    ),
    fc.nat(),
  )
  .map(([sent, at]) => {
    const bytes = Buffer.concat(sent.parts);
    if (at % 3 !== 0 || bytes.length < 2) return sent;
    const place = at % bytes.length;
    return sentOf(bytes.subarray(0, place), bytes.subarray(place));
  });

function request(line: string, headers: readonly string[], body: Buffer): Sent {
  // Latin-1 where it can be, so that every byte of a header can occur.
  const head = `${line}\r\n${headers.join("\r\n")}\r\n\r\n`;
  const encoding = /[^\u0000-\u00ff]/.test(head) ? "utf8" : "latin1";
  return sentOf(Buffer.concat([Buffer.from(head, encoding), body]));
}

/** With its text, for people who read a counterexample. */
function sentOf(...parts: Buffer[]): Sent {
  return { parts, text: Buffer.concat(parts).subarray(0, 2000).toString("latin1") };
}
