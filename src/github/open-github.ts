import type { Clock } from "../model/clock.ts";
import { isFailure } from "../model/failure.ts";
import type { AppKey } from "../model/identity.ts";
import type { LimitLog } from "../model/limits.ts";
import type { UnsentWrite } from "../model/network.ts";
import type { Observer } from "../model/observer.ts";
import { type GitHubOutcome, PROBE } from "../model/outage.ts";
import type { Permissions } from "../model/permissions.ts";
import type { Renewable } from "../model/renewable.ts";
import { runLists } from "./actions/lists.ts";
import type { Brief } from "./answer.ts";
import { type Asker, asking, type GitHubHost } from "./ask.ts";
import { appApi } from "./auth/app-api.ts";
import { knownApps, narrowedTo } from "./auth/app-credentials.ts";
import { type Credentials, isVariable, renewed, SERVICE_ACCOUNT, tokenCredentials } from "./auth/credentials.ts";
import { expiryReminders } from "./auth/token-expiry.ts";
import { type GitHubOfAttempt, gitHubFor } from "./client.ts";
import { openFetch } from "./connections.ts";
import { dryActions, dryRunOf } from "./dry-run.ts";
import { rememberedAnswers } from "./etags.ts";
import { openIncidents } from "./github-status.ts";
import { openGitHubHttp } from "./http.ts";
import { openGates } from "./limits/gates.ts";
import { type LimitsSetting, limitsInForce } from "./limits/limits.ts";
import type { ProxySettings } from "./proxy.ts";
import { routeLabel } from "./route-label.ts";

export type OpenGitHub = Awaited<ReturnType<typeof openGitHub>>;

/** For checks of the settings: asks with the service's credentials, or as its App itself. */
export type Inspection = OpenGitHub["inspection"];

export type GitHubSettings = ProxySettings & {
  readonly apiUrl: string;
  readonly serviceToken: string | undefined;
  /** Instead of a token. */
  readonly app: { readonly id: string; readonly privateKey: string } | undefined;
  readonly limits: LimitsSetting;
};

type Options = Pick<GitHubHost, "targetRepo" | "wait" | "retriesMs"> & {
  /** The address, the limits and the App never change. Tokens, keys and proxies may be replaced. */
  readonly settings: Renewable<GitHubSettings>;
  readonly userAgent: string;
  /** Hides a token from all logs, until the returned function is called. */
  readonly hide: (secret: string) => () => void;
  readonly brief: Brief;
  readonly limitLog: LimitLog;
  readonly clock: Clock;
  readonly observe: Pick<Observer, "request">;
  /** Receives the outcome of each request. */
  readonly heard?: (outcome: GitHubOutcome) => void;
  /** Called when GitHub asks an account to pause, with the end (epoch milliseconds) and GitHub's words. */
  readonly onPause: (pause: { account: string; until: number; status: number; message: string }) => void;
  /**
   * Called once a day in the last week of a token that a person renews, with its end (epoch milliseconds). `account` is
   * the token's variable.
   */
  readonly onExpiry?: (account: string, expiresAt: number) => void;
  /**
   * Called once per account with the reason when the limits shared by replicas are unavailable, and with undefined when
   * they are available again.
   */
  readonly onTrouble?: (account: string, trouble: unknown) => void;
  /** Where GitHub's open incidents are read. By default its status page, for github.com only. */
  readonly incidentsUrl?: string | undefined;
  readonly timeoutMs?: number | undefined;
  readonly patienceMs?: number | undefined;
};

/** The identity for requests: a token, an App, or the service's credentials if both are missing. */
export type AskedAs = {
  readonly token?: string | undefined;
  /** The token's variable, if it is one of the service. */
  readonly variable?: string | undefined;
  readonly app?: AppKey | undefined;
  /** What the tokens of an App may do. */
  readonly permissions?: Permissions | undefined;
};

type Attempt = Omit<Asker, "credentials"> & {
  /** The current identity. */
  readonly as?: () => AskedAs;
  /** The identity of the workflow, if it uses one. */
  readonly identity?: string | undefined;
  /** Makes it a dry run: reads are sent, and each write is shown instead. */
  readonly dryRun?: ((write: UnsentWrite) => void) | undefined;
};

