import { randomUUID } from "node:crypto";
import { setTimeout as wait } from "node:timers/promises";
import { openFetch } from "../github/connections.ts";
import { openGitHub } from "../github/open-github.ts";
import { auditNotes } from "../http/audit-notes.ts";
import type { AcceptEvent } from "../http/triggers/http.ts";
import type { AuditRecord } from "../model/audit.ts";
import type { RunDetail } from "../model/history.ts";
import { observedBy } from "../model/observer.ts";
import { partOf } from "../model/renewable.ts";
import { titleOf } from "../model/title.ts";
import { groupOf, orderOf } from "../model/workflow.ts";
import type { Metrics } from "../observe/metrics.ts";
import { startWorker, type Worker } from "../worker/worker.ts";
import { askedAs } from "./asked-as.ts";
import { bulkActions } from "./bulk.ts";
import { startingByHand } from "./by-hand.ts";
import { callbacksOf } from "./callbacks.ts";
import type { AppOptions, Ground } from "./ground.ts";
import { startIndexing } from "./indexing.ts";
import { openObservers } from "./observing.ts";
import { openMemoryStore, openStore } from "./open-store.ts";
import { openOutages } from "./outages.ts";
import { previewsOf, previewWorkflows } from "./previews.ts";
import { rerunningWith } from "./rerun-with.ts";
import { pausedSince, runActions } from "./run-actions.ts";
import { VERSION } from "./version.ts";
import { wakingByEvent } from "./wake-by-event.ts";
import { startWatch } from "./watch.ts";

/** Creates runs from events, and runs them. */
export type Engine = Awaited<ReturnType<typeof openEngine>>;

/** @param drainMs how long a stop waits for work in progress. */
export async function openEngine(ground: Ground, drainMs = 10_000) {
  const { config, live, options, loaded, secrets, log, clock, closing } = ground;

  const store = options.closed
    ? await openMemoryStore(clock)
    : await openStore(
        partOf(live, ({ store }) => store),
        { ...options, clock, log, rejectedInUse: live.rejectedInUse },
      );
  closing.defer(store.close);
  const audit = auditNotes(store.audit.add, clock, secrets);
  closing.defer(audit.close);
  if (!options.closed) store.audit.hear((record) => log.info(auditFacts(record), "audit"));

  const outside = openFetch(partOf(live, ({ github }) => github));
  closing.defer(outside.close);
  const fetch = options.fetch?.(outside.fetch) ?? outside.fetch;

  const outages = openOutages({ host: new URL(config.github.apiUrl).host, store, clock, log });
  const observed = await openObservers(ground, store, fetch, outages);
  const { metrics, tracing } = observed;
  const indexing = options.closed ? undefined : startIndexing({ store, clock });
  const observe = observedBy([
    observed.observe,
    ...(indexing ? [indexing.observe] : []),
    ...(options.settled ? [{ settled: options.settled }] : []),
  ]);

  const gitHub = await openGitHub({
    settings: partOf(live, ({ github }) => github),
    targetRepo: config.workflows.targetRepo,
    userAgent: `gh-runner/${VERSION}`,
    hide: secrets.guard,
    brief: secrets.brief,
    limitLog: store.limits,
    clock,
    wait: options.wait ?? (async (ms: number) => void (await wait(ms))),
    observe,
    heard: outages.heard,
    ...newsOfGitHub(ground, metrics),
    timeoutMs: options.githubTimeoutMs,
    patienceMs: options.githubPatienceMs,
    incidentsUrl: options.incidentsUrl,
  });
  closing.defer(gitHub.close);

  const workflowNamed = (name: string) => loaded.current.workflows.find((workflow) => workflow.name === name);
  const worker = startWorker({
    store,
    workflowNamed,
    workflows: () => loaded.current.workflows,
    brokenFiles: () => loaded.current.broken,
    github: ({ workflow, identity, token, ...attempt }) =>
      gitHub.attempt({
        ...{ ...attempt, identity, dryRun: options.dryRun },
        as: () => askedAs({ workflow, identity, token }, loaded.current),
      }),
    sourceOf: loaded.sourceOf,
    envOf: ({ env = [] }) => Object.fromEntries(env.map((name) => [name, loaded.current.variables[name] ?? ""])),
    codeOf: (name) => loaded.current.codeOf.get(name),
    targetRepo: config.workflows.targetRepo,
    runUrl: config.http.publicUrl === undefined ? undefined : (run) => `${config.http.publicUrl}/runs/${run}`,
    callbackUrl: callbacksAt(config.http.publicUrl, options.callbackOpened),
    hide: secrets.hide,
    keeping: secrets,
    log,
    traceIds: tracing?.ids,
    observe,
    fetch,
    dryRun: options.dryRun,
    clock,
    random: options.random ?? Math.random,
    owner: randomUUID(),
    retryHours: config.workflows.retryHours,
    retainDays: config.store.retainDays,
  });
  const stopping = stoppingOf(worker, drainMs);
  closing.defer(stopping.runs);
  const wake = async (keys: readonly string[]): Promise<number> => {
    const woken = keys.length === 0 ? 0 : await store.wake(keys);
    if (woken > 0) worker.look();
    return woken;
  };
  const watch = startWatch({ store, lists: config.github.hasCredential ? gitHub.runsOf : undefined, wake, clock, log });
  closing.defer(watch.stop);
  // Stops first. The next process does the rest.
  if (indexing) closing.defer(indexing.stop);
  metrics.read({
    ...{ gates: gitHub.gates, store, checkReady: worker.check, storeTrouble: worker.storeTrouble },
    brokenFiles: () => loaded.current.broken.length,
    rejectedSecrets: () => live.rejected().length,
    outdatedFiles: () => loaded.current.outdated.length,
    outage: outages.current,
  });

  if (!options.closed) {
    closing.defer(outages.follow({ probe: gitHub.probe, due: worker.look, wake, report: observed.report }));
  }

  for (const text of pausedSince(await store.paused())) log.warn(text);

  const newRun = ({ workflow, input, trigger, actor, by, rerunOf }: Started) => ({
    id: randomUUID(),
    workflow: workflow.name,
    group: groupOf(workflow, { trigger, input }),
    title: titleOf(workflow, { trigger, input }, log),
    order: orderOf(workflow),
    ...{ input, trigger, actor, by, rerunOf, trace: tracing?.note() },
  });
  const accept: AcceptEvent = async ({ token, event, ...started }, { wait }) => {
    const made = newRun(started);
    const waitMs = wait ? config.http.waitSeconds * 1000 : 0;
    const accepted = await worker.accept({ ...made, event, ownToken: token !== undefined }, { token, waitMs });
    return { ...accepted, isNew: accepted.run === made.id };
  };

  const starting = { workflows: () => loaded.current.workflows, accept, store, secrets, log };
  const actions = runActions(ground, { worker, note: () => tracing?.note() });

  return {
    store,
    /** Fetches from hosts other than GitHub, through the proxies of the settings. */
    fetch,
    audit,
    gitHub,
    metrics,
    tracing,
    worker,
    accept,
    wake,
    wakeByEvent: wakingByEvent({ store, wake, rerun: actions.rerun }),
    outages,
    callbacks: callbacksOf({ store, clock, secrets, due: worker.look, log }),
    previews: previewsOf(store, () => previewWorkflows(loaded.current.workflows)),
    startByHand: startingByHand(starting),
    rerunWith: rerunningWith({ ...starting, hasServiceToken: config.github.hasCredential }),
    stopping,
    actions: { ...actions, ...bulkActions({ store, ...actions }) },
    /**
     * Starts a run. Resolves when it has ended, an attempt has failed, or it starts to wait; or after `waitMs`.
     * @param enough ends the wait earlier.
     */
    async start(started: Started, waitMs: number, enough?: Promise<unknown>): Promise<RunDetail> {
      const { run, outcome } = await worker.accept(
        { ...newRun(started), ownToken: false },
        { token: undefined, waitMs },
      );
      await (enough === undefined ? outcome : Promise.race([outcome, enough]));
      return (await store.get(run)) as RunDetail;
    },
  };
}

