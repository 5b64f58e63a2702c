import { randomUUID } from "node:crypto";
import type { Claim } from "../model/claim.ts";
import { type Duration, millisecondsOf } from "../model/duration.ts";
import { isFailure, PermanentFailure, TransientFailure } from "../model/failure.ts";
import type { OnceOptions, StartedRun, WorkflowInputs } from "../model/github.ts";
import type { Json } from "../model/run.ts";
import { wakeKeys } from "../model/waits.ts";
import { growing, type LookingParts, lookingUntil } from "./looking.ts";
import { lookOf, type Sending, type SendingRecord, sendingRecord, sentBefore } from "./sending.ts";
import type { StepParts } from "./steps.ts";
import type { Attended } from "./suspending.ts";

export type OnceParts = StepParts &
  LookingParts & {
    /** A name as the history keeps it. */
    readonly nameOf: (given: string) => string;
  };

type What = Pick<StartedRun, "repository" | "event" | "eventType" | "workflow">;
type Sent = Omit<StartedRun, keyof What>;

/** For so long a run is looked for before its event is sent again. GitHub takes seconds to show one. */
const NOTHING_AFTER: Duration = "3m";

/** At most so long for what was sent again: over when the third retry comes (model/retry.ts). */
const NOTHING_AGAIN_MS = 150_000;

/**
 * Sends events once. The key of an event is stored before it is sent, and what it has started after that: an attempt that
 * finds the key alone does not know whether GitHub has the event, and looks for a run with that key before it sends again.
 */
export function onceOf(claim: Claim, parts: OnceParts) {
  const { actions, attempting, clock, keeping, lease, names, nameOf, observe, runLog } = parts;

  /** @param send resolves with what the answer says, and with the key where the run will show it. */
  async function once(
    name: string,
    what: What,
    { key: given, nothingAfter = NOTHING_AFTER }: Omit<OnceOptions, "once">,
    send: (key: string) => Promise<Sent>,
  ): Promise<Attended<StartedRun>> {
    if (claim.handler) return sentBefore(claim, name, what) ?? notSent(name);
    requireOnce(name, given, attempting.calls.inStep());
    const nothingAfterMs = millisecondsOf(nothingAfter);
    const record = sendingRecord(claim, name, parts);
    record.begin();
    if (record.started) return record.started;
    attempting.begin(`the step ${name}`);
    const { sending } = record;
    // What was never sent before needs no look.
    if (sending && !(sending.unsent && sending.tries === 1)) return look(sending);
    const since = actions.time();
    const key = sending?.key ?? given ?? randomUUID();
    return sendNow(await record.note({ key, since, tries: 1, last: since }));

    async function sendNow(now: Sending): Promise<Attended<StartedRun>> {
      try {
        await lease.holds();
        attempting.begin(`the step ${name}`);
        return await record.end({ ...what, ...(await observe.step(name, () => send(now.key))) });
      } catch (error) {
        if (!isFailure(error)) throw error;
        await record.fail(error);
        // A limit is met before anything is sent.
        const isUnsent = error.facts.sent === false || error.kind === "limit";
        if (isUnsent) await record.note({ ...now, unsent: true });
        else if (error.kind === "transient" && now.tries === 1) {
          const words =
            "it is not known whether GitHub has taken the event: the Actions run that it starts is looked for";
          runLog.log.warn(words, { step: name, err: error });
          return look(now);
        }
        runLog.failed(`step ${name}`, error);
        throw error;
      }
    }

    async function look(lost: Sending): Promise<Attended<StartedRun>> {
      const find = () => found(record, what, lost);
      // Clocks may be wrong: no longer than that in any case.
      const sinceMs = Math.max(0, Date.parse(actions.time()) - Date.parse(lost.last));
      const leftMs = lost.unsent
        ? 0
        : (lost.tries === 1 ? nothingAfterMs : Math.min(nothingAfterMs, NOTHING_AGAIN_MS)) - sinceMs;
      if (claim.run.ownToken) {
        const started = await lookingUntil(parts, Math.min(leftMs, attempting.about.timeoutMs / 2), find);
        if (started) return started;
      } else if (lost.tries === 1) {
        const its = lookOf(name);
        const started = await parts.suspending().attend<StartedRun | null>("waitUntil", its, {
          terms: () => ({
            words: `looks whether GitHub has taken ${name}, whose answer was lost`,
            until: { inMs: Math.max(0, leftMs) },
            againInMs: growing(clock, names.earlier("waitUntil", its)),
            wakeKeys: wakeKeys({ workflowRun: { repository: what.repository, key: lost.key } }),
            late: () => notTaken(name),
          }),
          look: async (underWay) => {
            const result = underWay?.isOver ? null : await find();
            return result === undefined ? undefined : { result };
          },
        });
        if (started !== null) return started;
      }
      const started = await find();
      // A wait would begin the time for retries again, each time.
      if (!started && lost.tries > 1 && leftMs > 0 && !claim.run.ownToken) throw notKnown(name);
      const { key, since, tries } = lost;
      return started ?? sendNow(await record.note({ key, since, tries: tries + 1, last: actions.time() }));
    }
  }

  /** What an event has started that may have been sent, as far as it is there. */
  async function found(record: SendingRecord, what: What, { key, since }: Sending): Promise<StartedRun | undefined> {
    attempting.begin("looking for what was started");
    const run = await actions.find({ ...what, key, since });
    if (!run) return undefined;
    const { runId, htmlUrl, foundBy } = run;
    // By its time alone it may be another's.
    return record.end({ ...what, key, since, ...(foundBy !== "time" && { runId, htmlUrl }) });
  }

  const call = (
    what: What,
    { once: given, ...options }: OnceOptions,
    check: () => void,
    send: (key: string) => Promise<Sent>,
  ) => {
    const method = what.event === "repository_dispatch" ? "dispatch" : "runWorkflow";
    const about = `github.${method} ${keeping.brief(what.repository, MAX_SHOWN)}`;
    return parts.suspending().call<StartedRun>(about, async () => {
      check();
      return once(nameOf(given), what, options, send);
    });
  };

  return {
    dispatch(repository: string, eventType: string, payload: Payload, options: OnceOptions): Promise<StartedRun> {
      const what = { repository, event: "repository_dispatch", eventType } as const;
      return call(
        what,
        options,
        () => requireRoom(repository, eventType, payload),
        async (key) => ({ ...(await actions.sendEvent(repository, eventType, { ...payload, run: key })), key }),
      );
    },
    runWorkflow(
      repository: string,
      workflow: string,
      { ref, inputs = {}, ...options }: WorkflowStart,
    ): Promise<StartedRun> {
      const check = () => {
        if ("run" in inputs) throw taken(`starting ${workflow} in ${repository}`, "inputs");
      };
      return call({ repository, event: "workflow_dispatch", workflow }, options, check, (key) =>
        actions.startWorkflow(repository, workflow, { ref, inputs, key }),
      );
    },
  };
}

