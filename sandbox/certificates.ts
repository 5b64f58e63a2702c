import { generateKeyPairSync, type KeyObject, randomBytes, sign } from "node:crypto";
import { isIPv4 } from "node:net";

/**
 * A private certificate authority, as companies use. Node can read certificates but not create them. These few fields
 * of X.509 are written here, so no program or package is needed.
 * @see https://www.rfc-editor.org/rfc/rfc5280#section-4.1
 */
export function privateAuthority() {
  // Clients find it only by its name. Two authorities of one name would be confused.
  const name = `Private authority ${randomBytes(4).toString("hex")}`;
  const authority = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const certify = (subject: string, key: KeyObject, extensions: readonly Buffer[]) =>
    certificate({ issuer: name, subject, key, signer: authority.privateKey, extensions });
  return {
    /** PEM of the authority's certificate, for NODE_EXTRA_CA_CERTS. */
    cert: certify(name, authority.publicKey, [BASIC_CONSTRAINTS_CA]),
    /** A key and a certificate in PEM, for a server with these names or IPv4 addresses. Valid for a day. */
    issue(...names: readonly string[]) {
      const server = generateKeyPairSync("ec", { namedCurve: "P-256" });
      return {
        key: server.privateKey.export({ type: "pkcs8", format: "pem" }).toString(),
        cert: certify(names[0] ?? "localhost", server.publicKey, [alternativeNames(names)]),
      };
    },
  };
}

const DAY_MS = 86_400_000;

function certificate({
  issuer,
  subject,
  key,
  signer,
  extensions,
}: {
  issuer: string;
  subject: string;
  key: KeyObject;
  signer: KeyObject;
  extensions: readonly Buffer[];
}): string {
  const content = sequence(
    explicit(0, integer(Buffer.of(2))),
    integer(Buffer.concat([Buffer.of(1), randomBytes(15)])),
    ECDSA_WITH_SHA256,
    commonName(issuer),
    sequence(utcTime(Date.now() - DAY_MS), utcTime(Date.now() + DAY_MS)),
    commonName(subject),
    key.export({ type: "spki", format: "der" }),
    explicit(3, sequence(...extensions)),
  );
  const signature = tagged(0x03, Buffer.of(0), sign("sha256", content, signer));
  const base64 = sequence(content, ECDSA_WITH_SHA256, signature).toString("base64");
  return `-----BEGIN CERTIFICATE-----\n${base64.match(/.{1,64}/g)?.join("\n")}\n-----END CERTIFICATE-----\n`;
}

function alternativeNames(names: readonly string[]): Buffer {
  const each = names.map((name) =>
    isIPv4(name) ? tagged(0x87, Buffer.from(name.split(".").map(Number))) : tagged(0x82, Buffer.from(name, "latin1")),
  );
  return sequence(objectId("551d11"), tagged(0x04, sequence(...each)));
}

/** The distinguished encoding of ASN.1: a tag, a length, and the content. */
function tagged(tag: number, ...parts: readonly Buffer[]): Buffer {
  const content = Buffer.concat(parts);
  const size = content.length;
  const length = size < 0x80 ? [size] : size < 0x100 ? [0x81, size] : [0x82, size >> 8, size & 0xff];
  return Buffer.concat([Buffer.of(tag, ...length), content]);
}

const sequence = (...parts: readonly Buffer[]) => tagged(0x30, ...parts);
const explicit = (at: number, part: Buffer) => tagged(0xa0 + at, part);
const integer = (bytes: Buffer) => tagged(0x02, bytes);
/** Encoded object identifiers, in hexadecimal. */
const objectId = (hex: string) => tagged(0x06, Buffer.from(hex, "hex"));
const utcTime = (epochMs: number) =>
  tagged(0x17, Buffer.from(new Date(epochMs).toISOString().replaceAll(/^..|[-:T]|\.\d+/g, "")));
const commonName = (name: string) =>
  sequence(tagged(0x31, sequence(objectId("550403"), tagged(0x0c, Buffer.from(name)))));

/** 1.2.840.10045.4.3.2 */
const ECDSA_WITH_SHA256 = sequence(objectId("2a8648ce3d040302"));

/** Critical; CA: true. */
const BASIC_CONSTRAINTS_CA = sequence(
  objectId("551d13"),
  tagged(0x01, Buffer.of(0xff)),
  tagged(0x04, sequence(tagged(0x01, Buffer.of(0xff)))),
);
