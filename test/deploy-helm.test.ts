import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { describe, it, type TestContext } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { load } from "js-yaml";
import { chartFiles } from "../scripts/chart-files.ts";
import { documentOf } from "./support/documents.ts";
import { temporaryFolder } from "./support/folder.ts";
import { followed, sectionOf } from "./support/followed-steps.ts";
import { type KubernetesObject, objectsIn, tool } from "./support/kubectl.ts";
import { withComponents } from "./support/overlay.ts";
import { startService } from "./support/service.ts";

const CHART = fileURLToPath(new URL("../deploy/helm/gh-runner", import.meta.url));

/** The values of the kustomize base. */
const VALUES = {
  image: { repository: "ghcr.io/OWNER/gh-runner", tag: "VERSION" },
  settings: { TARGET_REPO: "acme/shop", DEPLOYMENT_REPO: "acme/deployment" },
};

/** What a reader does after a change of the overlay. */
const APPLY = { language: "bash", text: "kubectl apply -k deploy/kubernetes/mine" };

function helm(t: TestContext, values: string | object): KubernetesObject[] | undefined {
  const file = `${temporaryFolder(t)}/values.yaml`;
  writeFileSync(file, typeof values === "string" ? values : JSON.stringify(values));
  const text = tool(t, "helm", ["template", "gh-runner", CHART, "-n", "gh-runner", "-f", file]);
  return text === undefined ? undefined : objectsIn(text);
}

/**
 * Removes the differences: kustomize writes a hash into the names of ConfigMaps, Helm into an annotation. Helm has more labels,
 * and the objects of `helm test`.
 */
