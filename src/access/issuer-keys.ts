import type { LocalJWKSet } from "jose";
import type { Clock } from "../model/clock.ts";
import { type FetchJson, isSafeToRead, type Reading } from "./fetch-json.ts";

/** Where the keys of an issuer are, and how they are read. */
export type Issuer = Reading & {
  /** As its tokens name it, byte for byte. */
  readonly issuer: string;
  /** Where its keys are; undefined: where its discovery document says. */
  readonly jwks?: string | undefined;
};

export type IssuerKeys = {
  /**
   * The keys that are known, looked for when they are old.
   * @throws IssuerDown when none are known.
   */
  current(): Promise<LocalJWKSet>;
  /**
   * The keys after a token came with one that is not known; undefined when they were read just before.
   * @throws IssuerDown, since it may have a new key.
   */
  afterUnknown(): Promise<LocalJWKSet | undefined>;
};

/** The issuer could not be reached, and what it says of its keys is not known. */
export class IssuerDown extends Error {
  override readonly name = "IssuerDown";
  readonly retryAfterSeconds = COOLDOWN_MS / 1000;
}

/** For this time keys are used without a look at the issuer. A withdrawn key works for as long. */
const FRESH_MS = 10 * 60_000;

/** For this time known keys are used while the issuer cannot be reached. */
const USABLE_MS = 24 * 3_600_000;

/** Between two reads of the keys, so that many tokens with unknown keys, or an outage, do not flood the issuer. */
const COOLDOWN_MS = 10_000;

/**
 * The keys of an issuer, remembered. Jose's remote key set decides by the process's clock, and forgets its keys when they are
 * old and the issuer is down; here they count for a day.
 * @param failed is called for each look that failed.
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

  /** Never rejects. Those who come meanwhile share it. */
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
  // The token goes to no other host, unless that proves itself to the authority that the settings name.
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
