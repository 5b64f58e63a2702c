import { webUrlOf } from "../dashboard/github-web.ts";
import type { Clock } from "../model/clock.ts";
import type { EventNotes, EventPage } from "../model/events.ts";
import type { RunPage } from "../model/history.ts";
import { parseSearch, type Search, searchText } from "../model/search.ts";
import { gitHubEntries, pathsOf } from "../model/triggers.ts";
import type { Answers, Facts, KnownWorkflow, Why } from "../model/why/facts.ts";
import { isRejectedMatch } from "../model/why/requests.ts";
import { namedApplication, subjectAlone, subjectOf } from "../model/why/subject.ts";
import { whyOf, withoutOthers } from "../model/why/why.ts";
import type { Workflow } from "../model/workflow.ts";
import type { Engine } from "./engine.ts";
import type { Ground } from "./ground.ts";
import { previewWorkflows } from "./previews.ts";

/** The most matches to report. */
const [RUNS, EVENTS] = [25, 25];

/**
 * Reads the facts that may explain why nothing happened: a bounded number of rows for any question.
 * @param startedAt when this process began to note events; the store may know earlier ones.
 * @param writeNotes writes the noted events that are not stored yet.
 */
export function answersOf(
  { config, loaded, secrets, clock }: Pick<Ground, "config" | "loaded" | "secrets"> & { clock: Pick<Clock, "now"> },
  { store, outages, previews }: Pick<Engine, "store" | "outages" | "previews">,
  { startedAt, writeNotes }: { readonly startedAt: number; writeNotes(): Promise<unknown> },
): Answers {
  async function why(asked: string, zone?: string): Promise<Why> {
    const text = secrets.scrub(asked).trim();
    await writeNotes();
    const now = clock.now();
    const search = parseSearch(text, now, zone);
    const found = whyOf(await factsOf(text, search, now));
    if (found.isKnown || search.problems.length > 0) return found;
    const { filter, without } = subjectAlone(search, { workflows: knownWorkflows(loaded.current.workflows) });
    if (without.length === 0 || Object.keys(filter).length === 0) return found;
    const alone = { words: filter.words ?? [], filter, problems: [] };
    return withoutOthers(whyOf(await factsOf(searchText(filter), alone, now)), text, without);
  }

  async function factsOf(text: string, search: Search, now: number): Promise<Facts> {
    const { workflows, broken } = loaded.current;
    const known = knownWorkflows(workflows);
    const { application } = subjectOf(search, { workflows: known });
    const isSearch = search.problems.length === 0 && Object.keys(search.filter).length > 0;
    const [runs, preview, rejected, ignored, heard, paused, outage] = await Promise.all([
      isSearch ? runsOf(search, known) : NOTHING,
      isSearch && application !== undefined ? previews.newest(application) : undefined,
      store.overview.rejected(),
      isSearch ? ignoredBy(store.events.ignored, search, { limit: EVENTS }) : NO_EVENTS,
      store.events.heard(),
      store.paused(),
      outages.current(),
    ]);
    return {
      ...{ now, text, search, rejected, paused, outage },
      runs: runs.runs,
      unsearched: runs.unsearched,
      isCut: runs.runs.length === 0 && runs.next !== undefined,
      preview,
      ignored: ignored.events,
      heard: { since: Math.min(heard.since ?? startedAt, startedAt), sources: heard.sources },
      workflows: known,
      broken: broken.map(({ file, problems }) => ({ file, problems: problems.map(secrets.scrub) })),
      retainDays: config.store.retainDays,
      takesWebhooks: config.auth.webhookSecrets.length > 0,
      gitHubUrl: webUrlOf(config.github.apiUrl),
      publicUrl: config.http.publicUrl,
    };
  }

  /**
   * Also searches by the application's exact name, because any number of newer runs may contain it in a longer name.
   */
  async function runsOf(search: Search, known: readonly KnownWorkflow[]): Promise<RunPage> {
    const group = namedApplication(search, known);
    const byName = group === undefined ? undefined : { ...search.filter, words: undefined, group };
    const [its, found] = await Promise.all([
      byName ? store.list(byName, { limit: RUNS }) : NOTHING,
      store.list(search.filter, { limit: RUNS }),
    ]);
    const all = new Map([...its.runs, ...found.runs].map((run) => [run.id, run]));
    return { ...found, runs: [...all.values()].sort((a, b) => b.acceptedAt - a.acceptedAt) };
  }

  return {
    why,
    async events(asked, page, zone) {
      await writeNotes();
      const search = parseSearch(secrets.scrub(asked), clock.now(), zone);
      if (search.problems.length > 0) return { ...NO_EVENTS, rejected: [], problems: search.problems };
      const [found, rejected] = await Promise.all([
        ignoredBy(store.events.ignored, search, page),
        page.cursor === undefined ? store.overview.rejected() : [],
      ]);
      return { ...found, rejected: rejected.filter((each) => isRejectedMatch(each, search)), problems: [] };
    },
  };
}

const NOTHING: RunPage = { runs: [], next: undefined };

const NO_EVENTS: EventPage = { events: [], next: undefined };

/** Events have no status, so a search by status finds none. */
function ignoredBy(
  ignored: EventNotes["ignored"],
  { filter: { status, id, ...filter } }: Search,
  page: Parameters<EventNotes["ignored"]>[1],
): Promise<EventPage> | EventPage {
  return status === undefined && id === undefined ? ignored(filter, page) : NO_EVENTS;
}

function knownWorkflows(workflows: readonly Workflow[]): readonly KnownWorkflow[] {
  const prefixes = new Map(previewWorkflows(workflows).map(({ name, prefix }) => [name, prefix]));
  return workflows.map(({ name, on }) => ({
    name,
    paths: pathsOf(on),
    prefix: prefixes.get(name),
    events: [...new Set(gitHubEntries(on).flatMap(({ events }) => [events].flat()))],
    hasSchedule: on.schedule !== undefined,
  }));
}
