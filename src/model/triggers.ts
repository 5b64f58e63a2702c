import type { GitHubTrigger } from "./github-trigger.ts";
import type { Json, Trigger } from "./run.ts";

/** What starts a workflow: one of these, or several. `trigger` in its context says which one started a run. */
export type Triggers<Body = unknown, GitHub = GitHubTrigger | readonly GitHubTrigger[], Inputs = unknown> = {
  readonly http?: HttpTrigger<Body>;
  readonly schedule?: ScheduleTrigger;
  /** One entry, or a list of entries with different events, actions and filters. A delivery makes one run. */
  readonly github?: GitHub;
  readonly flux?: FluxTrigger;
  /** A person may start it; `true` when they need to say nothing. */
  readonly manual?: true | ManualTrigger<Inputs>;
  /** Another workflow of the service may start it, with `runs.start`; `true` when it needs to say nothing. */
  readonly call?: true | CallTrigger<Inputs>;
};

/** As `trigger` in the context, and in the history of a run. */
export type TriggerKind = Trigger;

export const TRIGGER_KINDS = ["http", "flux", "github", "schedule", "manual", "call"] as const satisfies TriggerKind[];

/** What a run of each kind is given, by the name that it has in the context. */
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

/** The paths that a workflow is started by, each with the trigger that takes it. */
export function pathsOf({ http, flux }: Triggers): readonly (readonly [path: string, kind: "http" | "flux"])[] {
  return [...(http ? [[http.path, "http"] as const] : []), ...(flux ? [[flux.path, "flux"] as const] : [])];
}

/** What turns what a person gives into inputs: the schema of `manual`, or one that takes no inputs. */
export function inputsSchemaOf({ manual }: Triggers): Schema<unknown> {
  return takenBy(manual);
}

/** The same of what another workflow gives: the schema of `call`. */
export function callSchemaOf({ call }: Triggers): Schema<unknown> {
  return takenBy(call);
}

function takenBy(trigger: true | { readonly inputs?: Schema<unknown> } | undefined): Schema<unknown> {
  return (trigger !== true && trigger?.inputs) || NO_INPUTS;
}

/** What turns what a caller, a person or a workflow gives into what is stored; undefined where GitHub or Flux says what it is. */
export function schemaFor(on: Triggers, trigger: TriggerKind): Schema<unknown> | undefined {
  if (trigger === "http") return on.http?.body;
  return trigger === "manual" ? inputsSchemaOf(on) : trigger === "call" ? callSchemaOf(on) : undefined;
}

const NO_INPUTS: Schema<NoInputs> = {
  safeParse(given) {
    const names = typeof given === "object" && given !== null ? Object.keys(given) : [];
    const issues = names.map((name) => ({ path: [name], message: "is not taken: this workflow has no inputs" }));
    return issues.length === 0 ? { success: true, data: {} } : { success: false, error: { issues } };
  },
};

/**
 * A person starts the workflow: on the page, with `gh-runner start`, or with `POST /api/workflows/{name}/runs`.
 */
export type ManualTrigger<Inputs> = {
  /**
   * Turns what the person gives, a JSON object, into the inputs that `run` gets, or names every problem with it. The
   * page shows a form for a zod schema. Without one there are no inputs.
   */
  readonly inputs?: Schema<Inputs>;
  /** What starting it does, in a sentence: shown beside the button. */
  readonly description?: string;
};

/** Another workflow of the service starts it: `runs.start("name", inputs)`. It is what `workflow_call` is in Actions. */
export type CallTrigger<Inputs> = {
  /** Turns what the other workflow gives into the inputs that `run` gets. Without one there are no inputs. */
  readonly inputs?: Schema<Inputs>;
};

/** What a workflow without a schema for its inputs gets: an empty object. */
export type NoInputs = Readonly<Record<string, never>>;

/** `POST {path}` starts the workflow and is answered with its outcome. */
export type HttpTrigger<Body> = {
  /** Begins with a slash: `/dispatch`. */
  readonly path: string;
  /** Turns the request's JSON into the body that `run` gets, or names every problem with it (answered 400). */
  readonly body: Schema<Body>;
  /**
   * Name of an environment variable that holds the token which callers of this path must bring, instead of one of
   * AUTH_TOKENS. `{name}_FILE` may name a file that holds it.
   */
  readonly token?: string;
  /** Top-level field of the JSON in which a caller may bring a GitHub token of its own. It never reaches `body`. */
  readonly tokenField?: string;
  /**
   * How the answer to a run that has ended well looks; without it 200 and `{"status":"success", ...outputs}`, or
   * `{"status":"skipped","reason":"..."}`. Failures are always answered as problem+json.
   */
  answer?(ended: Ended): HttpAnswer;
  /** A last look before the event is accepted: a text refuses it with a 400. */
  refuse?(body: Body, event: { hasToken: boolean }): string | undefined;
  /** Added to the 405 that another method is answered with: what the caller probably meant. */
  readonly methodHint?: string;
};

/** How a run has ended, for its caller. */
export type Ended =
  | { readonly status: "success"; readonly outputs: Json }
  | { readonly status: "skipped"; readonly reason: string };

export type HttpAnswer = {
  /** From 200 to 299; 200 without it. */
  readonly status?: number;
  readonly body: Json;
};

/** What a workflow needs of a schema; every zod 4 schema is one. */
export type Schema<T> = {
  safeParse(
    input: unknown,
  ):
    | { success: true; data: T }
    | { success: false; error: { issues: readonly { path: readonly PropertyKey[]; message: string }[] } };
};

/** Starts the workflow by the clock. A tick that passed while the service was down runs once, when it is up again. */
export type ScheduleTrigger = {
  /** Five fields, `"0 3 * * *"`, or six with seconds first; `@daily` and the like. */
  readonly cron: string;
  /** An IANA name, `"Europe/Zagreb"`; UTC without it, as on GitHub. */
  readonly timeZone?: string;
};

/** A tick of a schedule. */
export type Tick = {
  /** When the run was due, RFC 3339. */
  readonly scheduledAt: string;
};

/** Flux's notification-controller, providers `generic` and `generic-hmac`, starts the workflow by `POST {path}`. */
export type FluxTrigger = {
  /** Begins with a slash: `/flux`. */
  readonly path: string;
  /**
   * Name of the environment variable that holds the key of `X-Signature` (generic-hmac); FLUX_HMAC_KEY without it.
   * When neither is set, callers bring one of AUTH_TOKENS instead.
   */
  readonly key?: string;
  /** A last look at the event: false, and there is no run. */
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
  /** Without the prefix of Flux's API group, so always `revision`, never `kustomize.toolkit.fluxcd.io/revision`. */
  readonly metadata: Readonly<Record<string, string>>;
  /**
   * The commit that `metadata.commit`, `originRevision` or `revision` names, the first of them that does: of
   * `main@sha1:5b7c…` the part after the colon. The digest of an OCI artifact or a bucket is no commit.
   */
  readonly commit: string | undefined;
  readonly reportingController: string;
};
