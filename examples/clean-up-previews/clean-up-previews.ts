import { defineWorkflow, type GitHub } from "gh-runner";

const SHOP = { owner: "acme", repo: "shop" };
const PREFIX = "preview/";
const KEEP_FILE = ".github/keep-branches";
const STALE_MS = 14 * 86_400_000;

/**
 * Every night: deletes preview branches without a commit for 14 days. Branches of open pull requests and on the list of
 * those to keep stay. Unless `CLEAN_UP` is "delete", it only reports what it would delete.
 */
export default defineWorkflow({
  name: "clean-up-previews",
  on: { schedule: { cron: "0 3 * * *", timeZone: "Europe/Zagreb" } },
  concurrency: "clean-up-previews",
  env: ["CLEAN_UP"],
  timeout: "15m",
  async run({ event, env, github, step, log }) {
    const stale = await step("look", () => staleBranches(github, Date.parse(event.scheduledAt) - STALE_MS));
    if (env.CLEAN_UP !== "delete") {
      log.info("these branches would be deleted", { stale });
      return { stale, deleted: [] };
    }
    for (const branch of stale) {
      await step(`delete ${branch}`, async () => {
        // 422: the branch is gone already.
        const gone = { allow: [422] };
        const ref = { ...SHOP, ref: `heads/${branch}` };
        await github.request("DELETE /repos/{owner}/{repo}/git/refs/{ref}", ref, gone);
      });
    }
    return { stale, deleted: stale };
  },
});

async function staleBranches(github: GitHub, before: number): Promise<string[]> {
  const keep = ((await github.readFile("acme/shop", KEEP_FILE)) ?? "").split("\n").map((line) => line.trim());
  // This list has no pages: GitHub sends all of it in one answer.
  const beginning = { ...SHOP, ref: `heads/${PREFIX}` };
  const { data: refs } = await github.request("GET /repos/{owner}/{repo}/git/matching-refs/{ref}", beginning);
  const stale: string[] = [];
  for (const branch of refs.map(({ ref }) => ref.replace("refs/heads/", ""))) {
    if (keep.includes(branch)) continue;
    const { data } = await github.request("GET /repos/{owner}/{repo}/branches/{branch}", { ...SHOP, branch });
    if (data.protected || !(Date.parse(data.commit.commit.committer?.date ?? "") < before)) continue;
    const from = { ...SHOP, head: `${SHOP.owner}:${branch}`, state: "open" } as const;
    const open = await github.request("GET /repos/{owner}/{repo}/pulls", from);
    if (open.data.length === 0) stale.push(branch);
  }
  return stale;
}
