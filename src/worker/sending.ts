import type { Claim } from "../model/claim.ts";
import type { StartedRun } from "../model/github.ts";
import type { Json, Step } from "../model/run.ts";
import { keptReason, keptResult } from "./kept.ts";
import { resultBefore } from "./names.ts";
import type { StepParts } from "./steps.ts";

/** What is known about an event before its answer: the result of the step `…: key`. */
export type Sending = {
  readonly key: string;
  /** Before the first send and before the latest one: RFC 3339, by GitHub's clock. */
  readonly since: string;
  readonly last: string;
  readonly tries: number;
  /** GitHub certainly has not accepted the event. */
  readonly unsent?: true;
};

export type SendingRecord = ReturnType<typeof sendingRecord>;

/** A run's record of an event that is sent once. It has two steps, and the first is stored before the event is sent. */
export function sendingRecord(
  claim: Claim,
  name: string,
  {
    store,
    clock,
    keeping,
    runSecrets,
    insist,
    names,
  }: Pick<StepParts, "store" | "clock" | "keeping" | "runSecrets" | "insist" | "names">,
) {
  const noted = names.earlier("step", keyOf(name)) as Step | undefined;
  const ended = names.earlier("step", name) as Step | undefined;
  const begun = { kind: "step", attempt: claim.attempt, startedAt: clock.now() } as const;
  const keep = (step: Pick<Step, "name" | "result" | "error"> & Partial<Step>) =>
    insist(() => store.saveStep(claim, { ...begun, endedAt: clock.now(), ...step }));

  return {
    /** The note of an earlier attempt, written before it sent the event. */
    sending: noted?.result as Sending | undefined,
    started: ended?.result as StartedRun | undefined,
    begin(): void {
      names.requireShort("step", lookOf(name));
      names.begin("step", name);
      names.begin("step", keyOf(name));
      const { tries = 1 } = (noted?.result as Sending | undefined) ?? {};
      if (ended || tries > 1) names.done("waitUntil", lookOf(name));
    },
    async note(sending: Sending): Promise<Sending> {
      const { attempt, startedAt } = noted ?? begun;
      await keep({ name: keyOf(name), attempt, startedAt, result: sending, error: undefined });
      return sending;
    },
    async end(started: StartedRun): Promise<StartedRun> {
      const result = keeping.withoutTokens(keptResult(started, `the step ${name}`), runSecrets) as Json;
      await keep({ name, result, error: undefined });
      return result as StartedRun;
    },
    async fail(error: Error): Promise<void> {
      await keep({ name, result: undefined, error: keptReason(error.message, keeping) });
    },
  };
}

/** What a cancelled run sent, or may have sent. */
export function sentBefore(
  claim: Pick<Claim, "steps" | "waits">,
  name: string,
  about: Pick<StartedRun, "repository" | "event" | "eventType" | "workflow">,
): StartedRun | undefined {
  const sending = resultBefore(claim, "step", keyOf(name)) as Sending | undefined;
  const maybe = sending && !sending.unsent ? { ...about, key: sending.key, since: sending.since } : undefined;
  return (resultBefore(claim, "step", name) as StartedRun | undefined) ?? maybe;
}

const keyOf = (name: string) => `${name}: key`;

/** The wait that looks for the started run after the first answer was lost. */
export const lookOf = (name: string) => `${name}: look`;
