/** A time in which GitHub fails most requests. All times are epoch milliseconds. */
export type Outage = {
  /** When the first request failed. */
  readonly since: number;
  /** What came instead of answers, in words. */
  readonly fault: string;
  /** When GitHub worked again; undefined while it does not. */
  readonly until?: number;
  /** The late runs were reported: the outage is history. */
  readonly reported?: boolean;
};

/** Whether a run failed because of an outage. `unsure`: most requests fail, but not for long enough to know. */
export type Cause = "outage" | "unsure" | "other";

/** The outcome of one request to GitHub. */
export type GitHubOutcome = {
  /** The sender of the request. Repeated requests of one sender count once. */
  readonly asker: string;
  /** A run sent it. The service's requests, such as for lists, may succeed while those of runs fail. */
  readonly isRun: boolean;
  readonly kind: "read" | "write";
  /**
   * What came instead of an answer, in words. Undefined: GitHub works, even if it rejects the request or sets a limit.
   */
  readonly fault: string | undefined;
};

/** The sender of requests that only test whether GitHub works. */
export const PROBE = "probe";

/** A time: epoch milliseconds, and by the monotonic clock. */
export type Moment = { readonly now: number; readonly monotonic: number };

/** The shortest outage, ms. Retries within an attempt, and the next attempts, handle shorter ones. */
const OUTAGE_MS = 60_000;
/** A spell ends after this long without anything new, ms. The first delays between attempts are this long. */
const SILENT_MS = 120_000;
/** Fewer failed requests may be chance. One attempt makes three tries. */
const LEAST_FAILED = 5;
/** If this many senders fail, it is not one bad repository. With fewer, the probe must fail too. */
const LEAST_ASKERS = 5;
/** GitHub works if most requests succeed for this long, ms. A run reads first, and its write may still fail. */
const SETTLED_MS = 10_000;

/**
 * Detects an outage of GitHub from the outcomes of requests. It starts when most senders have failed for a minute, with
 * reads or with writes. It ends when runs get answers again. One bad repository, a wrong token, a limit or single
 * faults are not an outage.
 */
export function outageDetector() {
  let failing = { read: openSpell(true), write: openSpell(true) };
  /** Only during an outage. While GitHub works, a request costs next to nothing here. */
  let answered: typeof failing | undefined;
  /** The latest answer to a run. */
  let answer: { readonly outcome: GitHubOutcome; readonly moment: Moment } | undefined;
  let probe: { readonly failed: boolean; readonly at: number } | undefined;
  let fault = "";

  function isOutage({ at, count, askers }: Spell, monotonic: number): boolean {
    if (monotonic - at < OUTAGE_MS || count < LEAST_FAILED) return false;
    return askers >= LEAST_ASKERS || (probe?.failed === true && probe.at >= at);
  }

  return {
    note(outcome: GitHubOutcome, moment: Moment): void {
      const { asker, isRun, kind } = outcome;
      const failed = outcome.fault !== undefined;
      if (asker === PROBE) probe = { failed, at: moment.monotonic };
      if (outcome.fault !== undefined) fault = outcome.fault;
      // The probe's result counts for writes too.
      for (const each of asker === PROBE ? KINDS : [kind]) failing[each].note(asker, failed, moment);
      if (!isRun) return;
      answer = failed ? undefined : { outcome, moment };
      answered?.[kind].note(asker, failed, moment);
    },
    /** Whether enough requests have failed for long enough to test whether GitHub works. */
    isSuspected: (monotonic: number, forMs = 0): boolean =>
      KINDS.some((kind) => {
        const spell = failing[kind].now(monotonic);
        return spell !== undefined && spell.count >= LEAST_FAILED && monotonic - spell.at >= forMs;
      }),
    /** The current outage; undefined if there is none. */
    outage(monotonic: number): Outage | undefined {
      const spells = KINDS.flatMap((kind) => failing[kind].now(monotonic) ?? []);
      const those = spells.filter((spell) => isOutage(spell, monotonic));
      return those.length === 0 ? undefined : { since: Math.min(...those.map(({ since }) => since)), fault };
    },
    /** An outage is known, so the detector now looks for its end. This process may have had an answer a moment ago. */
    begin(monotonic: number): void {
      if (answered) return;
      answered = { read: openSpell(false), write: openSpell(false) };
      if (!answer || monotonic - answer.moment.monotonic >= OUTAGE_MS) return;
      answered[answer.outcome.kind].note(answer.outcome.asker, false, answer.moment);
    },
    hasBegun: (): boolean => answered !== undefined,
    /** Whether GitHub has answered most requests of runs for a while. */
    isOver(monotonic: number): boolean {
      const isSettled = (kind: (typeof KINDS)[number]) => {
        const spell = answered?.[kind].now(monotonic);
        return spell !== undefined && spell.askers > 0 && monotonic - spell.at >= SETTLED_MS;
      };
      const fails = KINDS.some((kind) => !isSettled(kind) && failing[kind].now(monotonic) !== undefined);
      return KINDS.some(isSettled) && !fails;
    },
    /** Forgets everything: what happened before the end of an outage does not matter for the next one. */
    end(): void {
      failing = { read: openSpell(true), write: openSpell(true) };
      answered = undefined;
      probe = undefined;
    },
  };
}

const KINDS = ["read", "write"] as const;

/** How many recent senders are remembered. */
const MAX_ASKERS = 200;

type Spell = {
  readonly since: number;
  /** When it began, by the monotonic clock. */
  readonly at: number;
  /** How many requests had this outcome. */
  readonly count: number;
  /** How many senders had it last, without the probe. */
  readonly askers: number;
};

/**
 * A time in which most senders fail, or most do not. It begins with a request, and lasts while most outcomes are the
 * same.
 */
function openSpell(wanted: boolean) {
  let began: Moment | undefined;
  let latest = 0;
  let count = 0;
  const askers = new Map<string, { readonly alike: boolean; readonly at: number }>();

  const alikeOf = () => [...askers.values()].filter(({ alike }) => alike).length;

  function end(): void {
    began = undefined;
    askers.clear();
    count = 0;
  }

  function forget(monotonic: number): void {
    if (began !== undefined && monotonic - latest > SILENT_MS) end();
    for (const [asker, { at }] of askers) {
      if (askers.size <= MAX_ASKERS && monotonic - at <= SILENT_MS) break;
      askers.delete(asker);
    }
  }

  return {
    note(asker: string, failed: boolean, moment: Moment): void {
      const alike = failed === wanted;
      // The usual case: GitHub works, and nothing is remembered.
      if (began === undefined && !alike) return;
      forget(moment.monotonic);
      if (began === undefined && !alike) return;
      began ??= moment;
      askers.delete(asker);
      askers.set(asker, { alike, at: moment.monotonic });
      if (alike) {
        count++;
        latest = moment.monotonic;
      } else if (alikeOf() * 2 <= askers.size) end();
    },
    /** The current spell; undefined if there is none. */
    now(monotonic: number): Spell | undefined {
      forget(monotonic);
      if (began === undefined) return undefined;
      const { alike: isProbe = false } = askers.get(PROBE) ?? {};
      return { since: began.now, at: began.monotonic, count, askers: alikeOf() - (isProbe ? 1 : 0) };
    },
  };
}
