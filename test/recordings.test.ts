import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";
import { createRequire } from "node:module";
import type { AddressInfo } from "node:net";
import { describe, it, type TestContext } from "node:test";
import { tokenCredentials } from "../src/github/auth/credentials.ts";
import { gitHubFor } from "../src/github/client.ts";
import { openGitHubHttp } from "../src/github/http.ts";
import { knownSecrets } from "../src/observe/secrets.ts";
import { gitHubHost } from "./support/github.ts";

type Recording = {
  method: string;
  path: string;
  status: number;
  response: unknown;
  headers: Record<string, string | number>;
};

const require = createRequire(import.meta.url);

const recordingsOf = (scenario: string): Recording[] =>
  structuredClone(require(`@octokit/fixtures/scenarios/api.github.com/${scenario}/normalized-fixture.json`));

/** Answers each request from the recording of the same method and path. */
async function replay(t: TestContext, recordings: readonly Recording[]) {
  const seen: string[] = [];
  const server = createServer((request, response) => {
    const path = decodeURIComponent(request.url ?? "");
    seen.push(`${request.method} ${path}`);
    const found = recordings.find((each) => each.method.toUpperCase() === request.method && each.path === path);
    if (!found) return response.writeHead(404).end('{"message":"no such recording"}');
    const { connection: _, "content-length": __, ...headers } = found.headers;
    const location = String(headers.location ?? "").replace("https://api.github.com", url);
    const body = typeof found.response === "string" ? found.response : JSON.stringify(found.response);
    return response.writeHead(found.status, { ...headers, ...(location && { location }) }).end(body);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const http = openGitHubHttp({ apiUrl: url, brief: knownSecrets([]).brief, userAgent: "test" });
  t.after(async () => {
    await http.close();
    server.close();
  });
  const credentials = tokenCredentials("0000000000000000000000000000000000000001", "recorded");
  const { github } = gitHubFor(gitHubHost({ apiUrl: url, send: http.send }), { credentials, name: "test" });
  return { github, send: http.send, seen };
}

describe("recorded answers of GitHub", () => {
  it("get-content: a file is read unchanged", async (t) => {
    const { github } = await replay(t, recordingsOf("get-content"));
    const file = await github.firstFile("octokit-fixture-org/hello-world", ["README.md"]);
    assert.deepEqual(file, { path: "README.md", text: "# hello-world" });
  });

  it("get-content: a directory is no file", async (t) => {
    const recordings = recordingsOf("get-content").map((each) => ({
      ...each,
      path: each.path.replace(/contents\/$/, "contents/docs"),
    }));
    const { github } = await replay(t, recordings);
    await assert.rejects(github.firstFile("octokit-fixture-org/hello-world", ["docs"]), /directory/);
  });

  it("rename-repository: a read follows the 301, a write the 307 with method and body kept", async (t) => {
    const { send, seen } = await replay(t, recordingsOf("rename-repository"));
    const repository = { owner: "octokit-fixture-org", repo: "rename-repository" };
    const read = await send("GET /repos/{owner}/{repo}", repository, "token");
    assert.equal(read.status, 200);
    assert.equal(JSON.parse(new TextDecoder().decode(read.bytes)).name, "rename-repository-newname");

    const [theRenaming, ...rest] = recordingsOf("rename-repository");
    assert.equal(theRenaming?.status, 200);
    const { send: sendAfterRename, seen: seenAfterRename } = await replay(t, rest);
    const write = await sendAfterRename("PATCH /repos/{owner}/{repo}", { ...repository, name: "x" }, "token");
    assert.equal(write.status, 200);
    assert.deepEqual(seen, ["GET /repos/octokit-fixture-org/rename-repository", "GET /repositories/1000"]);
    assert.deepEqual(seenAfterRename, [
      "PATCH /repos/octokit-fixture-org/rename-repository",
      "PATCH /repositories/1000",
    ]);
  });
});
