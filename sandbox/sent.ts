import type { StandInGitHub } from "./github.ts";
import { isWrite } from "./graphql.ts";
import type { giveCredentials } from "./test-credentials.ts";

export type SentRequest = {
  readonly method: string;
  readonly path: string;
  readonly body: unknown;
  /** The identity of the sender, if it was not the workflow's `github`: `bot` for `github.as("bot")`. */
  readonly identity?: string;
};

/** The requests that a stand-in received, except reads, in order. */
export function sentTo(
  { requests }: StandInGitHub,
  identityOf: ReturnType<typeof giveCredentials>["identityOf"],
): readonly SentRequest[] {
  // Apps get their tokens automatically.
  const isSent = ({ method, path, route, body }: (typeof requests)[number]) =>
    isWrite(method, route, body) && !path.endsWith("/access_tokens");
  return requests.filter(isSent).map((request) => {
    const { method, path, body } = request;
    const identity = identityOf(request);
    const sent = { method, path, body: body === "" ? undefined : JSON.parse(body) };
    return identity === undefined ? sent : { ...sent, identity };
  });
}
