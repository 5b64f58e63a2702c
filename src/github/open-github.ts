import { createHash } from "node:crypto";
import type { Clock } from "../model/clock.ts";
import type { LimitLog } from "../model/limits.ts";
import { type GitHubNeeds, type GitHubOfAttempt, gitHubAs, type Wait } from "./client.ts";
import { type Credentials, tokenCredentials } from "./credentials.ts";
import { rememberedAnswers } from "./etags.ts";
import { type Gates, openGates } from "./gates.ts";
import { openGitHubHttp } from "./http.ts";
import { type LimitsSetting, limitsInForce } from "./limits.ts";

/** GitHub for the whole service: one host, its connections, and a gate for each account. */
export type OpenGitHub = {
  /**
   * GitHub for one attempt of a run.
   * @param options.token the run's own token; the service's credentials without it.
   */
  attempt(options: { token: string | undefined } & Pick<GitHubNeeds, "name" | "saw">): GitHubOfAttempt;
  readonly gates: Gates;
  /** One line that says which limits are in force. */
  readonly aboutLimits: string;
  close(): Promise<void>;
};

export type OpenGitHubNeeds = {
  readonly apiUrl: string;
  readonly userAgent: string;
  readonly serviceToken: string | undefined;
  readonly limits: LimitsSetting;
  readonly limitLog: LimitLog;
  readonly clock: Clock;
  readonly wait: Wait;
  /** Told when GitHub asks an account for silence, until when (epoch milliseconds), and in which words. */
  readonly onPause: (pause: { account: string; until: number; status: number; message: string }) => void;
  readonly timeoutMs?: number | undefined;
  readonly patienceMs?: number | undefined;
};

/** All tokens of the service's user share its limits, so a new token in its place goes on with the same account. */
const SERVICE_ACCOUNT = "GITHUB_TOKEN";

export async function openGitHub(needs: OpenGitHubNeeds): Promise<OpenGitHub> {
  const { apiUrl, clock, serviceToken, limitLog, timeoutMs, patienceMs } = needs;
  const { limits, about } = limitsInForce(needs.limits, apiUrl);
  const longestMs = Math.max(0, ...limits.map(({ ms }) => ms));
  const gates = openGates({
    limits,
    clock,
    log: limitLog,
    known: await limitLog.recall(clock.now() - longestMs),
    onPause: (account, until, { status, message }) => needs.onPause({ account, until, status, message }),
    ...(patienceMs === undefined ? {} : { patienceMs }),
  });
  const { send, close } = openGitHubHttp({
    apiUrl,
    userAgent: needs.userAgent,
    ...(timeoutMs === undefined ? {} : { timeoutMs }),
  });
  const remembered = rememberedAnswers();
  const service = tokenCredentials(serviceToken ?? "", SERVICE_ACCOUNT);
  const credentialsOf = (token: string | undefined): Credentials =>
    token === undefined || token === serviceToken ? service : tokenCredentials(token, accountOf(token));

  return {
    attempt: ({ token, ...run }) =>
      gitHubAs(credentialsOf(token), { apiUrl, send, gates, remembered, wait: needs.wait, ...run }),
    gates,
    aboutLimits: about,
    close,
  };
}

/** Tells the tokens of requests apart, in 64 bits of a digest from which no token can be found. */
function accountOf(token: string): string {
  return `token ${createHash("sha256").update(token).digest("hex").slice(0, 16)}`;
}
