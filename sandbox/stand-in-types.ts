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
  /** Any free port without it. */
  readonly port?: number;
  /** Address to listen on; 127.0.0.1 without it. */
  readonly host?: string;
  /** PEM texts: speaks https with them. */
  readonly tls?: { readonly key: string; readonly cert: string };
  /** With `tls`: HTTP/2 and HTTP/1.1 on one port, as the client chooses. */
  readonly http2?: boolean;
  /** Empty like api.github.com, or `/api/v3` like GitHub Enterprise Server. */
  readonly basePath?: string;
  /** A version such as "3.19.0": behaves like that GitHub Enterprise Server, whose API is at `basePath` "/api/v3". */
  readonly enterprise?: string;
  /** Where clients believe it to be, such as "https://ghe.example:8443", when they come through a proxy. */
  readonly origin?: string;
  readonly limits?: Limits;
  /** Epoch milliseconds. */
  readonly now?: () => number;
  /** Delay of every answer. */
  readonly latencyMs?: number;
  /** False keeps only the counters, for long loads. */
  readonly record?: boolean;
  /** Every token is good, what is asked for is there, and runs of Actions end well at once: `gh-runner dev`. */
  readonly hasEverything?: boolean;
  /** Told of each request when its answer is known. */
  readonly answered?: (request: ReceivedRequest) => void;
};

export type ReceivedRequest = {
  readonly method: string;
  /** As it came, percent-encoded, without the query. */
  readonly path: string;
  readonly query: string;
  /** The route by GitHub's template: `GET /repos/{owner}/{repo}`. */
  readonly route: string;
  readonly headers: Readonly<Record<string, string | undefined>>;
  readonly body: string;
  /** Who its token is: a user, or `slug[bot]` of an App; undefined where nothing is known of the token. */
  readonly login: string | undefined;
  /** "1.1" or "2.0" */
  readonly httpVersion: string;
  readonly at: number;
  /** 0 until it is answered, and for ever when it never is. */
  status: number;
};

export type ReceivedDispatch = {
  /** `owner/name` as it is now. */
  readonly repo: string;
  readonly eventType: string;
  readonly payload: Readonly<Record<string, unknown>>;
  readonly token: string;
  readonly at: number;
};

export type Counts = {
  requests: number;
  dispatches: number;
  limited: number;
  /** Requests that came while their account was told, or was about to be told, to be silent. */
  whilePaused: number;
  /** The longest, in real ms, that any of those came after the rejection had been handed to the socket. */
  lateness: number;
  maxInFlight: number;
  connections: number;
};

export type StandInGitHub = {
  /** What GITHUB_API_URL is set to. */
  readonly url: string;
  readonly port: number;
  readonly requests: ReceivedRequest[];
  readonly dispatches: ReceivedDispatch[];
  readonly counts: Counts;
  /** The repository of this name, made (private, empty, default branch main) on first use. */
  repository(fullName: string): Repository;
  /** The organisation of this login, made (without members) on first use. */
  organization(login: string): Organization;
  /** Makes a token known; without a grant it may do everything. */
  token(value: string, grant?: TokenGrant): void;
  revoke(value: string): void;
  app(app: GitHubApp): void;
  /** Makes an OAuth app known, and who signs in with it, which may be changed. */
  oauthApp(app: OAuthApp): void;
  /** Runs of GitHub Actions: how they go, and what people do to them. */
  readonly actions: StandInActions;
  /**
   * Makes happen what is due by the clock, sends the webhooks that are due, and resolves when they were answered. With the
   * system's clock that happens by itself, too.
   */
  settle(): Promise<void>;
  /** Makes a webhook of `app`, a repository (`owner/name`) or an organisation. With a secret, events are sent to it. */
  hook(owner: string, url: string, options?: HookOptions): Hook;
  /** Closes a pull request, or merges it; its webhook says so. */
  closePull(repository: Repository, number: number, options?: { readonly merged?: boolean }): void;
  /** Sends an event of a repository to the webhooks that listen to it. What all events have is added to the payload. */
  emit(repository: Repository, event: string, payload: Readonly<Record<string, unknown>>): void;
  /** Answers requests instead of the stand-in; those of a route replace earlier ones of it. */
  answers<Routes extends string>(answers: Answers<Routes>): void;
  /** Answers the fields of GraphQL queries and mutations, such as `viewer` or `addStar`. */
  graphql(fields: GraphQLFields): void;
  /** What functions among the answers threw. Their requests were answered 400. */
  readonly failures: readonly Error[];
  /** A function is asked at each request. */
  fault(match: FaultMatch, fault: Fault | (() => Fault)): FaultHandle;
  clearFaults(): void;
  /** Replaces the limits in force. */
  limits(limits: Limits): void;
  /** Whether it keeps the process up; it does at first. */
  hold(held: boolean): void;
  close(): Promise<void>;
};
