import { defineWorkflow, type GitHub } from "gh-runner";

const SHOP = { owner: "acme", repo: "shop" };
const PREFIX = "preview/";
const KEEP_FILE = ".github/keep-branches";
const STALE_MS = 14 * 86_400_000;

/**
 * Every night: deletes branches of previews that had no commit for 14 days, belong to no open pull request, and are not
 * on the list of those to keep. Deletes only when `CLEAN_UP` is "delete"; else it tells what it would.
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
        // 422: it is gone already.
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
  const open = await all((page) =>
    github.request("GET /repos/{owner}/{repo}/pulls", { ...SHOP, ...page, state: "open" }),
  );
  const inUse = new Set(open.map(({ head }) => head.ref));
  const branches = await all((page) => github.request("GET /repos/{owner}/{repo}/branches", { ...SHOP, ...page }));
  const stale: string[] = [];
  for (const { name, commit, protected: isProtected } of branches) {
    if (!name.startsWith(PREFIX) || isProtected || inUse.has(name) || keep.includes(name)) continue;
    const { data } = await github.request("GET /repos/{owner}/{repo}/commits/{ref}", { ...SHOP, ref: commit.sha });
    if (Date.parse(data.commit.committer?.date ?? "") < before) stale.push(name);
  }
  return stale;
}

const PER_PAGE = 100;

/** Every page of a list. */
async function all<T>(ask: (page: { per_page: number; page: number }) => Promise<{ data: T[] }>): Promise<T[]> {
  const items: T[] = [];
  for (let page = 1; ; page++) {
    const { data } = await ask({ per_page: PER_PAGE, page });
    items.push(...data);
    if (data.length < PER_PAGE) return items;
  }
}
