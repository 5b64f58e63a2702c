import type { StandInGitHub } from "./github.ts";

/** A preview environment of the seeded deployment repository, and the commit that it runs. */
export type SeededEnvironment = {
  readonly application: string;
  readonly size: "light" | "heavy";
  readonly commit: string;
};

const ENVIRONMENTS: readonly SeededEnvironment[] = [
  { application: "pr-1234", size: "light", commit: "9fceb02d0ae598e95dc970b74767f19372d61af8" },
  { application: "pr-2345", size: "heavy", commit: "0012345e67890abcdef1234567890abcdef12345" },
  { application: "pr-3456", size: "light", commit: "5b7c9e1f3a2d4c6e8f0a1b2c3d4e5f6a7b8c9d0e" },
];

const TITLES = ["Show prices with tax", "Search while typing", "Remember the basket"];

/**
 * Fills a deployment repository with values files as Helm charts have them. Their commits are those of pull requests.
 */
export function seedEnvironments(
  github: StandInGitHub,
  { deploymentRepo, targetRepo }: { deploymentRepo: string; targetRepo: string },
): readonly SeededEnvironment[] {
  const deployment = github.repository(deploymentRepo);
  const target = github.repository(targetRepo);
  for (const [place, { application, size, commit }] of ENVIRONMENTS.entries()) {
    const values = size === "light" ? lightValues(application, commit) : heavyValues(application, commit);
    deployment.put(`configs/pr/${size}/${application}/values.yaml`, values);
    target.addCommit(commit);
    const number = Number(application.slice("pr-".length));
    target.openPull({ number, title: TITLES[place] ?? application, head: { ref: `change-${number}`, sha: commit } });
  }
  target.put(".github/workflows/preview-tests.yml", PREVIEW_TESTS);
  // Moved from heavy to light without deleting the old file: light wins.
  deployment.put("configs/pr/heavy/pr-3456/values.yaml", heavyValues("pr-3456", "0".repeat(40)));
  deployment.put("configs/production/values.yaml", lightValues("production", "f".repeat(40)));
  return ENVIRONMENTS;
}

const PREVIEW_TESTS = `name: Preview tests
run-name: >-
  Preview tests of \${{ inputs.sourceName || github.event.client_payload.sourceName }}
  \${{ inputs.run || github.event.client_payload.run }}
on:
  repository_dispatch:
    types: [environment_ready]
  workflow_dispatch:
    inputs:
      commitHash: { required: true }
      sourceName: { required: true }
      run: {}
env:
  COMMIT: \${{ inputs.commitHash || github.event.client_payload.commitHash }}
  PREVIEW: \${{ inputs.sourceName || github.event.client_payload.sourceName }}
jobs:
  smoke:
    name: Smoke tests
    runs-on: ubuntu-latest
    steps:
      - uses: actions/checkout@v6
        with:
          ref: \${{ env.COMMIT }}
      - run: make smoke
  browser:
    name: Browser tests
    runs-on: ubuntu-latest
    steps:
      - uses: actions/checkout@v6
        with:
          ref: \${{ env.COMMIT }}
      - run: make test
`;

const lightValues = (
  application: string,
  commit: string,
) => `# Preview environment ${application}: one replica of everything.
global:
  config:
    DEPLOYMENT_TAG: ${commit}
    ENVIRONMENT: ${application}
    LOG_LEVEL: debug
  image:
    registry: registry.example.com/shop
    pullPolicy: IfNotPresent
ingress:
  enabled: true
  className: nginx
  hosts:
    - host: ${application}.preview.example.com
      paths: [{ path: /, pathType: Prefix }]
web:
  replicaCount: 1
  resources:
    requests: { cpu: 50m, memory: 64Mi }
    limits: { memory: 256Mi }
`;

const heavyValues = (
  application: string,
  commit: string,
) => `# Preview environment ${application}: with search and queue, for load tests.
x-resources: &resources
  requests: { cpu: 500m, memory: 1Gi }
  limits: { memory: 2Gi }
x-config: &config
  LOG_LEVEL: info
  FEATURE_SEARCH: on
global:
  config:
    <<: *config
    # Written by the release pipeline; digits first, so quote it if you edit it by hand.
    DEPLOYMENT_TAG: ${commit}
    ENVIRONMENT: ${application}
web:
  replicaCount: 3
  resources: *resources
search:
  enabled: true
  resources: *resources
  javaOpts: >-
    -Xms512m
    -Xmx512m
queue:
  enabled: true
  env:
    - name: QUEUE_URL
      value: "amqp://queue.${application}.svc:5672"
`;
