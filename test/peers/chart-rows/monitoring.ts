import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { labelsOf, type Row, row } from "./row.ts";

const RULES = fileURLToPath(new URL("../../../deploy/prometheus/rules.yaml", import.meta.url));
const otherAlerts = [...readFileSync(RULES, "utf8").matchAll(/- alert: (\w+)/g)]
  .map(([, alert]) => alert)
  .filter((alert) => alert !== "GhRunnerBackupOld");
const ofBackup = 'kube_cronjob_status_last_successful_time{cronjob="ci-backup"}';

const groups = [{ name: "mine", rules: [{ alert: "Mine", expr: "vector(1)" }] }];

/** Values for Prometheus and Grafana. */
export const MONITORING: readonly Row[] = [
  row(
    { serviceMonitor: true },
    [
      "ServiceMonitor",
      "spec.endpoints",
      [
        {
          port: "http",
          path: "/metrics",
          interval: "30s",
          authorization: { type: "Bearer", credentials: { name: "gh-runner", key: "metrics-token" } },
        },
      ],
    ],
    ["ServiceMonitor", "spec.selector.matchLabels", { "app.kubernetes.io/name": "gh-runner" }],
  ),
  row(
    {
      serviceMonitor: {
        enabled: true,
        interval: "1m",
        scrapeTimeout: "20s",
        namespace: "argocd",
        secretName: "tokens",
        secretKey: "viewer",
        honorLabels: true,
        labels: { release: "prometheus" },
        annotations: { a: 1 },
        relabelings: [{ action: "labeldrop", regex: "pod" }],
        metricRelabelings: [{ action: "drop", sourceLabels: ["__name__"], regex: "nodejs_.*" }],
      },
    },
    [
      "ServiceMonitor",
      "spec.endpoints.0",
      {
        port: "http",
        path: "/metrics",
        interval: "1m",
        scrapeTimeout: "20s",
        honorLabels: true,
        relabelings: [{ action: "labeldrop", regex: "pod" }],
        metricRelabelings: [{ action: "drop", sourceLabels: ["__name__"], regex: "nodejs_.*" }],
        authorization: { type: "Bearer", credentials: { name: "tokens", key: "viewer" } },
      },
    ],
    ["ServiceMonitor", "metadata.namespace", "argocd"],
    ["ServiceMonitor", "spec.namespaceSelector", { matchNames: ["gh-runner"] }],
    ["ServiceMonitor", "metadata.labels.release", "prometheus"],
    ["ServiceMonitor", "metadata.annotations", { a: "1" }],
  ),
  row({ prometheusRule: { enabled: true, runbooks: "https://wiki.example.com" } }, [
    "PrometheusRule",
    "spec.groups.0.rules.0.annotations.runbook_url",
    "https://wiki.example.com/operations.md#ghrunnerdown",
  ]),
  row({ prometheusRule: { enabled: true }, fullnameOverride: "ci" }, [
    "PrometheusRule",
    "spec.groups.0.rules.0.expr",
    'up{job="ci"} == 0 or absent(up{job="ci"})',
  ]),
  row(
    { prometheusRule: { enabled: true, without: otherAlerts }, fullnameOverride: "ci" },
    ["PrometheusRule", "spec.groups.0.rules.0.alert", "GhRunnerBackupOld"],
    [
      "PrometheusRule",
      "spec.groups.0.rules.0.expr",
      `time() - max by (namespace, cronjob) (${ofBackup}) > 36 * 3600\n`,
    ],
  ),
  row(
    { prometheusRule: { enabled: true, without: ["GhRunnerDown"], extraGroups: groups }, dashboard: { enabled: true } },
    ["PrometheusRule", "spec.groups.0.rules.0.alert", "GhRunnerNotReady"],
    ["PrometheusRule", "spec.groups.1", groups[0]],
    ["ConfigMap gh-runner-dashboard", "metadata.labels", { ...labelsOf("gh-runner"), grafana_dashboard: "1" }],
  ),
  ...[
    { name: "prometheusRule", kind: "PrometheusRule" },
    { name: "dashboard", kind: "ConfigMap gh-runner-dashboard" },
  ].map(({ name, kind }) =>
    row(
      { [name]: { enabled: true, namespace: "argocd", labels: { a: 1 }, annotations: { b: 2 } } },
      [kind, "metadata.namespace", "argocd"],
      [kind, "metadata.labels.a", "1"],
      [kind, "metadata.annotations", { b: "2" }],
    ),
  ),
];
