import { rolesInWords } from "../model/access.ts";
import { isOpen, type Json, type Run } from "../model/run.ts";
import { visible } from "../model/visible.ts";
import { GITHUB_WEBHOOK_PATH } from "../model/webhooks.ts";
import { triggerOf, type Workflow } from "../model/workflow.ts";
import { isDeep } from "./shown.ts";

/** A command to copy into a POSIX shell. It contains no secrets: it reads them from variables of the shell. */
export type Command = {
  readonly title: string;
  readonly text: string;
  /** What to know before using it, in a sentence or two. */
  readonly note: string;
};

/** The address of the service, and the credentials that it needs. */
export type CurlPlace = {
  /** With the path that it is under, without a slash at the end: `https://runner.example.com`. */
  readonly origin: string;
  /** Whether callers need a token. */
  readonly guarded: boolean;
  /** The variable with the key that Flux signs a workflow's events with. Undefined if Flux does not sign. */
  readonly fluxKeyOf: (workflow: Workflow) => string | undefined;
};

/**
 * The event that started a run, as a request. Undefined if there is no such request: the workflow or its trigger no longer
 * exists, or the trigger has no requests, such as a schedule.
 */
export function eventCommand(run: Run, workflow: Workflow | undefined, place: CurlPlace): Command | undefined {
  if (!workflow) return undefined;
  const { on, name } = workflow;
  const trigger = triggerOf(workflow, run);
  if (trigger === "http" && on.http) return httpCommand(run, on.http, place);
  if (trigger === "github" && on.github) return gitHubCommand(run, place);
  if (trigger === "flux" && on.flux) return fluxCommand(run, on.flux.path, place, place.fluxKeyOf(workflow));
  const isGone = trigger === "http" || trigger === "github" || trigger === "flux";
  // A schedule or another workflow sends no request. The command starts the workflow by hand instead.
  if (isGone || !on.manual) return undefined;
  const body = trigger === "schedule" ? undefined : { value: { inputs: run.input }, filter: "{inputs: .input}" };
  return {
    title: "Start it by hand",
    text: request(run, `/api/workflows/${encodeURIComponent(name)}/runs`, place, { body }),
    note: tokenNote(place, "operate"),
  };
}

/** The request that re-runs a run. Undefined if its event brought a token, or it has not ended. */
export function rerunCommand(run: Run, place: CurlPlace): Command | undefined {
  if (run.ownToken || isOpen(run)) return undefined;
  return {
    title: "Re-run it",
    text: request(run, `/api/runs/${run.id}/rerun`, place, {}),
    note: `${tokenNote(place, "operate")} Add ?from=failure to keep the results of steps. Send {"input":…} to use another input.`,
  };
}

const API_TOKEN = "GH_RUNNER_TOKEN";

/** Says which role the token of a command needs. The reader of the page may have another role. */
const tokenNote = ({ guarded }: CurlPlace, permission: "call" | "read" | "operate") =>
  guarded ? `Set ${API_TOKEN} to a token of ${rolesInWords(permission)} first.` : "";

/** The same for a request with another credential whose body the command may first read from the API. */
const readNote = (place: CurlPlace, body: Body) =>
  inlineOf(body) === undefined ? ` The command reads the body from the API. ${tokenNote(place, "read")}`.trimEnd() : "";

function httpCommand(
  run: Run,
  { path, token, tokenField }: NonNullable<Workflow["on"]["http"]>,
  place: CurlPlace,
): Command {
  const variable = token ?? API_TOKEN;
  const field = run.ownToken ? tokenField : undefined;
  const callerToken =
    field === undefined ? "" : " Set GITHUB_TOKEN to the caller’s GitHub token. The run’s token is not stored.";
  const its = { ...place, guarded: place.guarded || token !== undefined };
  const body: Body = { value: run.input, filter: ".input", tokenField: field };
  const whose =
    token === undefined
      ? tokenNote(place, inlineOf(body) === undefined ? "operate" : "call")
      : `Set ${nameOf(token)} to the token of ${path} first.${readNote(place, body)}`;
  return {
    title: "Send the event again",
    text: request(run, path, its, { variable, body }),
    note: `${whose}${callerToken} This starts a new run.`.trim(),
  };
}

/** Matches GitHub's names of events. Other texts could add another header. */
const EVENT_NAME = /^[a-z_]{1,60}$/;

function gitHubCommand(run: Run, place: CurlPlace): Command | undefined {
  const { name, payload } = (run.input ?? {}) as { readonly name?: Json; readonly payload?: Json };
  if (typeof name !== "string" || !EVENT_NAME.test(name) || payload === undefined) return undefined;
  const body: Body = { value: payload, filter: ".input.payload" };
  return {
    title: "Deliver the event again",
    text: signed(run, GITHUB_WEBHOOK_PATH, place, {
      body,
      headers: [quoted(`x-github-event: ${name}`), '"x-github-delivery: copy-$(date +%s)"'],
      key: "GITHUB_WEBHOOK_SECRET",
      header: "x-hub-signature-256",
    }),
    note:
      "GitHub signs what it sends. Set GITHUB_WEBHOOK_SECRET to the webhook’s secret, and openssl signs the body. " +
      `Every workflow that handles the event gets it.${readNote(place, body)}`,
  };
}