/** An audit record as the log shows it. */
function auditFacts({ at, link, ...record }: AuditRecord): object {
  return { ...link, at: new Date(at).toISOString(), ...record };
}

/** The workflow, the trigger, the input, and who started the run. */
type Started = Pick<Parameters<AcceptEvent>[0], "workflow" | "trigger" | "input" | "actor" | "by" | "rerunOf">;

/** The address of a callback; undefined without PUBLIC_URL. */
function callbacksAt(
  publicUrl: string | undefined,
  opened: AppOptions["callbackOpened"],
): ((secret: string) => string) | undefined {
  if (publicUrl === undefined) return undefined;
  return (secret) => {
    opened?.(secret);
    return `${publicUrl}/callbacks/${secret}`;
  };
}

/** Logs news about GitHub's rate limits and the service's token. */
function newsOfGitHub({ log, clock }: Pick<Ground, "log" | "clock">, metrics: Metrics) {
  return {
    onPause({ until, ...pause }: { account: string; until: number; status: number; message: string }) {
      metrics.paused(pause.account, until);
      log.warn({ ...pause, until: new Date(until).toISOString() }, "GitHub asked for a pause because of a rate limit");
    },
    onExpiry: (account: string, expiresAt: number) =>
      log.warn(
        { account, expires: new Date(expiresAt).toISOString() },
        `the token in ${account} expires in ${daysLeft(expiresAt - clock.now())}: create a new one and replace it`,
      ),
    onTrouble(account: string, trouble: unknown) {
      if (trouble === undefined) log.info({ account }, "the shared limits of the replicas can be read again");
      else
        log.error(
          { account, err: trouble },
          "the shared limits of the replicas cannot be read: the service sends nothing",
        );
    },
  };
}

function daysLeft(milliseconds: number): string {
  const days = Math.floor(milliseconds / 86_400_000);
  return days < 1 ? "less than a day" : days === 1 ? "1 day" : `${days} days`;
}

/** The last part of a stop: runs begin nothing new, and callers no longer wait. */
const LAST_PART = 0.2;

/** A stop in two steps with one deadline: first the answers, then the runs. */
function stoppingOf(worker: Pick<Worker, "drain" | "dismissCallers">, drainMs: number) {
  const lastMs = drainMs * LAST_PART;
  let deadline: number | undefined;
  return {
    // Callers who would wait beyond the deadline get an answer before the server closes.
    async answers(closeServer: () => Promise<void>) {
      deadline = performance.now() + drainMs;
      const dismissal = setTimeout(() => worker.dismissCallers(), drainMs - lastMs);
      await closeServer();
      clearTimeout(dismissal);
    },
    async runs() {
      const left = deadline === undefined ? drainMs : deadline - performance.now();
      await worker.drain(Math.max(lastMs, left), lastMs);
    },
  };
}
