import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import type { TestContext } from "node:test";
import { fileURLToPath } from "node:url";

/** Where Debian's packages golang-github-masterminds-sprig-dev and golang-github-antonmedv-expr-dev put their sources. */
const GOPATH = "/usr/share/gocode";
const PROGRAM = fileURLToPath(new URL("argocd.go", import.meta.url));

type Rendered = {
  readonly body: string;
  /** Why the template could not be rendered. */
  readonly error?: string;
  readonly triggered: boolean;
  /** Why the condition could not be decided, which counts as false. */
  readonly whenError?: string;
};

/**
 * What ArgoCD makes of a template's body and of a trigger's condition for each set of variables, by Go's text/template,
 * sprig and expr themselves. Where there is no Go the test is skipped; in CI it fails.
 */
export function renderedByGo(
  t: TestContext,
  asked: {
    readonly body: string;
    readonly when?: string;
    /** Of ApplicationSets with `missingkey=error`. */
    readonly missingKeyIsError?: boolean;
    readonly variables: readonly Readonly<Record<string, unknown>>[];
  },
): readonly Rendered[] | undefined {
  const env = { PATH: process.env.PATH, HOME: process.env.HOME, GO111MODULE: "off", GOPATH, GOFLAGS: "" };
  const { error, status, stdout, stderr } = spawnSync("go", ["run", PROGRAM], {
    input: JSON.stringify(asked),
    encoding: "utf8",
    env,
  });
  const hasSources = existsSync(`${GOPATH}/src/github.com/Masterminds/sprig`);
  if (!error && hasSources) {
    if (status !== 0) throw new Error(`the template or the condition cannot be compiled: ${stderr}`);
    return JSON.parse(stdout) as Rendered[];
  }
  const missing = "Go is missing: apt-get install golang-go golang-github-{masterminds-sprig,antonmedv-expr}-dev";
  if (process.env.CI === "true") throw new Error(missing, { cause: error });
  t.skip(missing);
  return undefined;
}
