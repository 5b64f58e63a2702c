import type { ActionsRuns, WhyNothing } from "../../src/model/actions-runs.ts";
import type { Clock } from "../../src/model/clock.ts";
import { TransientFailure } from "../../src/model/failure.ts";
import type { FollowedRun, FoundRun, StartedRun } from "../../src/model/github.ts";

/** What happens to a sent event: its answer is lost `before` or `after` GitHub has it, it certainly did not leave, or it hangs. */
type Fate = "before" | "after" | "unsent" | "hangs before" | "hangs after";

type ScriptedRun = FoundRun & { readonly key: string | undefined; ended?: FollowedRun };

const WHY: WhyNothing = { happened: "no workflow listens", remedy: "Add one.", sendAgain: false };

/** A GitHub Actions in memory that follows the test's script. */
export function scriptedActions(clock: Pick<Clock, "now">) {
  const runs: ScriptedRun[] = [];
  const asked: string[] = [];
  const sent: { readonly what: string; readonly key: string | undefined; readonly payload?: unknown }[] = [];
  const fates: Fate[] = [];
  const world = {
    runs,
    /** Every request, in order: `find`, `show`, `why`. */
    asked,
    sent,
    /** The fates of the next events. */
    fates,
    /** A run appears in the list this long after it began, ms. */
    listedAfterMs: 0,
    /** No run begins after an event. */
    isSilent: false,
    /** How runs are found. "time": their names do not show the key. */
    foundBy: "key" as FoundRun["foundBy"],
    /** Whether the workflow has an input `run`. */
    takesKey: true,
    why: WHY,
    end(runId: number, conclusion: string, { attempt = 1 } = {}) {
      const run = runs.find((each) => each.runId === runId) ?? begin(undefined, "acme/shop", runId);
      const at = time();
      const htmlUrl = run.htmlUrl;
      const jobs = [{ name: "e2e", conclusion, htmlUrl: `${htmlUrl}/job/1` }];
      run.ended = { id: runId, htmlUrl, conclusion, attempt, createdAt: at, startedAt: at, endedAt: at, jobs };
    },
    begin: (runId: number) => void begin(undefined, "acme/shop", runId),
    restart(runId: number) {
      const run = runs.find((each) => each.runId === runId);
      if (run) delete run.ended;
    },
  };

  const time = () => new Date(clock.now()).toISOString();

  function begin(key: string | undefined, repository: string, runId = 100 + runs.length): ScriptedRun {
    const htmlUrl = `https://github.com/${repository}/actions/runs/${runId}`;
    const run = { repository, runId, htmlUrl, foundBy: world.foundBy, createdAt: time(), key };
    runs.push(run);
    return run;
  }

  async function send(repository: string, key: string | undefined): Promise<ScriptedRun | undefined> {
    const fate = fates.shift();
    const lost = { tried: "sending the event", happened: "the connection was reset", remedy: "Wait." };
    if (fate === "unsent") throw new TransientFailure({ ...lost, sent: false });
    const run = fate?.endsWith("before") || world.isSilent ? undefined : begin(key, repository);
    if (fate?.startsWith("hangs")) await new Promise(() => {});
    if (fate) throw new TransientFailure(lost);
    return run;
  }

  const actions: ActionsRuns = {
    async sendEvent(repository, eventType, payload) {
      const key = payload.run as string;
      sent.push({ what: `${eventType} to ${repository}`, key, payload });
      await send(repository, key);
      return { since: time() };
    },
    async startWorkflow(repository, workflow, { ref, inputs, key }) {
      sent.push({ what: `${workflow}@${ref} in ${repository}`, key, payload: inputs });
      const shown = world.takesKey ? key : undefined;
      const run = await send(repository, shown);
      return { since: time(), ...(shown && { key: shown }), ...(run && { runId: run.runId, htmlUrl: run.htmlUrl }) };
    },
    time,
    async find({ key, runId }: StartedRun) {
      asked.push("find");
      const isListed = ({ createdAt }: ScriptedRun) => Date.parse(createdAt) + world.listedAfterMs <= clock.now();
      const run = runs.find(
        (each) => (runId === undefined ? each.key === key : each.runId === runId) && isListed(each),
      );
      if (!run) return undefined;
      const { key: _, ended: __, ...found } = run;
      return found;
    },
    async show(_repository, runId) {
      asked.push("show");
      const run = runs.find((each) => each.runId === runId);
      if (!run) throw new Error(`there is no run ${runId}`);
      const { htmlUrl, ended } = run;
      return { status: ended ? "completed" : "in_progress", htmlUrl, attempt: 1, ...(ended && { ended }) };
    },
    async whyNothing() {
      asked.push("why");
      return world.why;
    },
  };
  return { world, actions };
}
