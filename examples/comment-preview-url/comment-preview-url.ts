import { defineWorkflow, type GitHub, skip } from "gh-runner";
import * as z from "zod";

const SHOP = { owner: "acme", repo: "shop" };
/** Marks the workflow's comment. The page does not show it. */
const MARKER = "<!-- preview-url -->";

/** When a preview is deployed and answers: comments its URL on the pull request. */
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
      const known = await findComment(github, number);
      if (known?.body === body) return { url: known.html_url, done: "left as it was" };
      const { data } = known
        ? await github.request("PATCH /repos/{owner}/{repo}/issues/comments/{comment_id}", {
            ...SHOP,
            comment_id: known.id,
            body,
          })
        : await github.request(
            "POST /repos/{owner}/{repo}/issues/{issue_number}/comments",
            { ...SHOP, issue_number: number, body },
            // If the answer is lost, the next attempt finds the comment.
            { retry: false },
          );
      return { url: data.html_url, done: known ? "updated" : "created" };
    });
    return comment;
  },
});

const PER_PAGE = 100;

async function findComment(github: GitHub, number: number) {
  for (let page = 1; ; page++) {
    const { data } = await github.request("GET /repos/{owner}/{repo}/issues/{issue_number}/comments", {
      ...SHOP,
      issue_number: number,
      per_page: PER_PAGE,
      page,
    });
    const known = data.find(({ body }) => body?.startsWith(MARKER));
    if (known || data.length < PER_PAGE) return known;
  }
}
