import assert from "node:assert/strict";
import { createHmac, randomUUID } from "node:crypto";
import { createRequire } from "node:module";
import { send } from "./service.ts";

export const WEBHOOK_SECRET = "what GitHub signs with";

type Example = { readonly name: string; readonly examples: readonly Record<string, unknown>[] };
export const EXAMPLES: readonly Example[] = createRequire(import.meta.url)("@octokit/webhooks-examples");

/** A real GitHub payload: the first one of this event with this action. */
export function payloadOf(name: string, action?: string): Record<string, unknown> {
  const examples = EXAMPLES.find((each) => each.name === name)?.examples ?? [];
  return examples.find((each) => action === undefined || each.action === action) ?? assert.fail(`${name} ${action}`);
}

/** Delivers a signed webhook as GitHub does. */
export function deliver(
  url: string,
  name: string,
  payload: unknown,
  { delivery = randomUUID() as string, secret = WEBHOOK_SECRET, headers = {} as Record<string, string> } = {},
) {
  const body = typeof payload === "string" ? payload : JSON.stringify(payload);
  return send(url, {
    method: "POST",
    path: "/webhooks/github",
    body,
    headers: {
      "content-type": "application/json",
      "user-agent": "GitHub-Hookshot/044aadd",
      "x-github-event": name,
      "x-github-delivery": delivery,
      "x-hub-signature-256": `sha256=${createHmac("sha256", secret).update(body).digest("hex")}`,
      ...headers,
    },
  });
}
