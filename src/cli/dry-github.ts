import type { GitHub } from "../model/github.ts";

/** GitHub with real reads, and writes that are told and not sent. What a write would answer is a text that says so. */
export function dryGitHub(tell: (line: string) => void): (github: GitHub) => GitHub {
  const held = (what: string, body: unknown) => tell(`would send ${what} ${JSON.stringify(body)}`);
  return (github) => ({
    ...github,
    request: (async (route: `GET /${string}`, parameters: Record<string, unknown> = {}, options?: object) => {
      if (/^(GET|HEAD) /.test(route)) return github.request(route, parameters, options);
      held(route, parameters);
      return { status: 200, headers: {}, data: UNKNOWN };
    }) as GitHub["request"],
    dispatch: async (repository, eventType, payload) =>
      held(`repository_dispatch ${eventType} to ${repository}`, payload),
    runWorkflow: async (repository, workflow, options) => {
      held(`workflow_dispatch of ${workflow} to ${repository}`, options);
      return undefined;
    },
  });
}

/** Whatever a workflow looks for in it, at any depth. */
const UNKNOWN: unknown = new Proxy(() => {}, {
  get: (_, name) => {
    if (name === "then") return undefined;
    return name === "toJSON" || name === "toString" || name === Symbol.toPrimitive ? () => "(dry run)" : UNKNOWN;
  },
});
