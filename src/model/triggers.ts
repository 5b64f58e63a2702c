import type { GitHubTrigger } from "./github-trigger.ts";
import type { Json, Trigger } from "./run.ts";

/** What starts a workflow: one or more of these. `trigger` in its context says which one started a run. */
export type Triggers<Body = unknown, GitHub = GitHubTrigger | readonly GitHubTrigger[], Inputs = unknown> = {
  readonly http?: HttpTrigger<Body>;
  readonly schedule?: ScheduleTrigger;
  /** One entry, or a list of entries with different events, actions and filters. A delivery starts one run. */
  readonly github?: GitHub;
  readonly flux?: FluxTrigger;
  /** A person may start it; `true` if it needs no inputs. */
  readonly manual?: true | ManualTrigger<Inputs>;
  /** Another workflow of the service may start it, with `runs.start`; `true` if it needs no inputs. */
  readonly call?: true | CallTrigger<Inputs>;
};

/** As `trigger` in the context, and in a run's history. */
export type TriggerKind = Trigger;

export const TRIGGER_KINDS = ["http", "flux", "github", "schedule", "manual", "call"] as const satisfies TriggerKind[];

/** The name in the context of what started a run, for each kind. */
export const GIVEN_AS = {
  http: "body",
  flux: "body",
  github: "event",
  schedule: "event",
  manual: "inputs",
  call: "inputs",
} as const satisfies Record<TriggerKind, string>;

/** The kinds of triggers that start a workflow. */
export function kindsOf(on: Triggers): readonly TriggerKind[] {
  return TRIGGER_KINDS.filter((kind) => on[kind] !== undefined);
}

/** The entries of the trigger `github`; none without it. */
export function gitHubEntries({ github = [] }: Triggers): readonly GitHubTrigger[] {
  return [github].flat();
}

/** The paths that start a workflow, each with its trigger. */
export function pathsOf({ http, flux }: Triggers): readonly (readonly [path: string, kind: "http" | "flux"])[] {
  return [...(http ? [[http.path, "http"] as const] : []), ...(flux ? [[flux.path, "flux"] as const] : [])];
}

/** The schema for a person's inputs: that of `manual`, or one without inputs. */
export function inputsSchemaOf({ manual }: Triggers): Schema<unknown> {
  return takenBy(manual);
}

/** The schema for another workflow's inputs: that of `call`. */
export function callSchemaOf({ call }: Triggers): Schema<unknown> {
  return takenBy(call);
}

function takenBy(trigger: true | { readonly inputs?: Schema<unknown> } | undefined): Schema<unknown> {
  return (trigger !== true && trigger?.inputs) || NO_INPUTS;
}

/** The schema for the input of a caller, a person or a workflow. Undefined if GitHub or Flux defines the input. */
export function schemaFor(on: Triggers, trigger: TriggerKind): Schema<unknown> | undefined {
  if (trigger === "http") return on.http?.body;
  return trigger === "manual" ? inputsSchemaOf(on) : trigger === "call" ? callSchemaOf(on) : undefined;
}

const NO_INPUTS: Schema<NoInputs> = {
  safeParse(given) {
    const names = typeof given === "object" && given !== null ? Object.keys(given) : [];
    const issues = names.map((name) => ({ path: [name], message: "is not accepted: this workflow has no inputs" }));
    return issues.length === 0 ? { success: true, data: {} } : { success: false, error: { issues } };
  },
};

/** A person starts the workflow: on the page, with `gh-runner start`, or with `POST /api/workflows/{name}/runs`. */
export type ManualTrigger<Inputs> = {
  /**
   * Turns a person's JSON object into the inputs of `run`, or lists every problem with it. The page shows a form for a
   * zod schema. Without a schema there are no inputs.
   */
  readonly inputs?: Schema<Inputs>;
  /** What starting it does, in a sentence. Shown next to the button. */
  readonly description?: string;
};

