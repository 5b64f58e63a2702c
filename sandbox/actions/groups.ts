import type { ActionsRun } from "../records.ts";

/** The concurrency group of a run. Its name is unique among repositories. */
export type Group = { readonly name: string; readonly cancelInProgress: boolean };

type Members = {
  readonly active: Set<ActionsRun>;
  pending: { readonly run: ActionsRun; readonly go: (at: number) => void } | undefined;
};

/**
 * In a group, one run is in progress and one is pending. A newer run replaces the pending one.
 * @see https://docs.github.com/en/actions/how-tos/write-workflows/choose-when-workflows-run/control-workflow-concurrency
 */
export function concurrencyGroups() {
  const groups = new Map<string, Members>();
  const membersOf = (name: string) => {
    const known = groups.get(name) ?? { active: new Set(), pending: undefined };
    groups.set(name, known);
    return known;
  };
  return {
    /**
     * Returns the runs that a new run makes obsolete, and whether the new run may start immediately. Otherwise `go`
     * is called when it may.
     */
    enter({ name, cancelInProgress }: Group, run: ActionsRun, go: (at: number) => void) {
      const members = membersOf(name);
      const waiting = members.pending ? [members.pending.run] : [];
      if (cancelInProgress) {
        const obsolete = [...members.active, ...waiting];
        members.pending = undefined;
        members.active.add(run);
        return { obsolete, mayGo: true };
      }
      const mayGo = members.active.size === 0;
      if (mayGo) members.active.add(run);
      else members.pending = { run, go };
      return { obsolete: waiting, mayGo };
    },
    /** The run that may start now that a run has ended. */
    leave(group: Group | undefined, run: ActionsRun): ((at: number) => void) | undefined {
      const members = group && groups.get(group.name);
      if (!members) return undefined;
      members.active.delete(run);
      if (members.pending?.run === run) members.pending = undefined;
      const next = members.active.size === 0 ? members.pending : undefined;
      if (!next) return undefined;
      members.pending = undefined;
      members.active.add(next.run);
      return next.go;
    },
  };
}
