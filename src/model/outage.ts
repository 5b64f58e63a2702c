/** GitHub fails most requests, or did. All times are epoch milliseconds. */
export type Outage = {
  /** When the first request failed. */
  readonly since: number;
  /** What came instead of answers, in words. */
  readonly fault: string;
  /** When GitHub worked again; undefined while it does not. */
  readonly until?: number;
  /** It was reported what was late: the outage is history. */
  readonly reported?: boolean;
};

/** Whether a run has failed because of an outage. `unsure`: most requests fail, and have not for long enough to tell. */
export type Cause = "outage" | "unsure" | "other";

/** What became of one request to GitHub. */
export type GitHubOutcome = {
  /** Who asked. One who asks again and again counts once. */
  readonly asker: string;
  /** A run has asked. What the service asks for itself, such as for lists, may be answered while what runs need is not. */
  readonly isRun: boolean;
  readonly kind: "read" | "write";
  /** What came instead of an answer, in words. Undefined: GitHub works, also when it rejects a request or sets a limit. */
  readonly fault: string | undefined;
};

/** The asker of the requests that only find out whether GitHub works. */
export const PROBE = "probe";

/** When something happened: epoch milliseconds, and by the clock that cannot be set. */
export type Moment = { readonly now: number; readonly monotonic: number };

/** An outage lasts, ms: what passes sooner, quick retries and the next attempts get over. */
const OUTAGE_MS = 60_000;
/** A spell without anything new for so long is over, ms. The delays between attempts are as long at first. */
const SILENT_MS = 120_000;
/** Fewer failed requests are chance. One attempt alone makes three tries. */
const LEAST_FAILED = 5;
/** So many that fail are not one bad repository. If fewer do, the probe has to fail as well. */
const LEAST_ASKERS = 5;
/** GitHub works when most requests have been answered for so long, ms: a run reads first, and its write may still fail. */
const SETTLED_MS = 10_000;

/**
 * Tells an outage of GitHub from what requests come to. It begins when most of those who ask have been failed for a
 * minute, for reads or for writes, and ends when runs that ask are answered again. One bad repository, a wrong token, a
 * limit and single faults are no outage.
 */
export function outageDetector() {
  let failing = { read: openSpell(true), write: openSpell(true) };
  /** During an outage alone: while GitHub works, a request costs next to nothing here. */
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
      // What the probe finds holds for writes as well.
      for (const each of asker === PROBE ? KINDS : [kind]) failing[each].note(asker, failed, moment);
      if (!isRun) return;
      answer = failed ? undefined : { outcome, moment };
      answered?.[kind].note(asker, failed, moment);
    },
    /** Whether so many requests have failed, for so long, that it has to be found out whether GitHub works. */
    isSuspected: (monotonic: number, forMs = 0): boolean =>
      KINDS.some((kind) => {
        const spell = failing[kind].now(monotonic);
        return spell !== undefined && spell.count >= LEAST_FAILED && monotonic - spell.at >= forMs;
      }),
    /** The outage that there is; undefined when there is none. */
    outage(monotonic: number): Outage | undefined {
      const spells = KINDS.flatMap((kind) => failing[kind].now(monotonic) ?? []);
      const those = spells.filter((spell) => isOutage(spell, monotonic));
      return those.length === 0 ? undefined : { since: Math.min(...those.map(({ since }) => since)), fault };
    },
    /** An outage is known: from now on it is looked for its end. This process may have been answered a moment ago. */
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
    /** Forgets all: what was before an end says nothing about another beginning. */
    end(): void {
      failing = { read: openSpell(true), write: openSpell(true) };
      answered = undefined;
      probe = undefined;
    },
  };
}

const KINDS = ["read", "write"] as const;

/** How many of those who asked last are remembered. */
const MAX_ASKERS = 200;

type Spell = {
  readonly since: number;
  /** When it began, by the monotonic clock. */
  readonly at: number;
  /** Requests that were alike. */
  readonly count: number;
  /** Those whose latest request was, without the probe. */
  readonly askers: number;
};

/** A time in which most of those who ask fail, or do not. It begins with a request and lasts as long as most are alike. */
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
    /** The spell that lasts; undefined when there is none. */
    now(monotonic: number): Spell | undefined {
      forget(monotonic);
      if (began === undefined) return undefined;
      const { alike: isProbe = false } = askers.get(PROBE) ?? {};
      return { since: began.now, at: began.monotonic, count, askers: alikeOf() - (isProbe ? 1 : 0) };
    },
  };
}
