const REVISION = "6b73dee0d1f7a6f2c1c9ad0f5f7e0c1d2a3b4c5d";

const SUBSCRIBED = "notifications.argoproj.io/subscribe.on-environment-ready.gh-runner";

type Application = Readonly<Record<string, unknown>>;

const application = (name: string, spec: object, status?: object): Application => ({
  apiVersion: "argoproj.io/v1alpha1",
  kind: "Application",
  metadata: { name, namespace: "argocd", annotations: { [SUBSCRIBED]: "" } },
  spec: { project: "default", destination: { server: "https://kubernetes.default.svc", namespace: name }, ...spec },
  ...(status === undefined ? {} : { status }),
});

const DEPLOYMENT = {
  repoURL: "https://github.com/acme/deployment.git",
  path: "configs/pr/light/pr-1",
  targetRevision: "HEAD",
};
const CHART = { repoURL: "https://charts.example.com", chart: "shop", targetRevision: "1.2.3" };

const status = (phase: string, health: string, syncResult?: object) => ({
  health: { status: health, lastTransitionTime: "2026-11-24T09:00:00Z" },
  sync: { status: "Synced" },
  // The controller waits until it has checked the application again after a sync.
  reconciledAt: "2026-11-24T09:00:02Z",
  operationState: {
    phase,
    startedAt: "2026-11-24T09:00:00Z",
    finishedAt: "2026-11-24T09:00:01Z",
    operation: { sync: {} },
    ...(syncResult === undefined ? {} : { syncResult }),
  },
});

/** The state that ArgoCD stores for an application. */
export const synced = (name: string, phase = "Succeeded", revision = REVISION) =>
  application(name, { source: DEPLOYMENT }, status(phase, "Healthy", { revision, source: DEPLOYMENT }));

/** Application objects as the API server stores them, one for each shape that a template meets. */
export const APPLICATIONS = {
  "with one source": {
    app: application(
      "pr-1",
      { source: DEPLOYMENT },
      status("Succeeded", "Healthy", { revision: REVISION, source: DEPLOYMENT }),
    ),
    triggers: true,
    revision: REVISION,
  },
  "with several sources": {
    // ArgoCD always writes `revision`, and leaves it empty if `revisions` are filled.
    app: application(
      "pr-2",
      { sources: [CHART, { ...DEPLOYMENT, ref: "values" }] },
      status("Succeeded", "Healthy", { revision: "", revisions: ["1.2.3", REVISION], sources: [CHART, DEPLOYMENT] }),
    ),
    triggers: true,
    revision: "",
  },
  "whose operation has no result": {
    app: application("pr-4", { source: DEPLOYMENT }, status("Succeeded", "Healthy")),
    triggers: true,
    revision: null,
  },
  "that was never synced": {
    app: application("pr-5", { source: DEPLOYMENT }, { health: { status: "Missing" }, sync: { status: "OutOfSync" } }),
    triggers: false,
    revision: null,
  },
  "that is synced and whose health is not assessed": {
    app: application("pr-10", { source: DEPLOYMENT }, { ...status("Succeeded", ""), health: undefined }),
    triggers: false,
    revision: null,
  },
  "that has an empty status": {
    app: application("pr-11", { source: DEPLOYMENT }, {}),
    triggers: false,
    revision: null,
  },
  "that has no status yet": { app: application("pr-6", { source: DEPLOYMENT }), triggers: false, revision: null },
  "that is being synced": {
    app: application("pr-7", { source: DEPLOYMENT }, status("Running", "Healthy", { revision: REVISION })),
    triggers: false,
    revision: REVISION,
  },
  "that is synced and not healthy yet": {
    app: application("pr-8", { source: DEPLOYMENT }, status("Succeeded", "Progressing", { revision: REVISION })),
    triggers: false,
    revision: REVISION,
  },
  "that is healthy and failed to sync": {
    app: application("pr-9", { source: DEPLOYMENT }, status("Failed", "Healthy", { revision: REVISION })),
    triggers: false,
    revision: REVISION,
  },
} as const;

export { REVISION };
