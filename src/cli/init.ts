import { existsSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import type { Command } from "commander";
import type { Workflow } from "../model/workflow.ts";
import type { Config } from "../service/config/config.ts";
import { makeFolder } from "../store/make-folder.ts";
import { CommandError, examples, settingsHelp } from "./command.ts";
import { nearestPackage, nextCommands } from "./next-commands.ts";

export function initCommand(program: Command): void {
  program
    .command("init")
    .description("Create a first workflow with its test")
    .argument("[name]", "Name of the workflow", "announce-preview")
    .addHelpText(
      "after",
      examples(
        ["Create workflows/announce-preview.ts, its test, and what ArgoCD needs to start it", "gh-runner init"],
        ["Create a workflow with another name, in another folder", "WORKFLOWS_DIR=my-workflows gh-runner init deploy"],
      ),
    )
    .addHelpText("after", settingsHelp("WORKFLOWS_DIR"))
    .action((name) => init(name));
}

/** Writes a workflow, its test and its ArgoCD configuration, then prints the next commands. Overwrites nothing. */
async function init(name: string): Promise<void> {
  if (!/^[a-z0-9][a-z0-9-]*$/.test(name)) {
    throw new CommandError(
      `${JSON.stringify(name)} is not a valid name for a workflow: use lower-case letters, digits and dashes.`,
    );
  }
  const { readConfig } = await import("../service/config/config.ts");
  const config = readConfig();
  await requireUsable(name, config);
  const folder = config.workflows.dir ?? "workflows";
  // If package.json says that its files are CommonJS, Node would also treat the test as CommonJS.
  const isCommonJs = nearestPackage(resolve(folder))?.manifest.type === "commonjs";
  const ending = isCommonJs ? "mts" : "ts";
  const files = {
    [`${name}.${ending}`]: workflowText(name),
    [`${name}.test.${ending}`]: testText(name, ending),
    [`${name}.argocd.yaml`]: argocdText(name),
  };
  const paths = Object.entries(files).map(([file, text]) => ({ path: join(folder, file), text }));
  const taken = paths.filter(({ path }) => existsSync(path)).map(({ path }) => path);
  if (taken.length > 0)
    throw new CommandError(
      `Nothing was written: ${taken.join(" and ")} already ${taken.length === 1 ? "exists" : "exist"}. Choose another name, or delete ${taken.length === 1 ? "it" : "them"}.`,
    );
  makeFolder(folder);
  for (const { path, text } of paths) {
    writeFileSync(path, text, { flag: "wx" });
    process.stdout.write(`wrote ${path}\n`);
  }
  const next = nextCommands(folder, process.argv[1] ?? "");
  const settings = `WORKFLOWS_DIR=${next.folder}`;
  const caller = config.auth.tokens.length > 0 ? ' -H "Authorization: Bearer one-of-AUTH_TOKENS"' : "";
  const lines = [
    "Next, test it, try it, and start the service:",
    ...next.install.map((command) => `  ${command}`),
    `  node --test ${next.folder}/${name}.test.${ending}`,
    `  ${next.ghRunner} dev ${next.folder}`,
    `  ${settings} ${next.ghRunner} run ${name} --dry-run --input '${EXAMPLE}'`,
    `  ${settings}${!config.github.hasCredential ? " GITHUB_TOKEN=github_pat_yours" : ""} ${next.ghRunner} serve`,
    "While that runs, in another terminal:",
    `  curl -d '${EXAMPLE}'${caller} localhost:${config.http.port}/${name}`,
  ];
  process.stdout.write(`\n${lines.join("\n")}\n`);
}

/**
 * Rejects names that are taken or that collide with a path of the service, because the service would not start with
 * them.
 */
async function requireUsable(name: string, config: Config): Promise<void> {
  const body = { safeParse: () => ({ success: true as const, data: undefined }) };
  const workflow: Workflow = { name, on: { http: { path: `/${name}`, body } }, run: async () => {} };
  const { openWorkflows } = await import("../service/workflows.ts");
  await using closing = new AsyncDisposableStack();
  try {
    const more = [{ workflow, file: name }];
    await openWorkflows({ ...config.workflows, dir: undefined }, { closing, more, hasWebhookSecret: true });
  } catch (error) {
    const { message } = error as Error;
    // In the message of the service's start, a problem follows its file and its field.
    const problem = /\n.*?: [\w.]+: (.*)/.exec(message)?.[1];
    const what = (problem ?? message).replace(/: choose another$/, ". Choose another name");
    throw new CommandError(`Nothing was written: ${what}.`, { cause: error });
  }
}

const EXAMPLE = '{"application":"pr-1234"}';

const workflowText = (name: string) => `import { defineWorkflow, skip } from "gh-runner";
import * as z from "zod";

/** Notifies a repository when a preview environment is ready. */
export default defineWorkflow({
  name: "${name}",
  on: { http: { path: "/${name}", body: z.object({ application: z.string() }) } },
  concurrency: ({ body }) => body.application,
  async run({ body, github, step }) {
    if (!body.application.startsWith("pr-")) return skip("only previews are announced");
    await step("announce", () => github.dispatch("acme/shop", "preview_ready", { application: body.application }));
    return { application: body.application };
  },
});
`;

const testText = (name: string, ending: string) => `import assert from "node:assert/strict";
import { it } from "node:test";
import { testRun } from "gh-runner/testing";
import workflow from "./${name}.${ending}";

it("announces a preview", async () => {
  const { run, dispatches } = await testRun(workflow, { body: { application: "pr-1234" } });
  assert.equal(run.status, "success");
  assert.deepEqual(dispatches, [{ repo: "acme/shop", eventType: "preview_ready", payload: { application: "pr-1234" } }]);
});

it("announces nothing else", async () => {
  const { run, sent } = await testRun(workflow, { body: { application: "production" } });
  assert.equal(run.status, "skipped");
  assert.deepEqual(sent, []);
});
`;

/** Each file has a different field manager: the server removes keys that a manager applied before and no longer applies. */
const argocdText = (
  name: string,
) => `# Adds three keys to a ConfigMap of ArgoCD. Change the address if the service is not in the namespace gh-runner. Apply it with
#   kubectl apply --server-side --field-manager=gh-runner-${name} -f ${name}.argocd.yaml
# With another field manager, ArgoCD's next upgrade or the next file like this one removes these keys.
apiVersion: v1
kind: ConfigMap
metadata:
  name: argocd-notifications-cm
  namespace: argocd
data:
  service.webhook.${name}: |
    url: http://gh-runner.gh-runner.svc:9555/${name}
    headers:
      - name: Authorization
        value: Bearer $gh-runner-token
      - name: Prefer
        value: respond-async
  template.${name}: |
    webhook:
      ${name}:
        method: POST
        body: |
          {"application": {{ .app.metadata.name | toJson }}}
  trigger.on-${name}: |
    - when: app.status?.operationState?.phase == 'Succeeded' and app.status?.health?.status == 'Healthy'
      send: [${name}]
# Subscribe an application with the annotation notifications.argoproj.io/subscribe.on-${name}.${name}: ""
`;
