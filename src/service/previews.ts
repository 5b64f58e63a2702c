import { type Chain, chainOf, type PreviewPage, type PreviewQuery } from "../model/chain.ts";
import { type ChainMember, dispatchedByIn, idsIn, isFollower, keysIn } from "../model/chain-facts.ts";
import type { Run } from "../model/run.ts";
import { ALL_WORKFLOWS, type Paused } from "../model/run-actions.ts";
import type { RunStore } from "../model/store.ts";
import type { Workflow } from "../model/workflow.ts";
import { applicationsOf } from "../workflows/environment-ready.ts";
import { PREVIEW_TESTS } from "../workflows/preview-input.ts";

/** A workflow that sends events for previews. */
type PreviewWorkflow = { readonly name: string; readonly prefix: string };

export function previewWorkflows(workflows: readonly Workflow[]) {
  return workflows.flatMap((workflow) => {
    const its = applicationsOf(workflow);
    return its === undefined ? [] : [{ name: workflow.name, ...its }];
  });
}

/** Applications per batch for a page that is filtered by result. A batch takes up to six queries. */
const BATCH = 50;
const MAX_BATCHES = 6;

/** Finds the runs that belong together, and the preview of each application. */
export function previewsOf(
  store: Pick<RunStore, "newestOfGroups" | "several" | "paused">,
  workflows: () => readonly PreviewWorkflow[],
) {
  /**
   * The chains of runs that sent an event.
   * @param repeats shows a skipped repeat as the run that it repeats.
   */
  async function chains(ids: readonly string[], { repeats = true } = {}): Promise<ReadonlyMap<string, Chain>> {
    const known = new Map<string, ChainMember>();
    const read = async (more: readonly string[]) => {
      const unknown = more.filter((id) => !known.has(id));
      for (const member of await store.several(unknown)) known.set(member.run.id, member);
      return more.flatMap((id) => known.get(id) ?? []);
    };
    const first = await read(ids);
    // A repeat names an earlier run, which either sent the event or follows it. That run leads to the other one.
    const repeated = ({ run }: ChainMember) => (repeats ? idsIn(reasonOfSkip(run)) : []);
    const second = await read(first.flatMap((member) => [...keysIn(member), ...repeated(member)]));
    await read(second.flatMap((member) => [...keysIn(member), dispatchedByIn(member) ?? ""]));
    const all = first.map((member) => [member.run.id, chainFrom(member, repeated(member), known)] as const);
    return new Map(all.filter((entry): entry is [string, Chain] => entry[1] !== undefined));
  }

  return {
    /** The newest preview of each application, newest first; with `application`, all of its previews. */
    async list(
      query: PreviewQuery,
      { limit, cursor }: { limit: number; cursor?: string | undefined },
    ): Promise<PreviewPage> {
      const { application, text, result } = query;
      const isAllowed = ({ name }: PreviewWorkflow) => query.workflows?.includes(name) ?? true;
      const filter = { workflows: workflows().filter(isAllowed), text, group: application };
      const previews: Chain[] = [];
      const paused = await store.paused();
      let next = cursor;
      for (let batch = 0; batch < (result === undefined ? 1 : MAX_BATCHES); batch++) {
        const size = result === undefined ? limit : BATCH;
        const page = await store.newestOfGroups(filter, { limit: size, cursor: next });
        const made = await chains(
          page.found.map(({ id }) => id),
          { repeats: application === undefined },
        );
        for (const [at, { id, cursor }] of page.found.entries()) {
          const chain = made.get(id);
          if (chain === undefined || (result !== undefined && chain.result !== result)) continue;
          previews.push(withPause(readable(chain, query.workflows), paused));
          const isLast = at === page.found.length - 1 && page.next === undefined;
          if (previews.length === limit) return { previews, next: isLast ? undefined : cursor };
        }
        next = page.next;
        if (next === undefined) break;
      }
      return { previews, next };
    },
    /** The newest preview of an application. A repeat is shown as the run that it repeats. */
    async newest(application: string): Promise<Chain | undefined> {
      const filter = { workflows: workflows(), group: application };
      const [newest] = (await store.newestOfGroups(filter, { limit: 1 })).found;
      const chain = newest && (await chains([newest.id])).get(newest.id);
      return chain && withPause(chain, await store.paused());
    },
    /**
     * The chain of a run; undefined if it has none, or if nothing follows the tests.
     * @param allowed the workflows whose runs the reader may see; undefined: all.
     */
    async of(member: ChainMember, allowed?: readonly string[]): Promise<Chain | undefined> {
      const { id, workflow } = member.run;
      if (workflows().some(({ name }) => name === workflow)) {
        const chain = (await chains([id])).get(id);
        return chain?.tests && readable(chain, allowed);
      }
      const by = workflow === PREVIEW_TESTS && isFollower(member) ? dispatchedByIn(member) : undefined;
      const chain = by === undefined ? undefined : chainOf((await store.several([by]))[0], member);
      return chain && readable(chain, allowed);
    },
  };
}

/** The same chain without runs that the reader may not see, because a link to them would not work. */
function readable(chain: Chain, allowed: readonly string[] | undefined): Chain {
  if (allowed === undefined) return chain;
  const those = (run: Chain["tests"]) => (run && allowed.includes(run.workflow) ? run : undefined);
  const newest = chain.tests ?? chain.environment;
  const supersededBy = those(newest) && chain.supersededBy;
  return { ...chain, environment: those(chain.environment), tests: those(chain.tests), supersededBy };
}

/** A paused run waits for a person, even if it would also wait for something else. */
function withPause(chain: Chain, paused: readonly Paused[]): Chain {
  const run = chain.tests ?? chain.environment;
  if (run?.status !== "queued" && run?.status !== "waiting") return chain;
  const found = paused.find(({ workflow }) => workflow === run.workflow || workflow === ALL_WORKFLOWS);
  if (found === undefined) return chain;
  const what = found.workflow === ALL_WORKFLOWS ? "All workflows are" : `The workflow ${found.workflow} is`;
  return { ...chain, reason: `${what} paused (${found.actor}). The preview continues after you resume it.` };
}

const reasonOfSkip = ({ status, reason }: Run) => (status === "skipped" ? reason : undefined);

function chainFrom(
  member: ChainMember,
  repeated: readonly string[],
  known: ReadonlyMap<string, ChainMember>,
): Chain | undefined {
  const testsOf = (environment: ChainMember) =>
    keysIn(environment)
      .flatMap((key) => known.get(key) ?? [])
      .findLast((each) => dispatchedByIn(each) === environment.run.id);
  const [before] = repeated.flatMap((id) => known.get(id) ?? []);
  if (before === undefined) return chainOf(member, testsOf(member));
  const by = dispatchedByIn(before);
  if (by === undefined) return chainOf(before, testsOf(before), member.run);
  return chainOf(known.get(by), before, member.run);
}
