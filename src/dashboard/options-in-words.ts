import { millisecondsOf } from "../model/duration.ts";
import { type NotifyOption, targetsIn, USUAL_KINDS } from "../model/notices.ts";
import { gitHubEntries } from "../model/triggers.ts";
import { DEFAULT_TIMEOUT, type Workflow } from "../model/workflow.ts";
import { durationText, plural } from "./shown.ts";

type Option = readonly [option: string, words: string];

/**
 * The options of a workflow apart from its triggers, each with a sentence that explains it.
 * @param retryHours RETRY_HOURS
 */
export function optionsInWords(workflow: Workflow, retryHours: number): readonly Option[] {
  const { dedupe, throttle, debounce, timeout = DEFAULT_TIMEOUT, retry, env = [], cancelled, notify } = workflow;
  const options: (Option | undefined)[] = [
    ["Concurrency", concurrencyInWords(workflow)],
    debounce === undefined
      ? undefined
      : ["Debounce", `A run begins when its group has had no newer event for ${inWords(debounce)}.`],
    throttle && [
      "Throttle",
      `Up to ${throttle.limit} ${plural(throttle.limit, "run begins", "runs begin")} per ${inWords(throttle.per)}. The others wait.`,
    ],
    dedupe && [
      "Repeats",
      `A run is skipped if one with the same key has succeeded in the last ${inWords(dedupe.within)}.`,
    ],
    ["Timeout", `An attempt fails after ${inWords(timeout)}.`],
    [
      "Retries",
      retry === false
        ? "None: any failure ends the run. A run still waits for GitHub’s limits."
        : `Temporary failures are retried for up to ${retryHours} h.`,
    ],
    filterInWords(workflow),
    env.length === 0 ? undefined : ["Variables", env.join(", ")],
    notify === undefined ? undefined : ["Notices", noticesInWords(notify)],
    cancelled && ["Cancelled runs", "The workflow cleans up after them."],
  ];
  return options.filter((option) => option !== undefined);
}

function concurrencyInWords({ concurrency, report }: Workflow): string {
  if (concurrency === undefined) {
    return report ? `One run per commit at a time. ${NEWER.latest}` : "Runs do not wait for each other.";
  }
  const {
    group,
    cancelRunning = false,
    queue = "latest",
  } = typeof concurrency === "object" ? concurrency : { group: concurrency };
  const one = typeof group === "string" ? `One run at a time (group ${group}).` : "One run per group at a time.";
  return `${one} ${cancelRunning ? NEWER.cancel : NEWER[queue]}`;
}

const NEWER = {
  latest: "A newer event replaces the queued one.",
  all: "Every event runs, in order.",
  cancel: "A newer event cancels the run that is running or waiting.",
};

/** Shows only the names of variables: their values are secret. */
function noticesInWords(notify: NotifyOption): string {
  const targets = targetsIn(notify) ?? [];
  if (targets.length === 0) return "None.";
  return targets.map(({ to, on }) => `${to} (${(on ?? USUAL_KINDS).join(", ")})`).join("; ");
}

function filterInWords({ on }: Workflow): Option | undefined {
  const filtered = gitHubEntries(on).filter(({ filter }) => filter !== undefined);
  const events = [...new Set(filtered.flatMap((entry) => entry.events as string | readonly string[]))];
  return events.length === 0
    ? undefined
    : ["Filter", `Its code checks each event and may ignore it: ${events.join(", ")}.`];
}

const inWords = (duration: string): string => durationText(millisecondsOf(duration));
