import { MAIN, type Row, row } from "./row.ts";

const rule = { from: [{ ipBlock: { cidr: "10.0.0.0/8" } }], ports: [{ port: "http", protocol: "TCP" }] };

/** Values for Service, Ingress, HTTPRoute and NetworkPolicy. */
export const NETWORK: readonly Row[] = [
  row(
    {
      service: {
        port: 80,
        labels: { a: 1 },
        annotations: { b: 2 },
        ipFamilyPolicy: "SingleStack",
        ipFamilies: ["IPv4"],
      },
    },
    ["Service", "spec.ports.0", { name: "http", port: 80, targetPort: "http" }],
    ["Service", "metadata.labels.a", "1"],
    ["Service", "metadata.annotations", { b: "2" }],
    ["Service", "spec.ipFamilyPolicy", "SingleStack"],
    ["Service", "spec.ipFamilies", ["IPv4"]],
    ["Pod", "spec.containers.0.env.0.value", "http://gh-runner.gh-runner.svc:80"],
    ["StatefulSet", `${MAIN}.ports.0.containerPort`, 9555],
  ),
  row(
    { service: { type: "NodePort", nodePort: 30_555, externalTrafficPolicy: "Local" } },
    ["Service", "spec.type", "NodePort"],
    ["Service", "spec.ports.0.nodePort", 30_555],
    ["Service", "spec.externalTrafficPolicy", "Local"],
  ),
  row(
    {
      service: {
        type: "LoadBalancer",
        loadBalancerClass: "example.com/internal",
        loadBalancerSourceRanges: ["10.0.0.0/8"],
      },
    },
    ["Service", "spec.type", "LoadBalancer"],
    ["Service", "spec.loadBalancerClass", "example.com/internal"],
    ["Service", "spec.loadBalancerSourceRanges", ["10.0.0.0/8"]],
  ),
  row({ ingress: { enabled: true, hosts: ["ci.example.com"] } }, [
    "Ingress",
    "spec",
    {
      rules: [
        {
          host: "ci.example.com",
          http: {
            paths: ["/webhooks", "/callbacks"].map((path) => ({
              path,
              pathType: "Prefix",
              backend: { service: { name: "gh-runner", port: { name: "http" } } },
            })),
          },
        },
      ],
    },
  ]),
  row(
    {
      ingress: {
        enabled: true,
        className: "nginx",
        hosts: ["a.example.com", "*.b.example.com"],
        paths: ["/"],
        pathType: "ImplementationSpecific",
        tls: [{ hosts: ["a.example.com"], secretName: "a" }],
        labels: { a: 1 },
        annotations: { "nginx.ingress.kubernetes.io/proxy-read-timeout": 60 },
      },
    },
    ["Ingress", "spec.ingressClassName", "nginx"],
    ["Ingress", "spec.rules.1.host", "*.b.example.com"],
    ["Ingress", "spec.rules.0.http.paths.0.path", "/"],
    ["Ingress", "spec.rules.0.http.paths.0.pathType", "ImplementationSpecific"],
    ["Ingress", "spec.rules.0.http.paths.1", undefined],
    ["Ingress", "spec.tls", [{ hosts: ["a.example.com"], secretName: "a" }]],
    ["Ingress", "metadata.labels.a", "1"],
    ["Ingress", "metadata.annotations", { "nginx.ingress.kubernetes.io/proxy-read-timeout": "60" }],
  ),
  row(
    { httpRoute: { enabled: true, parentRefs: [{ name: "public", namespace: "gateways" }] }, service: { port: 80 } },
    [
      "HTTPRoute",
      "spec",
      {
        parentRefs: [{ name: "public", namespace: "gateways" }],
        rules: [
          {
            matches: ["/webhooks", "/callbacks"].map((value) => ({ path: { type: "PathPrefix", value } })),
            backendRefs: [{ name: "gh-runner", port: 80 }],
          },
        ],
      },
    ],
  ),
  row(
    {
      httpRoute: {
        enabled: true,
        parentRefs: [{ name: "public" }],
        hostnames: ["ci.example.com"],
        paths: ["/"],
        labels: { a: 1 },
        annotations: { b: 2 },
        filters: [{ type: "RequestHeaderModifier", requestHeaderModifier: { remove: ["x-user"] } }],
      },
    },
    ["HTTPRoute", "spec.hostnames", ["ci.example.com"]],
    ["HTTPRoute", "spec.rules.0.matches", [{ path: { type: "PathPrefix", value: "/" } }]],
    ["HTTPRoute", "spec.rules.0.filters.0.type", "RequestHeaderModifier"],
    ["HTTPRoute", "metadata.labels.a", "1"],
    ["HTTPRoute", "metadata.annotations", { b: "2" }],
  ),
  row(
    { networkPolicy: { enabled: false } },
    ["NetworkPolicy gh-runner", "kind", undefined],
    ["NetworkPolicy gh-runner-test", "kind", undefined],
  ),
  row({ networkPolicy: null }, [
    "NetworkPolicy",
    "spec.ingress.0.from.0.namespaceSelector.matchExpressions.0.values",
    ["argocd", "flux-system", "monitoring"],
  ]),
  row({ networkPolicy: { from: [], extraIngress: [rule] } }, ["NetworkPolicy", "spec.ingress", [rule]]),
  row(
    { networkPolicy: { from: [] } },
    ["NetworkPolicy", "spec.ingress", undefined],
    ["NetworkPolicy", "spec.policyTypes", ["Ingress", "Egress"]],
  ),
  row(
    {
      store: "postgres",
      networkPolicy: { from: ["ci"], databasePort: 6432, ports: [3128], extraEgress: [{ to: rule.from }] },
    },
    ["NetworkPolicy", "spec.ingress.0.from.0.namespaceSelector.matchExpressions.0.values", ["ci"]],
    ["NetworkPolicy", "spec.egress.2.ports", [{ port: 6432, protocol: "TCP" }]],
    ["NetworkPolicy", "spec.egress.3.ports", [{ port: 3128, protocol: "TCP" }]],
    ["NetworkPolicy", "spec.egress.4", { to: rule.from }],
  ),
];
