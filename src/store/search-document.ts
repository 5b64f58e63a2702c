import { at, eventFacts } from "../model/event-facts.ts";
import { isCommitHash } from "../model/github-names.ts";
import type { RunFilter } from "../model/history.ts";
import { ENDED_STATUSES, type Json, type RunStatus, TRIGGERS, type Trigger } from "../model/run.ts";
import { fold } from "../model/search.ts";
import { clean } from "./rows.ts";

/**
 * The text by which the search finds a run. Each line is a fact or a piece of text. Facts begin with a character that
 * no search contains, and texts with a space, so that no text looks like a fact.
 */

/** Anything beyond this length is not searched. */
export const MAX_DOCUMENT_CHARACTERS = 8192;

/** The limit of a fact. Longer facts are cut the same way in a search. */
const MAX_FACT_CHARACTERS = 253;

/** Private characters: https://www.unicode.org/charts/PDF/UE000.pdf */
const MARKS = {
  id: "\uE000",
  workflow: "\uE001",
  group: "\uE002",
  repository: "\uE003",
  event: "\uE004",
  pull: "\uE005",
  commit: "\uE006",
  by: "\uE007",
} as const;

/** One character each, so that even the shortest indexed part finds them. */
const STATUSES = new Map<RunStatus | "open", string>(
  (["open", ...ENDED_STATUSES] as const).map((status, nth) => [status, String.fromCharCode(0xe100 + nth)]),
);
const markOf = (status: RunStatus) => STATUSES.get(status) ?? (STATUSES.get("open") as string);
const TRIGGER_MARKS = new Map<Trigger, string>(TRIGGERS.map((name, nth) => [name, String.fromCharCode(0xe200 + nth)]));

const PRIVATE = /[\uE000-\uE2FF\n]/g;

/** A text that only needs lower case to go into a document: nearly every text. */
const PLAIN = /^[ -~]*$/;

/** A text as it appears in a document. JSON may contain characters that no text in the database has. */
const searched = (text: string) => (PLAIN.test(text) ? text.toLowerCase() : fold(clean(text)).replace(PRIVATE, " "));

/** A run matches a filter if its document contains all of these. */
export function needlesOf(filter: RunFilter): readonly string[] {
  const { words = [], id, status, workflow, group, repository, event, pull, commit, by, trigger } = filter;
  const whole = (name: keyof typeof MARKS, value: string | undefined) =>
    value === undefined ? [] : [`\n${factOf(name, value)}\n`];
  const begun = (name: keyof typeof MARKS, value: string | undefined) =>
    value === undefined ? [] : [`\n${factOf(name, value)}`];
  return [
    ...words.map(searched),
    ...begun("id", id),
    ...(status === undefined ? [] : [`\n${markOf(status)}\n`]),
    ...(trigger === undefined ? [] : [`\n${TRIGGER_MARKS.get(trigger)}\n`]),
    ...whole("workflow", workflow),
    ...whole("group", group),
    ...whole("repository", repository),
    ...whole("event", event),
    ...whole("pull", pull === undefined ? undefined : String(pull)),
    ...begun("commit", commit),
    ...begun("by", by),
  ];
}

function factOf(name: keyof typeof MARKS, value: string): string {
  const text = searched(value).trim();
  if (text.length <= MAX_FACT_CHARACTERS) return MARKS[name] + text;
  return MARKS[name] + [...text.slice(0, 2 * MAX_FACT_CHARACTERS)].slice(0, MAX_FACT_CHARACTERS).join("");
}

/** The parts of a document, from the tables. */
export type Sources = {
  readonly id: string;
  readonly workflow: string;
  readonly group: string | null;
  readonly title: string | null;
  readonly status: RunStatus;
  readonly trigger: Trigger | null;
  readonly reason: string | null;
  /** JSON; null if it is too long to read completely. */
  readonly input: string | null;
  /** The beginning and the end of an input that is too long. */
  readonly pieces: string;
  /** JSON, or its beginning. */
  readonly outputs: string | null;
  /** Everyone who acted on the run. */
  readonly actors: readonly (string | null)[];
  /** Names, results and errors of steps, reasons of attempts, and log lines; the most important first. */
  readonly texts: readonly (string | null)[];
  /** What each attempt sent, as JSON or its beginning. */
  readonly sent: readonly (string | null)[];
};

