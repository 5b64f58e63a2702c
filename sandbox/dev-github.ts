import { type StandInGitHub, startGitHub } from "./github.ts";
import { seedEnvironments } from "./seed.ts";

/** Longer bodies are cut. */
const MAX_BODY_CHARACTERS = 500;

/**
 * The stand-in for `gh-runner dev`. It creates every repository and pull request on first use, and acme/deployment has
 * the values files of three preview environments. A run of Actions succeeds after five seconds.
 * @param told receives a line for every write.
 */
export async function startDevGitHub(told: (line: string) => void): Promise<StandInGitHub> {
  const github = await startGitHub({
    record: false,
    hasEverything: true,
    answered({ method, path, body, status }) {
      if (method === "GET" || method === "HEAD") return;
      const shown = body.length > MAX_BODY_CHARACTERS ? `${body.slice(0, MAX_BODY_CHARACTERS)}…` : body;
      told(`GitHub got ${method} ${path} ${shown} and answered ${status}`);
    },
  });
  github.actions.script(() => ({ startsAfterMs: 1000, takesMs: 4000 }));
  seedEnvironments(github, { deploymentRepo: "acme/deployment", targetRepo: "acme/shop" });
  return github;
}
