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
    /** Cleans a name for the history. */
    readonly nameOf: (given: string) => string;
  };

type What = Pick<StartedRun, "repository" | "event" | "eventType" | "workflow">;
type Sent = Omit<StartedRun, keyof What>;

/** How long to look for a run before its event is sent again. GitHub takes seconds to show one. */
const NOTHING_AFTER: Duration = "3m";

/** The limit after a second send. It is over when the third retry starts (model/retry.ts). */
const NOTHING_AGAIN_MS = 150_000;

/**
 * Sends each event once. The event's key is stored before it is sent, and what it started is stored after. If an
 * attempt finds only the key, GitHub may or may not have the event. So it looks for a run with that key before it sends
 * the event again.
 */
export function onceOf(claim: Claim, parts: OnceParts) {
  const { actions, attempting, clock, keeping, lease, names, nameOf, observe, runLog } = parts;

  /** @param send resolves with the facts of the answer, and with the key if the run will show it. */
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
    // An event that was never sent needs no search.
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
        // A limit stops the event before it is sent.
        const isUnsent = error.facts.sent === false || error.kind === "limit";
        if (isUnsent) await record.note({ ...now, unsent: true });
        else if (error.kind === "transient" && now.tries === 1) {
          const words = "GitHub may have received the event: looking for the Actions run that it starts";
          runLog.log.warn(words, { step: name, err: error });
          return look(now);
        }
        runLog.failed(`step ${name}`, error);
        throw error;
      }
    }

    async function look(lost: Sending): Promise<Attended<StartedRun>> {
      const find = () => found(record, what, lost);
      // With a wrong clock the send may seem to be in the future. That must not lengthen the search.
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
            words: `checks whether GitHub received ${name}, because the answer was lost`,
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
      // A wait would restart the time for retries each time.
      if (!started && lost.tries > 1 && leftMs > 0 && !claim.run.ownToken) throw notKnown(name);
      const { key, since, tries } = lost;
      return started ?? sendNow(await record.note({ key, since, tries: tries + 1, last: actions.time() }));
    }
  }

  /** The run that an event started, if the event was sent and the run exists. */
  async function found(record: SendingRecord, what: What, { key, since }: Sending): Promise<StartedRun | undefined> {
    attempting.begin("looking for what was started");
    const run = await actions.find({ ...what, key, since });
    if (!run) return undefined;
    const { runId, htmlUrl, foundBy } = run;
    // Found only by its time, the run may belong to another event.
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

/** GitHub's limit of properties at the top of a payload. */
const MAX_PROPERTIES = 10;

function requireRoom(repository: string, eventType: string, payload: Payload): void {
  const tried = `sending ${eventType} to ${repository}`;
  if ("run" in payload) throw taken(tried, "payload");
  const count = Object.keys(payload).length;
  if (count < MAX_PROPERTIES) return;
  const happened = `the payload has ${count} properties, and GitHub accepts ${MAX_PROPERTIES} including \`run\`, which holds the key`;
  throw new PermanentFailure({ tried, happened, remedy: "Combine some of them into one object." });
}

const taken = (tried: string, where: "payload" | "inputs") =>
  new PermanentFailure({
    tried,
    happened: `the ${where} already ${where === "payload" ? "has" : "have"} \`run\`, which is reserved for the key`,
    remedy: "Use another name. Or leave out `once`: then a retry may send the event again.",
  });

/** @throws PermanentFailure if the event cannot be sent with `once`. */
function requireOnce(name: string, key: string | undefined, isInStep: boolean): void {
  const tried = `beginning the step ${name}`;
  if (isInStep) {
    const happened = "a call with `once` is a step, and this one is inside another step or a wait's check";
    throw new PermanentFailure({ tried, happened, remedy: "Call it outside steps." });
  }
  if (key === undefined || KEY.test(key)) return;
  const happened = "its key is not a word of up to 100 letters, digits, and . _ : -";
  throw new PermanentFailure({ tried, happened, remedy: "Use a UUID, or leave out the key to get one." });
}

/** A key stays recognisable between other words in a run's name. */
const KEY = /^\w([\w.:-]{0,98}\w)?$/;

/** Enough to recognise the call by its repository. */
const MAX_SHOWN = 100;

function notSent(name: string): never {
  throw new PermanentFailure({
    tried: `remembering the step ${name}`,
    happened: "the run was cancelled before this event was sent, and `cancelled` does not send events with `once`",
    remedy: "Catch this error if nothing else needs cleaning up. To send an event from `cancelled`, leave out `once`.",
  });
}

const notKnown = (name: string) =>
  new TransientFailure({
    tried: `looking for the Actions run that ${name} started`,
    happened: "its answer was lost again, and no Actions run shows its key yet",
    remedy: "Nothing to do: gh-runner looks again, and sends the event again if no run appears.",
  });

/** Never thrown: after this time the event is sent again. */
const notTaken = (name: string) =>
  new PermanentFailure({
    tried: `looking for the Actions run that ${name} started`,
    happened: "nothing was found",
    remedy: "Re-run.",
  });
