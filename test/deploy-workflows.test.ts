import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { describe, it, type TestContext } from "node:test";
import { fileURLToPath } from "node:url";
import { load } from "js-yaml";
import { documentOf } from "./support/documents.ts";
import { temporaryFolder } from "./support/folder.ts";
import { followed, HELLO, sectionOf } from "./support/followed-steps.ts";
import { type KubernetesObject, objectsIn, tool } from "./support/kubectl.ts";
import { WORKFLOW_SOURCES, withComponents } from "./support/overlay.ts";

const CHART = fileURLToPath(new URL("../deploy/helm/gh-runner", import.meta.url));
const PAGE = "docs/kubernetes-workflows.md";
const { text: page, blocks } = documentOf(PAGE);

const SECTIONS = {
  "workflows-image": "## From your image",
  "workflows-git": "## From a git repository",
  "workflows-configmap": "## From a ConfigMap",
  "workflows-oci": "## From an OCI artifact",
} as const;

type Source = keyof typeof SECTIONS;
const SOURCES = Object.keys(SECTIONS) as Source[];

const workload = (objects: readonly KubernetesObject[]): KubernetesObject =>
  objects.find(({ kind }) => /^(StatefulSet|Deployment)$/.test(kind)) ?? assert.fail("there is no workload");
const podOf = (objects: readonly KubernetesObject[]): KubernetesObject => workload(objects).spec.template.spec;
const containersOf = (pod: KubernetesObject): KubernetesObject[] => [...(pod.initContainers ?? []), ...pod.containers];
const named = (list: readonly KubernetesObject[], name: string): KubernetesObject =>
  list.find((each) => each.name === name) ?? assert.fail(`there is no ${name}`);
const envOf = (container: KubernetesObject): Record<string, string> =>
  Object.fromEntries(container.env.map(({ name, value }: KubernetesObject) => [name, value]));
/** The volume that contains a path of a container. */
const volumeAt = (container: KubernetesObject, path: string): string | undefined =>
  container.volumeMounts
    .filter(({ mountPath }: KubernetesObject) => path === mountPath || path.startsWith(`${mountPath}/`))
    .sort((one: KubernetesObject, other: KubernetesObject) => other.mountPath.length - one.mountPath.length)[0]?.name;

/** What the chart renders from the values of a section. */
function withChart(t: TestContext, values: object): KubernetesObject[] | undefined {
  const file = `${temporaryFolder(t)}/values.yaml`;
  const settings = { TARGET_REPO: "acme/shop", DEPLOYMENT_REPO: "acme/deployment" };
  const image = { repository: "registry.example.com/gh-runner", tag: "0.1.0" };
  writeFileSync(file, JSON.stringify({ image, settings, ...values }));
  const text = tool(t, "helm", ["template", "gh-runner", CHART, "-n", "gh-runner", "-f", file]);
  return text === undefined ? undefined : objectsIn(text);
}

/** Everything that a container names must exist. */
function nothingIsMissing(objects: readonly KubernetesObject[]): void {
  const pod = podOf(objects);
  const volumes = new Set([
    ...pod.volumes.map(({ name }: KubernetesObject) => name),
    ...(workload(objects).spec.volumeClaimTemplates ?? []).map(({ metadata }: KubernetesObject) => metadata.name),
  ]);
  const maps = objects.filter(({ kind }) => kind === "ConfigMap").map(({ metadata }) => metadata.name);
  for (const container of containersOf(pod)) {
    for (const { name } of container.volumeMounts) assert.ok(volumes.has(name), `${container.name}: ${name}`);
    for (const { configMapRef } of container.envFrom ?? []) assert.ok(maps.includes(configMapRef.name));
    const paths = container.volumeMounts.map(({ mountPath }: KubernetesObject) => mountPath);
    assert.equal(new Set(paths).size, paths.length, `${container.name} mounts two volumes at one place`);
    for (const [name, value] of Object.entries(envOf(container))) {
      if (/_FILE$|^DATA_DIR$|^GITSYNC_ROOT$|^HOME$/.test(name)) {
        assert.ok(volumeAt(container, value), `${container.name}: ${name}=${value} lies in no volume`);
      }
    }
    assert.equal(container.securityContext.readOnlyRootFilesystem, true, container.name);
    assert.equal(container.securityContext.allowPrivilegeEscalation, false, container.name);
    assert.deepEqual(container.securityContext.capabilities, { drop: ["ALL"] }, container.name);
    for (const kind of ["requests", "limits"]) {
      assert.deepEqual(Object.keys(container.resources[kind]).sort(), ["cpu", "memory"], container.name);
    }
  }
}

