import { PREVIEW_RESULTS, type PreviewResult } from "../model/chain.ts";
import { MAX_TEXT_CHARACTERS } from "./list-query.ts";

/** The query of the page of previews, as in the URL. Invalid values are left out. */
export type PreviewPageQuery = {
  /** Shows all previews of this application. */
  readonly application: string | undefined;
  readonly text: string | undefined;
  readonly result: PreviewResult | undefined;
  /** Cursor of the page. */
  readonly before: string | undefined;
};

/** No application has a longer name. */
const MAX_APPLICATION_CHARACTERS = 253;

/** @param query returns the value of a parameter, without tokens: the value goes into the page and its links. */
export function previewQuery(query: (name: string) => string | undefined): PreviewPageQuery {
  const result = query("result");
  const before = query("before");
  return {
    application: query("application")?.slice(0, MAX_APPLICATION_CHARACTERS) || undefined,
    text: query("text")?.trim().slice(0, MAX_TEXT_CHARACTERS) || undefined,
    result: PREVIEW_RESULTS.find((each) => each === result),
    before: before !== undefined && /^\d{1,15}$/.test(before) ? before : undefined,
  };
}

/** The path of the page with this query. */
export function previewsPath(query: Partial<PreviewPageQuery>): string {
  const given = Object.entries(query).filter((entry): entry is [string, string] => entry[1] !== undefined);
  return given.length === 0 ? "/previews" : `/previews?${new URLSearchParams(given)}`;
}