/** GitHub for the whole service: one host, its connections, and a gate for each account. */
export async function openGitHub(options: Options) {
  const { settings, clock, brief, hide, timeoutMs, patienceMs } = options;
  const { now: current, refresh } = settings;
  const { apiUrl, app } = current();
  const { about, ...limits } = limitsInForce(current().limits, apiUrl);
  const { onExpiry } = options;
  const reminders = new Map<string, ReturnType<typeof expiryReminders>>();
  const remindersOf = (account: string) => {
    const its = reminders.get(account) ?? expiryReminders(clock, (expiresAt) => onExpiry?.(account, expiresAt));
    reminders.set(account, its);
    return its;
  };
  const gates = await openGates({
    host: new URL(apiUrl).host,
    ...limits,
    clock,
    log: options.limitLog,
    onPause: (account, until, { status, message }) => options.onPause({ account, until, status, message }),
    // Callers renew their tokens, and an App's tokens are renewed every hour.
    onExpiryOf: (account) => (onExpiry && isVariable(account) ? remindersOf(account).ends : undefined),
    onTrouble: options.onTrouble,
    patienceMs,
  });
  const http = openGitHubHttp({ apiUrl, userAgent: options.userAgent, proxies: settings, brief, timeoutMs });
  const outside = openFetch(settings);
  /** How far GitHub's clock is ahead of this machine's, ms. Undefined before the first answer. */
  let skew: number | undefined;
  const time = { now: () => clock.now() + (skew ?? 0), skew: () => skew };
  const send: typeof http.send = async (...request) => {
    const answer = await options.observe.request(routeLabel(request[0]), () => http.send(...request));
    // In whole seconds.
    const theirs = Date.parse(String(answer.headers.date));
    if (!Number.isNaN(theirs)) skew = theirs - clock.now();
    return answer;
  };
  const incidents = openIncidents({ apiUrl, url: options.incidentsUrl, brief }, outside.fetch);
  const host: GitHubHost = {
    apiUrl,
    send,
    outside: outside.fetch,
    gates,
    remembered: rememberedAnswers(),
    wait: options.wait,
    now: time.now,
    brief,
    incidents,
    targetRepo: options.targetRepo,
    retriesMs: options.retriesMs,
    heard: options.heard,
  };

  const askAs = (jwt: string, account: string) =>
    asking(host, { credentials: tokenCredentials(jwt, account), name: account }).ask;
  const asApp = { apiUrl, askAs, hide, now: time.now, refresh };
  const apps = knownApps(asApp);

  const isOfService = ({ token }: AskedAs) => token === undefined || token === current().serviceToken;

  const credentialsOf = (as: () => AskedAs): Credentials => renewed(() => credentialsNow(as), refresh);
  /** Credentials for requests during the whole life of the process. */
  const always =
    (as: AskedAs): Credentials =>
    (need) =>
      credentialsOf(() => as)(need);
  const service = always({});

  function credentialsNow(find: () => AskedAs): Credentials {
    const as = find();
    const { token = "", variable, app: named, permissions } = as;
    if (!named && !isOfService(as)) return tokenCredentials(token, variable, variable);
    const its = named ?? current().app;
    const credentials = its
      ? apps(its, () => (named ? find().app : current().app))
      : tokenCredentials(current().serviceToken ?? "", SERVICE_ACCOUNT);
    return its && permissions ? narrowedTo(permissions, credentials) : credentials;
  }

  function inspectionAs(as: AskedAs) {
    const key = as.app ?? (isOfService(as) ? app : undefined);
    const its = key && { ...asApp, ...key, privateKey: () => (as.app ?? current().app ?? key).privateKey };
    return {
      ask: asking(host, { credentials: always(as), name: "inspection" }).ask,
      /** Undefined without an App. */
      askAsApp: its && appApi(its).ask,
      time,
    };
  }

  return {
    /** GitHub for one attempt of a run. */
    attempt({ as = () => ({}), identity, dryRun, ...asker }: Attempt): GitHubOfAttempt {
      const through = dryRun ? { ...host, send: dryRunOf({ ...http, send }, { apiUrl, identity }, dryRun) } : host;
      const client = gitHubFor(through, { ...asker, credentials: credentialsOf(as) });
      return dryRun ? { ...client, actions: dryActions(client.actions) } : client;
    },
    /** The runs of a repository, with the service's credentials, not for any particular run. */
    runsOf: runLists(asking(host, { credentials: service, name: "watch" }).ask, { remember: true }),
    inspection: inspectionAs({}),
    inspectionAs,
    /**
     * Finds out whether GitHub works, with a request that costs no quota. Also false if nothing could be sent, for
     * example before a limit ends.
     * @see https://docs.github.com/en/rest/rate-limit/rate-limit
     */
    async probe(): Promise<boolean> {
      let outcome: GitHubOutcome | undefined;
      const heard = (each: GitHubOutcome) => {
        outcome = each;
        options.heard?.(each);
      };
      const { ask } = asking({ ...host, heard }, { credentials: service, name: PROBE });
      const attempted = { tried: "finding out whether GitHub works", repository: options.targetRepo, permission: "" };
      await ask(attempted, "GET /rate_limit", {}, [200], { retry: false }).catch((error: unknown) => {
        // An App needs a token first, and that request belongs to the App.
        const isFault = outcome === undefined && isFailure(error) && error.kind === "transient";
        if (isFault) heard({ asker: PROBE, isRun: false, kind: "read", fault: error.facts.happened });
      });
      return outcome !== undefined && outcome.fault === undefined;
    },
    gates,
    /** Undefined if this GitHub has no status page. */
    incidents,
    /** One line that says which limits are in effect. */
    aboutLimits: about,
    async close(): Promise<void> {
      gates.close();
      for (const each of reminders.values()) each.close();
      await outside.close();
      await http.close();
    },
  };
}