function fluxCommand(run: Run, path: string, place: CurlPlace, key: string | undefined): Command {
  const body = { value: run.input, filter: ".input" };
  const repeat =
    "If you send the same event twice in a row, it starts one run. For another run, change its message and revision.";
  if (key === undefined) {
    const note = `${tokenNote(place, inlineOf(body) === undefined ? "operate" : "call")} ${repeat}`.trim();
    return { title: "Send the event again", text: request(run, path, place, { body }), note };
  }
  const text = signed(run, path, place, { body, headers: [], key, header: "x-signature" });
  const note = `Flux signs what it sends. Set ${key} to Flux’s key, and openssl signs the body. ${repeat}${readNote(place, body)}`;
  return { title: "Send the event again", text, note };
}

type Body = {
  readonly value: Json;
  /** The filter for jq that selects the same value from the API's answer. */
  readonly filter: string;
  /** The field for the caller's GitHub token. */
  readonly tokenField?: string | undefined;
};

function request(
  run: Run,
  path: string,
  place: CurlPlace,
  { body, variable = API_TOKEN }: { readonly body?: Body | undefined; readonly variable?: string },
): string {
  const headers = [...(place.guarded ? [bearer(variable)] : []), ...(body ? [JSON_TYPE] : [])];
  const { before, data } = dataOf(run, body, place);
  return [...before, curl(place.origin + path, headers, data)].join("\n");
}

/** A request whose body is signed with openssl, which is installed almost everywhere. */
function signed(
  run: Run,
  path: string,
  place: CurlPlace,
  {
    body,
    headers,
    key,
    header,
  }: { readonly body: Body; readonly headers: readonly string[]; readonly key: string; readonly header: string },
): string {
  const inline = inlineOf(body);
  const [before, source, data] =
    inline === undefined
      ? [[download(run, body, place)], `< ${FILE} `, `--data-binary @${FILE}`]
      : [[`body=${quoted(inline)}`], "", '--data-raw "$body"'];
  const printed = inline === undefined ? "" : 'printf %s "$body" | ';
  const signature = `$(${printed}openssl dgst -sha256 -hmac "$${nameOf(key)}" ${source}| sed 's/^.* //')`;
  const all = [JSON_TYPE, ...headers, `"${header}: sha256=${signature}"`];
  return [...before, curl(place.origin + path, all, data)].join("\n");
}

const JSON_TYPE = "'content-type: application/json'";
const FILE = "event.json";

const bearer = (variable: string) => `"authorization: Bearer $${nameOf(variable)}"`;

/** A name that is valid in a shell: a workflow can name any variable. */
const nameOf = (variable: string) => (/^[A-Za-z_]\w*$/.test(variable) ? variable : "TOKEN");

function curl(url: string, headers: readonly string[], data: string | undefined): string {
  const parts = [`curl -sS -X POST ${quoted(url)}`, ...headers.map((each) => `-H ${each}`), ...(data ? [data] : [])];
  return parts.join(" \\\n  ");
}

function dataOf(
  run: Run,
  body: Body | undefined,
  place: CurlPlace,
): { before: readonly string[]; data: string | undefined } {
  if (body === undefined) return { before: [], data: undefined };
  const inline = inlineOf(body);
  if (inline === undefined) return { before: [download(run, body, place)], data: `--data-binary @${FILE}` };
  return {
    before: [],
    data: `--data-raw ${body.tokenField === undefined ? quoted(inline) : withToken(inline, body.tokenField)}`,
  };
}

/** A length that a person can still read, and that fits on the page. */
const MAX_INLINE_CHARACTERS = 1500;

/** The body to write into the command. Undefined if it is too long: then the command reads it from the API. */
function inlineOf({ value }: Body): string | undefined {
  if (isDeep(value)) return undefined;
  // Invisible characters are escaped. The JSON value stays the same.
  const json = visible(JSON.stringify(value));
  return json.length > MAX_INLINE_CHARACTERS ? undefined : json;
}

/** Adds the token as a shell variable, outside of the single quotes. */
function withToken(json: string, field: string): string {
  if (!json.startsWith("{")) return quoted(json);
  const name = visible(JSON.stringify(field));
  const before = json === "{}" ? "{" : `${json.slice(0, -1)},`;
  return `${quoted(`${before}${name}:"`)}"$GITHUB_TOKEN"${quoted('"}')}`;
}

function download({ id }: Run, { filter, tokenField }: Body, { origin, guarded }: CurlPlace): string {
  const token = tokenField === undefined ? "" : ` + {(${visible(JSON.stringify(tokenField))}): env.GITHUB_TOKEN}`;
  const header = guarded ? ` -H ${bearer(API_TOKEN)}` : "";
  return `curl -sS${header} ${quoted(`${origin}/api/runs/${id}`)} | jq -cj ${quoted(filter + token)} > ${FILE}`;
}

/** Any text as one word of a POSIX shell, except a text with a NUL. */
function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