function comparable(objects: readonly KubernetesObject[]): KubernetesObject[] {
  const named = JSON.parse(JSON.stringify(objects).replaceAll(/(gh-runner(?:-workflows)?)-[0-9a-z]{10}"/g, '$1"'));
  const selects = ({ labels }: KubernetesObject) => ({ "app.kubernetes.io/name": labels["app.kubernetes.io/name"] });
  for (const { metadata, spec } of named) {
    if (metadata.labels) metadata.labels = selects(metadata);
    const pod = (spec?.jobTemplate?.spec ?? spec)?.template;
    // Backups survive an uninstalled release of Helm.
    delete metadata.annotations?.["helm.sh/resource-policy"];
    if (metadata.annotations && Object.keys(metadata.annotations).length === 0) delete metadata.annotations;
    if (pod) pod.metadata.labels = selects(pod.metadata);
    delete pod?.metadata.annotations;
    pod?.spec.containers[0].env.sort(byName);
    pod?.spec.containers[0].volumeMounts.sort(byName);
    pod?.spec.volumes.sort(byName);
  }
  const key = ({ kind, metadata }: KubernetesObject) => `${kind} ${metadata.name}`;
  return named
    .filter(({ kind, metadata }: KubernetesObject) => kind !== "Namespace" && !metadata.annotations?.["helm.sh/hook"])
    .sort((one: KubernetesObject, other: KubernetesObject) => key(one).localeCompare(key(other)));
}

const byName = (one: { name: string }, other: { name: string }) => one.name.localeCompare(other.name);

describe("the Helm chart", () => {
  it("installs with the commands of the README: the image that they push, and the Secret that they make", (t) => {
    const block = documentOf("README.md").blocks.find(({ text }) => text.includes("helm install"))?.text ?? "";
    const commands = block.replaceAll(/\\\n\s*/g, "").split("\n");
    const [install = ""] = commands.filter((command) =>
      command.startsWith("helm install gh-runner deploy/helm/gh-runner "),
    );
    const text = tool(t, "helm", ["template", "gh-runner", CHART, ...install.split(" ").slice(4)]);
    if (text === undefined) return;
    const objects = objectsIn(text);
    const [image = ""] = /registry\.example\.com\S+/.exec(commands[0] ?? "") ?? [];
    const pod = objects.find(({ kind }) => kind === "StatefulSet")?.spec.template.spec;
    assert.equal(pod.containers[0].image, image);
    const { data } = objects.find(({ kind }) => kind === "ConfigMap") ?? assert.fail("there is no ConfigMap");
    assert.deepEqual(data, { TARGET_REPO: "acme/shop", DEPLOYMENT_REPO: "acme/deployment" });
    const made = commands.find((command) => command.includes("create secret generic gh-runner ")) ?? "";
    const files = pod.containers[0].env.filter(({ name }: { name: string }) => name.endsWith("_FILE"));
    assert.ok(files.length > 0);
    for (const { value } of files) assert.ok(made.includes(`${value.split("/").at(-1)}=`), value);
  });

  for (const store of ["sqlite", "postgres"]) {
    for (const [values, components] of [
      [{}, []],
      [
        { flux: true, serviceMonitor: true, githubApp: true, webhook: true },
        ["flux", "prometheus", "github-app", "webhook"],
      ],
      [{ backup: { enabled: true } }, [store === "sqlite" ? "backup" : "backup-postgres"]],
    ] as const) {
      const name = `${store}${components.map((component) => ` + ${component}`).join("")}`;
      it(`${name}: renders the same as the overlay`, (t) => {
        // Your overlay sets it, not the component.
        const appId = "githubApp" in values ? { GITHUB_APP_ID: 123_456 } : {};
        const objects = helm(t, { ...VALUES, settings: { ...VALUES.settings, ...appId }, store, ...values });
        const overlay = withComponents(t, store, components);
        if (!objects || !overlay) return;
        const settings = overlay.find(({ kind, data }) => kind === "ConfigMap" && data.TARGET_REPO).data;
        if ("githubApp" in values) settings.GITHUB_APP_ID = "123456";
        assert.deepEqual(comparable(objects), comparable(overlay));
      });
    }
  }

  it("replaces the pods when a setting has changed", (t) => {
    const annotations = ["acme/shop", "acme/other"].map((repository) => {
      const settings = { ...VALUES.settings, TARGET_REPO: repository };
      const objects = helm(t, { ...VALUES, settings });
      return objects?.find(({ kind }) => kind === "StatefulSet").spec.template.metadata.annotations[
        "checksum/settings"
      ];
    });
    if (annotations[0]) assert.notEqual(annotations[0], annotations[1]);
  });

  for (const [what, values, says] of [
    ["no image", { ...VALUES, image: {} }, /repository/],
    ["no repositories", { ...VALUES, settings: {} }, /TARGET_REPO/],
    ["a secret among the settings", { ...VALUES, settings: { ...VALUES.settings, GITHUB_TOKEN: "x" } }, /GITHUB_TOKEN/],
    ["a value that there is not", { ...VALUES, replicaCount: 3 }, /replicaCount/],
    ["a store that there is not", { ...VALUES, store: "mysql" }, /store/],
  ] as const) {
    it(`rejects ${what}, and says which`, (t) => {
      if (tool(t, "helm", ["version"]) === undefined) return;
      assert.throws(() => helm(t, values), says);
    });
  }

  for (const [path, text] of Object.entries(chartFiles())) {
    it(`has ${path} as \`npm run docs\` makes it`, () => {
      assert.equal(readFileSync(`${CHART}/${path}`, "utf8"), text);
    });
  }

  it("is tested by a pod that asks the service whether it is healthy and ready", async (t) => {
    const pod = helm(t, VALUES)?.find(({ kind }) => kind === "Pod");
    if (!pod) return;
    assert.equal(pod.metadata.annotations["helm.sh/hook"], "test");
    const { command, env } = pod.spec.containers[0];
    assert.deepEqual(env, [{ name: "ADDRESS", value: "http://gh-runner.gh-runner.svc:9555" }]);
    const [program, ...args] = command;
    assert.equal(program, "node");
    const test = (address: string) => promisify(execFile)(process.execPath, args, { env: { ADDRESS: address } });
    const { url, app } = await startService(t);
    const { stdout } = await test(url);
    assert.match(stdout, /\/health 200 .*\n.*\/ready 200 /);
    await app.close();
    await assert.rejects(test(url), { code: 1, stdout: /\/health fetch failed: .*ECONNREFUSED/ });
  });

  it("is installed as docs/kubernetes.md shows", (t) => {
    const { blocks } = documentOf("docs/kubernetes.md");
    const values = blocks.find(({ language, text }) => language === "yaml" && text.includes("image:"))?.text ?? "";
    const objects = helm(t, values);
    if (!objects) return;
    const [container] = objects.find(({ kind }) => kind === "StatefulSet").spec.template.spec.containers;
    assert.equal(container.image, "registry.example.com/gh-runner:0.1.0");
    const command = "helm install gh-runner deploy/helm/gh-runner -n gh-runner -f values.yaml\n";
    assert.ok(blocks.some(({ text }) => text === command));
  });

  it("opens the network as the overlay does, with the examples of docs/kubernetes.md", (t) => {
    const blocks = sectionOf("## The network", "docs/kubernetes.md");
    const overlay = followed(t, [...blocks, APPLY]);
    const values = blocks.find(({ text }) => text.startsWith("networkPolicy:"))?.text ?? "";
    const chart = helm(t, { ...VALUES, ...(load(values) as object) });
    if (!overlay || !chart) return;
    const [ours, theirs] = [overlay, chart].map((objects) => objects.find(({ kind }) => kind === "NetworkPolicy").spec);
    assert.deepEqual([ours.ingress, ours.egress], [theirs.ingress, theirs.egress]);
    const [{ from }] = ours.ingress;
    assert.ok(from[0].namespaceSelector.matchExpressions[0].values.includes("ingress-nginx"));
    assert.ok(ours.egress.some(({ ports }: KubernetesObject) => ports[0].port === 3128));
  });

  it("pulls from a registry with a password, with the patch of docs/kubernetes.md and with the chart's value", (t) => {
    const blocks = sectionOf("### 4. Start the service", "docs/kubernetes.md");
    const secret = /create secret docker-registry (\S+) /.exec(blocks.map(({ text }) => text).join("\n"))?.[1];
    const patches = blocks.filter(({ text }) => text.startsWith("patches:"));
    const overlay = followed(t, [...patches, APPLY]);
    const chart = helm(t, { ...VALUES, imagePullSecrets: [secret] });
    if (!overlay || !chart) return;
    const pulls = (objects: readonly KubernetesObject[]) => [
      ...(objects.find(({ kind }) => kind === "ServiceAccount")?.imagePullSecrets ?? []),
      ...(objects.find(({ kind }) => kind === "StatefulSet").spec.template.spec.imagePullSecrets ?? []),
    ];
    assert.deepEqual([pulls(overlay), pulls(chart)], [[{ name: secret }], [{ name: secret }]]);
  });
});
