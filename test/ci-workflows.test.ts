import assert from "node:assert/strict";
import { globSync, readFileSync } from "node:fs";
import { describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { load } from "js-yaml";
import manifest from "../package.json" with { type: "json" };

const ROOT = fileURLToPath(new URL("..", import.meta.url));

type Step = {
  readonly uses?: string;
  readonly run?: string;
  readonly with?: Readonly<Record<string, unknown>>;
  readonly env?: Readonly<Record<string, string>>;
};
type Job = {
  readonly needs?: string | readonly string[];
  readonly container?: { readonly options?: string; readonly volumes?: readonly string[] };
  readonly steps?: readonly Step[];
  readonly permissions?: Readonly<Record<string, string>>;
};
type Workflow = { readonly permissions: unknown; readonly jobs: Readonly<Record<string, Job>> };

/** Everything that a job may write. Other jobs may write nothing. */
const MAY_WRITE: Readonly<Record<string, readonly string[]>> = {
  build: ["attestations", "id-token"],
  image: ["attestations", "id-token", "packages"],
  npm: ["id-token"],
  github: ["contents"],
  scorecard: ["id-token"],
};

const files = globSync(".github/workflows/*.yml", { cwd: ROOT }).sort();

it("there are workflows of GitHub Actions that check and release the project", () => {
  const names = ["ci", "release", "scorecard"];
  assert.deepEqual(
    files,
    names.map((name) => `.github/workflows/${name}.yml`),
  );
});

it("the job of .ci/run may run containers with limits within its limits, and write nothing", () => {
  const { jobs } = load(readFileSync(`${ROOT}.github/workflows/ci.yml`, "utf8")) as Workflow;
  const privileged = Object.values(jobs).filter(({ container }) => container?.options?.includes("--privileged"));
  const running = Object.values(jobs).filter(({ steps }) => steps?.some(({ run }) => run === ".ci/run"));
  assert.equal(running.length, 1);
  assert.deepEqual(privileged, running);
  const [{ container, permissions } = assert.fail()] = running;
  assert.match(container?.options ?? "", /--cgroupns=host/);
  // Where test/support/container.ts keeps its layers.
  assert.deepEqual(container?.volumes, ["/tmp"]);
  assert.deepEqual(permissions, { contents: "read" });
});

it("the released image is the one that docs/container.md builds again: base by digest, commit and time", () => {
  const { jobs } = load(readFileSync(`${ROOT}.github/workflows/release.yml`, "utf8")) as Workflow;
  const steps = jobs.image?.steps ?? [];
  const build = steps.find(({ uses }) => uses?.startsWith("docker/build-push-action@")) ?? assert.fail();
  assert.equal(build.env?.SOURCE_DATE_EPOCH, `\${{ steps.base.outputs.time }}`);
  const args = Object.fromEntries(
    String(build.with?.["build-args"])
      .trim()
      .split("\n")
      .map((line) => line.split("=")),
  );
  assert.deepEqual(args, { NODE_IMAGE: `\${{ steps.base.outputs.image }}`, REVISION: `\${{ github.sha }}` });
  const dockerfile = readFileSync(`${ROOT}Dockerfile`, "utf8");
  for (const name of Object.keys(args)) assert.match(dockerfile, new RegExp(`^ARG ${name}=`, "m"));
  assert.ok(String(build.with?.outputs).split(",").includes("rewrite-timestamp=true"));
  // Labels with the day of the build would make another image.
  assert.equal(build.with?.labels, undefined);

  const fixed = steps.find((step) => step.run?.includes("imagetools"))?.run ?? assert.fail();
  const document = readFileSync(`${ROOT}docs/container.md`, "utf8");
  for (const command of [/\$\(docker buildx imagetools inspect .*\)$/m, /\$\(git log [^)]*\)/]) {
    assert.ok(document.includes(command.exec(fixed)?.[0] ?? "nothing"), String(command));
  }
});

