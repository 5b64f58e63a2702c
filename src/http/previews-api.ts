import type { Hono } from "hono";
import { limitOf } from "../model/access.ts";
import type { Chain, PreviewPage, PreviewQuery } from "../model/chain.ts";
import { type Guard, principalOf } from "./authorize.ts";
import { type PreviewPageShown, previewsQuerySchema } from "./previews-schemas.ts";
import { optionalTime, query, time } from "./runs-api.ts";

/** Finds previews, newest first. */
export type ListPreviews = (
  query: PreviewQuery,
  page: { limit: number; cursor?: string | undefined },
) => Promise<PreviewPage>;

/** Mounts `GET /api/previews`. */
export function mountPreviewsApi(app: Hono, { previews, guard }: { previews: ListPreviews; guard: Guard }): void {
  app.get("/api/previews", guard("read"), async (c) => {
    const { limit, cursor, ...filter } = query(c, previewsQuerySchema);
    const page = await previews({ ...filter, ...limitOf(principalOf(c).grants, "read") }, { limit, cursor });
    return c.json({ previews: page.previews.map(shown), next: page.next } satisfies PreviewPageShown);
  });
}

function shown({ receivedAt, jobs, stages, repeatedBy, ...chain }: Chain): PreviewPageShown["previews"][number] {
  return {
    ...chain,
    receivedAt: time(receivedAt),
    repeatedBy: repeatedBy && { ...repeatedBy, at: time(repeatedBy.at) },
    jobs: jobs.map(({ startedAt, endedAt, ...job }) => ({
      ...job,
      startedAt: optionalTime(startedAt),
      endedAt: optionalTime(endedAt),
    })),
    stages: stages.map(({ name, at, ms }) => ({
      name,
      at: optionalTime(at),
      seconds: ms === undefined ? undefined : ms / 1000,
    })),
  };
}
