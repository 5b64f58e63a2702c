import { isCommitHash } from "../model/github-names.ts";
import { oneLine } from "../model/visible.ts";
import { failedJobs, nameOf, type Result, took } from "./result.ts";

type Links = {
  readonly application: string;
  readonly commit: string;
  /** This run's page. */
  readonly runUrl?: string | undefined;
  readonly argocdUrl?: string | undefined;
  readonly environmentUrl?: string | undefined;
};

const SIGNS = { pending: "⏳", success: "✅", failure: "❌", error: "⚠️" } as const;

/** The state of the tests as a comment, in Markdown. Names are only text in it. */
export function commentOf(links: Links, result: Result): string {
  return `### ${SIGNS[result.state]} Tests of ${code(links.application)}: ${text(result.word)}\n\n${summaryOf(links, result)}`;
}

/** The same without a heading, for a check. */
export function summaryOf(links: Links, result: Result): string {
  const { ended } = result;
  const jobs = ended === undefined || result.state === "success" ? [] : failedJobs(ended);
  const pages = [
    link("Actions run", result.actionsUrl),
    link("gh-runner", links.runUrl),
    link("ArgoCD", links.argocdUrl),
    link("environment", links.environmentUrl),
  ].filter((each) => each !== "");
  return [
    `- Commit: ${code(shortCommit(links.commit))}`,
    `- Result: ${text(result.text)}`,
    ...(jobs.length === 0 ? [] : [`- Failed: ${jobs.map((job) => link(nameOf(job), job.htmlUrl)).join(", ")}`]),
    ...(ended === undefined ? [] : [`- Time: ${took(ended)}`]),
    ...(ended === undefined || ended.attempt === 1 ? [] : [`- Attempt: ${ended.attempt}`]),
    ...(pages.length === 0 ? [] : [`- Pages: ${pages.join(" · ")}`]),
  ].join("\n");
}

/** A hash as people write it. A tag is unchanged. */
export function shortCommit(commit: string): string {
  return isCommitHash(commit) ? commit.slice(0, 7) : commit;
}

/** A link. Only the text if a browser should not open the address. */
function link(name: string, address: string | undefined): string {
  const url = address === undefined ? null : URL.parse(address);
  if (address !== undefined && (!url || !["http:", "https:"].includes(url.protocol))) return code(name);
  if (!url) return "";
  return `[${code(name)}](${url.href.replace(/[^\w:/?#@!$&+,;=.~%-]/g, percentEncoded)})`;
}

const percentEncoded = (character: string) =>
  [...Buffer.from(character)].map((byte) => `%${byte.toString(16).padStart(2, "0").toUpperCase()}`).join("");

/** GitHub makes no mention, link or reference of a name in it. */
const code = (name: string) => `<code>${text(name)}</code>`;

/**
 * A character reference is never read as structure:
 * https://spec.commonmark.org/0.31.2/#entity-and-numeric-character-references
 */
function text(given: string): string {
  return oneLine(given).replace(/[!-/:-@[-`{-~]/g, (character) =>
    PLAIN.has(character) ? character : `&#${character.charCodeAt(0)};`,
  );
}

/** Markdown gives these no meaning within a line. */
const PLAIN = new Set([",", ".", ";", "-", "/"]);
