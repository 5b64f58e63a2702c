import { once } from "node:events";
import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { TestContext } from "node:test";
import { exportJWK, generateKeyPair, type JWTPayload, SignJWT } from "jose";

type Key = { readonly kid: string; readonly privateKey: CryptoKey; readonly publicKey: CryptoKey };

export type StandInIssuer = Awaited<ReturnType<typeof startIssuer>>;

/** An issuer of OIDC tokens over real HTTP. The test chooses its keys and faults. Ends with the test. */
export async function startIssuer(t: TestContext, { algorithm = "RS256" } = {}) {
  const newKey = async (kid: string): Promise<Key> => ({
    kid,
    ...(await generateKeyPair(algorithm, { extractable: true })),
  });
  let nth = 1;
  let signing = await newKey("key-1");
  let published: readonly Key[] = [signing];
  /** Answers instead of the issuer, once it is set. */
  let fault: ((answer: ServerResponse) => void) | undefined;
  let jwks: unknown;
  const requests: { readonly path: string; readonly authorization: string | undefined }[] = [];
  const issuer = {
    url: "",
    requests,
    /** Overrides parts of the discovery document. */
    discovery: {} as Record<string, unknown>,
    /** Replaces its key set. */
    setJwks(document: unknown) {
      jwks = document;
    },
    /** The public key of the signing key, for forged tokens. */
    publicKey: () => signing.publicKey,
    kid: () => signing.kid,
    /** From now on a new key signs tokens, and the old key is gone. */
    async rotate() {
      signing = await newKey(`key-${++nth}`);
      published = [signing];
    },
    break(how: typeof fault) {
      fault = how;
    },
    /** A token as the issuer would sign it. */
    async token(claims: JWTPayload = {}, header: Record<string, unknown> = {}, now = Date.now()): Promise<string> {
      const seconds = Math.floor(now / 1000);
      const payload = {
        iss: issuer.url,
        aud: "gh-runner",
        sub: "repo:acme/shop",
        iat: seconds,
        exp: seconds + 300,
        ...claims,
      };
      return new SignJWT(payload)
        .setProtectedHeader({ alg: algorithm, kid: signing.kid, ...header })
        .sign(signing.privateKey);
    },
  };
  const server = createServer(async (request, answer) => {
    requests.push({ path: request.url ?? "", authorization: request.headers.authorization });
    if (fault) return fault(answer);
    answer.setHeader("content-type", "application/json");
    if (request.url === "/.well-known/openid-configuration")
      return answer.end(JSON.stringify({ issuer: issuer.url, jwks_uri: `${issuer.url}/keys`, ...issuer.discovery }));
    if (request.url !== "/keys") return answer.writeHead(404).end();
    const keys = await Promise.all(
      published.map(async ({ kid, publicKey }) => ({ ...(await exportJWK(publicKey)), kid, use: "sig" })),
    );
    answer.end(JSON.stringify(jwks ?? { keys }));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const close = () => {
    server.closeAllConnections();
    server.close();
  };
  t.after(close);
  issuer.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return Object.assign(issuer, { close });
}
