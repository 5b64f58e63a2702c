import { isUtf8 } from "node:buffer";
import { BlockList, isIP, isIPv4 } from "node:net";
import type { Grant } from "../model/access.ts";
import type { Person } from "../model/person.ts";
import { visibleName } from "../model/visible.ts";
import type { Way } from "./identify.ts";

/** Addresses and ranges of proxies whose headers are trusted. */
export type TrustedProxies = {
  has(address: string): boolean;
  readonly isEmpty: boolean;
};

/** The parts of a request that name its client. Node joins repeated headers with commas. */
export type Received = {
  /** The address of the connection. */
  readonly peer: string;
  header(name: string): string | undefined;
};

/**
 * Parses `10.0.0.0/8, 192.168.1.5, fd00::/8`.
 * @throws Error that names an entry that is not an address or a range.
 */
export function trustedProxies(text: string): TrustedProxies {
  const list = new BlockList();
  const entries = text.split(/[\s,]+/).filter(Boolean);
  for (const entry of entries) {
    const [address = "", bits, ...more] = entry.split("/");
    const version = isIP(address);
    const longest = version === 4 ? 32 : 128;
    const length = bits === undefined ? longest : Number(bits);
    if (version === 0 || more.length > 0 || (bits !== undefined && !/^\d{1,3}$/.test(bits)) || length > longest)
      throw new Error(`expected addresses and ranges such as 10.0.0.0/8, got "${entry}"`);
    // With a range of all addresses, every client could claim to be anyone.
    if (length === 0) throw new Error(`expected the addresses of proxies, got "${entry}", which is every address`);
    list.addSubnet(address, length, version === 4 ? "ipv4" : "ipv6");
  }
  return {
    isEmpty: entries.length === 0,
    has(address) {
      const plain = plainAddress(address);
      return plain !== undefined && list.check(plain, isIPv4(plain) ? "ipv4" : "ipv6");
    },
  };
}

/**
 * The client's address, as far as trusted proxies report it: the last address in X-Forwarded-For, or Forwarded, that is
 * not a trusted proxy. Anyone can have written the addresses before it.
 *
 * A proxy writes one of the two headers, and may pass the other one on unchanged. If the two disagree, both are
 * ignored, and the client is the proxy.
 * @see https://www.rfc-editor.org/rfc/rfc7239
 */
export function clientAddress({ peer, header }: Received, proxies: TrustedProxies): string {
  const nearest = plainAddress(peer) ?? peer;
  if (proxies.isEmpty || !proxies.has(nearest)) return nearest;
  const lists = [header("x-forwarded-for")?.split(","), forwardedFor(header("forwarded"))];
  const clients = lists.flatMap((list) => (list === undefined ? [] : [lastUntrusted(nearest, list, proxies)]));
  const [client = nearest, other = client] = clients;
  return client === other ? client : nearest;
}

function lastUntrusted(nearest: string, forwarded: readonly string[], proxies: TrustedProxies): string {
  let client = nearest;
  for (const each of forwarded.toReversed()) {
    const address = plainAddress(each.trim());
    if (address === undefined) break;
    client = address;
    if (!proxies.has(address)) break;
  }
  return client;
}

/** The addresses in `Forwarded: for=192.0.2.1;proto=https, for="[2001:db8::1]:4711"`. They contain no quoted commas. */
function forwardedFor(header: string | undefined): readonly string[] | undefined {
  return header?.split(",").map((element) => /(?:^|;)\s*for=("?)([^";]*)\1\s*(?:;|$)/i.exec(element)?.[2] ?? "");
}

/**
 * An address without port and brackets; IPv4 without its IPv6 prefix. Undefined for any other text, such as `unknown`.
 */
function plainAddress(text: string): string | undefined {
  const [, bracketed] = /^\[([^\]]+)\](?::\d+)?$/.exec(text) ?? [];
  const [, withPort] = /^([\d.]+):\d+$/.exec(text) ?? [];
  const address = (bracketed ?? withPort ?? text).replace(/%.*$/, "");
  const [, mapped = address] = /^::ffff:([\d.]+)$/i.exec(address) ?? [];
  return isIP(mapped) === 0 ? undefined : mapped.toLowerCase();
}

