import { html } from "hono/html";
import { at, eventFacts } from "../model/event-facts.ts";
import type { Run } from "../model/run.ts";
import { actionsUrl, commitLink, type GitHubWeb, namedCommitLink } from "./github-web.ts";
import { cut, durationText, linkedText, name, nameText, time, tookMs } from "./shown.ts";
import { ticking } from "./step-list.ts";
import { workflowPath } from "./workflow-parts.ts";

const TRIGGERS = {
  http: "HTTP request",
  schedule: "Schedule",
  github: "GitHub webhook",
  flux: "Flux",
  manual: "By hand",
  call: "Another workflow",
} as const;

/** What a run is about, and who started it. */
export function runFacts(run: Run, web: GitHubWeb, now: number) {
  const event = run.trigger === "github" ? eventParts(run, web) : undefined;
  const commit = commitLink(run, web) ?? event?.commit;
  const repository = web.repositoryOf(run.workflow);
  const took = tookMs(run, now);
  const fact = (term: string, value: unknown) => html`<div><dt>${term}</dt><dd>${value}</dd></div>`;
  const optional = (term: string, value: unknown) => (value === undefined || value === "" ? "" : fact(term, value));
  const duration = took === undefined ? undefined : run.status === "running" ? ticking(took) : durationText(took);
  return html`<dl class="facts">
${fact("Workflow", html`<a href="${workflowPath(run.workflow)}">${name(run.workflow)}</a>`)}
${optional("Concurrency group", run.title === undefined ? "" : run.group && name(run.group))}
${optional("Commit", commit)}
${optional("Trigger", run.trigger && TRIGGERS[run.trigger])}
${optional("Event", event?.name)}
${optional("About", event?.about)}
${optional("Sender", event?.sender)}
${optional("Started by", run.actor && html`<bdi>${linkedText(nameText(run.actor), now)}</bdi>`)}
${fact("Accepted", time(run.acceptedAt, "age", now))}
${optional(run.attempts > 1 ? "Last attempt took" : "Duration", duration)}
${fact("Attempts", run.attempts)}
${repository ? fact("GitHub", html`<a href="${actionsUrl(repository, web)}">Actions in ${repository}</a>`) : ""}
${run.rerunOf ? fact("Re-run of", html`<a href="/runs/${run.rerunOf}"><code>${run.rerunOf.slice(0, 8)}</code></a>`) : ""}
${fact("Run", html`<code class="id">${run.id}</code>`)}
</dl>`;
}

const MAX_WORD_CHARACTERS = 60;

/** The subject of a GitHub event, from its payload. A part becomes a link only if the names in it are valid. */
function eventParts({ input }: Run, web: GitHubWeb) {
  const payload = at(input, "payload");
  const words = [at(input, "name"), at(payload, "action")].filter((each) => typeof each === "string");
  const { repository, repo, issue, pull, sha } = eventFacts({ name: String(words[0]), payload });
  const sender = at(payload, "sender", "login");
  const number = pull ?? issue;
  const text = `${repository ?? ""}${number === undefined ? "" : `#${number}`}`;
  const isName = repo !== undefined && [repo.owner, repo.repo].every((each) => /^(?!\.+$)[\w.-]{1,100}$/.test(each));
  const path = number === undefined ? "" : `/${pull === undefined ? "issues" : "pull"}/${Number(number)}`;
  return {
    name: words.length === 0 ? undefined : name(cut(words.join("."), MAX_WORD_CHARACTERS)),
    about: isName ? html`<a href="${web.url}/${repository}${path}">${text}</a>` : text && name(text),
    sender: typeof sender === "string" ? name(cut(sender, MAX_WORD_CHARACTERS)) : undefined,
    commit: sha === undefined ? undefined : namedCommitLink({ name: sha, sha }, isName ? repository : undefined, web),
  };
}