describe("what is released", () => {
  const jobsOf = (name: string) =>
    (load(readFileSync(`${ROOT}.github/workflows/${name}.yml`, "utf8")) as Workflow).jobs;
  const release = jobsOf("release");
  const at = (steps: readonly Step[], pattern: RegExp) =>
    steps.findIndex(({ uses = "", run = "" }) => pattern.test(uses) || pattern.test(run));

  it("is signed and attested by the job that built it, by digest, before anyone can take it", () => {
    const build = release.build?.steps ?? [];
    const order = [/sha256sum \*/, /actions\/attest@/, /cosign-installer@/, /cosign sign-blob/, /upload-artifact@/];
    const places = order.map((pattern) => at(build, pattern));
    assert.deepEqual([places.includes(-1), places], [false, places.toSorted((one, other) => one - other)]);
    const image = release.image?.steps ?? [];
    const sign = image[at(image, /cosign sign /)] ?? assert.fail();
    assert.equal(sign.env?.DIGEST, `\${{ steps.image.outputs.digest }}`);
    assert.match(sign.run ?? "", /^cosign sign --yes --recursive "\$IMAGE@\$DIGEST"$/);
    const push = image.find(({ uses }) => uses?.startsWith("docker/build-push-action@"));
    assert.equal(push?.with?.provenance, "mode=max");
    // npm's provenance.
    assert.ok(release.npm?.steps?.some(({ run }) => / --provenance /.test(run ?? "")));
  });

  it("is verified by the commands of SECURITY.md: they name what release.yml makes", () => {
    const document = readFileSync(`${ROOT}SECURITY.md`, "utf8");
    for (const part of [
      "cosign verify-blob --bundle SHA256SUMS.sigstore.json",
      "cosign verify ghcr.io/OWNER/gh-runner@sha256:",
      "/.github/workflows/release.yml@refs/tags/",
      "https://token.actions.githubusercontent.com",
      "npm audit signatures",
      "gh attestation verify oci://ghcr.io/OWNER/gh-runner@sha256:",
    ]) {
      assert.ok(document.includes(part), part);
    }
  });

  it("waits for a scan of the image and of what is bundled, which fails on what has a fix", () => {
    const scans = (jobsOf("ci")["image-scan"]?.steps ?? []).filter(({ uses }) =>
      uses?.startsWith("anchore/scan-action@"),
    );
    assert.deepEqual(
      scans.map((step) => step.with?.image ?? step.with?.sbom),
      ["gh-runner:scan", "dist/sbom.cdx.json"],
    );
    for (const step of scans) {
      const { "severity-cutoff": cutoff, "only-fixed": onlyFixed, "fail-build": fails } = step.with ?? {};
      assert.deepEqual([cutoff, onlyFixed, fails], ["high", true, true]);
    }
    assert.deepEqual(release.build?.needs, "ci");
  });
});

for (const file of files) {
  describe(file, () => {
    const text = readFileSync(ROOT + file, "utf8");
    const { permissions, jobs } = load(text) as Workflow;
    const steps = Object.values(jobs).flatMap(({ steps = [] }) => steps);

    it("gives each job the permissions that it needs, and the workflow none", () => {
      assert.deepEqual(permissions, {});
      for (const [name, job] of Object.entries(jobs)) {
        const written = Object.entries(job.permissions ?? {}).filter(([, access]) => access !== "read");
        assert.deepEqual(written.map(([what]) => what).sort(), MAY_WRITE[name] ?? [], name);
      }
    });

    it("names each action by the hash of a commit and by a version, the same two everywhere", () => {
      const used = text.split("\n").filter((line) => /\buses: (?!\.\/)/.test(line));
      assert.equal(used.length, steps.filter(({ uses }) => uses !== undefined).length);
      for (const line of used) assert.match(line, /uses: [\w-]+\/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$/);
      const versions = new Map<string, string>();
      for (const [, action = "", version = ""] of used.join("\n").matchAll(/uses: (\S+)@(.+)/g)) {
        assert.equal(versions.get(action) ?? version, version, action);
        versions.set(action, version);
      }
    });

    it("puts no text of others into a command, and leaves no token in the checkout", () => {
      for (const { run = "" } of steps) assert.ok(!run.includes("${{"), run);
      for (const step of steps.filter(({ uses }) => uses?.startsWith("actions/checkout@"))) {
        assert.equal(step.with?.["persist-credentials"], false);
      }
    });

    it("runs no script of a dependency in a job that may write or sign", () => {
      for (const { permissions = {}, steps = [] } of Object.values(jobs)) {
        if (Object.values(permissions).every((access) => access === "read")) continue;
        for (const { run = "" } of steps) {
          for (const [command] of run.matchAll(/\bnpm (?:ci|install|publish)\b.*/g))
            assert.match(command, / --ignore-scripts\b/);
        }
      }
    });

    it("runs npm scripts that exist", () => {
      for (const [, script = ""] of text.matchAll(/npm run ([\w:-]+)/g)) assert.ok(script in manifest.scripts, script);
    });
  });
}
