import { createPrivateKey, type KeyObject } from "node:crypto";

/**
 * The private key of a GitHub App as PKCS#8 PEM. Accepts every form that people use: PKCS#1 (GitHub's) or PKCS#8, with real line
 * breaks, with `\n`, or without any, or the whole PEM in base64.
 * @param name the name of its variable.
 * @throws Error that says what the text is instead. The error never repeats the text.
 */
export function appPrivateKey(text: string, name = "GITHUB_APP_PRIVATE_KEY"): string {
  const pem = pemText(text);
  const begin = BEGIN.exec(pem);
  if (!begin)
    throw new Error(`expected the text of a private key, which begins with -----BEGIN${fileHint(text, name)}`);
  const [, label = ""] = begin;
  if (/PUBLIC KEY|CERTIFICATE/.test(label)) {
    throw new Error(`is public (${label}), but the private key is needed. It ${FROM_GITHUB}`);
  }
  const body = new RegExp(`-----BEGIN ${label}-----(.*?)-----END ${label}-----`, "s").exec(pem)?.[1];
  if (body === undefined) {
    throw new Error(`is cut off: the line -----END is missing. Use ${name}_FILE, or write \\n for each line break`);
  }
  if (label.includes("ENCRYPTED") || body.includes("ENCRYPTED")) {
    throw new Error("is encrypted: remove its passphrase (openssl rsa -in KEY -out NEW-KEY)");
  }
  const key = keyOf(label, Buffer.from(body, "base64"));
  if (key.asymmetricKeyType !== "rsa") throw new Error(`is not an RSA key. The right one ${FROM_GITHUB}`);
  return key.export({ type: "pkcs8", format: "pem" }).toString();
}

const BEGIN = /-----BEGIN ([A-Z0-9 ]+)-----/;

const FROM_GITHUB = "is created in the App's settings, under Private keys";

function pemText(text: string): string {
  const plain = text.replaceAll("\\r", "").replaceAll("\\n", "\n");
  if (BEGIN.test(plain)) return plain;
  return Buffer.from(text, "base64").toString("latin1");
}

function fileHint(text: string, name: string): string {
  return /^[\w./-]+\.(?:pem|key)$/.test(text) ? `. If this is the name of a file, use ${name}_FILE` : "";
}

/** Types of the DER inside a PEM, by the words on its first line: https://www.rfc-editor.org/rfc/rfc7468#section-4 */
const DER_TYPES: Readonly<Record<string, "pkcs1" | "pkcs8" | "sec1">> = {
  "RSA PRIVATE KEY": "pkcs1",
  "PRIVATE KEY": "pkcs8",
  "EC PRIVATE KEY": "sec1",
};

function keyOf(label: string, der: Buffer): KeyObject {
  const type = DER_TYPES[label];
  if (!type) throw new Error(`is another kind of key (${label}). The right one ${FROM_GITHUB}`);
  try {
    return createPrivateKey({ key: der, format: "der", type });
  } catch {
    throw new Error("is damaged: some characters are missing or changed");
  }
}
