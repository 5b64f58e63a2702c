import type { ZodType } from "zod";
import { auditPageSchema, verificationSchema } from "../http/audit-schemas.ts";
import { eventsPageSchema, whySchema } from "../http/events-schemas.ts";
import { previewPageSchema } from "../http/previews-schemas.ts";
import { linesSchema } from "../http/run-log-schemas.ts";
import { runDetailSchema, runPageSchema, runSchema } from "../http/runs-schemas.ts";
import { pauseSchema, workflowListSchema } from "../http/workflows-schemas.ts";
import { isBeginningOfId } from "../model/history.ts";
import { oneLine } from "../model/visible.ts";
import { readClientConfig } from "../service/config/config.ts";
import { CommandError } from "./command.ts";
import { endWhenUnread, shortName } from "./terminal.ts";

/** An answer of the API: its text, and the parsed value. */
type Answer<T> = { readonly text: string; readonly said: T };

/** Length of a UUID. */
const ID_CHARACTERS = 36;

/** The most runs to name if several ids have the same beginning. */
const MAX_MEANT = 5;

/** Longer than a healthy service takes, and short enough for a person at a terminal. */
const ANSWER_MS = 30_000;

/** Verifying a million records takes half a minute. */
const VERIFY_MS = 600_000;

/** The service waits up to 30 s for the end of a running attempt. */
const CANCEL_MS = 40_000;

export type ServiceClient = ReturnType<typeof serviceClient>;

