import type { Facts, Finding } from "./facts.ts";
import { isObjectName, isRepository } from "./subject.ts";

/**
 * What to check at the sender. `never`: no caller has reached the service. `others`: calls for other applications
 * arrive. A command contains the application's name only if the name is valid in Kubernetes, since a search text can
 * hold anything.
 */
export function applicationChecks(
  { workflows, publicUrl }: Facts,
  application: string,
  heard: "never" | "others",
): Finding[] {
  const kinds = new Set(workflows.flatMap(({ paths }) => paths.map(([, kind]) => kind)));
  const isArgo = workflows.some(
    ({ paths, prefix }) => prefix !== undefined && paths.some(([, kind]) => kind === "http"),
  );
  const name = isObjectName(application) ? application : undefined;
  return [...(isArgo ? argocd(name, heard, publicUrl) : []), ...(kinds.has("flux") ? flux(name, heard) : [])];
}

function argocd(name: string | undefined, heard: "never" | "others", publicUrl: string | undefined): Finding[] {
  const state = `'{.status.sync.status} {.status.health.status} {.status.operationState.phase}{"\\n"}{.metadata.annotations}{"\\n"}'`;
  const its: Finding[] =
    name === undefined
      ? []
      : [
          {
            what: "check",
            text: "Check that ArgoCD has this application and reports it. ArgoCD reports an application when it is Healthy after a sync that Succeeded. The application needs the annotation notifications.argoproj.io/subscribe.on-environment-ready.gh-runner, unless subscriptions in argocd-notifications-cm cover all applications.",
            command: `kubectl -n argocd get application ${name} -o jsonpath=${state}`,
          },
        ];
  const log: Finding = {
    what: "check",
    text: "Read the log of ArgoCD's notifications controller. It has every delivery and every error.",
    command: `kubectl -n argocd logs deploy/argocd-notifications-controller --since=2h${name === undefined ? "" : ` | grep -wF ${name}`}`,
  };
  if (heard === "others") return [...its, log];
  const url = publicUrl !== undefined && SAFE_URL.test(publicUrl) ? publicUrl : IN_CLUSTER;
  return [
    {
      what: "check",
      text: "Check where ArgoCD sends its notifications. The URL must lead to POST /dispatch of this service, and the token must be one of AUTH_TOKENS.",
      command: `kubectl -n argocd get configmap argocd-notifications-cm -o jsonpath='{.data.service\\.webhook\\.gh-runner}'`,
    },
    {
      what: "check",
      text: "Check that ArgoCD's namespace can reach the service. A timeout means that a NetworkPolicy blocks the connection, or that the address is wrong.",
      command: `kubectl -n argocd run gh-runner-check --rm -i --restart=Never --image=curlimages/curl -- -sS -m 5 ${url}/health`,
    },
    log,
    ...its,
  ];
}

/** The service's address in the manifests of deploy/kubernetes. */
const IN_CLUSTER = "http://gh-runner.gh-runner.svc:9555";
const SAFE_URL = /^https?:\/\/[\w.:[\]-]+(?:\/[\w./-]*)?$/;

function flux(name: string | undefined, heard: "never" | "others"): Finding[] {
  const its: Finding[] =
    name === undefined
      ? []
      : [
          {
            what: "check",
            text: "See the events of this Kustomization. Flux reports them after each reconciliation if an Alert covers the Kustomization.",
            command: `flux events -A --for Kustomization/${name}`,
          },
        ];
  const alerts: Finding = {
    what: "check",
    text: "Check that an Alert covers it, and that the Alert's Provider has the address and the key of this service.",
    command: "flux get alerts -A && flux get alert-providers -A",
  };
  return heard === "never" ? [alerts, ...its] : [...its, alerts];
}

/** What to check at the sender of a repository's webhooks. `off`: the service does not accept webhooks. */
export function repositoryChecks(
  { gitHubUrl, publicUrl }: Facts,
  repository: string | undefined,
  heard: "never" | "others" | "off",
): Finding[] {
  const name = repository !== undefined && isRepository(repository) ? repository : undefined;
  const address = `${publicUrl ?? "https://THIS-SERVICE"}/webhooks/github`;
  const hooks =
    name === undefined ? undefined : { href: `${gitHubUrl}/${name}/settings/hooks`, text: "Open its webhooks" };
  if (heard === "off") {
    const text = `Set GITHUB_WEBHOOK_SECRET and restart. Then give GitHub's webhook the same secret and the address ${address}.`;
    return [{ what: "check", text, link: hooks }];
  }
  const look: Finding = {
    what: "check",
    text: `See what GitHub sent and what the service answered: open Recent Deliveries in the webhook's settings. For a GitHub App, open Advanced. The address must be ${address}.`,
    link: hooks,
    command:
      name === undefined
        ? undefined
        : `gh api repos/${name}/hooks --jq '.[] | [.active, .config.url, .last_response.code, .events] | @json'`,
  };
  return [look];
}
