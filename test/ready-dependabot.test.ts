import assert from "node:assert/strict";
import { describe, it } from "node:test";
import * as yaml from "js-yaml";
import type { RunContext } from "../src/index.ts";
import type { DependabotMetadata } from "../src/workflows/index.ts";
import { lookedUp } from "../src/workflows/ready/auto-merge-lookups.ts";
import { metadataOf } from "../src/workflows/ready/dependabot.ts";

const readYaml = (text: string) => yaml.load(text, { schema: yaml.FAILSAFE_SCHEMA });

type Given = { sentences?: string; block?: string; head?: string; title?: string; body?: string };

function read({ sentences = "", block = "", head = "dependabot/npm_and_yarn/a-1.0.1", title = "", body = "" }: Given) {
  const message = `${sentences}\n\n---\nupdated-dependencies:\n${block}...\n\nSigned-off-by: dependabot[bot] <support@github.com>`;
  return metadataOf({ message, title, body, head, base: "main" }, readYaml);
}

const one = (name: string, more = "") => `- dependency-name: "${name}"\n  dependency-type: direct:production\n${more}`;
const typed = (name: string, type: string) => one(name, `  update-type: version-update:semver-${type}\n`);

describe("the metadata of Dependabot", () => {
  it("has the highest kind of update, and the first of the types of dependency", () => {
    const block = typed("a", "patch") + typed("b", "major") + typed("c", "minor");
    const found = read({ block });
    assert.deepEqual([found?.updateType, found?.dependencyType], ["version-update:semver-major", "direct:production"]);
    assert.equal(read({ block: "- dependency-name: a\n" })?.dependencyType, "unknown");
    assert.equal(read({ block: one("a") })?.updateType, null);
  });

  it("computes the kind of update from the versions if Dependabot does not report it", () => {
    const kind = (from: string, to: string) =>
      read({ sentences: `Bump a\n\nBumps a from ${from} to ${to}.`, block: one("a") })?.updateType ?? null;
    assert.equal(kind("1.0.0", "2.0.0"), "version-update:semver-major");
    assert.equal(kind("v1.0.0", "v1.1.0"), "version-update:semver-minor");
    assert.equal(kind("1.0.0", "1.0.1"), "version-update:semver-patch");
    assert.equal(kind("1", "1.2"), "version-update:semver-minor");
    assert.equal(kind("1.0.0", "1.0.0"), null);
  });

  it("keeps the written form of versions", () => {
    const found = read({ block: one("a", "  dependency-version: 1.10\n") });
    assert.equal(found?.newVersion, "1.10");
  });

  it("reads versions of requirements, of the title too, and of each member of a group", () => {
    const sentences = "Update rack requirement from ~> 1.0 to ~> 2.1";
    assert.deepEqual(
      [read({ sentences, block: one("rack") })?.previousVersion, read({ sentences, block: one("rack") })?.newVersion],
      ["1.0", "2.1"],
    );
    assert.equal(read({ title: "build: update a requirement from ^1.0 to ^1.2", block: one("a") })?.newVersion, "1.2");
    const group =
      "Bumps the docker group with 2 updates.\n\nUpdates `a` from 1.0 to 1.1\nUpdates `a` from 2.0 to 2.1\nUpdates `b` to 3";
    const block = one("a", "  dependency-group: docker\n") + one("a") + one("b");
    const found = read({ sentences: group, block, head: "dependabot/docker/base/docker-12ab" });
    assert.deepEqual(
      found?.updatedDependencies.map(({ previousVersion, newVersion }) => [previousVersion, newVersion]),
      [
        ["1.0", "1.1"],
        ["2.0", "2.1"],
        ["", "3"],
      ],
    );
    assert.deepEqual([found?.dependencyGroup, found?.directory], ["docker", "/base"]);
  });

  it("finds the folder and the ecosystem in the name of the branch, with any delimiter", () => {
    const at = (head: string, block = one("a")) => {
      const found = read({ head, block });
      return [found?.packageEcosystem, found?.directory];
    };
    assert.deepEqual(at("dependabot/nuget/a-1.0"), ["nuget", "/"]);
    assert.deepEqual(at("dependabot/npm_and_yarn/web/api/@types/node-1.0", one("@types/node")), [
      "npm_and_yarn",
      "/web/api",
    ]);
    assert.deepEqual(at("dependabot-npm_and_yarn-web-a-1.0"), ["npm_and_yarn", "/web"]);
    assert.deepEqual(at("dependabot|nuget|web|a-1.0"), ["nuget", "/web"]);
    assert.deepEqual(at("dependabot/nuget/web/a/and/b", one("a") + one("b")), ["nuget", "/web"]);
  });

  it("is missing without the block, with invalid YAML, and on a branch that is not Dependabot's", () => {
    assert.equal(
      metadataOf({ message: "Bump a", title: "", body: "", head: "dependabot/x/a", base: "main" }, readYaml),
      undefined,
    );
    assert.equal(read({ block: "- {\n" }), undefined);
    assert.equal(read({ block: "" }), undefined);
    assert.equal(read({ head: "mallory/npm/a", block: one("a") }), undefined);
  });
});

