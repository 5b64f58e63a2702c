import type { Claim, ClaimedWait } from "../model/claim.ts";
import { PermanentFailure } from "../model/failure.ts";
import type { Json, Step } from "../model/run.ts";
import type { Keeping } from "./kept.ts";

type Kind = Step["kind"];

/** The names of an attempt's steps and waits, by which they are matched with those of earlier attempts. */
export class Names {
  readonly #brief: Keeping["brief"];
  /** `cancelled` does what it does for the first time. */
  readonly #before: readonly (Step | ClaimedWait)[];
  /** Of a re-run: what attempts before this one have done belongs to the run as it had ended. */
  readonly #firstAttempt: number;
  #knowsRerun = false;
  #known: ReadonlyMap<string, Step | ClaimedWait> | undefined;
  // Most runs have neither.
  #begun: Map<string, Kind> | undefined;
  #changed: Map<string, Kind> | undefined;

  constructor({ steps, waits = [], handler, firstAttempt = 1 }: Claim, { brief }: Pick<Keeping, "brief">) {
    this.#brief = brief;
    this.#firstAttempt = firstAttempt;
    this.#before = handler ? [] : waits.length === 0 ? steps : [...steps, ...waits];
  }

  /** The step or wait of this name that an earlier attempt has done or begun, if it was of the same kind. */
  earlier(kind: Kind, name: string): Step | ClaimedWait | undefined {
    if (this.#before.length === 0) return undefined;
    // The latest counts: some waits begin again when the run is re-run.
    this.#known ??= new Map(
      this.#before
        .toSorted((one, other) => one.attempt - other.attempt)
        .map((each) => [idOf(each.kind, each.name), each]),
    );
    return this.#known.get(idOf(kind, name));
  }

  /** An earlier attempt has done this, and a later one need not: it is no difference. */
  done(kind: Kind, name: string): void {
    this.#begun ??= new Map();
    this.#begun.set(name, kind);
  }

  /** The workflow has asked whether the run is re-run: it may go another way then than before, and means to. */
  knowsRerun(): void {
    this.#knowsRerun = true;
  }

  /** This name, or with a number that makes it another one than those before. */
  unused(name: string): string {
    const short = name.slice(0, MAX_NAME_CHARACTERS - NUMBER_CHARACTERS).toWellFormed();
    let unused = short;
    for (let nth = 2; this.#begun?.has(unused); nth++) unused = `${short} (${nth})`;
    return unused;
  }

  /**
   * Begins a step or wait.
   * @throws PermanentFailure when another one of this attempt has the name: it would get the result of that one.
   */
  begin(kind: Kind, name: string): void {
    const what = kind === "step" ? "step" : "wait";
    const first = this.#begun?.get(name);
    if (first) {
      throw new PermanentFailure({
        tried: `beginning the ${what} ${name}`,
        happened: `this attempt has had a ${first === "step" ? "step" : "wait"} of that name`,
        remedy: `Give each ${what} another name; in a loop, put what differs into the name.`,
      });
    }
    this.#begun ??= new Map();
    this.#begun.set(name, kind);
    const other = this.earlier(kind, name) ? undefined : this.#before.find((each) => each.name === name);
    if (!other) return;
    this.#changed ??= new Map();
    this.#changed.set(name, other.kind);
  }

  /** @throws PermanentFailure when no store would keep the name. */
  requireShort(kind: Kind, name: string): void {
    if (name.length <= MAX_NAME_CHARACTERS) return;
    throw new PermanentFailure({
      tried: `beginning the ${kind === "step" ? "step" : "wait"} ${this.#brief(name, MAX_NAME_CHARACTERS / 2)}`,
      happened: `its name has ${name.length} characters, at most ${MAX_NAME_CHARACTERS} are kept`,
      remedy: "Name it after what it is about, and keep what is long in its result.",
    });
  }

  /** What the code does otherwise than in an earlier attempt, as lines for the run's log. */
  differences(): readonly string[] {
    const kinds = [...(this.#changed ?? [])].map(
      ([name, kind]) =>
        `${name} was a ${kind} in an earlier attempt and is a ${this.#begun?.get(name)} now: it begins again`,
    );
    const expected = this.#knowsRerun
      ? this.#before.filter(({ attempt }) => attempt >= this.#firstAttempt)
      : this.#before;
    const missed = expected.filter(({ name }) => !this.#begun?.has(name)).map(({ name }) => name);
    if (missed.length === 0) return kinds;
    const more = missed.length > MAX_SHOWN ? ` and ${missed.length - MAX_SHOWN} more` : "";
    const shown = [...new Set(missed)].slice(0, MAX_SHOWN).join(", ");
    return [...kinds, `not reached in this attempt, although an earlier one had done or begun it: ${shown}${more}`];
  }
}

/**
 * What a step or a wait of a run that is cancelled came to; undefined where it has none: it failed, or was under way. The latest
 * counts, since some waits begin again when the run is re-run.
 */
export function resultBefore(
  { steps, waits = [] }: Pick<Claim, "steps" | "waits">,
  kind: Kind,
  name: string,
): Json | undefined {
  if (waits.some((wait) => wait.kind === kind && wait.name === name)) return undefined;
  const its = steps.filter((step) => step.kind === kind && step.name === name);
  const latest = its.toSorted((one, other) => other.attempt - one.attempt)[0];
  return latest?.error === undefined ? latest?.result : undefined;
}

const MAX_SHOWN = 10;

const idOf = (kind: Kind, name: string) => `${kind} ${name}`;

/** An index of PostgreSQL takes 2,704 bytes at most. */
const MAX_NAME_CHARACTERS = 200;

/** Room for ` (1000)`. */
const NUMBER_CHARACTERS = 10;
