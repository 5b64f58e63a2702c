import type { Clock } from "../model/clock.ts";
import type { LimitLog } from "../model/limits.ts";
import type { Observer } from "../model/observer.ts";
import type { Brief } from "./answer.ts";
import { type Ask, type Asker, asking, type GitHubHost, type Wait } from "./ask.ts";
import { appApi } from "./auth/app-api.ts";
import { appCredentials } from "./auth/app-credentials.ts";
import { appAccount, installationAccount, SERVICE_ACCOUNT, tokenCredentials } from "./auth/credentials.ts";
import { expiryReminders } from "./auth/token-expiry.ts";
import { type GitHubOfAttempt, gitHubFor } from "./client.ts";
import { dryRunOf, type UnsentWrite } from "./dry-run.ts";
import { rememberedAnswers } from "./etags.ts";
import { openGitHubHttp } from "./http.ts";
import { type Gates, openGates } from "./limits/gates.ts";
import { hearOthers } from "./limits/hear-others.ts";
import { type LimitsSetting, limitsInForce } from "./limits/limits.ts";
import { type ServerTime, serverTime } from "./limits/server-time.ts";
import type { ProxySettings } from "./proxy.ts";
import { routeLabel } from "./route-label.ts";

/** GitHub for the whole service: one host, its connections, and a gate for each account. */
export type OpenGitHub = {
  /**
   * GitHub for one attempt of a run.
   * @param options.token the run's own token; the service's credentials without it.
   * @param options.dryRun makes it a dry run: reads are sent, and each write is shown instead.
   */
  attempt(
    options: { token: string | undefined; dryRun?: ((write: UnsentWrite) => void) | undefined } & Omit<
      Asker,
      "credentials"
    >,
  ): GitHubOfAttempt;
  /** For checks of the settings: asks with the service's credentials, or as its App itself. */
  readonly inspection: Inspection;
  readonly gates: Gates;
  /** One line that says which limits are in force. */
  readonly aboutLimits: string;
  close(): Promise<void>;
};

export type Inspection = {
  readonly ask: Ask;
  /** Undefined without an App. */
  readonly askAsApp: ReturnType<typeof appApi>["ask"] | undefined;
  readonly time: Pick<ServerTime, "now" | "skew">;
};

export type OpenGitHubNeeds = {
  readonly apiUrl: string;
  readonly userAgent: string;
  readonly serviceToken: string | undefined;
  /** In place of a token. */
  readonly app: { readonly id: string; readonly privateKey: string } | undefined;
  /** Hides a token from all that is logged, until the returned function is called. */
  readonly hide: (secret: string) => () => void;
  readonly brief: Brief;
  /** `owner/name`: whose token a request uses that names no repository. */
  readonly targetRepo: string;
  readonly limits: LimitsSetting;
  readonly limitLog: LimitLog;
  readonly clock: Clock;
  readonly wait: Wait;
  /** Delays before the further tries of a request, ms; the usual ones without it. */
  readonly retriesMs?: readonly number[] | undefined;
  readonly observe: Pick<Observer, "request">;
  /** Told when GitHub asks an account for silence, until when (epoch milliseconds), and in which words. */
  readonly onPause: (pause: { account: string; until: number; status: number; message: string }) => void;
  /** Told once a day in the last week of a token of the service's, and when it ends (epoch milliseconds). */
  readonly onExpiry?: (account: string, expiresAt: number) => void;
  /** Told why the limits that replicas share cannot be asked, once for an account; with undefined that they can be again. */
  readonly onTrouble?: (account: string, trouble: unknown) => void;
  readonly proxies: ProxySettings;
  readonly timeoutMs?: number | undefined;
  readonly patienceMs?: number | undefined;
};

