import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { gzipSync } from "node:zlib";
import { listen } from "../../sandbox/listen.ts";

export type StandInRegistry = {
  readonly url: string;
  close(): Promise<void>;
};

/** An npm registry of exactly these packages: name → folder that the package is made of. It holds one version of each. */
export async function startRegistry(folders: Readonly<Record<string, string>>): Promise<StandInRegistry> {
  const packed = new Map<string, Buffer>();
  const { port, close } = await listen((incoming, outgoing) => {
    const [name = "", file] = decodeURIComponent(incoming.url ?? "")
      .slice(1)
      .split("/-/");
    const folder = folders[name];
    if (incoming.method !== "GET" || folder === undefined) {
      outgoing.statusCode = 404;
      return void outgoing.end("{}");
    }
    if (file !== undefined) {
      const known = packed.get(name) ?? pack(folder);
      packed.set(name, known);
      return void outgoing.end(known);
    }
    const manifest = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
    const { version } = manifest;
    const dist = { tarball: `http://${incoming.headers.host}/${name}/-/${version}.tgz` };
    const versions = { [version]: { ...manifest, dist } };
    outgoing.end(JSON.stringify({ name, "dist-tags": { latest: version }, versions }));
  }, {});
  return { url: `http://127.0.0.1:${port}/`, close };
}

/** Programs that unpack a package drop its first folder, under any name. */
function pack(folder: string): Buffer {
  const tar = execFileSync("tar", ["-cf", "-", "-C", dirname(folder), basename(folder)], { maxBuffer: 100_000_000 });
  return gzipSync(tar, { level: 1 });
}
