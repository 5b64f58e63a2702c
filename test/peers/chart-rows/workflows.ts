import { MAIN, POD, type Row, row } from "./row.ts";

const [CHECK, ENV] = [`${POD}.initContainers.0`, `${MAIN}.env`];
const reload = { name: "WORKFLOWS_RELOAD", value: "true" };
const dir = (value: string) => ({ name: "WORKFLOWS_DIR", value });
const checked = (nth = 0) => [`${POD}.initContainers.${nth}.args`, ["workflows", "--only-files"]] as const;

/** Values for where the workflows come from. */
export const WORKFLOWS: readonly Row[] = [
  row(
    { workflows: { configMap: "mine" } },
    ["StatefulSet", `${ENV}.3`, dir("/workflows")],
    ["StatefulSet", `${ENV}.4`, reload],
    ["StatefulSet", `${POD}.volumes.1`, { name: "own-workflows", configMap: { name: "mine" } }],
    ["StatefulSet", ...checked()],
  ),
  row(
    { workflows: { image: "/flows", check: false } },
    ["StatefulSet", `${ENV}.3`, dir("/flows")],
    ["StatefulSet", CHECK, undefined],
  ),
  row(
    { workflows: { oci: { image: "registry.example.com/flows:1", path: "ci", pullPolicy: "Always" } } },
    ["StatefulSet", `${ENV}.3`, dir("/workflows/ci")],
    ["StatefulSet", `${POD}.volumes.1.image`, { reference: "registry.example.com/flows:1", pullPolicy: "Always" }],
    ["StatefulSet", ...checked()],
  ),
  // A commit or a tag that YAML reads as a number.
  row({ workflows: { git: { repository: "https://github.com/acme/flows", ref: 7_654_321 } } }, [
    "StatefulSet",
    `${CHECK}.env.1`,
    { name: "GITSYNC_REF", value: "7654321" },
  ]),
  ...["none", "token", "ssh", "githubApp"].map((credentials) =>
    row(
      {
        workflows: {
          git: {
            repository: credentials === "ssh" ? "git@github.com:acme/flows.git" : "https://github.com/acme/flows",
            ref: "main",
            path: "ci",
            period: "1m",
            credentials,
            secretName: "git",
            githubAppId: 1_234_567,
            githubInstallationId: 12_345_678,
            image: "registry.example.com/git-sync:4",
            extraEnv: [{ name: "HTTPS_PROXY", value: "http://proxy:3128" }],
            sizeLimit: "1Gi",
            resources: { limits: { memory: "512Mi" } },
          },
        },
      },
      ["StatefulSet", `${ENV}.3`, dir("/git/current/ci")],
      ["StatefulSet", `${CHECK}.image`, "registry.example.com/git-sync:4"],
      ["StatefulSet", `${CHECK}.resources.limits.memory`, "512Mi"],
      ["StatefulSet", `${CHECK}.env.1`, { name: "GITSYNC_REF", value: "main" }],
      ["StatefulSet", `${POD}.volumes.1.emptyDir.sizeLimit`, "1Gi"],
      ["StatefulSet", `${POD}.volumes.3.secret.secretName`, credentials === "none" ? undefined : "git"],
      ["StatefulSet", ...checked(1)],
      ["NetworkPolicy gh-runner-git", "spec.egress.0.ports.0.port", credentials === "ssh" ? 22 : undefined],
    ),
  ),
];
