import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { endpoint } from "@octokit/endpoint";
import fc from "fast-check";
import { wireRequests } from "../src/github/wire-request.ts";

const apiUrl = "https://github.example.com/api/v3";
const defaults = { "user-agent": "test", accept: "application/vnd.github+json" };
const requestFor = wireRequests(apiUrl, defaults);
const build = endpoint.defaults({ baseUrl: apiUrl, headers: defaults });

/** The same request as @octokit/endpoint writes it. */
function official(route: string, parameters: Record<string, unknown>) {
  const { method, url, headers, body } = build(route, parameters);
  return {
    method,
    path: url.slice("https://github.example.com".length),
    headers,
    body: body === undefined ? null : typeof body === "string" ? body : JSON.stringify(body),
  };
}

describe("requests are written as @octokit/endpoint writes them", () => {
  const text = fc.string({ unit: "grapheme" }).filter((value) => value.isWellFormed());
  const scalar = fc.oneof(text, fc.integer(), fc.boolean(), fc.constant(undefined));
  const name = fc.constantFrom("owner", "repo", "path", "ref", "page", "event_type", "client_payload", "q", "data");
  const route = fc.constantFrom(
    "GET /repos/{owner}/{repo}/contents/{path}",
    "GET /repos/{owner}/{repo}",
    "GET /rate_limit",
    "POST /repos/{owner}/{repo}/dispatches",
    "POST /repos/{owner}/{repo}/issues/{path}/comments",
    "PUT /repos/{owner}/{repo}/contents/{path}",
    "DELETE /repos/{owner}/{repo}/git/refs/{path}",
    "GET /repos/{owner}/{repo}/git/ref/{+path}",
    "GET /repos/:owner/:repo",
    "POST /repos/{owner}/{repo}/releases/{path}/assets{?page,ref}",
  );

  it("whatever the parameters are", () => {
    fc.assert(
      fc.property(route, fc.dictionary(name, scalar), fc.boolean(), (template, parameters, raw) => {
        const withHeaders = raw
          ? { ...parameters, headers: { Accept: "application/vnd.github.raw+json" } }
          : parameters;
        let expected: unknown;
        try {
          expected = official(template, withHeaders);
        } catch {
          return;
        }
        assert.deepEqual(requestFor(template, withHeaders), expected);
      }),
      { numRuns: 2000 },
    );
  });

  it("for the two requests of a dispatch", () => {
    const file = { owner: "acme", repo: "deployment", path: "configs/pr/light/pr-ä (1)!/values.yaml", ref: "a b&c" };
    assert.deepEqual(requestFor("GET /repos/{owner}/{repo}/contents/{path}", file), {
      method: "GET",
      path: "/api/v3/repos/acme/deployment/contents/configs%2Fpr%2Flight%2Fpr-%C3%A4%20%281%29%21%2Fvalues.yaml?ref=a%20b%26c",
      headers: defaults,
      body: null,
    });
    const event = { owner: "acme", repo: "shop", event_type: "environment_ready", client_payload: { commitHash: "1" } };
    assert.deepEqual(requestFor("POST /repos/{owner}/{repo}/dispatches", event), {
      method: "POST",
      path: "/api/v3/repos/acme/shop/dispatches",
      headers: { ...defaults, "content-type": "application/json; charset=utf-8" },
      body: '{"event_type":"environment_ready","client_payload":{"commitHash":"1"}}',
    });
  });
});
