import { promises } from "node:fs";
import { get as getHttp } from "node:http";
import type { Agent } from "node:https";
import { isPlainToOthers } from "../model/network.ts";

/** How to read the documents of an issuer. */
export type Reading = {
  /** PEM file with the only certificate authorities to trust; undefined: those of the system. */
  readonly caFile?: string | undefined;
  /** File with the bearer token to send. Read each time, because Kubernetes replaces it. */
  readonly tokenFile?: string | undefined;
};

export type FetchJson = (url: string, reading: Reading) => Promise<unknown>;

/** A caller waits for the answer. An issuer that takes longer counts as down. */
const TIMEOUT_MS = 5000;

/** A document with keys has a few kB. */
const MAX_BYTES = 512 * 1024;

/**
 * Reads a JSON document over https, or over plain http from this machine. Follows no redirect.
 * @param proxyFor the proxy for an https address, with credentials.
 * @throws Error that names the address and what happened, within 5 s.
 */
export function fetchJsonBy(proxyFor: (url: string) => string | undefined): FetchJson {
  return async (url, { caFile, tokenFile }) => {
    const ca = caFile === undefined ? undefined : await promises.readFile(caFile, "utf8");
    const token = tokenFile === undefined ? undefined : (await promises.readFile(tokenFile, "utf8")).trim();
    const { Agent, get } = await import("node:https");
    const proxy = proxyFor(url);
    // Node 24.5 and newer use the proxy. Older ones connect directly.
    const agent = new Agent({ ...(ca !== undefined && { ca }), ...(proxy && { proxyEnv: { HTTPS_PROXY: proxy } }) });
    try {
      const text = await textAt(new URL(url), { agent, get, token });
      return JSON.parse(text);
    } catch (cause) {
      throw new Error(`GET ${url}: ${(cause as Error).message}`, { cause });
    } finally {
      agent.destroy();
    }
  };
}

function textAt(
  url: URL,
  { agent, get, token }: { agent: Agent; get: typeof getHttp; token: string | undefined },
): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const signal = AbortSignal.timeout(TIMEOUT_MS);
  const headers = { accept: "application/json", ...(token && { authorization: `Bearer ${token}` }) };
  const request = url.protocol === "https:" ? get(url, { agent, headers, signal }) : getHttp(url, { headers, signal });
  request.on("error", (error) => reject(signal.aborted ? new Error(`no answer within ${TIMEOUT_MS / 1000} s`) : error));
  request.on("response", (answer) => {
    if (answer.statusCode !== 200) {
      request.destroy();
      return reject(new Error(`the answer was ${answer.statusCode}, expected 200`));
    }
    const chunks: Buffer[] = [];
    let bytes = 0;
    answer.on("data", (chunk: Buffer) => {
      chunks.push(chunk);
      bytes += chunk.length;
      if (bytes <= MAX_BYTES) return;
      request.destroy();
      reject(new Error(`the answer is longer than ${MAX_BYTES} bytes`));
    });
    answer.on("end", () => resolve(Buffer.concat(chunks).toString()));
    answer.on("error", reject);
    answer.on("close", () => reject(new Error("the answer broke off")));
  });
  return promise;
}

/** Whether keys can be read from this address without a chance that someone on the way replaces them. */
export function isSafeToRead(address: string): boolean {
  const url = URL.parse(address);
  if (url === null || url.username || url.password) return false;
  return ["http:", "https:"].includes(url.protocol) && !isPlainToOthers(url);
}
