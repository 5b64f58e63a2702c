import assert from "node:assert/strict";
import { it } from "node:test";
import { endpoint } from "@octokit/endpoint";
import fc from "fast-check";
import { plainRequest } from "../src/github/plain-requests.ts";

const apiUrl = "https://github.example/api/v3";
const common = { "user-agent": "test", accept: "application/vnd.github+json" };
const build = endpoint.defaults({ baseUrl: apiUrl, headers: common });

const name = fc.constantFrom(
  "owner",
  "repo",
  "path",
  "ref",
  "per_page",
  "labels",
  "q",
  "headers",
  "data",
  "mediaType",
  "url",
);
const text = fc.oneof(
  fc.string({ unit: "grapheme" }),
  fc.constantFrom("", ".", "..", "a/b", "a b", "é", "100%", "x=1&y", "!'()*"),
);
const value = fc.oneof(
  { weight: 6, arbitrary: text },
  fc.integer(),
  fc.boolean(),
  fc.constantFrom(undefined, null),
  fc.array(text, { maxLength: 2 }),
  fc.dictionary(fc.constantFrom("a", "undefined", "b c"), text, { noNullPrototype: true }),
);
const headers = fc.dictionary(fc.constantFrom("Accept", "accept", "X-Mine", "Content-Type", "if-none-match"), text, {
  noNullPrototype: true,
});
const parameters = fc
  .tuple(fc.dictionary(name, value, { maxKeys: 5, noNullPrototype: true }), fc.option(headers))
  .map(([given, its]) => (its === null ? given : { ...given, headers: its }));
const segment = fc.oneof(
  { weight: 3, arbitrary: fc.constantFrom("repos", "contents", "v1.0", "a-b_c") },
  { weight: 3, arbitrary: name.map((each) => `{${each}}`) },
  fc.constantFrom(":owner", "{+path}", "{base}...{head}", "{/ref}", "{?labels,q}", "%7Bx%7D", "", "a b"),
);
const method = fc.constantFrom("GET", "HEAD", "DELETE", "POST", "PUT", "PATCH", "get", "OPTIONS");
const route = fc
  .tuple(method, fc.array(segment, { maxLength: 5 }))
  .map(([verb, segments]) => `${verb} /${segments.join("/")}`);

it("builds each request as @octokit/endpoint does, or leaves it to that", () => {
  let plain = 0;
  fc.assert(
    fc.property(route, parameters, (given, its) => {
      const ours = plainRequest(given, its, { apiUrl, common });
      if (ours === undefined) return;
      plain++;
      const theirs = build(given, its as never);
      const sent = ({ method: verb, url, headers: all, body }: typeof ours) => ({
        verb,
        url,
        all: { ...all },
        body: body && JSON.stringify(body),
      });
      assert.deepEqual(sent(ours), sent(theirs));
    }),
    { numRuns: 3000 },
  );
  assert.ok(plain > 30, `${plain} of them were plain`);
});

it("builds the requests of a dispatch itself", () => {
  const repository = { owner: "acme", repo: "shop" };
  const read = {
    ...repository,
    path: "configs/pr/light/pr-1 ü/values.yaml",
    ref: "a&b",
    headers: { accept: "application/vnd.github.raw+json" },
  };
  assert.equal(
    plainRequest("GET /repos/{owner}/{repo}/contents/{path}", read, { apiUrl, common })?.url,
    `${apiUrl}/repos/acme/shop/contents/configs%2Fpr%2Flight%2Fpr-1%20%C3%BC%2Fvalues.yaml?ref=a%26b`,
  );
  const write = plainRequest(
    "POST /repos/{owner}/{repo}/dispatches",
    { ...repository, event_type: "x" },
    { apiUrl, common },
  );
  assert.deepEqual(write?.body, { event_type: "x" });
});
