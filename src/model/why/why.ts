import type { Facts, Finding, Why } from "./facts.ts";
import { ignoredFindings, possiblyRejected, rejectedFindings } from "./requests.ts";
import { mentionFinding, previewFinding, runFinding } from "./runs.ts";
import { silenceOf } from "./silence.ts";
import { isNamedIn, namedApplication, type Subject, subjectOf } from "./subject.ts";
import { short } from "./words.ts";

/** The answer to "why did nothing happen with this?". */
export function whyOf(known: Facts): Why {
  const { search, text } = known;
  if (search.problems.length > 0) {
    const findings = search.problems.map((problem) => ({ what: "question", text: problem }) as const);
    return { text, isKnown: false, answer: "This search is not valid.", findings };
  }
  if (Object.keys(search.filter).length === 0) return { text, isKnown: false, answer: EMPTY, findings: [] };

  const subject = subjectOf(search, known);
  const name = namedApplication(search, known.workflows);
  const facts = name === undefined ? known : ofName(known, name);
  const [newest] = facts.runs;
  const [mention] = newest || name === undefined ? [] : known.runs;
  const since = newest?.acceptedAt ?? 0;
  const run = newest && runFinding(newest, facts, subject);
  const preview = previewFinding(facts);
  const rejected = rejectedFindings(facts, since);
  const ignored = ignoredFindings(facts, since);
  const events = [...rejected, ...ignored].sort((a, b) => b.at - a.at);
  const isKnown = run !== undefined || events.length > 0;
  const silence = silenceOf(facts, subject, isKnown);
  const possible = events.length === 0 ? possiblyRejected(facts, subject, since) : [];
  const findings = [
    // Events after the newest run explain why there is no newer run.
    ...[...events, ...(run ? [run] : []), ...(preview ? [preview] : [])],
    ...(mention && name !== undefined ? [mentionFinding(mention, facts, name)] : []),
    ...[
      ...possible.map(({ finding }) => finding),
      ...broken(facts, isKnown),
      ...silence.findings,
      ...kept(facts, subject, isKnown),
    ],
  ];
  // If other calls succeed, a wrong token says little. But the call that arrived last may be the one that was rejected.
  const { heardAt } = silence;
  const likely = possible.find(
    ({ finding: { at }, isUnnamed }) => heardAt === undefined || (isUnnamed && at >= heardAt - SAME_CALL_MS),
  )?.finding;
  const answer = (isKnown ? findings[0] : likely)?.text ?? `${silence.answer}${unsearched(facts)}`;
  return {
    text,
    isKnown,
    answer,
    findings: findings.filter(({ text, command, link }) => text !== answer || command || link),
  };
}

/** The service notes a call when it arrives, and its rejection shortly after. */
const SAME_CALL_MS = 1000;

/** The facts about one name, without those about longer names. */
function ofName(facts: Facts, name: string): Facts {
  return {
    ...facts,
    runs: facts.runs.filter(({ title, group }) => isNamedIn([title, group], name)),
    rejected: facts.rejected.filter(
      ({ application, path, reason }) => application === undefined || isNamedIn([application, path, reason], name),
    ),
    ignored: facts.ignored.filter((event) => isNamedIn([JSON.stringify(event)], name)),
  };
}

/**
 * The answer when the search's other conditions hide what is known about its subject. `why` is about the subject alone.
 */
export function withoutOthers(why: Why, text: string, others: readonly string[]): Why {
  if (!why.isKnown) return { ...why, text };
  const answer = `Nothing matches with ${others.map(short).join(" and ")}. Without ${others.length === 1 ? "it" : "them"}: ${why.answer}`;
  const findings = why.findings.map((each) => (each.text === why.answer ? { ...each, text: answer } : each));
  return { text, isKnown: false, answer, findings };
}

/** Warns that what was not found may be in runs that were not searched. */
function unsearched({ unsearched, isCut }: Facts): string {
  // Asking again would search the same runs.
  if (!unsearched) return isCut ? REST_UNSEARCHED : "";
  const { count, more } = unsearched;
  const runs = `${count.toLocaleString("en")}${more ? "+" : ""} ${count === 1 ? "run is" : "runs are"}`;
  return ` ${runs} not searched yet, the oldest last. Ask again in a few minutes.`;
}

const REST_UNSEARCHED = " Not all runs were searched. gh-runner runs list searches the rest, page by page.";

const EMPTY =
  "Name what you are looking for: an application (pr-1234), a repository (acme/shop), a pull request (#7), a commit, or a workflow.";

/** A broken file defines no workflow, so no event starts it. */
function broken({ broken }: Facts, isKnown: boolean): Finding[] {
  if (isKnown) return [];
  return broken.map(({ file, problems }) => ({
    what: "broken",
    text: `The file ${file} is broken, so no event starts its workflow: ${problems[0] ?? "see the log"}`,
    link: { href: "/workflows", text: "See the file" },
    command: "gh-runner workflows",
  }));
}

function kept({ retainDays }: Facts, { run, application, commit }: Subject, isKnown: boolean): Finding[] {
  if (isKnown || (run ?? application ?? commit) === undefined) return [];
  const days = retainDays === 1 ? "1 day" : `${retainDays} days`;
  return [{ what: "kept", text: `Ended runs are kept for ${days} (RETAIN_DAYS). Older runs are deleted.` }];
}
