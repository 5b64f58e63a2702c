import { generateKeyPairSync } from "node:crypto";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import type { TestContext } from "node:test";
import Provider, { type JWK } from "oidc-provider";

export type MachineIssuer = {
  readonly url: string;
  /** A token that a client gets without a person (client credentials). */
  token(client: "ci" | "prometheus" | "stranger", audience?: string): Promise<string>;
  /** From now on another key signs, and the old key is gone. */
  rotate(): void;
  /** Stops it: nothing answers any more. */
  stop(): Promise<void>;
};

const SECRET = "client-secret-0123456789abcdef0123456789";

/** A real issuer of OIDC tokens for programs, on loopback (oidc-provider from npm). */
export async function startMachineIssuer(t: TestContext): Promise<MachineIssuer> {
  let nth = 0;
  let provider: Provider | undefined;
  const server = createServer((incoming, outgoing) => {
    provider ??= newProvider(url, `key-${++nth}`);
    void provider.callback()(incoming, outgoing);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const stop = async () => {
    if (!server.listening) return;
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  };
  t.after(stop);
  return {
    url,
    async token(client, audience = "https://gh-runner.acme.com") {
      const answer = await fetch(`${url}/token`, {
        method: "POST",
        headers: { authorization: `Basic ${Buffer.from(`${client}:${SECRET}`).toString("base64")}` },
        body: new URLSearchParams({ grant_type: "client_credentials", resource: audience }),
      });
      const { access_token: token } = (await answer.json()) as { access_token: string };
      return token;
    },
    rotate() {
      provider = undefined;
    },
    stop,
  };
}

function newProvider(url: string, kid: string): Provider {
  const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const provider = new Provider(url, {
    jwks: { keys: [{ ...(privateKey.export({ format: "jwk" }) as JWK), kid, use: "sig", alg: "ES256" }] },
    clients: ["ci", "prometheus", "stranger"].map((client_id) => ({
      ...{
        client_id,
        client_secret: SECRET,
        grant_types: ["client_credentials"],
        redirect_uris: [],
        response_types: [],
      },
      id_token_signed_response_alg: "ES256",
    })),
    features: {
      clientCredentials: { enabled: true },
      devInteractions: { enabled: false },
      resourceIndicators: {
        enabled: true,
        getResourceServerInfo: (_context, audience) => ({
          ...{ audience, scope: "", accessTokenTTL: 600, accessTokenFormat: "jwt" },
          jwt: { sign: { alg: "ES256" } },
        }),
      },
    },
  });
  return provider;
}
