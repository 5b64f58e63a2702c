import * as z from "zod";
import { aRepository, type Check, type CommonOptions, commonOf, text } from "./options.ts";

/** Additional options of the ready-made workflows that run on a schedule. */
export type ScheduledOptions = CommonOptions & {
  /** Five fields, `"30 1 * * *"`. Once a day by default. */
  readonly cron?: string;
  /** An IANA name, `"Europe/Zagreb"`. UTC by default, as at GitHub. */
  readonly timeZone?: string;
  /** `owner/name`. TARGET_REPO by default. */
  readonly repository?: string;
  /** Several repositories, one after the other. */
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

/** The part of a definition that says when it runs and for what. A second run never starts while one is in progress. */
export function scheduledOf(workflow: string, options: ScheduledOptions, cron: string) {
  const { timeZone, repository = options.repositories?.[0] } = options;
  return {
    ...commonOf(workflow, options),
    ...(repository === undefined ? {} : { repository }),
    on: {
      schedule: { cron: options.cron ?? cron, ...(timeZone === undefined ? {} : { timeZone }) },
      manual: { inputs: z.object({ dryRun: z.boolean().default(false) }) },
    },
    // A dry run does not wait for other runs, and does not replace them.
    concurrency: ({ inputs }: { readonly inputs?: { readonly dryRun: boolean } | undefined }) =>
      inputs?.dryRun ? "dry run" : "all",
    // GitHub's limits interrupt it much earlier, and completed work is remembered.
    timeout: "6h",
  } as const;
}

/** The repositories of a run, each once. */
export function repositoriesOf({ repository, repositories = [] }: ScheduledOptions, its: string): readonly string[] {
  const named = new Set([...(repository === undefined ? [] : [repository]), ...repositories]);
  return named.size > 0 ? [...named] : [its];
}