describe("docs/kubernetes-workflows.md", () => {
  it("has a section for each component", () => {
    assert.deepEqual([...SOURCES].sort(), [...WORKFLOW_SOURCES].sort());
    assert.match(HELLO, /path: "\/hello"/);
  });

  for (const source of SOURCES) {
    for (const store of ["sqlite", "postgres"]) {
      it(`${SECTIONS[source]} with ${store}: every name, key and mount resolves, with the component and with the chart`, (t) => {
        const section = sectionOf(SECTIONS[source]);
        const values = section.find(({ text }) => text.startsWith("# values.yaml"));
        const overlay = followed(t, section, { store });
        const chart = withChart(t, { ...(load(values?.text ?? "") as object), store });
        if (!overlay || !chart) return;
        for (const objects of [overlay, chart]) {
          nothingIsMissing(objects);
          const pod = podOf(objects);
          const [service, check] = [named(pod.containers, "gh-runner"), named(pod.initContainers, "check-workflows")];
          const { WORKFLOWS_DIR: dir = "", WORKFLOWS_RELOAD, DATA_DIR } = envOf(service);
          assert.equal(WORKFLOWS_RELOAD, "true");
          // It checks what the service will load, and has the previous version.
          const its = envOf(check);
          assert.deepEqual([its.WORKFLOWS_DIR, its.WORKFLOWS_RELOAD, its.DATA_DIR], [dir, "true", DATA_DIR]);
          assert.deepEqual([check.image, check.args], [service.image, ["workflows", "--only-files"]]);
          const volume = volumeAt(service, dir);
          assert.equal(volumeAt(check, dir), volume);
          assert.equal(volumeAt(check, DATA_DIR ?? ""), volumeAt(service, DATA_DIR ?? ""));
          assert.equal(pod.initContainers.at(-1).name, "check-workflows");
          const from = pod.volumes.find(({ name }: KubernetesObject) => name === volume);
          if (source === "workflows-image") {
            assert.equal(from, undefined);
            const dockerfile = section.find(({ language }) => language === "dockerfile")?.text ?? "";
            assert.match(dockerfile, new RegExp(`^COPY workflows ${dir}\nENV WORKFLOWS_DIR=${dir}\nRUN `, "m"));
            const pushed = /docker push (\S+)/.exec(section.find(({ language }) => language === "sh")?.text ?? "")?.[1];
            assert.equal(service.image, pushed);
          } else if (source === "workflows-oci") {
            const pushed = /docker push (\S+)/.exec(section.find(({ language }) => language === "sh")?.text ?? "")?.[1];
            assert.equal(from.image.reference, pushed);
          } else if (source === "workflows-configmap") {
            const made: KubernetesObject | undefined = overlay.find(
              ({ kind, metadata }) => kind === "ConfigMap" && metadata.name === from.configMap.name,
            );
            assert.deepEqual(made?.data, { "hello.ts": HELLO });
            assert.equal(made?.metadata.namespace, "gh-runner");
          } else {
            const [sync] = pod.initContainers;
            const settings = objects.find(({ kind, data }) => kind === "ConfigMap" && data.TARGET_REPO)?.data;
            const { GITSYNC_ROOT, GITSYNC_LINK, GITSYNC_REPO } = { ...settings, ...envOf(sync) };
            assert.deepEqual(
              [sync.name, sync.restartPolicy, sync.startupProbe.httpGet],
              ["git-sync", "Always", { path: "/", port: sync.ports[0].name }],
            );
            assert.equal(GITSYNC_REPO, "https://github.com/acme/workflows");
            assert.equal(dir, `${GITSYNC_ROOT}/${GITSYNC_LINK}/workflows`);
            // The link in it leads to the same place for both only when both have it at the same path.
            assert.equal(volumeAt(sync, GITSYNC_ROOT), volume);
            assert.deepEqual(from.emptyDir, { sizeLimit: "512Mi" });
            assert.equal(
              named(sync.volumeMounts, volume ?? "").mountPath,
              named(service.volumeMounts, volume ?? "").mountPath,
            );
            assert.equal(named(service.volumeMounts, volume ?? "").readOnly, true);
            assert.ok(!service.volumeMounts.some(({ name }: KubernetesObject) => name === "git-secret"));
          }
        }
        const comparable = (objects: readonly KubernetesObject[]) =>
          containersOf(podOf(objects)).map(
            ({ name, image, args, resources, securityContext, restartPolicy, startupProbe }) => ({
              ...{ name, image, args, resources, securityContext, restartPolicy, startupProbe },
            }),
          );
        const ofOverlay = JSON.stringify(comparable(overlay));
        const { image } = podOf(overlay).containers[0];
        const ofChart = JSON.stringify(comparable(chart)).replaceAll("registry.example.com/gh-runner:0.1.0", image);
        assert.deepEqual(JSON.parse(ofChart), JSON.parse(ofOverlay));
      });
    }
  }

  for (const [credentials, files] of Object.entries({
    githubApp: ["github-app-private-key"],
    ssh: ["known_hosts", "ssh"],
    token: ["token"],
  })) {
    it(`a private repository with ${credentials}: git-sync reads the keys of the Secret that the page creates`, (t) => {
      const row = page.split("\n").find((line) => line.includes(`credentials: ${credentials}`)) ?? "";
      const made = [...row.matchAll(/--from-file=(?:([\w-]+)=)?([\w.-]+)/g)].map(([, key, file]) => key ?? file ?? "");
      assert.deepEqual(made.sort(), files);
      const literals = [...row.matchAll(/`(GITSYNC_(?!REPO)\w+=[^`]+)`/g)].map(([, literal]) => `      - ${literal}\n`);
      const overlay = followed(t, sectionOf(SECTIONS["workflows-git"]), {
        edit: (text) => text.replace("    literals:\n", `    literals:\n${literals.join("")}`),
      });
      const repository = /repository: (git@[^`]+)/.exec(row)?.[1] ?? "https://github.com/acme/workflows";
      const git = { repository, credentials, githubAppId: 123456, githubInstallationId: 7654321 };
      const chart = withChart(t, { workflows: { git } });
      if (!overlay || !chart) return;
      const read = [overlay, chart].map((objects) => {
        const pod = podOf(objects);
        const [sync] = pod.initContainers;
        const settings = objects.find(({ kind, data }) => kind === "ConfigMap" && data.TARGET_REPO)?.data;
        const variables = Object.entries<string>({ ...settings, ...envOf(sync) }).filter(([name]) =>
          /^GITSYNC_(?!REPO|PERIOD)/.test(name),
        );
        const paths = variables.flatMap(([name, value]) => (name.endsWith("_FILE") ? [value] : []));
        for (const path of paths) {
          const volume = named(pod.volumes, volumeAt(sync, path) ?? "");
          assert.equal(volume.secret.secretName, /create secret generic (\S+)/.exec(row)?.[1]);
        }
        assert.deepEqual(paths.map((path) => path.slice(path.lastIndexOf("/") + 1)).sort(), files);
        return Object.fromEntries(variables);
      });
      assert.deepEqual(read[0], read[1]);
      const policies = chart.filter(({ kind }) => kind === "NetworkPolicy").map(({ metadata }) => metadata.name);
      assert.equal(policies.includes("gh-runner-git"), credentials === "ssh");
    });
  }

  it("port 22 is open with the component for SSH as with the chart", (t) => {
    const overlay = withComponents(t, "sqlite", ["workflows-git", "workflows-git-ssh"]);
    const chart = withChart(t, { workflows: { git: { repository: "git@h:a/w", credentials: "ssh" } } });
    if (!overlay || !chart) return;
    const [one, other] = [overlay, chart].map((objects) =>
      objects.find(({ kind, metadata }) => kind === "NetworkPolicy" && metadata.name === "gh-runner-git"),
    );
    assert.deepEqual(one?.spec, other?.spec);
    assert.deepEqual(one?.spec.egress, [{ ports: [{ port: 22, protocol: "TCP" }] }]);
  });

  for (const source of WORKFLOW_SOURCES) {
    it(`${source} with the component flux replaces its folder, as flux does in the chart`, (t) => {
      const overlay = withComponents(t, "sqlite", ["flux", source]);
      const values = blocks.find(
        ({ text }) =>
          text.startsWith("# values.yaml") && sectionOf(SECTIONS[source]).some((each) => each.text === text),
      );
      const chart = withChart(t, { flux: true, ...(load(values?.text ?? "") as object) });
      if (!overlay || !chart) return;
      const [one, other] = [overlay, chart].map((objects) => {
        nothingIsMissing(objects);
        return envOf(podOf(objects).containers[0]);
      });
      assert.deepEqual(one, { ...other, WORKFLOWS_DIR: one?.WORKFLOWS_DIR });
      assert.equal(one?.WORKFLOWS_DIR, other?.WORKFLOWS_DIR);
    });
  }

  it("both containers use another folder of the repository", (t) => {
    const folder = sectionOf("### Another folder");
    const overlay = followed(t, [...folder, ...sectionOf(SECTIONS["workflows-git"])]);
    if (!overlay) return;
    const pod = podOf(overlay);
    for (const container of [named(pod.initContainers, "check-workflows"), pod.containers[0]]) {
      assert.equal(envOf(container).WORKFLOWS_DIR, "/git/current/ci/workflows");
      assert.equal(volumeAt(container, "/git/current/ci/workflows"), "git");
    }
  });

  for (const [component, kind] of [
    ["ingress", "Ingress"],
    ["http-route", "HTTPRoute"],
  ] as const) {
    it(`${kind}: only webhooks and callbacks are open, on the host of the page, in the component and in the chart`, (t) => {
      const section = sectionOf("## Webhooks from outside");
      const patch = section.findIndex(({ text }) => text.includes(`kind: ${kind},`));
      const overlay = followed(t, section.slice(patch, patch + 2));
      const values = section.find(({ text }) => text.startsWith(`# values.yaml, an ${kind}`));
      const chart = withChart(t, load(values?.text ?? "") as object);
      if (!overlay || !chart) return;
      for (const objects of [overlay, chart]) {
        const { spec } = objects.find((each) => each.kind === kind) ?? assert.fail();
        const service = objects.find((each) => each.kind === "Service");
        const [rule] = spec.rules;
        const open =
          kind === "Ingress"
            ? rule.http.paths.map(({ path, pathType, backend }: KubernetesObject) => {
                assert.deepEqual(backend.service, {
                  name: service?.metadata.name,
                  port: { name: service?.spec.ports[0].name },
                });
                return `${pathType} ${path}`;
              })
            : rule.matches.map(({ path }: KubernetesObject) => `${path.type.replace("Path", "")} ${path.value}`);
        assert.deepEqual(open, ["Prefix /webhooks", "Prefix /callbacks"]);
        assert.deepEqual(spec.hostnames ?? spec.rules.map(({ host }: KubernetesObject) => host), ["ci.acme.example"]);
        if (kind === "HTTPRoute")
          assert.deepEqual(rule.backendRefs, [{ name: service?.metadata.name, port: service?.spec.ports[0].port }]);
        const allowed = JSON.stringify(objects.filter((each) => each.kind === "NetworkPolicy"));
        assert.match(allowed, kind === "Ingress" ? /"ingress-nginx"/ : /"envoy-gateway-system"/);
      }
      assert.ok(
        readFileSync(
          `${fileURLToPath(new URL("..", import.meta.url))}deploy/kubernetes/components/${component}/network-policy.yaml`,
          "utf8",
        ),
      );
    });
  }
});
