import { defineWorkflow } from "gh-runner";
import { type EnvironmentReadyOptions, environmentReady } from "gh-runner/workflows";

const NAME = "environment-ready-flux";

/**
 * `environment-ready` for Flux. It runs when Flux has applied a Kustomization with the name of its application, such as
 * pr-1234. The values file is read at the commit that Flux applied, so the Kustomization's source must be the deployment
 * repository. If it is another one, remove `revision`.
 * @param settings those of the service: VALUES_PATHS, TAG_KEY, APPLICATION_PREFIX, FOLLOW and others.
 */
export default (settings: EnvironmentReadyOptions) => {
  const { applicationPrefix = "pr-" } = settings;
  const environment = environmentReady({ ...settings, name: NAME });
  const forFlux = defineWorkflow({
    name: NAME,
    on: {
      flux: {
        path: "/flux",
        filter: ({ involvedObject: { kind, name }, reason }) =>
          kind === "Kustomization" && reason === "ReconciliationSucceeded" && name.startsWith(applicationPrefix),
      },
    },
    concurrency: ({ body }) => body.involvedObject.name,
    labels: ({ body }) => ({ application: body.involvedObject.name, revision: body.commit }),
    run: (context) =>
      environment.run({
        ...context,
        body: { application: context.body.involvedObject.name, revision: context.body.commit },
      }),
  });
  return { ...environment, ...forFlux };
};
