import * as z from "zod";
import { aRepository, type Check, type CommonOptions, commonOf, text } from "./options.ts";

/** What the ready-made workflows that run by the clock also take. */
export type ScheduledOptions = CommonOptions & {
  /** Five fields, `"30 1 * * *"`; once a day without it. */
  readonly cron?: string;
  /** An IANA name, `"Europe/Zagreb"`; UTC without it, as at GitHub. */
  readonly timeZone?: string;
  /** `owner/name`; TARGET_REPO without it. */
  readonly repository?: string;
  /** Several of them, one after the other. */
  readonly repositories?: readonly string[];
};

export const SCHEDULED = {
  cron: text,
  timeZone: text,
  repository: aRepository,
  repositories: (value) =>
    Array.isArray(value) && value.length > 0 && value.every((each) => aRepository(each) === undefined)
      ? undefined
      : 'a list of repositories, such as ["acme/shop", "acme/web"]',
} satisfies Record<string, Check>;

/** The part of a definition that says when it runs and for what. A run that is under way is never joined by another. */
export function scheduledOf(workflow: string, options: ScheduledOptions, cron: string) {
  const { timeZone, repository = options.repositories?.[0] } = options;
  return {
    ...commonOf(workflow, options),
    ...(repository === undefined ? {} : { repository }),
    on: {
      schedule: { cron: options.cron ?? cron, ...(timeZone === undefined ? {} : { timeZone }) },
      manual: { inputs: z.object({ dryRun: z.boolean().default(false) }) },
    },
    // A dry run waits for no other run, and replaces none.
    concurrency: ({ inputs }: { readonly inputs?: { readonly dryRun: boolean } | undefined }) =>
      inputs?.dryRun ? "dry run" : "all",
    // GitHub's limits interrupt it far earlier, and what was done is remembered.
    timeout: "6h",
  } as const;
}

/** The repositories of a run, each once. */
export function repositoriesOf({ repository, repositories = [] }: ScheduledOptions, its: string): readonly string[] {
  const named = new Set([...(repository === undefined ? [] : [repository]), ...repositories]);
  return named.size > 0 ? [...named] : [its];
}