describe("the lookups about an update", () => {
  const metadata = read({
    sentences: "Bumps a from 1.0.0 to 1.0.1.",
    block: typed("a", "patch") + typed("b", "patch"),
    head: "dependabot/npm_and_yarn/web/a/and/b",
  }) as DependabotMetadata;
  const repo = { owner: "acme", repo: "shop" };

  /** A context with these alerts and badges. */
  function context(
    alerts: Readonly<Record<string, readonly (readonly [path: string, state: string, score: number | null])[]>>,
    scores: readonly string[] = [],
  ) {
    const asked: string[] = [];
    const left = [...scores];
    const github = {
      paginate: async (_: string, given: { package: string }, map: (page: { data: unknown[] }) => unknown[]) =>
        map({
          data: (alerts[given.package] ?? []).map(([path, state, score], at) => ({
            ...{ dependency: { manifest_path: path }, state },
            security_advisory: { ghsa_id: `GHSA-${given.package}-${at}`, cvss: { score } },
          })),
        }),
    };
    const fetch = async (url: URL) => {
      asked.push(url.href);
      return new Response(`<svg><title>compatibility: ${left.shift()}</title></svg>`);
    };
    return { context: { github, fetch } as unknown as RunContext, asked };
  }

  it("is the worst open alert of its folder", async () => {
    const alerts = {
      a: [
        ["web/package.json", "fixed", 9.8],
        ["other/package.json", "open", 10],
      ] as const,
      b: [
        ["web/package.json", "open", null],
        ["web/package.json", "open", 5.5],
      ] as const,
    };
    const found = await lookedUp(context(alerts).context, repo, metadata, { alertLookup: true });
    assert.deepEqual([found.alertState, found.ghsaId, found.cvss], ["OPEN", "GHSA-b-1", 5.5]);
    const none = await lookedUp(context({}).context, repo, metadata, { alertLookup: true });
    assert.deepEqual([none.alertState, none.ghsaId, none.cvss], ["", "", 0]);
  });

  it("is the lowest score of all dependencies, 0 where one is not known", async () => {
    const known = context({}, ["98%", "76%"]);
    assert.equal((await lookedUp(known.context, repo, metadata, { compatLookup: true })).compatibilityScore, 76);
    const badge = "https://dependabot-badges.githubapp.com/badges/compatibility_score";
    assert.equal(
      known.asked[0],
      `${badge}?dependency-name=a&package-manager=npm_and_yarn&previous-version=1.0.0&new-version=1.0.1`,
    );
    const unknown = context({}, ["98%", "unknown"]);
    assert.equal((await lookedUp(unknown.context, repo, metadata, { compatLookup: true })).compatibilityScore, 0);
  });

  it("does nothing unless requested", async () => {
    const { context: never } = context({ a: [["web/package.json", "open", 9]] }, ["98%"]);
    assert.deepEqual(await lookedUp(never, repo, metadata, {}), metadata);
  });
});
