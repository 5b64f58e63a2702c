import { type Found, labelsOf, MAIN, POD, type Row, row } from "./row.ts";

/** Values for names, labels, and more objects. */
export const NAMES: readonly Row[] = [
  ...[
    { values: { nameOverride: "stage" }, name: "gh-runner-stage" },
    { values: { nameOverride: "runner" }, name: "gh-runner" },
    { values: { fullnameOverride: "ci", nameOverride: "stage" }, name: "ci" },
  ].map(({ values, name }) =>
    row(
      values,
      [`StatefulSet ${name}`, "metadata.labels", labelsOf(name)],
      [`StatefulSet ${name}`, "spec.selector.matchLabels", { "app.kubernetes.io/name": name }],
      [`StatefulSet ${name}`, "spec.serviceName", name],
      [`StatefulSet ${name}`, `${POD}.serviceAccountName`, name],
      [`StatefulSet ${name}`, `${MAIN}.envFrom.0.configMapRef.name`, name],
      [`Service ${name}`, "spec.selector", { "app.kubernetes.io/name": name }],
      [`ServiceAccount ${name}`, "kind", "ServiceAccount"],
      [`NetworkPolicy ${name}`, "spec.podSelector.matchLabels", { "app.kubernetes.io/name": name }],
      [`Pod ${name}-test`, "spec.containers.0.env.0.value", `http://${name}.gh-runner.svc:9555`],
    ),
  ),
  row(
    { fullnameOverride: "ci", flux: true, namespaceOverride: "flux-system" },
    ["ConfigMap ci-workflows", "metadata.namespace", "flux-system"],
    ["StatefulSet ci", `${POD}.volumes.1.configMap.name`, "ci-workflows"],
  ),
  row(
    { namespaceOverride: "flux-system" },
    ["StatefulSet", "metadata.namespace", "flux-system"],
    ["ConfigMap", "metadata.namespace", "flux-system"],
    ["Pod", "spec.containers.0.env.0.value", "http://gh-runner.flux-system.svc:9555"],
  ),
  row(
    { commonLabels: { team: "ci", cost: 7, "app.kubernetes.io/name": "no" } },
    ...["StatefulSet", "Service", "ServiceAccount", "ConfigMap", "NetworkPolicy"].map(
      (kind): Found => [kind, "metadata.labels", { ...labelsOf("gh-runner"), team: "ci", cost: "7" }],
    ),
    ["StatefulSet", "spec.template.metadata.labels.cost", "7"],
    ["StatefulSet", "spec.selector.matchLabels", { "app.kubernetes.io/name": "gh-runner" }],
    ["StatefulSet", "spec.volumeClaimTemplates.0.metadata", { name: "data" }],
    ["Pod", "metadata.labels.team", "ci"],
  ),
  row({ workloadAnnotations: { "reloader.stakater.com/auto": true } }, [
    "StatefulSet",
    "metadata.annotations",
    { "reloader.stakater.com/auto": "true" },
  ]),

  row(
    {
      extraObjects: [
        { apiVersion: "v1", kind: "ConfigMap", metadata: { name: "{{ .Release.Name }}-more" }, data: { a: "b" } },
        'apiVersion: v1\nkind: ConfigMap\nmetadata: { name: "text-{{ include "gh-runner.fullname" . }}" }\n',
      ],
    },
    ["ConfigMap gh-runner-more", "data", { a: "b" }],
    ["ConfigMap text-gh-runner", "kind", "ConfigMap"],
  ),
];
