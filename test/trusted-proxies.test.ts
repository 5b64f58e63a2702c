import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { clientAddress, type PersonHeaders, proxyHeader, trustedProxies } from "../src/access/proxies.ts";
import type { Identified } from "../src/model/access.ts";
import type { Person } from "../src/model/person.ts";

const PROXY = "10.0.0.1";
const CLIENT = "198.51.100.7";
const proxies = trustedProxies("10.0.0.0/8, 192.0.2.1 fd00::/8");

const from = (peer: string, headers: Record<string, string> = {}) =>
  clientAddress({ peer, header: (name) => headers[name] }, proxies);

describe("TRUSTED_PROXIES", () => {
  it("is addresses and ranges, IPv4 and IPv6", () => {
    for (const address of ["10.1.2.3", "192.0.2.1", "fd12::1", "::ffff:10.1.2.3"])
      assert.ok(proxies.has(address), address);
    for (const address of ["11.0.0.1", "192.0.2.2", "fe80::1", "", "10.1.2", "unknown", "::ffff:11.0.0.1"])
      assert.ok(!proxies.has(address), address);
    assert.ok(trustedProxies("").isEmpty);
  });

  for (const wrong of [
    "10.0.0.0/33",
    "10.0.0",
    "proxy.example",
    "10.0.0.0/",
    "10.0.0.0/8/8",
    "fd00::/129",
    "0.0.0.0/0",
    "::/0",
  ]) {
    it(`rejects ${wrong}`, () => assert.throws(() => trustedProxies(wrong), { message: new RegExp(`got "${wrong}"`) }));
  }
});

describe("the client's address", () => {
  it("is the connection's, independent of headers, if that is no trusted proxy", () => {
    assert.equal(from(CLIENT, { "x-forwarded-for": "203.0.113.1", forwarded: "for=203.0.113.1" }), CLIENT);
    assert.equal(from("::ffff:198.51.100.7"), CLIENT, "a server on IPv6 sees IPv4 addresses so");
    assert.equal(
      clientAddress({ peer: PROXY, header: () => "203.0.113.1" }, trustedProxies("")),
      PROXY,
      "without the setting no header counts",
    );
  });

  it("is the last one that is not a trusted proxy: anyone can write the ones before it", () => {
    assert.equal(from(PROXY, { "x-forwarded-for": CLIENT }), CLIENT);
    assert.equal(from(PROXY, { "x-forwarded-for": `203.0.113.1, ${CLIENT}` }), CLIENT);
    assert.equal(from(PROXY, { "x-forwarded-for": `203.0.113.1, ${CLIENT}, 10.9.9.9, fd00::7` }), CLIENT);
    assert.equal(from(PROXY, { "x-forwarded-for": `203.0.113.1, 10.9.9.9, ${CLIENT}` }), CLIENT);
  });

  it("is the proxy's if no other one is named", () => {
    assert.equal(from(PROXY), PROXY);
    assert.equal(from(PROXY, { "x-forwarded-for": "" }), PROXY);
    assert.equal(from(PROXY, { "x-forwarded-for": "10.2.2.2, 10.3.3.3" }), "10.2.2.2");
    assert.equal(from(PROXY, { "x-forwarded-for": `${CLIENT}, unknown` }), PROXY, "what is no address ends the list");
    assert.equal(from(PROXY, { "x-forwarded-for": `${CLIENT}, <script>, 10.3.3.3` }), "10.3.3.3");
  });

  it("is read with ports and brackets, as some proxies write it", () => {
    assert.equal(from(PROXY, { "x-forwarded-for": `${CLIENT}:4711` }), CLIENT);
    assert.equal(from(PROXY, { "x-forwarded-for": "[2001:DB8::7]:4711" }), "2001:db8::7");
    assert.equal(from(PROXY, { "x-forwarded-for": "2001:db8::7" }), "2001:db8::7");
  });

  it("is read from Forwarded, too", () => {
    assert.equal(from(PROXY, { forwarded: `for=${CLIENT};proto=https;by=10.0.0.1` }), CLIENT);
    assert.equal(from(PROXY, { forwarded: `for=203.0.113.1, For="[2001:db8::7]:4711"; proto=https` }), "2001:db8::7");
    assert.equal(from(PROXY, { forwarded: "for=_hidden" }), PROXY);
    assert.equal(from(PROXY, { forwarded: `proto=https;for=${CLIENT}` }), CLIENT);
  });

  it("is the proxy's if the two headers differ: a client wrote one of them", () => {
    assert.equal(from(PROXY, { "x-forwarded-for": CLIENT, forwarded: "for=203.0.113.1" }), PROXY);
    assert.equal(from(PROXY, { "x-forwarded-for": CLIENT, forwarded: `for=203.0.113.1, for=${CLIENT}` }), CLIENT);
  });
});