export async function openGitHub(needs: OpenGitHubNeeds): Promise<OpenGitHub> {
  const { apiUrl, clock, serviceToken, timeoutMs, patienceMs } = needs;
  const limitLog = ofHost(new URL(apiUrl).host, needs.limitLog);
  const { limits, about } = limitsInForce(needs.limits, apiUrl);
  const longestMs = Math.max(0, ...limits.map(({ ms }) => ms));
  const recall = () => limitLog.recall(clock.now() - longestMs);
  const reminders = expiryReminders(clock, (expiresAt) => needs.onExpiry?.(SERVICE_ACCOUNT, expiresAt));
  const gates = openGates({
    limits,
    clock,
    log: limitLog,
    // What other processes spend as well is asked for whenever it matters.
    known: limitLog.shared ? [] : await recall(),
    onPause: (account, until, { status, message }) => needs.onPause({ account, until, status, message }),
    // What callers bring is theirs to renew, and an App's tokens are renewed every hour.
    onExpiryOf: (account) => (needs.onExpiry && account === SERVICE_ACCOUNT ? reminders.ends : undefined),
    ...(needs.onTrouble && { onTrouble: needs.onTrouble }),
    ...(patienceMs === undefined ? {} : { patienceMs }),
  });
  const stopHearing = limitLog.shared && (await hearOthers(limitLog.shared, { gates, recall, clock }));
  const {
    send: sendNow,
    requestFor,
    close,
  } = openGitHubHttp({
    apiUrl,
    userAgent: needs.userAgent,
    proxies: needs.proxies,
    brief: needs.brief,
    timeoutMs,
  });
  const time = serverTime(clock.now);
  const send: typeof sendNow = async (...request) => {
    const answer = await needs.observe.request(routeLabel(request[0]), () => sendNow(...request));
    time.heard(answer);
    return answer;
  };
  const host: GitHubHost = {
    apiUrl,
    send,
    gates,
    remembered: rememberedAnswers(),
    wait: needs.wait,
    targetRepo: needs.targetRepo,
    retriesMs: needs.retriesMs,
  };

  const app = needs.app && { ...needs.app, apiUrl, askAs, hide: needs.hide, now: time.now };
  const service = app ? appCredentials(app) : tokenCredentials(serviceToken ?? "", SERVICE_ACCOUNT);

  function askAs(jwt: string, account: string): Ask {
    return asking(host, { credentials: tokenCredentials(jwt, account), name: account }).ask;
  }

  return {
    attempt({ token, dryRun, ...asker }) {
      const isOwn = token === undefined || token === serviceToken;
      const credentials = isOwn ? service : tokenCredentials(token);
      const through = dryRun ? { ...host, send: dryRunOf({ send, requestFor }, apiUrl, dryRun) } : host;
      return gitHubFor(through, { ...asker, credentials });
    },
    inspection: {
      ask: asking(host, { credentials: service, name: "inspection" }).ask,
      askAsApp: app && appApi(app).ask,
      time,
    },
    gates,
    aboutLimits: about,
    async close() {
      stopHearing?.();
      gates.close();
      reminders.close();
      await close();
    },
  };
}

/** Of what is remembered, the part that is about the service's own credential at a GitHub. */
export function ofOwnAccounts<T extends { readonly account: string }>(
  { apiUrl, app }: Pick<OpenGitHubNeeds, "apiUrl" | "app">,
  remembered: readonly T[],
): readonly T[] {
  const isOwn = (account: string) =>
    app ? account === appAccount(app.id) || account.startsWith(installationAccount("")) : account === SERVICE_ACCOUNT;
  return ofPrefix(`${new URL(apiUrl).host} `, remembered).filter(({ account }) => isOwn(account));
}

/** Those whose accounts begin so, without it. */
function ofPrefix<T extends { readonly account: string }>(prefix: string, remembered: readonly T[]): readonly T[] {
  return remembered.flatMap((each) =>
    each.account.startsWith(prefix) ? [{ ...each, account: each.account.slice(prefix.length) }] : [],
  );
}

/** The part of what is remembered that is about one host: another GitHub has limits of its own for the same account. */
function ofHost(host: string, log: LimitLog): LimitLog {
  const prefix = `${host} `;
  const { shared } = log;
  return {
    recall: async (since) => ofPrefix(prefix, await log.recall(since)),
    spend: (account, ...spent) => log.spend(prefix + account, ...spent),
    pause: (account, ...pause) => log.pause(prefix + account, ...pause),
    shared: shared && {
      admit: (account, ...admission) => shared.admit(prefix + account, ...admission),
      settle: shared.settle,
      hear: (listener) =>
        shared.hear((news) => {
          if ("missed" in news) listener(news);
          else if (news.account.startsWith(prefix)) {
            listener({ ...news, account: news.account.slice(prefix.length) });
          }
        }),
    },
  };
}