/** The API of the service that GH_RUNNER_URL names. Every method throws a `CommandError`. */
export function serviceClient() {
  const { url, token } = readClientConfig();
  endWhenUnread(process.stdout);

  async function ask<T>(
    method: string,
    path: string,
    schema: ZodType<T>,
    { body, answerMs = ANSWER_MS }: { readonly body?: object | undefined; readonly answerMs?: number } = {},
  ): Promise<Answer<T>> {
    const { status, text } = await fetch(url + path, {
      method,
      headers: {
        ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
        ...(body && { "content-type": "application/json" }),
      },
      ...(body && { body: JSON.stringify(body) }),
      // The token is for this service only, so redirects are not followed.
      redirect: "manual",
      signal: AbortSignal.timeout(answerMs),
    })
      .then(async (response) => ({ status: response.status, text: await response.text() }))
      .catch((cause) => {
        throw new CommandError(
          `Cannot reach gh-runner at ${url} (${reasonOf(cause, answerMs)}). Check that it runs, and that GH_RUNNER_URL is its address.`,
          { cause },
        );
      });
    if (status === 401) {
      const what = token === undefined ? "asks for a token" : "does not accept this token";
      throw new CommandError(
        `gh-runner at ${url} ${what}: set GH_RUNNER_TOKEN or GH_RUNNER_TOKEN_FILE to one of its AUTH_TOKENS.`,
        { status },
      );
    }
    const answered = parsed(text);
    const { detail, notNeeded, problems } = (answered ?? {}) as {
      detail?: unknown;
      notNeeded?: unknown;
      problems?: unknown;
    };
    if (status >= 400 && typeof detail === "string") {
      const reason = inCommands(Array.isArray(problems) ? problems.join("\n") : detail);
      const message =
        status === 403
          ? `${reason} Set GH_RUNNER_TOKEN or GH_RUNNER_TOKEN_FILE to a token with that permission.`
          : reason;
      throw new CommandError(message, { status, notNeeded: notNeeded === true });
    }
    const read = schema.safeParse(answered);
    if (status >= 300 || !read.success) {
      throw new CommandError(`${url} answered ${status}, but it is not gh-runner: check GH_RUNNER_URL.`, { status });
    }
    return { text, said: read.data };
  }

  const list = (query: Query) => ask("GET", `/api/runs?${given(query)}`, runPageSchema());

  return {
    list,
    /** The id of the only run whose id begins with this text, such as the eight characters on the page. */
    async idOf(beginning: string): Promise<string> {
      if (beginning.length >= ID_CHARACTERS || !isBeginningOfId(beginning)) return beginning;
      const { runs, next } = (await list({ id: beginning, limit: String(MAX_MEANT) })).said;
      const [run, ...others] = runs;
      if (run === undefined) {
        throw new CommandError(
          `No run has an id that begins with ${beginning}. gh-runner runs list shows the runs. Ended runs are kept for RETAIN_DAYS.`,
        );
      }
      if (others.length === 0) return run.id;
      const meant = runs.map(({ id, group, status }) => `${id} (${oneLine(shortName(group ?? ""))} ${status})`);
      const more = next === undefined ? "" : ", and others";
      throw new CommandError(
        `Several runs have ids that begin with ${beginning}. Give more characters: ${meant.join(", ")}${more}.`,
      );
    },
    show: async (id: string) => ask("GET", `/api/runs/${segment(id)}`, runDetailSchema()),
    previews: async (query: Query) => ask("GET", `/api/previews?${given(query)}`, previewPageSchema()),
    why: async (query: Query) => ask("GET", `/api/why?${given(query)}`, whySchema()),
    events: async (query: Query) => ask("GET", `/api/events?${given(query)}`, eventsPageSchema()),
    audit: async (query: Query) => ask("GET", `/api/audit?${given(query)}`, auditPageSchema()),
    auditVerification: async () => ask("GET", "/api/audit/verification", verificationSchema(), { answerMs: VERIFY_MS }),
    workflows: async () => ask("GET", "/api/workflows", workflowListSchema()),
    /** Pauses or resumes a workflow; undefined: all of them. */
    turn: async (action: "pause" | "resume", workflow: string | undefined) => {
      const path = workflow === undefined ? "" : `/workflows/${encodeURIComponent(workflow)}`;
      return ask("POST", `/api${path}/${action}`, pauseSchema());
    },
    start: async (workflow: string, inputs: object) =>
      ask("POST", `/api/workflows/${encodeURIComponent(workflow)}/runs`, runSchema(), { body: { inputs } }),
    logs: async (id: string, query: Query) =>
      ask("GET", `/api/runs/${segment(id)}/logs?${given(query)}`, linesSchema()),
    rerun: async (id: string, { evenIfOlder, from, input }: RerunQuery = {}) => {
      const query = given({ evenIfOlder: evenIfOlder ? "true" : undefined, from });
      const path = `/api/runs/${segment(id)}/rerun${query.size > 0 ? `?${query}` : ""}`;
      return ask("POST", path, runSchema(), { body: input && { input } });
    },
    cancel: async (id: string) => ask("POST", `/api/runs/${segment(id)}/cancel`, runSchema(), { answerMs: CANCEL_MS }),
  };
}

/** Options of a re-run. With `input`, a new run starts. */
export type RerunQuery = {
  readonly evenIfOlder?: boolean | undefined;
  readonly from?: "start" | "failure" | undefined;
  readonly input?: object | undefined;
};

type Query = Readonly<Record<string, string | undefined>>;

function given(query: Query): URLSearchParams {
  return new URLSearchParams(
    Object.entries(query).filter((entry): entry is [string, string] => entry[1] !== undefined),
  );
}

function segment(id: string): string {
  if (!/^[\w-]+$/.test(id))
    throw new CommandError(`${JSON.stringify(id)} is not the id of a run. gh-runner runs list shows the ids.`);
  return id;
}

/** A message of the API that names a route, with the command that calls it. */
function inCommands(text: string): string {
  return text.replace("GET /api/runs lists all runs", "gh-runner runs list shows the runs");
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/**
 * `fetch` puts the reason into the error's cause. If several addresses failed, the cause is an AggregateError without a
 * message.
 */
function reasonOf(error: unknown, answerMs: number): string {
  const { name, message, cause } = error as Error;
  if (name === "TimeoutError") return `no answer within ${answerMs / 1000} s`;
  const { code, message: inner } = (cause ?? {}) as { code?: string; message?: string };
  return code ?? (inner || message);
}
