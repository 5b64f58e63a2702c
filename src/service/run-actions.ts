import { ALL_WORKFLOWS, type Cancel, type Paused, type Rerun, type RerunOptions } from "../model/run-actions.ts";
import type { Who } from "../model/who.ts";
import type { Worker } from "../worker/worker.ts";
import type { Ground } from "./ground.ts";

/** Actions on runs and workflows, for the API and the pages. Each one is logged with its actor. */
export function runActions(
  { log, clock }: Pick<Ground, "log" | "clock">,
  { worker, note }: { worker: Pick<Worker, "rerun" | "cancel" | "pause" | "resume">; note: () => string | undefined },
) {
  return {
    async rerun(id: string, options: Omit<RerunOptions, "trace">): Promise<Rerun> {
      const rerun = await worker.rerun(id, { ...options, trace: note() });
      if (rerun.status === "queued") {
        const { workflow, group } = rerun.run;
        log.info({ run: id, workflow, group, from: options.from ?? "start", actor: options.actor }, "run re-run");
      }
      return rerun;
    },
    /** Resolves when nothing more is sent for the run, or after 30 s with `cancelling`. */
    async cancel(id: string, who: Who): Promise<Cancel> {
      const { actor } = who;
      const cancel = await worker.cancel(id, { ...who, at: clock.now() });
      if (cancel.status === "cancelled" || cancel.status === "cancelling") {
        const { workflow, group } = cancel.run;
        const what =
          cancel.status === "cancelled" ? "run cancelled" : "run is being cancelled: its attempt has not ended yet";
        log.info({ run: id, workflow, group, actor }, what);
      }
      return cancel;
    },
    /**
     * @param workflow `*` is all of them.
     * @returns false if it was already paused.
     */
    async pause(workflow: string, who: Who): Promise<boolean> {
      const { actor } = who;
      const paused = await worker.pause(workflow, { ...who, at: clock.now() });
      if (paused) log.info({ workflow: named(workflow), actor }, "workflow paused: its runs wait until it is resumed");
      return paused;
    },
    /** @returns false if it was not paused. */
    async resume(workflow: string, who: Who): Promise<boolean> {
      const { actor } = who;
      const resumed = await worker.resume(workflow, { ...who, at: clock.now() });
      if (resumed) log.info({ workflow: named(workflow), actor }, "workflow resumed");
      return resumed;
    },
  };
}

/** Warnings at the start about paused workflows. */
export function pausedSince(paused: readonly Paused[]): readonly string[] {
  return paused.map(({ workflow, at, actor }) => {
    const [what, argument] = workflow === ALL_WORKFLOWS ? ["every workflow", "--all"] : [workflow, workflow];
    return `${what} has been paused since ${new Date(at).toISOString()} by ${actor}. To resume: gh-runner workflow resume ${argument}`;
  });
}

const named = (workflow: string) => (workflow === ALL_WORKFLOWS ? "all" : workflow);
