import type { Repo, RunContext } from "../../index.ts";
import type { DependabotMetadata } from "./dependabot.ts";

type Lookups = { readonly alertLookup?: boolean; readonly compatLookup?: boolean };

/** Adds the metadata that requires additional requests. */
export async function lookedUp(
  context: RunContext,
  repo: Repo,
  metadata: DependabotMetadata,
  { alertLookup = false, compatLookup = false }: Lookups,
): Promise<DependabotMetadata> {
  const alert = alertLookup ? await alertOf(context, repo, metadata) : {};
  const score = compatLookup ? { compatibilityScore: await scoreOf(context, metadata) } : {};
  return { ...metadata, ...alert, ...score };
}

/** The worst open alert of one of the dependencies in this folder. Otherwise the worst alert that is not open. */
async function alertOf(
  { github }: RunContext,
  repo: Repo,
  { dependencyNames, directory }: DependabotMetadata,
): Promise<Partial<DependabotMetadata>> {
  const alerts = [];
  for (const name of new Set(dependencyNames)) {
    const found = await github.paginate(
      "GET /repos/{owner}/{repo}/dependabot/alerts",
      { ...repo, package: name },
      ({ data }) =>
        data
          .filter(({ dependency }) => folderOf(dependency.manifest_path ?? "") === directory)
          .map(({ state, security_advisory: advisory }) => ({
            alertState: state.toUpperCase(),
            ghsaId: advisory.ghsa_id,
            cvss: advisory.cvss.score ?? 0,
          })),
    );
    alerts.push(...found);
  }
  const isOpen = ({ alertState }: { alertState: string }) => (alertState === "OPEN" ? 1 : 0);
  return alerts.sort((a, b) => isOpen(b) - isOpen(a) || b.cvss - a.cvss)[0] ?? {};
}

const folderOf = (path: string) => `/${path.replace(/^\//, "").split("/").slice(0, -1).join("/")}`;

/** The picture in which Dependabot shows how many times the tests of others have passed after the same update. */
const BADGE = "https://dependabot-badges.githubapp.com/badges/compatibility_score";

/** The lowest score of all dependencies, in percent. 0 if one is not known. */
async function scoreOf(
  { fetch }: RunContext,
  { updatedDependencies, packageEcosystem }: DependabotMetadata,
): Promise<number> {
  const scores = [];
  for (const { dependencyName, previousVersion, newVersion } of updatedDependencies) {
    const url = new URL(BADGE);
    url.searchParams.set("dependency-name", dependencyName);
    url.searchParams.set("package-manager", packageEcosystem);
    url.searchParams.set("previous-version", previousVersion);
    url.searchParams.set("new-version", newVersion);
    const answer = await fetch(url);
    scores.push(answer.ok ? scoreIn(await answer.text()) : 0);
  }
  return Math.min(...scores);
}

/** The number in the picture's title. */
function scoreIn(picture: string): number {
  return Number(/<title>compatibility: (\d+)%<\/title>/.exec(picture)?.[1] ?? 0);
}
