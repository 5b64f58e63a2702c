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
    return { text, isKnown: false, answer: "The search cannot be understood.", findings };
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
    // What came after the newest run says why there is no newer one.
    ...[...events, ...(run ? [run] : []), ...(preview ? [preview] : [])],
    ...(mention && name !== undefined ? [mentionFinding(mention, facts, name)] : []),
    ...[
      ...possible.map(({ finding }) => finding),
      ...broken(facts, isKnown),
      ...silence.findings,
      ...kept(facts, subject, isKnown),
    ],
  ];
  // A wrong token of a caller says little where others are let in. The call that was heard last may be the one that was rejected.
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

/** A call is heard before it is read, and rejected after. */
const SAME_CALL_MS = 1000;

/** What is known of a name, without what is known of longer names. */
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

/** The answer to a search that leaves out what is known of its subject. `why` is of the subject alone. */
export function withoutOthers(why: Why, text: string, others: readonly string[]): Why {
  if (!why.isKnown) return { ...why, text };
  const answer = `Nothing matches with ${others.map(short).join(" and ")}. Without: ${why.answer}`;
  const findings = why.findings.map((each) => (each.text === why.answer ? { ...each, text: answer } : each));
  return { text, isKnown: false, answer, findings };
}

const CONTINUE = "the list of runs looks through the rest, page by page (gh-runner runs list)";

/** Where nothing is found, that may be among them. */
function unsearched({ unsearched, isCut }: Facts): string {
  // Asked again, it would look through the same runs.
  if (!unsearched) return isCut ? ` Not all runs have been looked through: ${CONTINUE}.` : "";
  const { count, more } = unsearched;
  const runs = `${count.toLocaleString("en")}${more ? "+" : ""} ${count === 1 ? "run is" : "runs are"}`;
  return ` ${runs} not searched yet, the oldest last: ask again in a while.`;
}

const EMPTY =
  "Say what nothing happened with: an application (pr-1234), a repository (acme/shop), a pull request (#7), a commit, or a workflow.";

/** A file that is broken brings no workflow, and so no event starts one. */
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
  return [{ what: "kept", text: `Ended runs are kept for ${days} (RETAIN_DAYS). What is older is deleted.` }];
}
