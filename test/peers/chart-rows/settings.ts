import { labelsOf, MAIN, NEEDED, POD, type Row, row } from "./row.ts";

const DIGEST = `sha256:${"0".repeat(64)}`;

/** Values for image, settings, secrets, the store and its volume. */
export const SETTINGS: readonly Row[] = [
  // What the chart renders from the required values.
  row(
    {},
    ["StatefulSet", `${MAIN}.image`, "registry.example.com/gh-runner:0.1.0"],
    ["StatefulSet", "spec.selector.matchLabels", { "app.kubernetes.io/name": "gh-runner" }],
    ["StatefulSet", "metadata.labels", labelsOf("gh-runner")],
    ["Service", "spec.selector", { "app.kubernetes.io/name": "gh-runner" }],
    ["ConfigMap", "data", NEEDED.settings],
    ["Deployment", "kind", undefined],
    ["Ingress", "kind", undefined],
    ["HTTPRoute", "kind", undefined],
    ["ServiceMonitor", "kind", undefined],
    ["PrometheusRule", "kind", undefined],
    ["PodDisruptionBudget", "kind", undefined],
  ),

  row({ image: { tag: 20_261_129 } }, ["StatefulSet", `${MAIN}.image`, "registry.example.com/gh-runner:20261129"]),
  row({ image: { digest: DIGEST } }, ["StatefulSet", `${MAIN}.image`, `registry.example.com/gh-runner@${DIGEST}`]),
  row(
    { image: { repository: "elsewhere.example.com/x", tag: "a", digest: DIGEST, pullPolicy: "Always" } },
    ["StatefulSet", `${MAIN}.image`, `elsewhere.example.com/x:a@${DIGEST}`],
    ["StatefulSet", `${MAIN}.imagePullPolicy`, "Always"],
    ["Pod", "spec.containers.0.image", `elsewhere.example.com/x:a@${DIGEST}`],
    ["Pod", "spec.containers.0.imagePullPolicy", "Always"],
  ),
  row(
    { imagePullSecrets: ["a", { name: "b" }], global: { imagePullSecrets: ["of-all"] } },
    ["StatefulSet", `${POD}.imagePullSecrets`, [{ name: "of-all" }, { name: "a" }, { name: "b" }]],
    ["Pod", "spec.imagePullSecrets", [{ name: "of-all" }, { name: "a" }, { name: "b" }]],
  ),

  row(
    {
      settings: {
        GITHUB_APP_ID: 12_345_678,
        RETRY_HOURS: 1.5,
        VERIFY_COMMIT: true,
        PAGE_COLOR: "012345",
        AUTH_OIDC: [{ issuer: "https://token.actions.githubusercontent.com", role: "caller" }],
        LOG_LEVEL: null,
      },
    },
    ["ConfigMap", "data.GITHUB_APP_ID", "12345678"],
    ["ConfigMap", "data.RETRY_HOURS", "1.5"],
    ["ConfigMap", "data.VERIFY_COMMIT", "true"],
    ["ConfigMap", "data.PAGE_COLOR", "012345"],
    ["ConfigMap", "data.AUTH_OIDC", '[{"issuer":"https://token.actions.githubusercontent.com","role":"caller"}]'],
    ["ConfigMap", "data.LOG_LEVEL", undefined],
  ),
  row({ secretName: "mine" }, ["StatefulSet", `${POD}.volumes.0.secret.secretName`, "mine"]),
  row({ secretSettings: { OIDC_CLIENT_SECRET: "oidc", GITHUB_TOKEN: "token", AUTH_TOKENS: "" } }, [
    "StatefulSet",
    `${MAIN}.env`,
    [
      { name: "DATA_DIR", value: "/data" },
      { name: "GITHUB_TOKEN_FILE", value: "/run/secrets/gh-runner/token" },
      { name: "OIDC_CLIENT_SECRET_FILE", value: "/run/secrets/gh-runner/oidc" },
    ],
  ]),
  row(
    {
      extraEnv: [
        { name: "NODE_OPTIONS", value: "--max-old-space-size=90" },
        { name: "AUTH_TOKENS_FILE", value: "/vault/tokens" },
        { name: "GITHUB_APP_ID", value: 1_234_567 },
        { name: "POD", valueFrom: { fieldRef: { fieldPath: "metadata.name" } } },
      ],
    },
    [
      "StatefulSet",
      `${MAIN}.env`,
      [
        { name: "DATA_DIR", value: "/data" },
        { name: "GITHUB_TOKEN_FILE", value: "/run/secrets/gh-runner/github-token" },
        { name: "NODE_OPTIONS", value: "--max-old-space-size=90" },
        { name: "AUTH_TOKENS_FILE", value: "/vault/tokens" },
        { name: "GITHUB_APP_ID", value: "1234567" },
        { name: "POD", valueFrom: { fieldRef: { fieldPath: "metadata.name" } } },
      ],
    ],
  ),
  row({ extraEnvFrom: [{ secretRef: { name: "of-my-workflows" } }] }, [
    "StatefulSet",
    `${MAIN}.envFrom`,
    [{ configMapRef: { name: "gh-runner" } }, { secretRef: { name: "of-my-workflows" } }],
  ]),

  row({ storage: { size: "1.5Gi", storageClassName: "fast", accessModes: ["ReadWriteOncePod"] } }, [
    "StatefulSet",
    "spec.volumeClaimTemplates.0.spec",
    {
      accessModes: ["ReadWriteOncePod"],
      storageClassName: "fast",
      resources: { requests: { storage: "1.5Gi" } },
    },
  ]),
  row(
    { storage: { existingClaim: "mine" } },
    ["StatefulSet", "spec.volumeClaimTemplates", undefined],
    ["StatefulSet", `${POD}.volumes.1`, { name: "data", persistentVolumeClaim: { claimName: "mine" } }],
  ),
  row({ storage: null }, ["StatefulSet", "spec.volumeClaimTemplates.0.spec.resources.requests.storage", "1Gi"]),
  row(
    { store: "postgres" },
    ["StatefulSet", "kind", undefined],
    ["Deployment", "spec.replicas", 3],
    ["Deployment", "spec.strategy", { rollingUpdate: { maxSurge: 1, maxUnavailable: 0 } }],
    ["Deployment", `${MAIN}.env.2`, { name: "DATABASE_URL_FILE", value: "/run/secrets/gh-runner/database-url" }],
    [
      "Deployment",
      `${POD}.topologySpreadConstraints.1.labelSelector`,
      { matchLabels: { "app.kubernetes.io/name": "gh-runner" } },
    ],
    ["PodDisruptionBudget", "spec.maxUnavailable", 1],
  ),
  row(
    { store: "postgres", replicas: 5, strategy: { type: "Recreate" }, revisionHistoryLimit: 0 },
    ["Deployment", "spec.replicas", 5],
    ["Deployment", "spec.strategy", { type: "Recreate" }],
    ["Deployment", "spec.revisionHistoryLimit", 0],
  ),
  row(
    {
      store: "postgres",
      podDisruptionBudget: { minAvailable: "50%", maxUnavailable: 2, unhealthyPodEvictionPolicy: "IfHealthyBudget" },
    },
    ["PodDisruptionBudget", "spec.minAvailable", "50%"],
    ["PodDisruptionBudget", "spec.maxUnavailable", undefined],
    ["PodDisruptionBudget", "spec.unhealthyPodEvictionPolicy", "IfHealthyBudget"],
  ),
  row({ store: "postgres", podDisruptionBudget: { minAvailable: 0 } }, ["PodDisruptionBudget", "spec.minAvailable", 0]),
  row({ store: "postgres", podDisruptionBudget: { enabled: false } }, ["PodDisruptionBudget", "kind", undefined]),

  row(
    { githubApp: true, settings: { GITHUB_APP_ID: 1 } },
    ["StatefulSet", `${MAIN}.env.2.name`, "GITHUB_APP_PRIVATE_KEY_FILE"],
    ["StatefulSet", `${MAIN}.env.3`, undefined],
  ),
  row(
    { flux: true },
    ["ConfigMap gh-runner-workflows", "kind", "ConfigMap"],
    ["StatefulSet", `${MAIN}.env.2`, { name: "FLUX_HMAC_KEY_FILE", value: "/run/secrets/gh-runner/flux-hmac-key" }],
  ),
  row({ webhook: true }, [
    "StatefulSet",
    `${MAIN}.env.3`,
    { name: "GITHUB_WEBHOOK_SECRET_FILE", value: "/run/secrets/gh-runner/github-webhook-secret" },
  ]),
];
