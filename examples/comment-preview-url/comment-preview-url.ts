import { defineWorkflow, type GitHub, skip } from "gh-runner";
import * as z from "zod";

const SHOP = { owner: "acme", repo: "shop" };
/** Invisible on the page; tells the workflow's own comment from all others. */
const MARKER = "<!-- preview-url -->";

/** A preview is deployed: once it answers, its pull request says where it is. */
export default defineWorkflow({
  name: "comment-preview-url",
  on: {
    http: {
      path: "/preview-deployed",
      body: z.object({ application: z.string().regex(/^[\w-]+$/), revision: z.string().nullish() }),
    },
  },
  /** Such as `https://{application}.preview.example.com`. */
  env: ["PREVIEW_URL"],
  concurrency: ({ body }) => body.application,
  async run({ body: { application, revision }, env, github, step, waitFor }) {
    const number = Number(/^pr-(\d+)$/.exec(application)?.[1]);
    if (!number) return skip(`${application} belongs to no pull request`);

    const url = env.PREVIEW_URL.replaceAll("{application}", application);
    await waitFor(url, { timeout: "1h" });

    const body = `${MARKER}\nPreview: ${url}${revision ? ` (\`${revision.slice(0, 10)}\`)` : ""}`;
    const comment = await step("comment", async () => {
      const own = await ownComment(github, number);
      if (own?.body === body) return { url: own.html_url, done: "left as it was" };
      const { data } = own
        ? await github.request("PATCH /repos/{owner}/{repo}/issues/comments/{comment_id}", {
            ...SHOP,
            comment_id: own.id,
            body,
          })
        : await github.request(
            "POST /repos/{owner}/{repo}/issues/{issue_number}/comments",
            { ...SHOP, issue_number: number, body },
            // Should the answer be lost, the next attempt finds the comment.
            { retry: false },
          );
      return { url: data.html_url, done: own ? "updated" : "created" };
    });
    return comment;
  },
});

const PER_PAGE = 100;

async function ownComment(github: GitHub, number: number) {
  for (let page = 1; ; page++) {
    const { data } = await github.request("GET /repos/{owner}/{repo}/issues/{issue_number}/comments", {
      ...SHOP,
      issue_number: number,
      per_page: PER_PAGE,
      page,
    });
    const own = data.find(({ body }) => body?.startsWith(MARKER));
    if (own || data.length < PER_PAGE) return own;
  }
}
