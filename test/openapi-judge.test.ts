import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { type Exchange, judgeOf } from "../sandbox/openapi.ts";

const REPOSITORY = "GET /repos/{owner}/{repo}";
const CONTENTS = "GET /repos/{owner}/{repo}/contents/{path}";
const DISPATCH = "POST /repos/{owner}/{repo}/dispatches";
const INSTALLATION = "GET /repos/{owner}/{repo}/installation";
const ACCESS_TOKEN = "POST /app/installations/{installation_id}/access_tokens";
const event = { event_type: "environment-ready", client_payload: { application: "pr-1" } };

const { validateExchange, validateRequest } = judgeOf("api.github.com");

describe("the check by GitHub's description reports", () => {
  const json = "application/json; charset=utf-8";
  const dispatched: Exchange = { route: DISPATCH, status: 204, requestBody: event };
  const issued: Exchange = { route: ACCESS_TOKEN, status: 201, contentType: json, responseBody: {} };
  const denied: Exchange = {
    route: REPOSITORY,
    status: 404,
    contentType: json,
    responseBody: { message: "Not Found" },
  };
  const properties = Object.fromEntries(Array.from({ length: 11 }, (_, index) => [`p${index}`, index]));

  const wrong: Record<string, [Exchange, RegExp]> = {
    "a route that GitHub does not have": [{ ...denied, route: "GET /repos/{owner}" }, /not documented/],
    "a route that the stand-in does not have": [{ ...denied, route: "GET /events" }, /not documented/],
    "a method that the path does not have": [{ ...denied, route: "PUT /repos/{owner}/{repo}" }, /not documented/],
    "a status that is not listed": [{ ...denied, status: 418 }, /status 418 is not documented/],
    "a body where none belongs": [{ ...dispatched, contentType: json, responseBody: {} }, /204: no body is documented/],
    "no body where one belongs": [{ ...denied, responseBody: undefined }, /none came/],
    "another content type": [{ ...denied, contentType: "text/html" }, /text\/html is not documented/],
    "raw contents on a route without files": [
      { ...denied, contentType: "application/vnd.github.raw+json" },
      /raw\+json is not documented/,
    ],
    "an answer that lacks a property": [issued, /'token'/],
    "a property of another type": [{ ...denied, responseBody: { message: 404 } }, /\/message must be string/],
    "a request without its body": [{ ...dispatched, requestBody: undefined }, /needs a body/],
    "a request with a body too many": [{ ...denied, requestBody: {} }, /no request body is documented/],
    "an event type that is too long": [{ ...dispatched, requestBody: { event_type: "x".repeat(101) } }, /100 char/],
    "an event without a type": [{ ...dispatched, requestBody: { client_payload: {} } }, /'event_type'/],
    "a payload of 11 properties": [
      { ...dispatched, requestBody: { ...event, client_payload: properties } },
      /10 properties/,
    ],
  };
  for (const [what, [exchange, expected]] of Object.entries(wrong)) {
    it(what, () => assert.match(validateExchange(exchange).join("\n"), expected));
  }

  it("a query parameter that is not listed", () => {
    assert.deepEqual(validateRequest({ route: CONTENTS, query: "?ref=main" }), []);
    assert.match(validateRequest({ route: CONTENTS, query: "?branch=main" }).join(), /parameter branch/);
  });

  it("null, where null is not allowed, and only there", () => {
    const installation = (account: unknown): string[] =>
      validateExchange({
        ...{ route: INSTALLATION, status: 200, contentType: json },
        responseBody: { account, suspended_by: null, suspended_at: null, id: null },
      }).filter((each) => !each.includes("required property"));
    assert.deepEqual(
      installation(null).map((each) => each.replace(/.*200: (\S+).*/, "$1")),
      ["/id"],
    );
    assert.match(installation(3).join("\n"), /\/account/);
  });
});
