import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import type { GitHub, Schema } from "../src/index.ts";
import type { GitHubClient } from "../src/model/github.ts";
import { environmentReady } from "../src/workflows/environment-ready.ts";
import { notify, startService, TARGET } from "./support/service.ts";

const HOSTILE = fc.stringMatching(/^pr-[./\\%?#2efEF~ a-z\u0000-\u001f]{0,12}$/);
const NAME = fc.oneof(
  fc.string({ unit: "binary" }),
  fc.string({ unit: "binary" }).map((tail) => `pr-${tail}`),
  HOSTILE,
);

describe("for any application name", () => {
  it("no request leaves for another path than configs/pr/{light,heavy}/<one segment>/values.yaml", async (t) => {
    const { github, url } = await startService(t);
    await fc.assert(
      fc.asyncProperty(NAME, async (application) => {
        const before = github.requests.length;
        const answer = await notify(url, { application });
        assert.ok([200, 400, 404].includes(answer.status), `${answer.status} ${answer.text}`);
        for (const { method, path } of github.requests.slice(before)) {
          assert.equal(method, "GET");
          const file = /^\/repos\/acme\/deployment\/contents\/([^/?#]+)$/.exec(path)?.[1];
          if (file === undefined) assert.equal(path, "/repos/acme/deployment");
          else {
            const [, segment = ""] =
              /^configs\/pr\/(?:light|heavy)\/([^/]+)\/values\.yaml$/.exec(decodeURIComponent(file)) ??
              assert.fail(file);
            assert.equal(segment, application);
            assert.ok(segment !== "." && segment !== "..");
          }
        }
      }),
      { numRuns: 400 },
    );
    assert.equal(github.dispatches.length, 0);
  });

  it("no segment is ever empty, . or .., even when no prefix is asked for", async () => {
    const workflow = environmentReady({
      deploymentRepo: "acme/deployment",
      targetRepo: TARGET,
      deploymentRef: undefined,
      valuesPaths: ["envs/{application}/values.yaml"],
      tagKey: "tag",
      eventType: "environment_ready",
      applicationPrefix: "",
      verifyCommit: false,
      dedupeSeconds: 0,
    });
    const asked: string[] = [];
    const github = {
      firstFile: async (_repository, paths) => void asked.push(...paths) as undefined,
      hasCommit: async () => true,
      dispatch: async () => {},
    } satisfies Partial<GitHubClient> as unknown as GitHub;
    type Given = Parameters<typeof workflow.run>[0];
    const context = { github, repeatOf: async () => undefined } satisfies Partial<Given> as unknown as Given;
    const schema = workflow.on.http!.body as Schema<Given["body"]>;
    await fc.assert(
      fc.asyncProperty(fc.oneof(NAME, fc.constantFrom("", ".", "..", "...")), async (application) => {
        const parsed = schema.safeParse({ application });
        if (parsed.success) await workflow.run({ ...context, body: parsed.data }).catch(() => {});
        for (const path of asked.splice(0)) {
          const segments = path.split("/");
          assert.equal(segments.length, 3);
          assert.ok(!segments.some((segment) => ["", ".", ".."].includes(segment)), path);
        }
      }),
      { numRuns: 1000 },
    );
  });
});
