import type { JWTPayload, JWTVerifyOptions, LocalJWKSet } from "jose";
import type { Grant, Identified } from "../model/access.ts";
import type { Clock } from "../model/clock.ts";
import { visibleName } from "../model/visible.ts";
import type { FetchJson } from "./fetch-json.ts";
import { fits } from "./fits.ts";
import { presentedToken, type Way } from "./identify.ts";
import { type Issuer, IssuerDown, type IssuerKeys, issuerKeys } from "./issuer-keys.ts";

/** One entry of AUTH_OIDC: the tokens to accept, and their role. */
export type OidcTrust = Issuer & {
  /** The token must have one of these. */
  readonly audience: readonly string[];
  /**
   * The claims that a token must have: one of these texts each, in which `*` stands for any characters. A name that
   * begins with a slash is a path to a nested claim: `/kubernetes.io/namespace`.
   */
  readonly claims: Readonly<Record<string, readonly string[]>>;
  readonly grant: Grant;
  /** The claim with the caller's name for the history. */
  readonly name: string;
};

/** The caller, or the reason for the rejection: `its audience is …`. */
type Verdict = { readonly grants: readonly Grant[]; readonly actor: string } | { readonly rejected: string };

/** Only algorithms with a public key. With HS256, the public key would be the secret. */
const ALGORITHMS = [
  "RS256",
  "RS384",
  "RS512",
  "PS256",
  "PS384",
  "PS512",
  "ES256",
  "ES384",
  "ES512",
  "EdDSA",
  "Ed25519",
];

/** The most by which the issuer's clock and this one may differ. */
const CLOCK_SKEW_SECONDS = 60;

/** Longer names are cut. */
const MAX_NAME_CHARACTERS = 200;

/** Identifies a caller by a token of one of the issuers. It comes in the same header as any other token. */
export function oidcTokens(trusts: readonly OidcTrust[], parts: Parts): Way {
  const verify = verifier(trusts, parts);
  return ({ authorization = "", address }) => {
    const token = presentedToken(authorization);
    if (!isJwt(token)) return undefined;
    return verify(token).then(
      (verdict): Identified =>
        "rejected" in verdict
          ? { status: "unknown", credential: VIA, reason: `The OIDC token was rejected: ${verdict.rejected}.` }
          : { status: "known", principal: { ...verdict, via: VIA, address } },
      (error): Identified => {
        if (!(error instanceof IssuerDown)) throw error;
        const { retryAfterSeconds } = error;
        return { status: "later", credential: VIA, http: 503, reason: DOWN, retryAfterSeconds };
      },
    );
  };
}

type Parts = {
  readonly clock: Pick<Clock, "now" | "monotonic">;
  readonly fetchJson: FetchJson;
  /** Called for each read of the keys that failed. */
  readonly failed: (issuer: string, error: Error) => void;
};

const VIA = "oidc_token";

const DOWN =
  "The service cannot read the keys of the OIDC token's issuer at the moment. Send the request again later. The service's log has the reason.";

/** Whether a text looks like a signed JSON Web Token. */
function isJwt(text: string): boolean {
  return /^ey[\w-]{8,}\.[\w-]+\.[\w-]+$/.test(text);
}

function verifier(trusts: readonly OidcTrust[], parts: Parts): (token: string) => Promise<Verdict> {
  const issuers = new Map(trusts.map((trust) => [trust.issuer, issuerKeys(trust, parts)]));

  return async (token) => {
    const issuer = issuerIn(token);
    if (issuer === undefined) return { rejected: "it is not a JSON Web Token with an issuer" };
    const keys = issuers.get(issuer);
    if (keys === undefined) return { rejected: `its issuer ${shown(issuer)} is not in AUTH_OIDC` };
    const candidates = trusts.filter((trust) => trust.issuer === issuer);
    const audience = [...new Set(candidates.flatMap((trust) => trust.audience))];
    const claims = await verified(token, keys, {
      issuer,
      audience,
      algorithms: ALGORITHMS,
      requiredClaims: ["exp"],
      clockTolerance: CLOCK_SKEW_SECONDS,
      currentDate: new Date(parts.clock.now()),
    });
    if (typeof claims === "string") return { rejected: claims };

    const matching = candidates.filter((trust) => misfits(trust, claims).length === 0);
    const [first] = matching;
    if (first === undefined) {
      const wrong = [...new Set(candidates.flatMap((trust) => misfits(trust, claims)))];
      const named = wrong.map((name) => `${name} is ${shown(valuesOf(claims, name).join(", ") || "missing")}`);
      return { rejected: `no entry of AUTH_OIDC for its issuer matches its claims: ${named.join("; ")}` };
    }
    const name = valuesOf(claims, first.name)[0] ?? claims.sub ?? "without a name";
    return { grants: matching.map(({ grant }) => grant), actor: `oidc ${shown(name)}` };
  };
}

