import type { Claim } from "../model/claim.ts";
import type { StartedRun } from "../model/github.ts";
import type { Json, Step } from "../model/run.ts";
import { keptReason, keptResult } from "./kept.ts";
import { resultBefore } from "./names.ts";
import type { StepParts } from "./steps.ts";

/** What is known of an event before its answer is: the result of the step `…: key`. */
export type Sending = {
  readonly key: string;
  /** Before it was first sent, and before it was last sent: RFC 3339, by GitHub's clock. */
  readonly since: string;
  readonly last: string;
  readonly tries: number;
  /** It is certain that GitHub has not taken it. */
  readonly unsent?: true;
};

export type SendingRecord = ReturnType<typeof sendingRecord>;

/** What the run remembers of an event that is sent once: two steps, of which the first is there before it is sent. */
export function sendingRecord(
  claim: Claim,
  name: string,
  {
    store,
    clock,
    keeping,
    own,
    insist,
    names,
  }: Pick<StepParts, "store" | "clock" | "keeping" | "own" | "insist" | "names">,
) {
  const noted = names.earlier("step", keyOf(name)) as Step | undefined;
  const ended = names.earlier("step", name) as Step | undefined;
  const begun = { kind: "step", attempt: claim.attempt, startedAt: clock.now() } as const;
  const keep = (step: Pick<Step, "name" | "result" | "error"> & Partial<Step>) =>
    insist(() => store.saveStep(claim, { ...begun, endedAt: clock.now(), ...step }));

  return {
    /** What an earlier attempt has noted before it sent the event. */
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
      const result = keeping.withoutTokens(keptResult(started, `the step ${name}`), own) as Json;
      await keep({ name, result, error: undefined });
      return result as StartedRun;
    },
    async fail(error: Error): Promise<void> {
      await keep({ name, result: undefined, error: keptReason(error.message, keeping) });
    },
  };
}

/** What a run that is cancelled has sent, or may have sent. */
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

/** The wait that looks for what has started, after the first answer was lost. */
export const lookOf = (name: string) => `${name}: look`;
