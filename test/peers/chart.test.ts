import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { cpSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { load } from "js-yaml";
import { temporaryFolder } from "../support/folder.ts";
import { type KubernetesObject, objectsIn } from "../support/kubectl.ts";
import { nameOf, ROWS } from "./chart-rows/index.ts";
import { findIn, NEEDED, withNeeded } from "./chart-rows/row.ts";
import { peer } from "./peers.ts";
import { restrictedV2 } from "./restricted-v2.ts";

const CHART = fileURLToPath(new URL("../../deploy/helm/gh-runner", import.meta.url));
const read = (path: string) => readFileSync(`${CHART}/${path}`, "utf8");

type Values = Readonly<Record<string, unknown>>;

/** Runs a command of Helm with values. Returns its output and exit code. */
function run(helm: string, args: readonly string[], values: Values) {
  const { status, stdout, stderr } = spawnSync(helm, args, { input: JSON.stringify(values), encoding: "utf8" });
  return { status, stdout, stderr };
}

function render(helm: string, values: Values, args: readonly string[] = [], chart = CHART): KubernetesObject[] {
  const all = ["template", "gh-runner", chart, "-n", "gh-runner", "-f", "-", ...args];
  const { status, stdout, stderr } = run(helm, all, values);
  assert.equal(status, 0, stderr);
  return objectsIn(stdout);
}

const podsIn = (objects: readonly KubernetesObject[]): KubernetesObject[] =>
  objects.flatMap(({ kind, spec }) =>
    kind === "Pod" ? [spec] : (spec?.template?.spec ?? spec?.jobTemplate?.spec.template.spec ?? []),
  );

/** Values that are rejected, and the expected message. */
const REJECTED: readonly (readonly [what: string, values: Values, says: RegExp])[] = [
  ["no image", { ...NEEDED, image: {} }, /image\.repository: say where your image is/],
  ["no repositories", { ...NEEDED, settings: {} }, /settings\.DEPLOYMENT_REPO: set .*\n.*settings\.TARGET_REPO: set /],
  ["a GitHub App without its number", withNeeded({ githubApp: true }), /settings\.GITHUB_APP_ID: set the number/],
  ["a port of the process", withNeeded({ settings: { PORT: 80 } }), /settings\.PORT: leave it out.*service\.port/],
  ["another folder", withNeeded({ extraEnv: [{ name: "DATA_DIR", value: "/x" }] }), /extraEnv: leave DATA_DIR out/],
  [
    "a secret among the settings",
    withNeeded({ settings: { GITHUB_CLIENT_SECRET: "x" } }),
    /settings\.GITHUB_CLIENT_SECRET: it is a secret.*secretSettings\.GITHUB_CLIENT_SECRET/,
  ],
  [
    "a setting twice",
    withNeeded({ settings: { AUTH_OIDC: "[]" }, secretSettings: { AUTH_OIDC: "oidc" } }),
    /settings\.AUTH_OIDC: .* from the key oidc of the Secret gh-runner/,
  ],
  ["an Ingress for every host", withNeeded({ ingress: { enabled: true } }), /ingress\.hosts: name the hosts/],
  [
    "a route without a gateway",
    withNeeded({ httpRoute: { enabled: true } }),
    /httpRoute\.parentRefs: name your Gateway/,
  ],
  [
    "a backup of a volume that one pod alone may mount",
    withNeeded({ backup: { enabled: true }, storage: { accessModes: ["ReadWriteOncePod"] } }),
    /storage\.accessModes: .*backup.*ReadWriteOnce/,
  ],
  ["a size that is none", withNeeded({ storage: { size: "lots" } }), /storage[./]size/],
  ["a port that there is not", withNeeded({ service: { port: 99_999 } }), /service[./]port/],
  ["another port that there is not", withNeeded({ networkPolicy: { ports: [0] } }), /networkPolicy[./]ports[./]0/],
  ["a digest that is none", withNeeded({ image: { digest: "abc" } }), /image[./]digest/],
  ["a list as an annotation", withNeeded({ podAnnotations: { a: [1] } }), /podAnnotations[./]a/],
  ["a misspelt value", withNeeded({ replicaCount: 3 }), /replicaCount/],
  ["a misspelt field", withNeeded({ serviceMonitor: { enabled: true, intervall: "1m" } }), /serviceMonitor/],
  ["a misspelt probe", withNeeded({ livenessProbe: { periodSecond: 3 } }), /periodSecond/],
  ["a setting with another name", withNeeded({ settings: { "my-setting": 1 } }), /my-setting/],
  ["a path without a slash", withNeeded({ ingress: { enabled: true, paths: ["webhooks"] } }), /ingress[./]paths[./]0/],
];

for (const version of ["helm3", "helm4"]) {
  describe(`the chart, rendered by ${version}`, () => {
    for (const row of ROWS) {
      it(`has what is set: ${nameOf(row)}`, (t) => {
        const helm = peer(t, version);
        if (!helm) return;
        const objects = render(helm, withNeeded(row.values));
        for (const [kind, path, value] of row.found) {
          assert.deepEqual(findIn(objects, kind, path), value, `${kind} ${path}`);
        }
      });
    }

    for (const [what, values, says] of REJECTED) {
      it(`rejects ${what}, with a message`, (t) => {
        const helm = peer(t, version);
        if (!helm) return;
        const { status, stderr } = run(helm, ["template", CHART, "-f", "-"], values);
        assert.notEqual(status, 0);
        assert.match(stderr, says);
      });
    }

    it("works in an umbrella chart, which turns it on and off", (t) => {
      const helm = peer(t, version);
      if (!helm) return;
      const folder = temporaryFolder(t);
      const dependency = { name: "gh-runner", version: "*", condition: "gh-runner.enabled" };
      const chart = { apiVersion: "v2", name: "platform", version: "1.0.0", dependencies: [dependency] };
      writeFileSync(`${folder}/Chart.yaml`, JSON.stringify(chart));
      cpSync(CHART, `${folder}/charts/gh-runner`, { recursive: true });
      const kinds = (enabled: boolean) => {
        const values = { "gh-runner": { ...NEEDED, enabled }, global: { imagePullSecrets: ["a"], region: "eu" } };
        const { status, stdout, stderr } = run(helm, ["template", "platform", folder, "-f", "-"], values);
        assert.equal(status, 0, stderr);
        return objectsIn(stdout).map(({ kind }) => kind);
      };
      assert.ok(kinds(true).includes("StatefulSet"));
      assert.deepEqual(kinds(false), []);
    });

    it("lints with the defaults", (t) => {
      const helm = peer(t, version);
      if (!helm) return;
      const { status, stdout } = run(helm, ["lint", "--strict", CHART], {});
      assert.equal(status, 0, stdout);
    });

    it("treats null as the default, for every value and every field", (t) => {
      const helm = peer(t, version);
      if (!helm) return;
      const { image, settings: _, ...others } = load(read("values.yaml")) as Record<string, object>;
      const expected = render(helm, NEEDED);
      const nulls = Object.fromEntries(Object.keys(others).map((key) => [key, null]));
      assert.deepEqual(render(helm, withNeeded(nulls)), expected);
      const fields = { ...nullsIn(others), image: { ...nullsIn(image ?? {}), ...NEEDED.image } };
      assert.deepEqual(render(helm, withNeeded(fields)), expected);
    });

    it("keeps settings unchanged, with --set too", (t) => {
      const helm = peer(t, version);
      if (!helm) return;
      const settings = {
        LINES: "one\n  two\n",
        QUOTED: `"it's"`,
        TEMPLATE: "{{ .Values }}",
        SPACE: " a: b #c ",
        YES: "yes",
        EMPTY: "",
      };
      const set = ["--set", "settings.GITHUB_APP_ID=12345678", "--set", "settings.VERIFY_COMMIT=true"];
      const { data } = render(helm, withNeeded({ settings }), set).find(({ kind }) => kind === "ConfigMap");
      assert.deepEqual(data, { ...NEEDED.settings, ...settings, GITHUB_APP_ID: "12345678", VERIFY_COMMIT: "true" });
    });

    it("is the same as a package, and as a part of another chart", (t) => {
      const helm = peer(t, version);
      if (!helm) return;
      const folder = temporaryFolder(t);
      const values = { ...NEEDED, prometheusRule: { enabled: true }, flux: true };
      const { status, stderr } = run(helm, ["package", CHART, "-d", `${folder}/charts`], {});
      assert.equal(status, 0, stderr);
      const [packed = ""] = readdirSync(`${folder}/charts`);
      const expected = render(helm, values);
      assert.deepEqual(render(helm, values, [], `${folder}/charts/${packed}`), expected);
      writeFileSync(`${folder}/Chart.yaml`, "{ apiVersion: v2, name: platform, version: 1.0.0 }");
      assert.deepEqual(render(helm, { "gh-runner": values }, [], folder), expected);
    });

    it("names no user on OpenShift, and stays within restricted-v2 with every value", (t) => {
      const helm = peer(t, version);
      if (!helm) return;
      const onOpenShift = ["--api-versions", "security.openshift.io/v1"];
      const [plain] = podsIn(render(helm, NEEDED));
      assert.match(String(restrictedV2.safeParse(plain).error), /runAsUser[\s\S]*fsGroup/);
      for (const { values } of ROWS) {
        // These two values decide it themselves.
        if ("openshift" in values || "podSecurityContext" in values) continue;
        const pods = podsIn(render(helm, withNeeded(values), onOpenShift));
        assert.ok(pods.length >= 2);
        const isImage = ({ volumes = [] }: KubernetesObject) => volumes.some(({ image }: KubernetesObject) => image);
        for (const pod of pods) {
          // README.md states that this SCC has no image volumes.
          if (isImage(pod)) assert.match(String(restrictedV2.safeParse(pod).error), /another kind of volume/);
          else restrictedV2.parse(pod);
        }
      }
    });
  });
}

/** Every field set to null, except fields that Kubernetes defines: a null in them removes a field. */
function nullsIn(values: object): Values {
  const kubernetes = /^(resources|.*ecurityContext|.*Probe|strategy|labels)$/;
  const entries = Object.entries(values).filter(([name]) => !kubernetes.test(name));
  return Object.fromEntries(entries.map(([name, value]) => [name, isTable(value) ? nullsIn(value) : null]));
}

const isTable = (value: unknown): value is object =>
  value?.constructor === Object && Object.keys(value as object).length > 0;

/** The values of a table, by path. `isOne` stops at a path. */
function pathsIn(values: object, isOne: (path: string) => boolean = () => false, before = ""): string[] {
  return Object.entries(values).flatMap(([name, value]) => {
    const path = before + name;
    const inside = isTable(value) && !isOne(path) ? pathsIn(value, isOne, `${path}.`) : [];
    return inside.length > 0 ? inside : [path];
  });
}

describe("the chart's files", () => {
  const named = [...read("README.md").matchAll(/^\| `([\w.]+)` \|/gm)].map(([, name = ""]) => name);

  it("list every value in README.md, and the tests have each", () => {
    const isOne = (path: string) => named.includes(path) && !named.some((name) => name.startsWith(`${path}.`));
    const values = pathsIn(load(read("values.yaml")) as object, isOne);
    assert.deepEqual(
      values.filter((path) => !named.includes(path)),
      [],
    );
    const tested = new Set(ROWS.flatMap((row) => [...Object.keys(row.values), ...everyPathIn(row.values)]));
    const missing = values.filter((path) => !tested.has(path) && path !== "image.repository");
    assert.deepEqual(missing, []);
  });

  it("have a schema for every value, which rejects unknown ones in every table", () => {
    const schema = JSON.parse(read("values.schema.json"));
    for (const name of named) {
      let at = schema;
      for (const field of name.split(".")) {
        const table = at.anyOf?.find((each: { properties?: object }) => each.properties) ?? at;
        if (!name.startsWith("global")) assert.equal(table.additionalProperties, false, name);
        at = table.properties[field] ?? assert.fail(name);
      }
    }
  });

  it("wait in README.md for the pods before the test, because a test of a Service without pods fails", () => {
    assert.match(read("README.md"), /^helm install [^`]* --wait$[^`]*^helm test /m);
  });

  it("list this version in CHANGELOG.md", () => {
    const { version } = load(read("Chart.yaml")) as { version: string };
    assert.ok(read("CHANGELOG.md").includes(`\n## ${version}\n`));
  });
});

function everyPathIn(values: object, before = ""): string[] {
  return Object.entries(values).flatMap(([name, value]) => [
    before + name,
    ...(isTable(value) ? everyPathIn(value, `${before}${name}.`) : []),
  ]);
}
