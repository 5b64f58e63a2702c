import { perRoute } from "./per-route.ts";
import described from "./route-words.json" with { type: "json" };

/** Every word in the paths of GitHub's APIs, also names of parameters. */
const WORDS = new Set([...Object.values(described.words).flatMap((words) => words.split(" ")), "graphql"]);

/**
 * A route as metrics and traces may show it. A workflow may write a name or a token into a route. So only the words of
 * GitHub's API are kept, and `*` replaces every other segment.
 */
export const routeLabel = perRoute((route) => {
  const [, verb = "*", path = "/*"] = /^(GET|HEAD|POST|PUT|PATCH|DELETE) (\/[^\s?#]*)/.exec(route) ?? [];
  const segments = path
    .slice(0, MAX_PATH_CHARACTERS)
    .split("/")
    .slice(1, MAX_SEGMENTS + 1);
  return `${verb} ${segments.map((segment) => `/${isGitHubs(segment) ? segment : "*"}`).join("")}`;
});

/** GitHub's longest path has 162 characters and 11 segments. */
const MAX_PATH_CHARACTERS = 1000;
const MAX_SEGMENTS = 16;

/** `issues`, `{owner}`, `{+path}`, or several of them, as in `{base}...{head}`. */
function isGitHubs(segment: string): boolean {
  const pieces = segment.match(/[^{}+]+/g) ?? [];
  return /^(?:[^{}+]+|\{\+?[^{}+]+\})*$/.test(segment) && pieces.every((piece) => WORDS.has(piece));
}
