import type { credentialBook } from "../credentials.ts";
import type { Repository, repositoryShelf } from "../repository.ts";

/** An answer before it is written: JSON unless `raw` is given. */
export type Reply = {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly json?: unknown;
  readonly raw?: Buffer;
};

export type Call = {
  readonly method: string;
  /** Without the base path, percent-encoded as it came. */
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: Readonly<Record<string, string | undefined>>;
  readonly body: string;
  readonly token: string;
};

/** What handlers may look into and change. */
export type World = {
  readonly base: string;
  readonly credentials: ReturnType<typeof credentialBook>;
  readonly repositories: ReturnType<typeof repositoryShelf>;
  /** What is left of a token's primary limit; undefined where none is in force. */
  quota(token: string): Quota | undefined;
  accept(repository: Repository, eventType: string, payload: Record<string, unknown>, token: string): void;
};

/** `reset` is in epoch seconds. */
type Quota = {
  readonly limit: number;
  readonly remaining: number;
  readonly used: number;
  readonly reset: number;
};

/** `parameters` are the decoded parts of the path, in the order of the template. */
export type Handler = (call: Call, world: World, parameters: readonly string[]) => Reply;

export const DOCS = "https://docs.github.com/rest";

export const notFound: Reply = failure(404, "Not Found");

export const badCredentials: Reply = failure(401, "Bad credentials");

export const suspended: Reply = failure(403, "This installation has been suspended");

export function failure(status: number, message: string): Reply {
  return { status, json: { message, documentation_url: DOCS, status: String(status) } };
}

/** A JSON object, undefined when the text is none. */
export function parseObject(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : undefined;
  } catch {
    return undefined;
  }
}

/** A percent sign that begins no escape stands for itself. */
export function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