/** The document of a run: in lower case, with up to `MAX_DOCUMENT_CHARACTERS`. */
export function documentOf(run: Sources): string {
  const input = parsed(run.input);
  const outputs = parsed(run.outputs);
  let document = "\n";
  // A fact can also be found as a word.
  const said = new Set<string>();
  for (const fact of factsOf(run, input === undefined ? partOf(run.pieces) : input, outputs)) {
    document += `${fact}\n`;
    said.add(fact.slice(1));
  }
  const say = (text: string | null | undefined) => {
    const { length } = document;
    if (!text || length >= MAX_DOCUMENT_CHARACTERS) return;
    const line = searched(text.slice(0, MAX_DOCUMENT_CHARACTERS)).slice(0, MAX_DOCUMENT_CHARACTERS - length - 2);
    if (said.has(line)) return;
    said.add(line);
    document += ` ${line.toWellFormed()}\n`;
  };
  say(run.title);
  say(run.reason);
  if (outputs === undefined) say(run.outputs);
  else for (const text of leavesOf(outputs, MAX_OUTPUT_CHARACTERS)) say(text);
  const most = run.trigger === "github" ? MAX_EVENT_CHARACTERS : MAX_INPUT_CHARACTERS;
  for (const text of input === undefined ? [] : leavesOf(input, most)) say(text);
  for (const text of run.texts) say(text);
  for (const sent of run.sent) for (const text of textsOfSent(sent)) say(text);
  return document;
}

/** Methods, paths, and the values in bodies. Each key of a body would cost an index entry per run. */
function textsOfSent(json: string | null): string[] {
  const requests = at(parsed(json) ?? null, "requests");
  if (!Array.isArray(requests)) return json === null ? [] : [json];
  return (requests as readonly Json[]).flatMap((request) => {
    const [method, path, body] = [at(request, "method"), at(request, "path"), at(request, "body")];
    const value = typeof body === "string" ? (parsed(body) ?? body) : "";
    return [`${method} ${path}`, ...leavesOf(value, MAX_BODY_CHARACTERS)];
  });
}

const MAX_BODY_CHARACTERS = 500;

/** A webhook contains much that is never searched for. */
const MAX_EVENT_CHARACTERS = 1500;
const MAX_INPUT_CHARACTERS = 3000;
const MAX_OUTPUT_CHARACTERS = 2000;

function factsOf(run: Sources, input: Json, outputs: Json | undefined): ReadonlySet<string> {
  const name = run.trigger === "github" ? at(input, "name") : undefined;
  const event = typeof name === "string" ? name : undefined;
  const payload = event === undefined ? undefined : at(input, "payload");
  const action = at(payload, "action");
  const about = event === undefined ? plainFacts(input) : eventFacts({ name: event, payload });
  const sender = at(payload, "sender", "login");
  const facts = new Set<string>();
  const note = (name: keyof typeof MARKS, value: Json | undefined) => {
    if (typeof value === "string" || typeof value === "number") facts.add(factOf(name, String(value)));
  };
  note("id", run.id);
  facts.add(markOf(run.status));
  if (run.trigger !== null) facts.add(TRIGGER_MARKS.get(run.trigger) ?? "");
  note("workflow", run.workflow);
  if (run.group !== null) note("group", run.group);
  for (const full of [about.repository, at(outputs, "repository")]) {
    if (typeof full !== "string") continue;
    note("repository", full);
    note("repository", full.split("/")[1] ?? full);
  }
  note("event", event);
  if (event !== undefined && typeof action === "string") note("event", `${event}.${action}`);
  for (const pull of [about.pull, at(outputs, "pull")]) if (typeof pull === "number") note("pull", pull);
  note("commit", about.sha);
  if (event === undefined) noteCommits(input, note);
  if (outputs !== undefined) noteCommits(outputs, note);
  for (const actor of run.actors) noteNames(actor, note);
  if (typeof sender === "string") noteNames(sender, note);
  facts.delete("");
  return facts;
}

type Note = (name: "commit" | "by", value: string) => void;

/** `token alice` can be found by `token alice` and by `alice`. */
function noteNames(actor: string | null, note: Note): void {
  if (!actor) return;
  const words = actor.split(/\s+/).filter((word) => word !== "");
  for (let from = 0; from < Math.min(words.length, MAX_NAME_WORDS); from++) note("by", words.slice(from).join(" "));
}

