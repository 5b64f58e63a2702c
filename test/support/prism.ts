import { spawn } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { fileURLToPath } from "node:url";
import { temporaryFolder } from "./folder.ts";
import { fixedPort, listening } from "./process.ts";

/**
 * Stoplight's Prism between a client and the stand-in. It lets requests and answers through that GitHub's description
 * allows, and answers with an error of its own instead of all others. It is given these paths alone, to start quickly.
 * Returns where it answers.
 * @see https://docs.stoplight.io/docs/prism/43002606f29bc-running-a-validation-proxy
 */
export async function startPrism(t: TestContext, upstream: string, paths: readonly string[]): Promise<string> {
  const description = join(temporaryFolder(t), "github.json");
  writeFileSync(description, JSON.stringify(excerpt(paths)));
  const port = await fixedPort();
  const cli = fileURLToPath(import.meta.resolve("@stoplight/prism-cli"));
  const address = ["--host", "127.0.0.1", "--port", String(port)];
  const child = spawn(process.execPath, [cli, "proxy", description, upstream, "--errors", ...address], {
    env: { PATH: process.env.PATH, NO_COLOR: "1" },
  });
  t.after(() => void child.kill("SIGKILL"));
  let output = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8").on("data", (text: string) => {
      output += text;
    });
  }
  await listening({ child, output: () => output }, port);
  return `http://127.0.0.1:${port}`;
}

const CONTENTS = "/repos/{owner}/{repo}/contents/{path}";

type Description = { paths: Record<string, { get?: { responses: Record<string, object> } }> };

/** These paths of GitHub's description, as it is kept here. */
function excerpt(paths: readonly string[]): Description {
  const file = new URL("../../sandbox/github-openapi/api.github.com.json", import.meta.url);
  const description = JSON.parse(readFileSync(file, "utf8")) as Description;
  const chosen = Object.fromEntries(Object.entries(description.paths).filter(([path]) => paths.includes(path)));
  // Raw contents are told of in prose only: what they look like is left open.
  const contents = chosen[CONTENTS]?.get;
  if (contents) contents.responses[200] = { description: "A file or a directory." };
  return { ...description, paths: chosen };
}
