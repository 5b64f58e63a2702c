import type { LocalJWKSet } from "jose";
import type { Clock } from "../model/clock.ts";
import { type FetchJson, isSafeToRead, type Reading } from "./fetch-json.ts";

/** An issuer, and where its keys are. */
export type Issuer = Reading & {
  /** Exactly as its tokens name it. */
  readonly issuer: string;
  /** Address of its keys; undefined: the address in its discovery document. */
  readonly jwks?: string | undefined;
};

export type IssuerKeys = {
  /**
   * The known keys. Reads them again if they are old.
   * @throws IssuerDown when no keys are known.
   */
  current(): Promise<LocalJWKSet>;
  /**
   * The keys after a token with an unknown key; undefined if they were read just before.
   * @throws IssuerDown, because the issuer may have a new key.
   */
  afterUnknown(): Promise<LocalJWKSet | undefined>;
};

/** The issuer cannot be reached, and its keys are not known. */
export class IssuerDown extends Error {
  override readonly name = "IssuerDown";
  readonly retryAfterSeconds = COOLDOWN_MS / 1000;
}

/** Keys are used this long without asking the issuer. A withdrawn key works this long, too. */
const FRESH_MS = 10 * 60_000;

/** Known keys are used this long while the issuer cannot be reached. */
const USABLE_MS = 24 * 3_600_000;

/** Time between two reads, so that tokens with unknown keys, or an outage, do not flood the issuer. */
const COOLDOWN_MS = 10_000;

/**
 * The cached keys of an issuer. Jose's remote key set is not used: it depends on the process's clock, and drops old
 * keys while the issuer is down. Here they are valid for a day.
 * @param failed called for each read that failed.
 */
export function issuerKeys(
  issuer: Issuer,
  {
    clock,
    fetchJson,
    failed,
  }: {
    clock: Pick<Clock, "monotonic">;
    fetchJson: FetchJson;
    failed: (issuer: string, error: Error) => void;
  },
): IssuerKeys {
  let known: { readonly keys: LocalJWKSet; readonly readAt: number } | undefined;
  let lookedAt = Number.NEGATIVE_INFINITY;
  let isDown = false;
  let looking: Promise<void> | undefined;

  const ageOf = (at: number) => clock.monotonic() - at;
  const usable = () => (known !== undefined && ageOf(known.readAt) < USABLE_MS ? known.keys : undefined);

  /** Never rejects. Concurrent callers share one read. */
  function look(): Promise<void> {
    if (looking === undefined && ageOf(lookedAt) < COOLDOWN_MS) return Promise.resolve();
    looking ??= readKeys(issuer, fetchJson)
      .then(
        (keys) => {
          known = { keys, readAt: clock.monotonic() };
          isDown = false;
        },
        (error) => {
          isDown = true;
          failed(issuer.issuer, error);
        },
      )
      .finally(() => {
        lookedAt = clock.monotonic();
        looking = undefined;
      });
    return looking;
  }

  return {
    async current() {
      if (known !== undefined && ageOf(known.readAt) < FRESH_MS) return known.keys;
      const looked = look();
      // While the issuer is down, callers with a known key do not wait for it.
      if (!isDown || usable() === undefined) await looked;
      const keys = usable();
      if (keys === undefined) throw new IssuerDown();
      return keys;
    },
    async afterUnknown() {
      const before = known;
      await look();
      if (isDown) throw new IssuerDown();
      return known === before ? undefined : known?.keys;
    },
  };
}

/** @see https://openid.net/specs/openid-connect-discovery-1_0.html#ProviderConfig */
async function readKeys({ issuer, jwks, ...reading }: Issuer, fetchJson: FetchJson): Promise<LocalJWKSet> {
  const address = jwks ?? (await discovered(issuer, reading, fetchJson));
  const { createLocalJWKSet } = await import("jose");
  // Send the token to no other host, unless that host has a certificate of the authority in the settings.
  const isKnownHost = jwks !== undefined || reading.caFile !== undefined || isSameOrigin(address, issuer);
  const document = await fetchJson(address, isKnownHost ? reading : { caFile: reading.caFile });
  return createLocalJWKSet(document as Parameters<typeof createLocalJWKSet>[0]);
}

async function discovered(issuer: string, reading: Reading, fetchJson: FetchJson): Promise<string> {
  const url = `${issuer.replace(/\/$/, "")}/.well-known/openid-configuration`;
  const document = (await fetchJson(url, reading)) as { issuer?: unknown; jwks_uri?: unknown } | null;
  if (document?.issuer !== issuer)
    throw new Error(`GET ${url}: its issuer is ${JSON.stringify(document?.issuer)}, expected "${issuer}"`);
  const { jwks_uri: address } = document;
  if (typeof address !== "string" || !isSafeToRead(address))
    throw new Error(`GET ${url}: its jwks_uri is not an https address: ${JSON.stringify(address)}`);
  return address;
}

const isSameOrigin = (one: string, other: string) => URL.parse(one)?.origin === URL.parse(other)?.origin;