/** Another workflow of the service starts it: `runs.start("name", inputs)`. This is like `workflow_call` in Actions. */
export type CallTrigger<Inputs> = {
  /** Turns the other workflow's values into the inputs of `run`. Without a schema there are no inputs. */
  readonly inputs?: Schema<Inputs>;
};

/** The inputs of a workflow without a schema: an empty object. */
export type NoInputs = Readonly<Record<string, never>>;

/** `POST {path}` starts the workflow, and its answer is the run's outcome. */
export type HttpTrigger<Body> = {
  /** Begins with a slash: `/dispatch`. */
  readonly path: string;
  /** Turns the request's JSON into the body for `run`, or lists every problem with it (answered 400). */
  readonly body: Schema<Body>;
  /**
   * The name of an environment variable with the token that callers of this path must bring, instead of one of
   * AUTH_TOKENS. `{name}_FILE` may name a file with it.
   */
  readonly token?: string;
  /** The top-level field of the JSON in which a caller may bring a GitHub token. It never reaches `body`. */
  readonly tokenField?: string;
  /**
   * The answer for a run that ended well. Default: 200 and `{"status":"success", ...outputs}`, or
   * `{"status":"skipped","reason":"..."}`. Failures are always answered as problem+json.
   */
  answer?(ended: Ended): HttpAnswer;
  /**
   * A final check before the event is accepted. A returned text rejects it with a 400. `hasToken`: the run would have a
   * GitHub token, from the request, the workflow or the service.
   */
  reject?(body: Body, event: { hasToken: boolean }): string | undefined;
  /** Added to the 405 answer for another method: what the caller probably meant. */
  readonly methodHint?: string;
};

/** How a run ended, for its caller. Failures have a fixed answer. */
export type Ended =
  | { readonly status: "success"; readonly outputs: Json }
  | { readonly status: "skipped"; readonly reason: string };

export type HttpAnswer = {
  /** From 200 to 299. Default: 200. */
  readonly status?: number;
  readonly body: Json;
};

/** The part of a schema that a workflow needs; every zod 4 schema has it. */
export type Schema<T> = {
  safeParse(
    input: unknown,
  ):
    | { success: true; data: T }
    | { success: false; error: { issues: readonly { path: readonly PropertyKey[]; message: string }[] } };
};

/** Starts the workflow at set times. If ticks passed while the service was down, the last one runs after the start. */
export type ScheduleTrigger = {
  /** Five fields, `"0 3 * * *"`, or six with seconds first; `@daily` and similar names. */
  readonly cron: string;
  /** An IANA name, `"Europe/Zagreb"`. Default: UTC, as on GitHub. */
  readonly timeZone?: string;
};

/** A tick of a schedule. */
export type Tick = {
  /** When the run was due, RFC 3339. */
  readonly scheduledAt: string;
};

/** Flux's notification-controller starts the workflow with `POST {path}`; providers `generic` and `generic-hmac`. */
export type FluxTrigger = {
  /** Begins with a slash: `/flux`. */
  readonly path: string;
  /**
   * The name of the environment variable with the key of `X-Signature` (generic-hmac). Default: FLUX_HMAC_KEY. If
   * neither is set, callers bring one of AUTH_TOKENS instead.
   */
  readonly key?: string;
  /** A final check of the event: if it returns false, there is no run. */
  filter?(event: FluxEvent): boolean;
};

/** @see https://fluxcd.io/flux/components/notification/events/ */
export type FluxEvent = {
  readonly involvedObject: {
    readonly kind: string;
    readonly namespace: string;
    readonly name: string;
    readonly uid: string;
  };
  readonly severity: string;
  readonly timestamp: string;
  readonly message: string;
  readonly reason: string;
  /** Without the prefix of Flux's API group: always `revision`, never `kustomize.toolkit.fluxcd.io/revision`. */
  readonly metadata: Readonly<Record<string, string>>;
  /**
   * The commit in `metadata.commit`, `originRevision` or `revision`, the first that has one: of `main@sha1:5b7c…` the
   * part after the colon. The digest of an OCI artifact or a bucket is not a commit.
   */
  readonly commit: string | undefined;
  readonly reportingController: string;
};