/** The headers in which a proxy passes the signed-in user. */
export type PersonHeaders = {
  readonly user: string;
  /** Undefined: the proxy passes no groups. */
  readonly groups?: string | undefined;
};

/** Identifies a caller by the headers of a trusted proxy. */
export function proxyHeader(
  headers: PersonHeaders,
  proxies: TrustedProxies,
  grantsOf: (person: Person) => readonly Grant[],
): Way {
  return ({ peer, rawHeaders, address }) => {
    const person = personFromProxy({ peer, rawHeaders }, headers, proxies);
    if (person === undefined) return undefined;
    if (person === "untrusted") {
      const reason = `${headers.user} was ignored: a request may have it only once, and only from TRUSTED_PROXIES.`;
      return { status: "unknown", credential: "proxy_header", reason };
    }
    const actor = `user ${visibleName(person.name)}`;
    return { status: "known", principal: { grants: grantsOf(person), actor, via: "proxy_header", address } };
  };
}

/** Longer names are rejected. */
const MAX_NAME_CHARACTERS = 200;
const MAX_GROUPS = 1000;

/**
 * The user whom a trusted proxy names. `untrusted` for other addresses, and for a repeated header, because the proxy
 * cannot have written both. A spelling that some servers treat as the same header counts as a repeat.
 * @param rawHeaders names and values alternate, as in Node.
 */
function personFromProxy(
  { peer, rawHeaders }: { readonly peer: string; readonly rawHeaders: readonly string[] },
  { user, groups }: PersonHeaders,
  proxies: TrustedProxies,
): Person | "untrusted" | undefined {
  const names = valuesOf(rawHeaders, user);
  const memberships = groups === undefined ? [] : valuesOf(rawHeaders, groups);
  if (names.length === 0 && memberships.length === 0) return undefined;
  if (!proxies.has(peer) || !isOnce(names) || !isOnce(memberships)) return "untrusted";
  const name = names[0]?.text ?? "";
  // Proxies send an empty header for requests that they pass without a sign-in.
  if (name === "") return undefined;
  if (name.length > MAX_NAME_CHARACTERS) return "untrusted";
  return {
    from: "proxy",
    name,
    email: name.includes("@") ? name : undefined,
    groups: groupsIn(memberships[0]?.text ?? "", groups ?? ""),
  };
}

/** Comma-separated. authentik uses vertical bars (https://docs.goauthentik.io/docs/providers/proxy). */
function groupsIn(text: string, header: string): readonly string[] {
  const separator = /^x-authentik-/i.test(header) ? "|" : ",";
  const groups = text.split(separator).map((each) => each.trim());
  return groups.filter(Boolean).slice(0, MAX_GROUPS);
}

type HeaderValue = { readonly text: string; readonly isExact: boolean };

/**
 * The values of a header, not joined. Includes the spelling with underscores, which some servers treat as the same
 * header.
 * @see https://github.com/oauth2-proxy/oauth2-proxy/security/advisories/GHSA-vjrc-mh2v-45x6
 */
function valuesOf(rawHeaders: readonly string[], name: string): readonly HeaderValue[] {
  const wanted = name.toLowerCase();
  return rawHeaders.flatMap((value, at) => {
    const given = rawHeaders[at - 1]?.toLowerCase() ?? "";
    if (at % 2 === 0 || given.replaceAll("_", "-") !== wanted.replaceAll("_", "-")) return [];
    return [{ text: asUtf8(value).trim(), isExact: given === wanted }];
  });
}

const isOnce = (values: readonly HeaderValue[]) => values.length === 0 || (values.length === 1 && values[0]?.isExact);

/** Node reads headers as Latin-1; proxies write names in UTF-8. */
function asUtf8(text: string): string {
  const bytes = Buffer.from(text, "latin1");
  return isUtf8(bytes) ? bytes.toString() : text;
}
