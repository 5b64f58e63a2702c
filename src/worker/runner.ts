import type { Log } from "../log.ts";
import type { Outcome } from "../model/run.ts";
import type { GitHub, Workflow } from "../model/workflow.ts";
import { execute } from "./execute.ts";

export type RunnerNeeds = {
  /** GitHub as the event's own credential sees it, or the service's. `saw` is told the id of every answered request. */
  readonly github: (token: string | undefined, saw: (requestId: string) => void) => GitHub;
  /** Hides a token from logs and answers while its run goes on. */
  readonly hide: (token: string) => () => void;
  readonly scrub: (text: string) => string;
  readonly log: Log;
  /** Epoch milliseconds. */
  readonly now: () => number;
  readonly newId: () => string;
};

type Event = { readonly workflow: Workflow; readonly body: unknown; readonly token: string | undefined };

/** Executes events as they come, and writes one log record for each attempt. */
export function createRunner({ github, hide, scrub, log, now, newId }: RunnerNeeds) {
  const inFlight = new Set<Promise<unknown>>();

  async function attempt({ workflow, body, token }: Event): Promise<{ run: string; outcome: Outcome }> {
    const run = newId();
    const started = now();
    let requestId: string | undefined;
    const saw = (id: string) => {
      requestId = id;
    };
    const show = token ? hide(token) : undefined;
    try {
      const outcome = clean(await execute(workflow, { body, github: github(token, saw) }), scrub);
      record(log, outcome, {
        run,
        workflow: workflow.name,
        ...workflow.labels?.({ body }),
        attempt: 1,
        duration_ms: now() - started,
        github_request_id: requestId,
      });
      return { run, outcome };
    } finally {
      show?.();
    }
  }

  return {
    run(event: Event): Promise<{ run: string; outcome: Outcome }> {
      const running = attempt(event).finally(() => inFlight.delete(running));
      inFlight.add(running);
      return running;
    },
    /** Resolves when nothing runs any more. */
    async drained(): Promise<void> {
      while (inFlight.size > 0) await Promise.allSettled(inFlight);
    },
  };
}

function clean(outcome: Outcome, scrub: (text: string) => string): Outcome {
  return outcome.status === "success" ? outcome : { ...outcome, reason: scrub(outcome.reason) };
}

function record(log: Log, outcome: Outcome, facts: Readonly<Record<string, unknown>>): void {
  const all = { ...facts, outcome: outcome.status };
  if (outcome.status === "success") log.info({ ...all, outputs: outcome.outputs }, "run succeeded");
  else if (outcome.status === "skipped") log.info({ ...all, reason: outcome.reason }, "run skipped");
  else log.error({ ...all, reason: outcome.reason, failure: outcome.kind }, "run failed");
}
