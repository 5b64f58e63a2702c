import { openFetch } from "../github/connections.ts";
import { type Check, ok, problem, warning } from "../model/check.ts";
import type { NoticeTarget } from "../model/notices.ts";
import { unchanging } from "../model/renewable.ts";
import type { Secrets } from "../model/secrets.ts";
import { type Message, posted } from "../observe/notice-text.ts";
import { postNotice } from "../observe/webhook.ts";
import type { CheckedWorkflows } from "../workflows/load/check-workflows.ts";
import type { Config } from "./config/config.ts";
import { noticeTargets } from "./notice-targets.ts";

type Loaded = Pick<CheckedWorkflows, "workflows" | "addresses">;

/** Checks whether notices can link to their runs. */
export function checkNotices({ observe, http }: Config, loaded: Loaded): readonly Check[] {
  if (noticeTargets(observe, loaded).all.length === 0 || http.publicUrl !== undefined) return [];
  const text = "PUBLIC_URL is not set: notices have no link to their runs";
  return [warning("notices", text, "Set PUBLIC_URL to where people reach the service.")];
}

/** Posts a test notice to every receiver, in its format. */
export async function sendTestNotices(
  { observe, http, github }: Config,
  loaded: Loaded,
  secrets: Pick<Secrets, "brief">,
): Promise<readonly Check[]> {
  const { all } = noticeTargets(observe, loaded);
  if (all.length === 0)
    return [warning("notices", "no receiver of notices is set", "Set NOTIFY_URL, or `notify` in a workflow.")];
  const { fetch, close } = openFetch(unchanging(github));
  const sent = async ({ name, url, format }: NoticeTarget): Promise<Check> => {
    const body = JSON.stringify(posted(testNotice(http.publicUrl), format, secrets.brief));
    const found = await postNotice(url, body, { fetch, closing: AbortSignal.timeout(ANSWER_MS) });
    if (!found) return ok("notices", `${name} accepted a test notice (${format})`);
    const remedy = `Fix ${name}: it must contain the address of a webhook that accepts ${format}. To send another format, set NOTIFY_FORMAT, or \`as\` in the workflow's \`notify\`.`;
    return problem("notices", `a test notice to ${name} (${format}) was not accepted: ${found.what}`, remedy);
  };
  return Promise.all(all.map(sent)).finally(close);
}

/** A person waits at a terminal, ms. */
const ANSWER_MS = 12_000;

function testNotice(publicUrl: string | undefined): Message {
  const text = "This is a test notice from `gh-runner doctor --notify`. Nothing failed.";
  const links = publicUrl === undefined ? [] : [{ title: "Open the runs", url: publicUrl }];
  return {
    json: { text, event: "test", ...(publicUrl !== undefined && { url: publicUrl }) },
    card: { title: "gh-runner: test", lines: [text], links },
  };
}
