import { existsSync } from "node:fs";
import * as z from "zod";
import { isSafeToRead } from "../../access/fetch-json.ts";
import type { OidcTrust } from "../../access/oidc.ts";
import { grantOf } from "../../model/access.ts";
import { unknownNames } from "../../model/problems.ts";

/**
 * Reads AUTH_OIDC, a JSON list of the OIDC tokens to accept. Empty: none.
 * @throws Error that names the entry and what it should contain.
 */
export function oidcTrusts(text: string): readonly OidcTrust[] {
  if (text === "") return [];
  let given: unknown;
  try {
    given = JSON.parse(text);
  } catch (cause) {
    throw new Error("expected a JSON list of entries (docs/access.md); it is not valid JSON", { cause });
  }
  const parsed = entries().safeParse(given);
  if (!parsed.success) throw new Error(parsed.error.issues.map(problemOf).join("; "));
  const trusts = parsed.data.map((entry, at) => {
    try {
      return trustOf(entry);
    } catch (cause) {
      throw new Error(`entry ${at + 1}: ${(cause as Error).message}`, { cause });
    }
  });
  for (const [at, { issuer, jwks, caFile, tokenFile }] of trusts.entries()) {
    const first = trusts.find((each) => each.issuer === issuer);
    if (first?.jwks === jwks && first?.caFile === caFile && first?.tokenFile === tokenFile) continue;
    throw new Error(
      `entry ${at + 1}: expected the same jwks, caFile and tokenFile as in the other entry of its issuer`,
    );
  }
  return trusts;
}

/** `entry 1: audience: expected a text or a list of texts` */
function problemOf(issue: z.core.$ZodIssue): string {
  const [at, field] = issue.path;
  if (at === undefined) return "expected a JSON list of one or more entries (docs/access.md)";
  const entry = `entry ${Number(at) + 1}`;
  if (issue.code === "unrecognized_keys")
    return `${entry}: ${unknownNames("field", issue.keys, Object.keys(EXPECTED))}`;
  const expected = EXPECTED[field as keyof typeof EXPECTED];
  return expected === undefined
    ? `${entry}: expected an object with issuer, audience, claims and role`
    : `${entry}: ${String(field)}: expected ${expected}`;
}

const EXPECTED = {
  issuer: "a URL such as https://token.actions.githubusercontent.com",
  audience: "a text or a list of texts",
  claims: 'an object such as {"repository_owner":"acme"}',
  role: "caller, viewer or operator",
  name: "the name of a claim",
  jwks: "a URL",
  caFile: "the path of a file",
  tokenFile: "the path of a file",
} as const satisfies Record<keyof Entry, string>;

type Entry = z.infer<ReturnType<typeof entries>>[number];

function entries() {
  const text = z.string().min(1);
  const value = z.union([text, z.number(), z.boolean()]);
  const listOf = <T extends z.ZodType>(each: T) => z.union([each, z.array(each).min(1)]);
  return z
    .array(
      z.strictObject({
        issuer: text,
        audience: listOf(text),
        claims: z.record(z.string(), listOf(value)),
        role: text,
        name: text.default("sub"),
        jwks: text.optional(),
        caFile: text.optional(),
        tokenFile: text.optional(),
      }),
    )
    .min(1);
}

function trustOf({ issuer, audience, claims: given, role, name, jwks, caFile, tokenFile }: Entry): OidcTrust {
  const address = jwks ?? issuer;
  if (!isSafeToRead(address)) {
    throw new Error(
      `expected an https address as ${jwks === undefined ? "issuer" : "jwks"}, got "${address}": anyone who can change the keys on the way could forge tokens`,
    );
  }
  for (const [what, file] of Object.entries({ caFile, tokenFile }))
    if (file !== undefined && !existsSync(file)) throw new Error(`${what} names a file that does not exist: ${file}`);
  const claims = Object.fromEntries(
    Object.entries(given).map(([claim, values]) => [claim, [values].flat().map(String)]),
  );
  if (Object.keys(claims).length === 0)
    throw new Error(
      `claims is empty: name the claims that a token must have, or "sub": "*" to accept every token of ${issuer}`,
    );
  const owners = SHARED_ISSUERS[issuer];
  if (owners && !owners.some((claim) => claims[claim]?.every(namesAnOwner))) {
    throw new Error(
      `everyone can get a token of ${issuer}: claims must name an owner with one of ${owners.join(", ")}; * may only follow a slash`,
    );
  }
  return { issuer, audience: [audience].flat(), claims, grant: grantOf(role), name, jwks, caFile, tokenFile };
}

/**
 * Issuers that give a token to anyone, for any audience, and the claims that name its owner.
 * @see https://docs.github.com/en/actions/reference/security/oidc
 * @see https://docs.gitlab.com/ci/secrets/id_token_authentication/
 */
const SHARED_ISSUERS: Readonly<Record<string, readonly string[]>> = {
  "https://token.actions.githubusercontent.com": [
    ...["repository", "repository_id", "repository_owner", "repository_owner_id"],
    ...["enterprise", "enterprise_id", "job_workflow_ref", "workflow_ref", "sub"],
  ],
  "https://gitlab.com": ["project_path", "project_id", "namespace_path", "namespace_id", "sub"],
};

/** `acme*` would also match `acme-evil`. */
function namesAnOwner(pattern: string): boolean {
  const [literal = "", ...wild] = pattern.split("*");
  return wild.length === 0 || literal.includes("/");
}
