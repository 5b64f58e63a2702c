import type { Claim, ClaimedWait } from "../model/claim.ts";
import { PermanentFailure } from "../model/failure.ts";
import type { Json, Step } from "../model/run.ts";
import type { Keeping } from "./kept.ts";

type Kind = Step["kind"];

/** The names of an attempt's steps and waits. They match those of earlier attempts by name. */
export class Names {
  readonly #brief: Keeping["brief"];
  /** Steps and waits of earlier attempts. Empty in `cancelled`, which runs for the first time. */
  readonly #before: readonly (Step | ClaimedWait)[];
  /** After a re-run, the first attempt that counts. Steps of earlier attempts are from the run as it had ended. */
  readonly #firstAttempt: number;
  #knowsRerun = false;
  #known: ReadonlyMap<string, Step | ClaimedWait> | undefined;
  // Most runs have no steps or waits.
  #begun: Map<string, Kind> | undefined;
  #changed: Map<string, Kind> | undefined;

  constructor({ steps, waits = [], handler, firstAttempt = 1 }: Claim, { brief }: Pick<Keeping, "brief">) {
    this.#brief = brief;
    this.#firstAttempt = firstAttempt;
    this.#before = handler ? [] : waits.length === 0 ? steps : [...steps, ...waits];
  }

  /** The step or wait with this name that an earlier attempt did or began, if it is of the same kind. */
  earlier(kind: Kind, name: string): Step | ClaimedWait | undefined {
    if (this.#before.length === 0) return undefined;
    // The latest one counts, since some waits begin again after a re-run.
    this.#known ??= new Map(
      this.#before
        .toSorted((one, other) => one.attempt - other.attempt)
        .map((each) => [idOf(each.kind, each.name), each]),
    );
    return this.#known.get(idOf(kind, name));
  }

  /** Marks a step or wait that later attempts need not repeat. `differences` does not list it. */
  done(kind: Kind, name: string): void {
    this.#begun ??= new Map();
    this.#begun.set(name, kind);
  }

  /** The workflow asked whether this is a re-run, so it may take another path on purpose. */
  knowsRerun(): void {
    this.#knowsRerun = true;
  }

  /** This name, with a number added if the name is already used. */
  unused(name: string): string {
    const short = name.slice(0, MAX_NAME_CHARACTERS - NUMBER_CHARACTERS).toWellFormed();
    let unused = short;
    for (let nth = 2; this.#begun?.has(unused); nth++) unused = `${short} (${nth})`;
    return unused;
  }

  /**
   * Begins a step or wait.
   * @throws PermanentFailure if this attempt already used the name: it would get the other one's result.
   */
  begin(kind: Kind, name: string): void {
    const what = kind === "step" ? "step" : "wait";
    const first = this.#begun?.get(name);
    if (first) {
      throw new PermanentFailure({
        tried: `beginning the ${what} ${name}`,
        happened: `this attempt already has a ${first === "step" ? "step" : "wait"} with that name`,
        remedy: `Give each ${what} a different name. In a loop, add what differs to the name.`,
      });
    }
    this.#begun ??= new Map();
    this.#begun.set(name, kind);
    const other = this.earlier(kind, name) ? undefined : this.#before.find((each) => each.name === name);
    if (!other) return;
    this.#changed ??= new Map();
    this.#changed.set(name, other.kind);
  }

  /** @throws PermanentFailure if the name is too long to store. */
  requireShort(kind: Kind, name: string): void {
    if (name.length <= MAX_NAME_CHARACTERS) return;
    throw new PermanentFailure({
      tried: `beginning the ${kind === "step" ? "step" : "wait"} ${this.#brief(name, MAX_NAME_CHARACTERS / 2)}`,
      happened: `its name has ${name.length} characters, and the limit is ${MAX_NAME_CHARACTERS}`,
      remedy: "Use a short name, and put long data into the result.",
    });
  }

  /** How the code differs from earlier attempts, as lines for the run's log. */
  differences(): readonly string[] {
    const kinds = [...(this.#changed ?? [])].map(
      ([name, kind]) =>
        `${name} was a ${kind} in an earlier attempt and is a ${this.#begun?.get(name)} now, so it starts again`,
    );
    const expected = this.#knowsRerun
      ? this.#before.filter(({ attempt }) => attempt >= this.#firstAttempt)
      : this.#before;
    const missed = expected.filter(({ name }) => !this.#begun?.has(name)).map(({ name }) => name);
    if (missed.length === 0) return kinds;
    const more = missed.length > MAX_SHOWN ? ` and ${missed.length - MAX_SHOWN} more` : "";
    const shown = [...new Set(missed)].slice(0, MAX_SHOWN).join(", ");
    return [...kinds, `an earlier attempt reached these steps or waits, but this one did not: ${shown}${more}`];
  }
}

/**
 * The result of a step or wait of a cancelled run. Undefined if it failed or was in progress. The latest one counts,
 * since some waits begin again after a re-run.
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

/** An index entry in PostgreSQL has at most 2,704 bytes. */
const MAX_NAME_CHARACTERS = 200;

/** Room for ` (1000)`. */
const NUMBER_CHARACTERS = 10;
