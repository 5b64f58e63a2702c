import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { gitHubNamesIn, grantsOfPerson, signInRoles } from "../src/access/sign-in-roles.ts";
import type { Person } from "../src/model/person.ts";

const alice: Person = {
  from: "oidc",
  name: "alice@acme.com",
  subject: "7",
  email: "Alice@acme.com",
  groups: ["platform"],
};
const octocat: Person = { from: "github", name: "Octocat", memberships: ["acme", "acme/platform"] };

const rolesOf = (text: string, person: Person) => grantsOfPerson(signInRoles(text), person).map(({ role }) => role);

describe("SIGN_IN_ROLES", () => {
  it("gives a person all matching roles, by group, e-mail address, name and subject", () => {
    assert.deepEqual(rolesOf("group:platform=operator,email:*@acme.com=viewer,group:other=caller", alice), [
      "operator",
      "viewer",
    ]);
    assert.deepEqual(rolesOf("user:alice@acme.com=viewer", alice), ["viewer"]);
    assert.deepEqual(rolesOf("user:7=viewer", alice), ["viewer"]);
    assert.deepEqual(rolesOf("email:ALICE@acme.com=viewer", alice), ["viewer"], "addresses in any case");
    assert.deepEqual(rolesOf("group:Platform=viewer", alice), [], "groups match exactly");
    assert.deepEqual(rolesOf("*=viewer", alice), ["viewer"]);
  });

  it("gives none if nothing matches", () => {
    for (const text of [
      "",
      "group:plat=viewer",
      "email:*@acme.com.evil.example=operator",
      "email:*acme.co=operator",
      "github:acme=operator",
    ])
      assert.deepEqual(rolesOf(text, alice), [], text);
    const unverified: Person = { from: "oidc", name: "mallory", subject: "8", groups: [] };
    assert.deepEqual(rolesOf("email:*=operator", unverified), []);
  });

  it("matches people of GitHub only by organisation, team and login", () => {
    assert.deepEqual(rolesOf("github:Acme=viewer,github:acme/Platform=operator,github:acme/other=caller", octocat), [
      "viewer",
      "operator",
    ]);
    assert.deepEqual(rolesOf("github:@octocat=viewer", octocat), ["viewer"]);
    // Everyone can have an account there, under any free name.
    assert.deepEqual(
      rolesOf("*=viewer,user:Octocat=operator,user:*=operator,email:*=operator,group:*=operator", octocat),
      [],
    );
    assert.deepEqual(
      gitHubNamesIn(signInRoles("github:acme=viewer,github:@octocat=viewer,github:acme/a=caller,github:ACME=viewer")),
      ["acme", "acme/a"],
    );
  });

  it("limits grants to workflows", () => {
    assert.deepEqual(grantsOfPerson(signInRoles("group:platform=operator@deploy+build"), alice), [
      { role: "operator", workflows: ["deploy", "build"] },
    ]);
  });

  it("accepts one entry per line, so that the name of a group may have commas and equals signs", () => {
    const text = "group:CN=Platform,OU=Groups,DC=acme=operator\n*=viewer\n";
    const person: Person = { from: "oidc", name: "bob", groups: ["CN=Platform,OU=Groups,DC=acme"] };
    assert.deepEqual(rolesOf(text, person), ["operator", "viewer"]);
  });

  it("treats * as any characters, in short time for any pattern", () => {
    const person = (name: string): Person => ({ from: "proxy", name, groups: [] });
    assert.deepEqual(rolesOf("user:a*b*c=viewer", person("a-b-c")), ["viewer"]);
    assert.deepEqual(rolesOf("user:a*bc=viewer", person("abxc")), []);
    assert.deepEqual(rolesOf("user:ab*ba=viewer", person("aba")), [], "no character counts twice");
    assert.deepEqual(rolesOf(`user:${"*a".repeat(50)}=viewer`, person(`${"a".repeat(10_000)}b`)), []);
  });

  it("reports what is wrong with which entry", () => {
    for (const [text, expected] of [
      ["group:platform", /expected entries such as .*got "group:platform"/],
      ["team:x=viewer", /expected user:NAME.* in "team:x=viewer"/],
      ["*=admin", /caller, viewer, operator.* in "\*=admin"/],
      ["github:*=viewer", /without \*/],
      ["github:a/b/c=viewer", /github:ORGANISATION\/TEAM/],
    ] as const)
      assert.throws(() => signInRoles(text), expected, text);
  });
});