const MAX_NAME_WORDS = 5;

/** The names that workflows' inputs use for a repository and a pull request. */
function plainFacts(input: Json): { repository?: string; pull?: number; sha?: undefined } {
  const [repository, pull] = [at(input, "repository"), at(input, "pull")];
  return {
    ...(typeof repository === "string" && { repository }),
    ...(typeof pull === "number" && { pull }),
  };
}

/** If a value has many commits, the first ones count. */
const MAX_COMMITS = 20;

const HEX = /^[0-9a-f]{4,64}$/i;
const NAMES_COMMIT = /^(?:commit|commitHash|sha|head_sha)$/;

function noteCommits(value: Json, note: Note): void {
  let found = 0;
  walk(value, (name, leaf) => {
    if (typeof leaf !== "string" || !HEX.test(leaf)) return true;
    if (!isCommitHash(leaf) && !NAMES_COMMIT.test(name)) return true;
    note("commit", leaf);
    return ++found < MAX_COMMITS;
  });
}

/** Texts and numbers, the least nested first. Without GitHub's URLs and ids, of which a webhook has hundreds. */
function leavesOf(value: Json, most: number): Iterable<string> {
  const found = new Set<string>();
  let length = 0;
  const take = (text: string) => {
    if (text === "" || length >= most || found.has(text)) return;
    found.add(text);
    length += text.length + 2;
  };
  walk(value, (name, leaf) => {
    if (length >= most) return false;
    if (leaf === null || typeof leaf === "boolean" || UNSEARCHED.test(name)) return true;
    const text = String(leaf);
    if (text.length <= BEGINNING_CHARACTERS + END_CHARACTERS) take(text);
    else {
      take(text.slice(0, BEGINNING_CHARACTERS));
      take(text.slice(-END_CHARACTERS));
    }
    return true;
  });
  return found;
}

/** A long text is searched at its beginning and its end, which usually matter most. */
const [BEGINNING_CHARACTERS, END_CHARACTERS] = [800, 200];

const UNSEARCHED = /(?:^|_)(?:url|node_id|gravatar_id|avatar)$|_at$|^id$|^guid$/;

/** Enough for any useful value. A sender may nest values without limit. */
const MAX_VALUES = 3000;

type Leaf = string | number | boolean | null;

/** Visits the leaves of a value breadth first, each with its name or that of its list, until `visit` returns false. */
function walk(value: Json, visit: (name: string, leaf: Leaf) => boolean): void {
  const names = [""];
  const values = [value];
  for (let at = 0; at < values.length && at <= MAX_VALUES; at++) {
    const name = names[at] as string;
    const each = values[at] as Json;
    if (typeof each !== "object" || each === null) {
      if (!visit(name, each)) return;
    } else if (Array.isArray(each)) {
      for (const inner of each.slice(0, MAX_VALUES)) {
        names.push(name);
        values.push(inner as Json);
      }
    } else {
      for (const inner of Object.keys(each)) {
        names.push(inner);
        values.push((each as Readonly<Record<string, Json>>)[inner] as Json);
      }
    }
  }
}

/** The JSON value; undefined if the text was cut. */
function parsed(json: string | null): Json | undefined {
  if (json === null) return undefined;
  try {
    return JSON.parse(json) as Json;
  } catch {
    return undefined;
  }
}

/** The facts of a webhook that its pieces show. GitHub writes no space between a name and its value. */
function partOf(pieces: string): Json {
  const text = (pattern: RegExp) => pattern.exec(pieces)?.[1] ?? null;
  const number = (pattern: RegExp) => Number(text(pattern)) || null;
  return {
    name: text(/^\{"name":"(\w{1,100})"/),
    payload: {
      action: text(/"payload":\{"action":"(\w{1,100})"/),
      after: text(/"after":"([0-9a-f]{40,64})"/),
      repository: {
        full_name: text(/"repository":\{"id":\d+,(?:"\w+":"[^"]{0,200}",){0,3}"full_name":"([^"\\]{1,200})"/),
      },
      sender: { login: text(/"sender":\{"login":"([^"\\]{1,100})"/) },
      pull_request: {
        number: number(/"payload":\{"action":"\w+","number":(\d{1,10}),/),
        head: { sha: text(/"head":\{[^{}]{0,300}"sha":"([0-9a-f]{40,64})"/) },
      },
    },
  };
}
