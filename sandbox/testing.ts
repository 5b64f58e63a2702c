import type { Json, WebhookEvent, WebhookName } from "../src/index.ts";
import { problemsIn } from "../src/model/problems.ts";
import type { Run, Step } from "../src/model/run.ts";
import { GIVEN_AS, kindsOf, schemaFor, type TriggerKind } from "../src/model/triggers.ts";
import type { Workflow } from "../src/model/workflow.ts";
import { startApp } from "../src/service/app.ts";
import { readConfig } from "../src/service/config/config.ts";
import { type StandInGitHub, startGitHub } from "./github.ts";

export { type StandInGitHub, startGitHub } from "./github.ts";

export type TestOptions = {
  /** Fills the stand-in before the run: `(github) => github.repository("acme/shop").put("a.yaml", "…")`. */
  readonly prepare?: (github: StandInGitHub) => void;
  /**
   * What GitHub answers on routes that the stand-in does not know, by the route as GitHub's documentation writes it.
   * Without one, such a request is answered 404.
   */
  readonly answers?: Readonly<Record<string, Answer>>;
  /** Values of the variables that the workflow declares. Those that are left out are `test-NAME`. */
  readonly env?: Readonly<Record<string, string>>;
};

type Answer = { readonly status?: number; readonly body?: unknown };

export type TestedRun = {
  /** How it ended. `queued`: an attempt has failed for a passing reason, and the service would make another. */
  readonly run: Pick<Run, "status" | "outputs" | "reason" | "kind">;
  readonly steps: readonly Step[];
  /** What GitHub was sent, except reads, in order. */
  readonly sent: readonly { readonly method: string; readonly path: string; readonly body: unknown }[];
  /** The `repository_dispatch` events among it. */
  readonly dispatches: readonly { readonly repo: string; readonly eventType: string; readonly payload: unknown }[];
};

/** A run that takes longer is given up. A workflow's own `timeout` ends it earlier. */
const WAIT_MS = 300_000;

/**
 * Runs a workflow once, in the real service in front of a stand-in GitHub, and returns what became of it.
 * @param given what starts it: `{ body }` of http and flux, `{ event }` of github and schedule, `{ inputs }` of manual; with
 *   `trigger` where several bring the same. A body of http and inputs are checked by the workflow's schema first.
 */
export async function testRun<Given extends { trigger: TriggerKind }, EnvName extends string>(
  workflow: Workflow<Given, unknown, EnvName>,
  given: Starting<Given>,
  { prepare, answers = {}, env = {} }: TestOptions = {},
): Promise<TestedRun> {
  const token = "token-of-the-test-kit";
  const under = renamed(workflow);
  const github = await startGitHub();
  try {
    github.token(token);
    for (const name of ["acme/shop", "acme/deployment"]) github.repository(name);
    prepare?.(github);
    for (const [route, answer] of Object.entries(answers)) plant(github, route, answer);
    const variables = Object.fromEntries(
      [...(workflow.env ?? []), ...named(workflow)].map((name) => [name, `test-${name}`]),
    );
    if (workflow.githubToken !== undefined) variables[workflow.githubToken] = token;
    const app = await startApp(
      readConfig({
        ...variables,
        ...env,
        GITHUB_API_URL: github.url,
        GITHUB_TOKEN: token,
        TARGET_REPO: "acme/shop",
        DEPLOYMENT_REPO: "acme/deployment",
        LOG_LEVEL: "silent",
      }),
      { closed: true, workflows: [{ workflow: under, file: "the workflow under test" }] },
    );
    try {
      const { run, steps } = await app.start(
        { workflow: under, actor: "test", ...startedBy(workflow, given) },
        WAIT_MS,
      );
      return { run, steps, ...told(github) };
    } finally {
      await app.close();
    }
  } finally {
    await github.close();
  }
}

/** What starts a run, each kind. `actions` of a trigger are not asked. */
type Starting<Given> = Given extends { trigger: infer Kind extends TriggerKind }
  ? { readonly trigger?: Kind } & (Given extends { event: { name: infer Name extends WebhookName } }
      ? { readonly event: WebhookEvent<Name> }
      : Omit<Given, "trigger">)
  : never;

/** The built-in one is there as well, under its own name and path. */
function renamed(workflow: Workflow): Workflow {
  const { http } = workflow.on;
  const on = http ? { ...workflow.on, http: { ...http, path: `/under-test${http.path}` } } : workflow.on;
  return { ...workflow, name: `${workflow.name}-under-test`, on };
}

function named({ on }: Workflow): readonly string[] {
  return [on.http?.token ?? [], on.flux?.key ?? []].flat();
}

type AnyStart = { trigger?: TriggerKind; body?: unknown; event?: unknown; inputs?: unknown };

function startedBy({ name, on }: Workflow, given: AnyStart): { trigger: TriggerKind; input: Json } {
  const trigger = triggerIn(name, kindsOf(on), given);
  const input = given[GIVEN_AS[trigger]];
  const schema = schemaFor(on, trigger);
  if (!schema) return { trigger, input: input as Json };
  const parsed = schema.safeParse(input);
  if (parsed.success) return { trigger, input: parsed.data as Json };
  const whole = GIVEN_AS[trigger];
  throw new Error(`The workflow would not take this ${whole}: ${problemsIn(parsed.error, { whole }).join("; ")}`);
}

/** The trigger that is named, or the only one that brings what is given. */
function triggerIn(name: string, kinds: readonly TriggerKind[], given: AnyStart): TriggerKind {
  const possible = kinds.filter((kind) => GIVEN_AS[kind] in given && (given.trigger ?? kind) === kind);
  const [only, ...others] = possible;
  if (only !== undefined && others.length === 0) return only;
  const remedy =
    others.length > 0 ? `say which with \`trigger\`: ${possible.join(", ")}` : "give what one of them brings";
  throw new Error(`${name} is started by ${kinds.join(", ")}: ${remedy}.`);
}

function plant(github: StandInGitHub, route: string, { status, body = {} }: Answer): void {
  const [method = "", template = ""] = route.split(" ");
  const path = new RegExp(`^${template.replace(/[.*+?^$()|[\]\\]/g, "\\$&").replace(/\{\w+\}/g, "(.+)")}$`);
  const answered = status ?? (method === "POST" ? 201 : 200);
  const headers = { "content-type": "application/json; charset=utf-8" };
  github.fault(
    { method, path },
    { kind: "status", status: answered, headers, ...(answered === 204 ? {} : { body: JSON.stringify(body) }) },
  );
}

function told({ requests, dispatches }: StandInGitHub): Pick<TestedRun, "sent" | "dispatches"> {
  return {
    sent: requests
      .filter(({ method }) => method !== "GET" && method !== "HEAD")
      .map(({ method, path, body }) => ({ method, path, body: body === "" ? undefined : JSON.parse(body) })),
    dispatches: dispatches.map(({ repo, eventType, payload }) => ({ repo, eventType, payload })),
  };
}
