import { MAIN, POD, type Row, row } from "./row.ts";

const inPod = (key: string, value: unknown) => row({ [key]: value }, ["StatefulSet", `${POD}.${key}`, value]);
const beside = (name: string) => ({
  name,
  image: "registry.example.com/beside:1",
  securityContext: {
    allowPrivilegeEscalation: false,
    capabilities: { drop: ["ALL"] },
    runAsNonRoot: true,
    seccompProfile: { type: "RuntimeDefault" },
  },
});
const probe = { httpGet: { path: "/health", port: "http" }, periodSeconds: 7 };
const toleration = { key: "spot", operator: "Exists" };
const exampleAffinity = {
  nodeAffinity: {
    requiredDuringSchedulingIgnoredDuringExecution: {
      nodeSelectorTerms: [{ matchExpressions: [{ key: "spot", operator: "DoesNotExist" }] }],
    },
  },
};

/** Values for pods. */
export const PODS: readonly Row[] = [
  row(
    { podLabels: { a: 1, "app.kubernetes.io/name": "no" } },
    ["StatefulSet", "spec.template.metadata.labels.a", "1"],
    ["StatefulSet", "spec.template.metadata.labels.app\\.kubernetes\\.io/name", "gh-runner"],
  ),
  row(
    { podAnnotations: { a: 1, b: true, c: 12_345_678 } },
    ["StatefulSet", "spec.template.metadata.annotations.a", "1"],
    ["StatefulSet", "spec.template.metadata.annotations.b", "true"],
    ["StatefulSet", "spec.template.metadata.annotations.c", "12345678"],
  ),
  row(
    { resources: { limits: { cpu: null, memory: "256Mi" } } },
    ["StatefulSet", `${MAIN}.resources`, { requests: { cpu: "50m", memory: "64Mi" }, limits: { memory: "256Mi" } }],
    ["Pod", "spec.containers.0.resources.limits", { memory: "256Mi" }],
  ),
  row(
    { openshift: true },
    [
      "StatefulSet",
      `${POD}.securityContext`,
      { runAsNonRoot: true, fsGroupChangePolicy: "OnRootMismatch", seccompProfile: { type: "RuntimeDefault" } },
    ],
    ["Pod", "spec.securityContext.runAsUser", undefined],
    [
      "NetworkPolicy",
      "spec.egress.1.to.0.namespaceSelector.matchLabels",
      { "kubernetes.io/metadata.name": "openshift-dns" },
    ],
  ),
  row({ openshift: "false" }, ["StatefulSet", `${POD}.securityContext.runAsUser`, 65_532]),
  row({ podSecurityContext: { runAsUser: null, fsGroup: 1000, supplementalGroups: [5] } }, [
    "StatefulSet",
    `${POD}.securityContext`,
    {
      runAsNonRoot: true,
      runAsGroup: 65_532,
      fsGroup: 1000,
      supplementalGroups: [5],
      fsGroupChangePolicy: "OnRootMismatch",
      seccompProfile: { type: "RuntimeDefault" },
    },
  ]),
  row({ securityContext: { privileged: false } }, [
    "StatefulSet",
    `${MAIN}.securityContext`,
    {
      privileged: false,
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      capabilities: { drop: ["ALL"] },
    },
  ]),
  ...["startupProbe", "livenessProbe", "readinessProbe"].flatMap((name) => [
    row(
      { [name]: probe },
      ["StatefulSet", `${MAIN}.${name}.periodSeconds`, 7],
      ["StatefulSet", `${MAIN}.${name}.enabled`, undefined],
    ),
    row({ [name]: { enabled: false } }, ["StatefulSet", `${MAIN}.${name}`, undefined]),
    row({ [name]: null }, ["StatefulSet", `${MAIN}.${name}.httpGet.port`, "http"]),
  ]),
  inPod("terminationGracePeriodSeconds", 60),
  row(
    { extraVolumes: [{ name: "cache", emptyDir: {} }], extraVolumeMounts: [{ name: "cache", mountPath: "/cache" }] },
    ["StatefulSet", `${POD}.volumes.1`, { name: "cache", emptyDir: {} }],
    ["StatefulSet", `${MAIN}.volumeMounts.2`, { name: "cache", mountPath: "/cache" }],
  ),
  row(
    { initContainers: [beside("before")], sidecars: [beside("proxy")] },
    ["StatefulSet", `${POD}.initContainers`, [beside("before")]],
    ["StatefulSet", `${POD}.containers.1`, beside("proxy")],
    ["StatefulSet", `${MAIN}.name`, "gh-runner"],
  ),
  row(
    { nodeSelector: { "kubernetes.io/os": "linux", spot: false }, tolerations: [toleration] },
    ["StatefulSet", `${POD}.nodeSelector`, { "kubernetes.io/os": "linux", spot: "false" }],
    ["StatefulSet", `${POD}.tolerations`, [toleration]],
    ["Pod", "spec.tolerations", [toleration]],
  ),
  inPod("affinity", exampleAffinity),
  row({ topologySpreadConstraints: [{ maxSkew: 2, topologyKey: "rack", whenUnsatisfiable: "DoNotSchedule" }] }, [
    "StatefulSet",
    `${POD}.topologySpreadConstraints`,
    [
      {
        maxSkew: 2,
        topologyKey: "rack",
        whenUnsatisfiable: "DoNotSchedule",
        labelSelector: { matchLabels: { "app.kubernetes.io/name": "gh-runner" } },
      },
    ],
  ]),
  inPod("priorityClassName", "important"),
  inPod("runtimeClassName", "gvisor"),
  inPod("hostAliases", [{ ip: "10.0.0.7", hostnames: ["ghes.example.com"] }]),
  row(
    { dnsPolicy: "None", dnsConfig: { nameservers: ["10.0.0.2"] } },
    ["StatefulSet", `${POD}.dnsPolicy`, "None"],
    ["StatefulSet", `${POD}.dnsConfig`, { nameservers: ["10.0.0.2"] }],
  ),
  row(
    {
      serviceAccount: {
        name: "runner",
        labels: { a: true },
        annotations: { "eks.amazonaws.com/role-arn": "arn" },
        automount: true,
      },
    },
    ["ServiceAccount runner", "metadata.labels.a", "true"],
    ["ServiceAccount runner", "metadata.annotations", { "eks.amazonaws.com/role-arn": "arn" }],
    ["ServiceAccount runner", "automountServiceAccountToken", true],
    ["StatefulSet", `${POD}.serviceAccountName`, "runner"],
    ["StatefulSet", `${POD}.automountServiceAccountToken`, true],
  ),
  row(
    { serviceAccount: { create: false } },
    ["ServiceAccount", "kind", undefined],
    ["StatefulSet", `${POD}.serviceAccountName`, "default"],
  ),
];