/**
 * Loads the library that checks tokens. If the settings name issuers, the service loads it at its start: if the library
 * is missing, the first caller must not be the one to find out, and an upgrade may replace the files while the service
 * runs.
 */
export async function loadOidc(): Promise<void> {
  await import("jose");
}

/** Not verified yet. It is only used to choose the keys. */
function issuerIn(token: string): string | undefined {
  try {
    const [, payload = ""] = token.split(".");
    const { iss } = JSON.parse(Buffer.from(payload, "base64url").toString());
    return typeof iss === "string" ? iss : undefined;
  } catch {
    return undefined;
  }
}

/** The claims of a token, or the reason for the rejection. */
async function verified(token: string, keys: IssuerKeys, options: JWTVerifyOptions): Promise<JWTPayload | string> {
  const { errors } = await import("jose");
  try {
    try {
      return await claimsOf(token, await keys.current(), options);
    } catch (error) {
      if (!(error instanceof errors.JWKSNoMatchingKey)) throw error;
      // The issuer may have a new key.
      const renewed = await keys.afterUnknown();
      if (renewed === undefined) throw error;
      return await claimsOf(token, renewed, options);
    }
  } catch (error) {
    if (!(error instanceof errors.JOSEError)) throw error;
    if (error instanceof errors.JWTExpired) return `it expired at ${timeOf(error.payload.exp)}`;
    if (error instanceof errors.JWTClaimValidationFailed) return wrongClaim(error.claim, error.payload, options);
    return WHY_REJECTED[error.code] ?? "it is not a valid JSON Web Token";
  }
}

const WHY_REJECTED: Readonly<Record<string, string>> = {
  ERR_JOSE_ALG_NOT_ALLOWED: `its algorithm is not one of ${ALGORITHMS.join(", ")}`,
  ERR_JWKS_NO_MATCHING_KEY: "it is signed with a key that its issuer does not have",
  ERR_JWS_SIGNATURE_VERIFICATION_FAILED: "its signature is wrong",
};

function wrongClaim(claim: string, payload: JWTPayload, { audience }: JWTVerifyOptions): string {
  if (claim === "aud") {
    const its = valuesOf(payload, "aud").join(", ") || "missing";
    return `its audience is ${shown(its)}, expected ${[audience].flat().join(" or ")}`;
  }
  if (claim === "nbf") return `it is not valid before ${timeOf(payload.nbf)}`;
  return `its claim ${shown(claim)} is missing or wrong`;
}

async function claimsOf(token: string, keys: LocalJWKSet, options: JWTVerifyOptions): Promise<JWTPayload> {
  const { jwtVerify, errors } = await import("jose");
  try {
    return (await jwtVerify(token, keys, options)).payload;
  } catch (error) {
    if (!(error instanceof errors.JWKSMultipleMatchingKeys)) throw error;
    // A token does not have to name its key.
    for await (const key of error) {
      try {
        return (await jwtVerify(token, key, options)).payload;
      } catch (wrong) {
        if (!(wrong instanceof errors.JWSSignatureVerificationFailed)) throw wrong;
      }
    }
    throw new errors.JWSSignatureVerificationFailed();
  }
}

/** The claims that do not match an entry; `aud` if the token is for another audience. */
function misfits({ audience, claims }: OidcTrust, payload: JWTPayload): readonly string[] {
  const wrong = Object.entries(claims)
    .filter(([name, patterns]) => !valuesOf(payload, name).some((value) => patterns.some((each) => fits(each, value))))
    .map(([name]) => name);
  return valuesOf(payload, "aud").some((each) => audience.includes(each)) ? wrong : [...wrong, "aud"];
}

/** The values of a claim as texts: each item of a list, or the single value. */
function valuesOf(payload: JWTPayload, name: string): readonly string[] {
  // Decodes a path as in RFC 6901.
  const path = name.startsWith("/")
    ? name
        .slice(1)
        .split("/")
        .map((part) => part.replaceAll("~1", "/").replaceAll("~0", "~"))
    : [name];
  const value = path.reduce<unknown>(
    (within, part) => (isObject(within) && Object.hasOwn(within, part) ? within[part] : undefined),
    payload,
  );
  return [value]
    .flat()
    .flatMap((each) => (["string", "number", "boolean"].includes(typeof each) ? [String(each)] : []));
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

const timeOf = (seconds: number | undefined) => new Date((seconds ?? 0) * 1000).toISOString();

/** A value of a token, safe for the log and for answers. */
function shown(text: string): string {
  const visible = visibleName(text);
  return visible.length <= MAX_NAME_CHARACTERS ? visible : `${visible.slice(0, MAX_NAME_CHARACTERS)}…`;
}