type Payload = { readonly [key: string]: Json };
type WorkflowStart = { readonly ref: string; readonly inputs?: WorkflowInputs } & OnceOptions;

/** GitHub's most of a payload's properties at its top. */
const MAX_PROPERTIES = 10;

function requireRoom(repository: string, eventType: string, payload: Payload): void {
  const tried = `sending ${eventType} to ${repository}`;
  if ("run" in payload) throw taken(tried, "payload");
  const count = Object.keys(payload).length;
  if (count < MAX_PROPERTIES) return;
  const happened = `the payload has ${count} properties, and GitHub takes ${MAX_PROPERTIES} with \`run\`, which holds the key`;
  throw new PermanentFailure({ tried, happened, remedy: "Put some of them into one object." });
}

const taken = (tried: string, where: "payload" | "inputs") =>
  new PermanentFailure({
    tried,
    happened: `the ${where} ${where === "payload" ? "has" : "have"} a \`run\` already, which is where the key goes`,
    remedy: "Name it differently; or leave `once` out, and send the event without a memory.",
  });

/** @throws PermanentFailure when an event cannot be sent once so. */
function requireOnce(name: string, key: string | undefined, isInStep: boolean): void {
  const tried = `beginning the step ${name}`;
  if (isInStep) {
    const happened = "it is a step itself (`once`), and is inside of a step, or of a wait's check";
    throw new PermanentFailure({ tried, happened, remedy: "Call it outside of steps." });
  }
  if (key === undefined || KEY.test(key)) return;
  const happened = "its key is not a word of up to 100 letters, digits, and . _ : -";
  throw new PermanentFailure({ tried, happened, remedy: "Use a UUID, or leave it out: then one is made." });
}

/** What can be told from the words around it in the name of a run. */
const KEY = /^\w([\w.:-]{0,98}\w)?$/;

/** Enough of a repository to find the call by. */
const MAX_SHOWN = 100;

function notSent(name: string): never {
  throw new PermanentFailure({
    tried: `remembering the step ${name}`,
    happened: "the run was cancelled before it was sent, and `cancelled` sends nothing with `once`",
    remedy: "Catch this where there is nothing to clean up then. To send an event from `cancelled`, leave `once` out.",
  });
}

const notKnown = (name: string) =>
  new TransientFailure({
    tried: `looking for what ${name} has started`,
    happened: "its answer was lost again, and no Actions run shows its key yet",
    remedy: "Nothing to do: it is looked for again, and sent again when none appears.",
  });

/** Not needed: when the time is over the event is sent again. */
const notTaken = (name: string) =>
  new PermanentFailure({
    tried: `looking for what ${name} has started`,
    happened: "nothing was found",
    remedy: "Re-run.",
  });
