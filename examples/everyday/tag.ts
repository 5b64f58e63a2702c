import { defineWorkflow } from "gh-runner";
import * as z from "zod";

const VERSION = z.string().regex(/^v(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)$/, "must be a version such as v1.2.2");

/** Started by a person: tags a version of the package. An existing tag is not moved. */
export default defineWorkflow({
  name: "tag",
  on: { manual: { inputs: z.object({ version: VERSION }), description: "Tags the head of develop" } },
  permissions: { contents: "write" },
  async run({ github, repo, inputs }) {
    const { data: head } = await github.rest.git.getRef({ ...repo, ref: "heads/develop" });
    await github.rest.git.createRef({ ...repo, ref: `refs/tags/pkg/${inputs.version}`, sha: head.object.sha });
  },
});
