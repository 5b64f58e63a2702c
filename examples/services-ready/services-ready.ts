import { defineWorkflow, PermanentFailure, skip } from "gh-runner";
import { scalarAt } from "gh-runner/workflows";
import * as z from "zod";

const DEPLOYMENT_REPO = "acme/deployment";
const TARGET_REPO = "acme/shop";
const SERVICES = ["api", "search", "web"];
const AN_HOUR = 3600;

/** When a preview of a monorepo is deployed: starts the tests of each service at its commit. */
export default defineWorkflow({
  name: "services-ready",
  on: {
    http: {
      path: "/services-ready",
      body: z.object({ application: z.string().regex(/^[\w-]+$/), revision: z.string().nullish() }),
    },
  },
  concurrency: ({ body }) => body.application,
  labels: ({ body }) => ({ application: body.application }),
  async run({ body: { application, revision }, github, step, repeatOf }) {
    if (!application.startsWith("pr-")) return skip(`${application} is no preview`);

    const path = `previews/${application}/values.yaml`;
    const values = await github.readFile(DEPLOYMENT_REPO, path, { ref: revision ?? undefined });
    if (values === undefined) {
      const happened = `there is no ${path} in ${DEPLOYMENT_REPO}`;
      throw new PermanentFailure({ tried: `looking up ${application}`, happened, remedy: "Check its name." }, 404);
    }
    const commits = Object.fromEntries(
      SERVICES.map((service) => [service, scalarAt(values, `services.${service}.tag`, path)]),
    );
    const earlier = await repeatOf(`${application} ${JSON.stringify(commits)}`, AN_HOUR);
    if (earlier) return skip(`run ${earlier} has announced these commits`);

    for (const [service, commitHash] of Object.entries(commits)) {
      await step(`dispatch ${service}`, () =>
        github.dispatch(TARGET_REPO, "service_ready", { service, commitHash, sourceName: application }),
      );
    }
    return { commits };
  },
});
