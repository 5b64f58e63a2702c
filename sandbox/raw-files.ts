import { setTimeout as wait } from "node:timers/promises";
import type { privateAuthority } from "./certificates.ts";
import { type Incoming, listen, type Outgoing, write } from "./listen.ts";
import { startProxy } from "./proxy.ts";
import type { StandInGitHub } from "./stand-in-types.ts";

const HOST = "raw.githubusercontent.com";

/**
 * Serves the files of a stand-in GitHub as https://raw.githubusercontent.com, for programs with a fixed address. A Go
 * program reaches it with HTTPS_PROXY set to `proxy`, and SSL_CERT_FILE set to a file with the authority's certificate.
 * Go never uses the proxy for 127.0.0.1.
 */
export async function startRawFiles(
  github: Pick<StandInGitHub, "repository">,
  { authority, latencyMs = 0 }: { authority: ReturnType<typeof privateAuthority>; latencyMs?: number },
): Promise<{ readonly proxy: string; close(): Promise<void> }> {
  async function serve(incoming: Incoming, outgoing: Outgoing): Promise<void> {
    incoming.resume();
    if (latencyMs > 0) await wait(latencyMs);
    const raw = textAt(github, incoming.url ?? "");
    write(outgoing, raw ? { status: 200, raw } : { status: 404, raw: Buffer.from("404: Not Found") }, TEXT, false);
  }
  const tls = authority.issue(HOST);
  const files = await listen((incoming, outgoing) => void serve(incoming, outgoing), { tls, http2: true });
  const proxy = await startProxy({ hosts: { [`${HOST}:443`]: files.port } });
  return {
    proxy: proxy.url,
    async close() {
      await proxy.close();
      await files.close();
    },
  };
}

const TEXT = { "content-type": "text/plain; charset=utf-8" };

/** `/owner/name/ref/path`. The ref may be HEAD or `refs/heads/main`. */
function textAt(github: Pick<StandInGitHub, "repository">, url: string): Buffer | undefined {
  const parts = /^\/([^/]+\/[^/]+)\/(?:refs\/(?:heads|tags)\/)?([^/?]+)\/([^?]+)/.exec(url);
  if (!parts) return undefined;
  const [, name = "", ref = "", path = ""] = parts;
  const repository = github.repository(name);
  return repository.file(decodeURIComponent(path), ref === "HEAD" ? repository.defaultBranch : ref)?.bytes;
}
