import { type Row, row } from "./row.ts";

const JOB = "spec.jobTemplate.spec.template.spec";
const KIND = "CronJob gh-runner-backup";
const LONG = "a-name-that-is-as-long-as-the-names-of-releas-backup";

/** Values for backups. */
export const BACKUP: readonly Row[] = [
  row(
    { backup: { enabled: true } },
    [KIND, "spec.schedule", "15 2 * * *"],
    [KIND, `${JOB}.containers.0.args`, ["backup", "/backup", "--keep", "14"]],
    [KIND, `${JOB}.volumes.0.persistentVolumeClaim.claimName`, "data-gh-runner-0"],
    ["PersistentVolumeClaim", "spec.resources.requests.storage", "10Gi"],
    ["NetworkPolicy gh-runner-backup", "spec.egress", undefined],
  ),
  row(
    {
      backup: {
        enabled: true,
        schedule: "0 * * * *",
        timeZone: "Europe/Berlin",
        keep: 3,
        size: "1Gi",
        storageClassName: "remote",
        resources: { limits: { memory: "1Gi" } },
      },
      fullnameOverride: "ci",
    },
    ["CronJob ci-backup", "spec.timeZone", "Europe/Berlin"],
    ["CronJob ci-backup", "spec.schedule", "0 * * * *"],
    ["CronJob ci-backup", `${JOB}.containers.0.args.3`, "3"],
    ["CronJob ci-backup", `${JOB}.containers.0.resources.limits.memory`, "1Gi"],
    ["CronJob ci-backup", `${JOB}.volumes.0.persistentVolumeClaim.claimName`, "data-ci-0"],
    ["PersistentVolumeClaim ci-backup", "spec.storageClassName", "remote"],
    ["PersistentVolumeClaim ci-backup", "spec.resources.requests.storage", "1Gi"],
  ),
  // Kubernetes allows 52 characters for a CronJob, because its pods have the same name.
  row(
    { backup: { enabled: true }, fullnameOverride: "a-name-that-is-as-long-as-the-names-of-releases-get" },
    [`CronJob ${LONG}`, "spec.jobTemplate.spec.template.metadata.labels.app\\.kubernetes\\.io/name", LONG],
    [`CronJob ${LONG}`, `${JOB}.volumes.1.persistentVolumeClaim.claimName`, LONG],
    [`PersistentVolumeClaim ${LONG}`, "kind", "PersistentVolumeClaim"],
    [`NetworkPolicy ${LONG}`, "spec.podSelector.matchLabels", { "app.kubernetes.io/name": LONG }],
  ),
  row(
    {
      store: "postgres",
      openshift: true,
      backup: { enabled: true, existingClaim: "mine" },
      secretSettings: { DATABASE_PASSWORD: "password" },
      extraEnv: [{ name: "NODE_X", value: 7 }],
    },
    ["PersistentVolumeClaim", "kind", undefined],
    [KIND, `${JOB}.containers.0.env.0.name`, "DATABASE_PASSWORD_FILE"],
    [KIND, `${JOB}.containers.0.env.2`, { name: "NODE_X", value: "7" }],
    [KIND, `${JOB}.securityContext.runAsUser`, undefined],
    ["NetworkPolicy gh-runner-backup", "spec.egress.1.ports.0.port", 5353],
    ["NetworkPolicy gh-runner-backup", "spec.egress.2.ports.0.port", 5432],
  ),
];
