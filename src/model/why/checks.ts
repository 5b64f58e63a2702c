import type { Facts, Finding } from "./facts.ts";
import { isObjectName, isRepository } from "./subject.ts";

/**
 * What to look at where events come from. `never`: the service was not called at all. `others`: it was called, for others.
 * A name that is not one that Kubernetes or GitHub takes is in no command: it may be anything.
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
            text: "See whether ArgoCD has it, and is to report it. ArgoCD reports an application that is Healthy after a sync that Succeeded, and that has the annotation notifications.argoproj.io/subscribe.on-environment-ready.gh-runner, unless subscriptions in argocd-notifications-cm cover all.",
            command: `kubectl -n argocd get application ${name} -o jsonpath=${state}`,
          },
        ];
  const log: Finding = {
    what: "check",
    text: "See what ArgoCD's notifications controller did: it writes every delivery and every error.",
    command: `kubectl -n argocd logs deploy/argocd-notifications-controller --since=2h${name === undefined ? "" : ` | grep -wF ${name}`}`,
  };
  if (heard === "others") return [...its, log];
  const url = publicUrl !== undefined && SAFE_URL.test(publicUrl) ? publicUrl : IN_CLUSTER;
  return [
    {
      what: "check",
      text: "See where ArgoCD sends to: the URL must lead to POST /dispatch of this service, and the token must be one of AUTH_TOKENS.",
      command: `kubectl -n argocd get configmap argocd-notifications-cm -o jsonpath='{.data.service\\.webhook\\.gh-runner}'`,
    },
    {
      what: "check",
      text: "See whether ArgoCD's namespace reaches the service. A time-out here is a NetworkPolicy, or the wrong address.",
      command: `kubectl -n argocd run gh-runner-check --rm -i --restart=Never --image=curlimages/curl -- -sS -m 5 ${url}/health`,
    },
    log,
    ...its,
  ];
}

/** As deploy/kubernetes names it. */
const IN_CLUSTER = "http://gh-runner.gh-runner.svc:9555";
const SAFE_URL = /^https?:\/\/[\w.:[\]-]+(?:\/[\w./-]*)?$/;

function flux(name: string | undefined, heard: "never" | "others"): Finding[] {
  const its: Finding[] =
    name === undefined
      ? []
      : [
          {
            what: "check",
            text: "See what Flux says of it. Flux reports what its Alert names, once it is reconciled.",
            command: `flux events -A --for Kustomization/${name}`,
          },
        ];
  const alerts: Finding = {
    what: "check",
    text: "See whether an Alert covers it, and whether its Provider has the address and the key of this service.",
    command: "flux get alerts -A && flux get alert-providers -A",
  };
  return heard === "never" ? [alerts, ...its] : [...its, alerts];
}

/** What to look at where a repository's webhooks come from. `off`: the service takes none. */
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
    const text = `Set GITHUB_WEBHOOK_SECRET, restart, and give GitHub's webhook the same secret and the address ${address}.`;
    return [{ what: "check", text, link: hooks }];
  }
  const look: Finding = {
    what: "check",
    text: `See what GitHub sent and what it was answered: in the webhook's settings, Recent Deliveries. A GitHub App has the same under Advanced. The address must be ${address}.`,
    link: hooks,
    command:
      name === undefined
        ? undefined
        : `gh api repos/${name}/hooks --jq '.[] | [.active, .config.url, .last_response.code, .events] | @json'`,
  };
  return [look];
}
