import type { StandInActions } from "./actions/runner.ts";
import type { Answers } from "./answers.ts";
import type { GitHubApp, TokenGrant } from "./credentials.ts";
import type { Fault, FaultHandle, FaultMatch } from "./faults.ts";
import type { GraphQLFields } from "./graphql.ts";
import type { Hook, HookOptions } from "./hooks.ts";
import type { Limits } from "./limits.ts";
import type { OAuthApp } from "./oauth.ts";
import type { Repository } from "./repository.ts";
import type { Organization } from "./routes/people.ts";

export type GitHubOptions = {
  /** Any free port by default. */
  readonly port?: number;
  /** Address to listen on. 127.0.0.1 by default. */
  readonly host?: string;
  /** PEM texts. With them it speaks https. */
  readonly tls?: { readonly key: string; readonly cert: string };
  /** With `tls`: HTTP/2 and HTTP/1.1 on one port, as the client chooses. */
  readonly http2?: boolean;
  /** Empty like api.github.com, or `/api/v3` like GitHub Enterprise Server. */
  readonly basePath?: string;
  /**
   * A version such as "3.19.0". It then behaves like that GitHub Enterprise Server, whose API is at `basePath`
   * "/api/v3".
   */
  readonly enterprise?: string;
  /** Its address for clients that come through a proxy, such as "https://ghe.example:8443". */
  readonly origin?: string;
  readonly limits?: Limits;
  /** Epoch milliseconds. */
  readonly now?: () => number;
  /** Delay of every answer. */
  readonly latencyMs?: number;
  /** False keeps only the counters, for long loads. */
  readonly record?: boolean;
  /** Accepts every token, creates everything on demand, lets runs of Actions succeed immediately: `gh-runner dev`. */
  readonly hasEverything?: boolean;
  /** Called with each request when its answer is known. */
  readonly answered?: (request: ReceivedRequest) => void;
};

export type ReceivedRequest = {
  readonly method: string;
  /** As received, percent-encoded, without the query. */
  readonly path: string;
  readonly query: string;
  /** The route in GitHub's template: `GET /repos/{owner}/{repo}`. */
  readonly route: string;
  readonly headers: Readonly<Record<string, string | undefined>>;
  readonly body: string;
  /** The token's user, or `slug[bot]` of an App. Undefined for an unknown token. */
  readonly login: string | undefined;
  /** "1.1" or "2.0" */
  readonly httpVersion: string;
  /** Epoch milliseconds. */
  readonly at: number;
  /** 0 until it is answered. It stays 0 if it never is. */
  status: number;
};

export type ReceivedDispatch = {
  /** `owner/name`, the current one. */
  readonly repo: string;
  readonly eventType: string;
  readonly payload: Readonly<Record<string, unknown>>;
  readonly token: string;
  /** Epoch milliseconds. */
  readonly at: number;
};

export type Counts = {
  requests: number;
  dispatches: number;
  limited: number;
  /** Requests that came while their account was asked to pause, or while that rejection was on its way. */
  whilePaused: number;
  /** The maximum delay of such a request after the rejection was handed to the socket, in real ms. */
  lateness: number;
  maxInFlight: number;
  connections: number;
};

export type StandInGitHub = {
  /** The value for GITHUB_API_URL. */
  readonly url: string;
  readonly port: number;
  readonly requests: ReceivedRequest[];
  readonly dispatches: ReceivedDispatch[];
  readonly counts: Counts;
  /** The repository of this name, created (private, empty, default branch main) on first use. */
  repository(fullName: string): Repository;
  /** The organisation of this login, created (without members) on first use. */
  organization(login: string): Organization;
  /** Adds a token. Without a grant it may do everything. */
  token(value: string, grant?: TokenGrant): void;
  revoke(value: string): void;
  app(app: GitHubApp): void;
  /** Adds an OAuth app and the person who signs in with it. You can change that person later. */
  oauthApp(app: OAuthApp): void;
  /** Runs of GitHub Actions: their course, and what people do to them. */
  readonly actions: StandInActions;
  /**
   * Carries out what is due by the clock, sends the webhooks that are due, and resolves when they were answered. With
   * the system's clock this also happens automatically.
   */
  settle(): Promise<void>;
  /**
   * Creates a webhook of `app`, a repository (`owner/name`) or an organisation. With a secret, events are sent to it.
   */
  hook(owner: string, url: string, options?: HookOptions): Hook;
  /** Closes a pull request, or merges it, and sends that to the webhooks that listen to it. */
  closePull(repository: Repository, number: number, options?: { readonly merged?: boolean }): void;
  /**
   * Sends an event of a repository to the webhooks that listen to it. The common fields of all events are added to the
   * payload.
   */
  emit(repository: Repository, event: string, payload: Readonly<Record<string, unknown>>): void;
  /** Answers requests instead of the stand-in. Answers for the same route replace earlier ones. */
  answers<Routes extends string>(answers: Answers<Routes>): void;
  /** Answers the fields of GraphQL queries and mutations, such as `viewer` or `addStar`. */
  graphql(fields: GraphQLFields): void;
  /** The errors that functions among the answers threw. Their requests were answered with 400. */
  readonly failures: readonly Error[];
  /** A function is called for each request. */
  fault(match: FaultMatch, fault: Fault | (() => Fault)): FaultHandle;
  clearFaults(): void;
  /** Replaces the active limits. */
  limits(limits: Limits): void;
  /** Whether it keeps the process running. It does at first. */
  hold(held: boolean): void;
  close(): Promise<void>;
};
