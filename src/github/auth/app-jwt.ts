/** GitHub takes no JWT from its future, and clocks differ a little. */
const BACKDATED_S = 60;

/** The library backdates by as much itself, and lets the JWT end ten minutes, the most allowed, after that. */
const BACKDATED_BY_LIBRARY_S = 30;

/**
 * Signs what an App proves itself with (RS256). The library is loaded only here, so that a service without an App never
 * loads it.
 * @param now epoch milliseconds by GitHub's clock.
 * @see https://docs.github.com/en/apps/creating-github-apps/authenticating-with-a-github-app/generating-a-json-web-token-jwt-for-a-github-app
 */
export async function appJwt(appId: string, privateKey: string, now: number): Promise<string> {
  const { default: githubAppJwt } = await import("universal-github-app-jwt");
  const seconds = Math.floor(now / 1000) - BACKDATED_S + BACKDATED_BY_LIBRARY_S;
  const { token } = await githubAppJwt({ id: appId, privateKey, now: seconds });
  return token;
}