describe("a person who signed in at a proxy", () => {
  const HEADERS = { user: "X-Forwarded-User", groups: "X-Forwarded-Groups" };

  /** The person of these headers, or else the credential. */
  function person(peer: string, rawHeaders: readonly string[], headers: PersonHeaders = HEADERS) {
    let found: Person | undefined;
    const way = proxyHeader(headers, proxies, (its) => {
      found = its;
      return [{ role: "viewer" }];
    });
    const known = way({
      authorization: undefined,
      session: undefined,
      address: CLIENT,
      peer,
      rawHeaders,
    }) as Identified;
    if (known?.status !== "known") return known?.status === "unknown" ? known.credential : known;
    const actor = `user ${found?.name}`;
    const grants = [{ role: "viewer" }];
    assert.deepEqual(known.principal, { grants, actor, via: "proxy_header", address: CLIENT });
    return found;
  }

  it("is accepted from a trusted address", () => {
    assert.deepEqual(
      person(PROXY, ["Host", "ci.example", "X-Forwarded-User", "alice", "X-Forwarded-Groups", "platform, dev,"]),
      {
        from: "proxy",
        name: "alice",
        email: undefined,
        groups: ["platform", "dev"],
      },
    );
    assert.deepEqual(person(PROXY, ["x-forwarded-user", "alice@acme.com"]), {
      from: "proxy",
      name: "alice@acme.com",
      email: "alice@acme.com",
      groups: [],
    });
  });

  it("is unknown without the header, or with an empty one", () => {
    assert.equal(person(PROXY, ["Host", "ci.example"]), undefined);
    assert.equal(person(PROXY, ["X-Forwarded-User", " "]), undefined);
    assert.equal(person(PROXY, ["X-Forwarded-Groups", "platform"]), undefined);
  });

  it("is ignored from any other address", () => {
    assert.equal(person(CLIENT, ["X-Forwarded-User", "alice"]), "proxy_header");
    assert.equal(person(CLIENT, ["X-Forwarded-Groups", "platform"]), "proxy_header");
    assert.equal(person(CLIENT, []), undefined);
  });

  it("is ignored when a header comes twice, or in a spelling that other servers treat as the same", () => {
    assert.equal(person(PROXY, ["X-Forwarded-User", "alice", "x-forwarded-user", "admin"]), "proxy_header");
    assert.equal(person(PROXY, ["X-Forwarded-User", "alice", "X_Forwarded_User", "admin"]), "proxy_header");
    assert.equal(
      person(PROXY, ["X_Forwarded_User", "admin"]),
      "proxy_header",
      "a proxy passes on what it does not know",
    );
    assert.equal(person(PROXY, ["X-Forwarded_User", "admin"]), "proxy_header");
    assert.equal(
      person(PROXY, ["X-Forwarded-User", "alice", "X-Forwarded-Groups", "dev", "X_Forwarded-Groups", "platform"]),
      "proxy_header",
    );
  });

  it("may have a name in UTF-8, up to a length", () => {
    const zoë = Buffer.from("zoë").toString("latin1");
    assert.equal((person(PROXY, ["X-Forwarded-User", zoë]) as Person).name, "zoë");
    assert.equal((person(PROXY, ["X-Forwarded-User", "zo\u00eb"]) as Person).name, "zoë", "also in Latin-1");
    assert.equal(person(PROXY, ["X-Forwarded-User", "a".repeat(201)]), "proxy_header");
  });

  it("has groups in authentik's format", () => {
    const found = person(PROXY, ["X-authentik-username", "alice", "X-authentik-groups", "platform|dev, ops"], {
      user: "X-authentik-username",
      groups: "X-authentik-groups",
    });
    assert.deepEqual((found as unknown as { groups: string[] }).groups, ["platform", "dev, ops"]);
  });
});
