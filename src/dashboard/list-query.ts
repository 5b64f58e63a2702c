import { RUN_STATUSES, type RunStatus } from "../model/run.ts";

/** What the list is asked for, as it stands in the URL. What cannot be meant is left out. */
export type ListQuery = {
  readonly status: RunStatus | undefined;
  readonly workflow: string | undefined;
  readonly text: string | undefined;
  /** Cursor of the page. */
  readonly before: string | undefined;
};

/** No name, hash or id that is worth looking for is longer. */
export const MAX_TEXT_CHARACTERS = 100;

/** @param query gives what stands under a name, without tokens: it goes into the page and its links. */
export function listQuery(query: (name: string) => string | undefined): ListQuery {
  const status = query("status");
  const before = query("before");
  return {
    status: RUN_STATUSES.find((each) => each === status),
    workflow: query("workflow")?.slice(0, MAX_TEXT_CHARACTERS) || undefined,
    text: query("text")?.trim().slice(0, MAX_TEXT_CHARACTERS) || undefined,
    before: before !== undefined && /^\d{1,15}$/.test(before) ? before : undefined,
  };
}

/** The path that asks for it. */
export function listPath(query: Partial<ListQuery>): string {
  const given = Object.entries(query).filter((entry): entry is [string, string] => entry[1] !== undefined);
  return given.length === 0 ? "/" : `/?${new URLSearchParams(given)}`;
}
