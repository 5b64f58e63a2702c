import type { Configuration, CustomFetch, ServerMetadata } from "openid-client";
import { type Fetch, networkFault } from "../model/network.ts";
import type { Person } from "../model/person.ts";
import { SignInFailed } from "../model/sign-in.ts";
import { visibleName } from "../model/visible.ts";
import { credentialOf, type SignInMethod } from "./sign-in-method.ts";

export type OpenIdSettings = {
  readonly issuer: string;
  readonly clientId: string;
  readonly clientSecret: string;
  /** Separated by spaces. */
  readonly scopes: string;
  /** The claim with the groups of a person. */
  readonly groupsClaim: string;
};

type Client = typeof import("openid-client");

/**
 * How long the metadata of an issuer is used, ms. Its keys are read at each sign-in, because they may have been
 * rotated.
 */
const METADATA_MS = 5 * 60_000;

/** A person waits for the page. */
const TIMEOUT_SECONDS = 10;

/** The most by which the issuer's clock may differ, seconds. */
const CLOCK_SKEW_SECONDS = 60;

/**
 * Signs in with OpenID Connect: code flow with PKCE, state and nonce. Checks the signature of the ID token. Loads its
 * library for the first sign-in.
 */
export function openIdSignIn(
  settings: OpenIdSettings,
  { fetch, now }: { fetch: Fetch; now: () => number },
): SignInMethod {
  const { issuer, clientId, clientSecret, scopes, groupsClaim } = settings;
  const { host } = new URL(issuer);
  const isLocal = issuer.startsWith("http:");
  let known: { readonly metadata: Promise<ServerMetadata>; readonly until: number } | undefined;

  async function discovered(client: Client): Promise<ServerMetadata> {
    const found = await client.discovery(new URL(issuer), clientId, clientSecret, undefined, {
      execute: isLocal ? [client.allowInsecureRequests] : [],
      timeout: TIMEOUT_SECONDS,
      [client.customFetch]: fetch as CustomFetch,
    });
    return found.serverMetadata();
  }

  async function configured(client: Client): Promise<Configuration> {
    if (known === undefined || known.until <= now()) {
      const metadata = discovered(client);
      known = { metadata, until: now() + METADATA_MS };
      metadata.catch(() => {
        known = undefined;
      });
    }
    // The library caches keys per metadata object, so a new object makes it read them again.
    const metadata = { ...(await known.metadata) };
    const config = new client.Configuration(
      metadata,
      clientId,
      {
        client_secret: clientSecret,
        [client.clockTolerance]: CLOCK_SKEW_SECONDS,
        [client.clockSkew]: Math.round((now() - Date.now()) / 1000),
      },
      authentication(client, metadata, clientSecret),
    );
    config[client.customFetch] = fetch as CustomFetch;
    config.timeout = TIMEOUT_SECONDS;
    if (isLocal) client.allowInsecureRequests(config);
    client.enableNonRepudiationChecks(config);
    return config;
  }

  return {
    name: "oidc",
    title: host,
    via: "oidc_sign_in",
    credential: credentialOf("oidc", issuer, clientId),
    begin: ({ redirectUri, state, nonce, verifier }) =>
      failing(host, async (client) => {
        const config = await configured(client);
        return client.buildAuthorizationUrl(config, {
          ...{ redirect_uri: redirectUri, scope: scopes, state, nonce },
          ...{ code_challenge: await client.calculatePKCECodeChallenge(verifier), code_challenge_method: "S256" },
        });
      }),
    finish: (answer, { redirectUri, state, nonce, verifier }) =>
      failing(host, async (client) => {
        const config = await configured(client);
        const url = new URL(redirectUri);
        url.search = answer.toString();
        const tokens = await client.authorizationCodeGrant(config, url, {
          ...{ expectedState: state, expectedNonce: nonce, pkceCodeVerifier: verifier, idTokenExpected: true },
        });
        const claims = tokens.claims();
        if (!claims) throw new SignInFailed("invalid", `${host} sent no ID token`);
        const isWhole = claims[groupsClaim] !== undefined && claims.email !== undefined;
        const asks = !isWhole && config.serverMetadata().userinfo_endpoint !== undefined;
        // An issuer may leave claims out of the token. On a conflict, the signed token takes precedence.
        const more = asks ? await client.fetchUserInfo(config, tokens.access_token, claims.sub) : {};
        return { person: personOf({ ...more, ...claims }, groupsClaim), doubts: [] };
      }),
  };
}

