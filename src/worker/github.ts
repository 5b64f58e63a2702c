import type { ActionsRuns } from "../model/actions-runs.ts";
import type { Claim } from "../model/claim.ts";
import { PermanentFailure } from "../model/failure.ts";
import type { GitHub, GitHubClient } from "../model/github.ts";
import { SERVICE } from "../model/identity.ts";
import type { AnyRequest, OctokitNames } from "../model/rest.ts";
import { oneLine } from "../model/visible.ts";
import type { Workflow } from "../model/workflow.ts";
import type { Attempting } from "./attempting.ts";
import { type FollowingParts, followingOf } from "./following.ts";
import type { Keeping } from "./kept.ts";
import { type OnceParts, onceOf } from "./once.ts";

type Opened = {
  readonly github: GitHubClient;
  readonly actions: ActionsRuns;
  readonly octokitNames: OctokitNames;
};

export type GitHubParts = OnceParts &
  FollowingParts &
  Opened & {
    /** Opens GitHub as another identity of the workflow. */
    readonly githubAs: (identity: string) => Opened;
    /** The repository of the run: `owner/name`. */
    readonly repository: string;
  };

/** GitHub for a workflow, and for each of its identities, which is opened on first use. */
export function gitHubOf({ name, identities = {} }: Workflow, claim: Claim, parts: GitHubParts): GitHub {
  const opened = new Map<string, GitHub>();
  const as = (identity: string): GitHub => {
    const known = opened.get(identity);
    if (known) return known;
    if (identity !== SERVICE && !Object.hasOwn(identities, identity)) {
      throw unknownIdentity(parts.keeping.brief(String(identity), MAX_SHOWN), name, Object.keys(identities));
    }
    const its = oneGitHub(claim, { ...parts, ...parts.githubAs(identity) }, as);
    opened.set(identity, its);
    return its;
  };
  return oneGitHub(claim, parts, as);
}

/** Works until the attempt is over. Adds steps and waits to the client. */
function oneGitHub(claim: Claim, parts: GitHubParts, as: GitHub["as"]): GitHub {
  const { attempting, github, keeping } = parts;
  const client = until(attempting, github, keeping.brief);
  const once = onceOf(claim, parts);
  const request: AnyRequest = async (...given) => {
    attempting.begin("github.request");
    return (github.request as AnyRequest)(...given);
  };
  let opened: ReturnType<OctokitNames> | undefined;
  const octokit = () =>
    (opened ??= parts.octokitNames(request, (what, work) =>
      followed(attempting, `github.${keeping.brief(what, MAX_SHOWN)}`, work),
    ));
  return {
    ...client,
    as,
    ...followingOf(claim, parts),
    get rest() {
      return octokit().rest;
    },
    get paginate() {
      return octokit().paginate;
    },
    graphql: (query, variables, options) => client.graphql(query, variables, options, parts.repository),
    dispatch: ((repository, eventType, payload, options) =>
      options === undefined
        ? client.dispatch(repository, eventType, payload)
        : once.dispatch(repository, eventType, payload, options)) as GitHub["dispatch"],
    runWorkflow: ((repository, workflow, options) =>
      "once" in options
        ? once.runWorkflow(repository, workflow, options as Parameters<typeof once.runWorkflow>[2])
        : client.runWorkflow(repository, workflow, options)) as GitHub["runWorkflow"],
  };
}

/** Enough to recognise a call. */
const MAX_SHOWN = 100;

function unknownIdentity(identity: string, workflow: string, names: readonly string[]): PermanentFailure {
  return new PermanentFailure({
    tried: `asking GitHub as ${JSON.stringify(identity)}`,
    happened: `${workflow} has no such identity`,
    remedy: `It has ${[...names, SERVICE].join(", ")}. Use one of these, or add it to the workflow's \`identities\`.`,
  });
}

/** Wraps GitHub so that it works until the attempt is over. */
function until(attempting: Attempting, github: GitHubClient, brief: Keeping["brief"]): GitHubClient {
  const methods = Object.entries(github as Record<string, (...given: unknown[]) => Promise<unknown>>);
  return Object.fromEntries(
    methods.map(([name, method]) => [
      name,
      (...given: unknown[]) => {
        const about = typeof given[0] === "string" ? ` ${oneLine(brief(given[0], MAX_SHOWN))}` : "";
        return followed(attempting, `github.${name}`, () => method(...given), about);
      },
    ]),
  ) as GitHubClient;
}

/** Follows one call of the workflow, unless the attempt is over. */
function followed<T>(attempting: Attempting, what: string, work: () => Promise<T>, about = ""): Promise<T> {
  const call = async () => {
    attempting.begin(what);
    return work();
  };
  return attempting.calls.follow(what + about, call());
}
