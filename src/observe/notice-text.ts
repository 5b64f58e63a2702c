import { type ChatCard, chatCard, forSlack, type NoticeFormat } from "../model/chat.ts";
import type { NoticeKind } from "../model/notices.ts";
import type { Run } from "../model/run.ts";
import type { Secrets } from "../model/secrets.ts";
import { changesText, type SinceSuccess } from "../model/since-success.ts";
import { oneLine } from "../model/visible.ts";
import { lengthOf, minuteOf } from "./outage-notices.ts";

/** The JSON form of a notice. Chats show the same facts as parts of a card. */
type Notice = {
  /** All important facts in one text. Mentions of Slack are escaped. */
  readonly text: string;
  readonly event: NoticeKind;
  readonly workflow: string;
  readonly group: string | undefined;
  readonly run: string;
  readonly attempts: number;
  /** Why it failed, or what it waits for. */
  readonly reason: string | undefined;
  /** RFC 3339; undefined while the run waits. */
  readonly endedAt: string | undefined;
  /** Notices that were left out before this one. */
  readonly heldBack: number;
  /** Address of the run's page; undefined without PUBLIC_URL. */
  readonly url: string | undefined;
  /** The run's title, from its workflow. */
  readonly title: string | undefined;
  /** For a failure: the last success; undefined if unknown. */
  readonly lastSuccess:
    | { readonly run: string; readonly endedAt: string; readonly url: string | undefined }
    | undefined;
  /** What changed since then: `code`, `commit`, or a field such as `inputs.region`. */
  readonly changes: SinceSuccess["changes"] | undefined;
};

/** A message in all forms: JSON, and the card for chats. */
export type Message = { readonly json: object; readonly card: ChatCard };

/** The body for a receiver. */
export function posted({ json, card }: Message, format: NoticeFormat, brief: Secrets["brief"]): object {
  return format === "json" ? json : chatCard(format, card, brief);
}

const MAX_GROUP_CHARACTERS = 253;
const MAX_REASON_CHARACTERS = 1000;

type Told = {
  readonly scrub: Secrets["scrub"];
  readonly publicUrl: string | undefined;
  readonly heldBack: number;
  readonly since: SinceSuccess | undefined;
};

/** The notice about a run. */
export function noticeOf(event: NoticeKind, run: Run, { scrub, publicUrl, heldBack, since }: Told): Message {
  const { id, workflow, attempts, endedAt } = run;
  const clean = (text: string) => oneLine(scrub(text));
  const brief = (text: string | undefined, most: number) =>
    text === undefined ? undefined : oneLine(scrub(text)).slice(0, most);
  const group = brief(run.group, MAX_GROUP_CHARACTERS);
  const reason = brief(run.reason, MAX_REASON_CHARACTERS);
  const title = run.title === undefined ? undefined : clean(run.title);
  const about = title === undefined ? (group === undefined ? "" : ` for ${group}`) : ` (${title})`;
  const subject = `${workflow}${about}`;
  const why = event === "failure" ? (reason ?? "the reason is unknown.") : event === "waiting" ? reason : undefined;
  const held = heldBack > 0 ? `${heldBack} more held back.` : undefined;
  const said = why === undefined ? `${subject} ${SAID[event]}.` : `${subject} ${SAID[event]}: ${why}`;
  const urlOf = (run: string) => (publicUrl === undefined ? undefined : `${publicUrl}/runs/${run}`);
  const url = urlOf(id);
  const text = [forSlack(`${said} (run ${id})`), held].filter(Boolean).join("\n");
  const ended = event === "waiting" ? undefined : new Date(endedAt ?? 0).toISOString();
  const notice: Notice = {
    ...{ text, event, workflow, group, run: id, attempts, reason },
    ...{ endedAt: ended, heldBack, url, title },
    lastSuccess: since && { run: since.run, endedAt: new Date(since.at).toISOString(), url: urlOf(since.run) },
    changes: since?.changes.map(({ what, from, to }) => ({
      what: clean(what),
      from: from === undefined ? undefined : clean(from),
      to: to === undefined ? undefined : clean(to),
    })),
  };
  const worked = since && clean(`${lastSuccess(since, endedAt)} ${changesText(since)}`);
  const number = url === undefined ? `Run ${id}.` : undefined;
  const lines = [why, worked, number, held].filter((line) => line !== undefined);
  const links = [
    { title: "Open the run", url },
    { title: "Open the last success", url: since && urlOf(since.run) },
  ].flatMap(({ title, url }) => (url === undefined ? [] : [{ title, url }]));
  return { json: notice, card: { title: `${subject} ${SAID[event]}`, lines, links } };
}

const SAID = {
  failure: "failed",
  recovery: "succeeded again",
  success: "succeeded",
  waiting: "waits",
} as const satisfies Record<NoticeKind, string>;

/** `The last success was at 2026-11-28 14:03 UTC, 9 h before.` */
function lastSuccess({ at }: SinceSuccess, endedAt = at): string {
  return `The last success was at ${minuteOf(at)} UTC, ${lengthOf(Math.max(0, endedAt - at))} before.`;
}