/** The method that the issuer supports; Basic if it names none. */
function authentication(client: Client, metadata: ServerMetadata, secret: string) {
  const methods = metadata.token_endpoint_auth_methods_supported ?? ["client_secret_basic"];
  return methods.includes("client_secret_basic") ? client.ClientSecretBasic(secret) : client.ClientSecretPost(secret);
}

const MAX_NAME_CHARACTERS = 200;

/** Ignores an unverified email address, because it may belong to someone else. */
function personOf(claims: Readonly<Record<string, unknown>> & { readonly sub: string }, groupsClaim: string): Person {
  const text = (value: unknown) => (typeof value === "string" && value !== "" ? value : undefined);
  const isVerified = claims.email_verified === true || claims.email_verified === "true";
  const email = isVerified ? text(claims.email) : undefined;
  const name = email ?? text(claims.preferred_username) ?? claims.sub;
  const groups = [claimAt(claims, groupsClaim)].flat().filter((each) => typeof each === "string");
  return {
    from: "oidc",
    name: visibleName(name).slice(0, MAX_NAME_CHARACTERS),
    subject: claims.sub,
    email,
    groups,
  };
}

/** A claim by its name, or a nested one by its path: `realm_access.roles`. */
function claimAt(claims: Readonly<Record<string, unknown>>, name: string): unknown {
  if (Object.hasOwn(claims, name)) return claims[name];
  return name
    .split(".")
    .reduce<unknown>(
      (found, key) => (found instanceof Object ? (found as Record<string, unknown>)[key] : undefined),
      claims,
    );
}

/** Turns errors into `SignInFailed`. The message contains the issuer's error, but never its tokens. */
async function failing<T>(host: string, work: (client: Client) => Promise<T>): Promise<T> {
  // Outside of `try`: if the library is missing, the issuer is not at fault.
  const client = await import("openid-client");
  try {
    return await work(client);
  } catch (error) {
    if (error instanceof SignInFailed) throw error;
    throw failureOf(host, error as Error & { code?: string; error?: string; status?: number });
  }
}

function failureOf(host: string, error: Error & { code?: string; error?: string; status?: number }): SignInFailed {
  const options = { cause: error };
  const fault = networkFault(error);
  if (fault || (error.code === "OAUTH_RESPONSE_IS_NOT_CONFORM" && statusOf(error) >= 500))
    return new SignInFailed("unavailable", `${host} cannot be reached${fault ? `: ${fault.words}` : ""}`, options);
  if (error.code === "OAUTH_AUTHORIZATION_RESPONSE_ERROR")
    return new SignInFailed(
      "denied",
      `${host} answered ${/^[\w.-]{1,60}$/.test(error.error ?? "") ? error.error : "an error"}`,
      options,
    );
  if (error.code === "OAUTH_RESPONSE_BODY_ERROR") {
    const isServer = (error.status ?? 0) >= 500;
    return new SignInFailed(isServer ? "unavailable" : "invalid", `${host} rejected the code: ${error.error}`, options);
  }
  return new SignInFailed("invalid", `the answer of ${host} is invalid: ${wholeMessage(error)}`, options);
}

/** The status of the invalid answer, which is the cause. It is not always the platform's `Response`. */
function statusOf({ cause }: Error): number {
  const { status } = (cause ?? {}) as { readonly status?: unknown };
  return typeof status === "number" ? status : 0;
}

/** The libraries put the fact into the cause: "unexpected JWT claim value encountered". */
function wholeMessage(error: Error): string {
  const { message, cause } = error;
  return cause instanceof Error && cause.message !== message ? `${message} (${cause.message})` : message;
}
