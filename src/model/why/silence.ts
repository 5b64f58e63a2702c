import type { Heard } from "../events.ts";
import { applicationChecks, repositoryChecks } from "./checks.ts";
import type { Facts, Finding, KnownWorkflow } from "./facts.ts";
import type { Subject } from "./subject.ts";
import { ago, short, span, times } from "./words.ts";

type Silence = {
  readonly answer: string;
  readonly findings: readonly Finding[];
  /** When the last event of the same kind arrived, for any application or repository. */
  readonly heardAt?: number;
};

/**
 * Explains why nothing is known. It depends on the calls that arrived: none, only calls for others, or calls for a name
 * that is skipped. Adds what to do next. If something is known but nothing newer arrived, shows the latest call.
 */
export function silenceOf(facts: Facts, subject: Subject, isKnown: boolean): Silence {
  const { application, repository, pull, workflow, commit, run } = subject;
  if (workflow !== undefined && application === undefined) return ofWorkflow(facts, workflow, isKnown);
  if (repository !== undefined) return ofRepository(facts, { repository, pull }, isKnown);
  if (application !== undefined) return ofApplication(facts, application, isKnown);
  if (isKnown) return { answer: "", findings: [] };
  if (run !== undefined) return { answer: `No run has an id that begins with ${short(run)}.`, findings: [] };
  if (pull !== undefined) return ofRepository(facts, { repository: undefined, pull }, isKnown);
  if (commit !== undefined) return ofCommit(facts, commit);
  return {
    answer: `Nothing matches ${short(facts.text)}: no run, no event and no rejected request.`,
    findings: [],
  };
}

function ofApplication(facts: Facts, application: string, isKnown: boolean): Silence {
  const { workflows, now } = facts;
  const about = workflows.filter(({ paths, prefix }) => paths.length > 0 && prefix !== undefined);
  const others = workflows.filter(({ paths }) => paths.length > 0);
  const [callable] = about.length > 0 ? [about] : [others];
  const skips = about
    .filter(({ prefix = "" }) => !application.startsWith(prefix))
    .map((each) => skip(each, application));
  const paths = callable.flatMap((each) => each.paths);
  const heard = lastOf(facts, ({ kind, name }) => paths.some(([path, of]) => path === name && of === kind));
  const name = short(application);
  const isSkipped = about.length > 0 && skips.length === about.length;
  if (isKnown) {
    const last = facts.runs[0]?.acceptedAt ?? 0;
    const isQuiet = heard !== undefined && heard.lastAt > last && facts.runs[0]?.status !== "queued";
    const findings = isQuiet ? [calledSince(heard, name, now), ...applicationChecks(facts, application, "others")] : [];
    return { answer: "", findings };
  }
  if (paths.length === 0) {
    const answer = `No event for ${name} has arrived: no workflow has a path that ArgoCD, Flux or a script can call.`;
    return {
      answer,
      findings: [{ what: "skips", text: "Add the trigger http or flux to a workflow.", link: WORKFLOWS }],
    };
  }
  if (heard === undefined) {
    const calls = paths.map(([path]) => `POST ${path}`).join(" or ");
    return {
      answer: `No event for ${name} has arrived, and none for any other application: ${calls} was not called in the ${noted(facts)}. The caller cannot reach the service, or is not set up.`,
      findings: [...skips, ...applicationChecks(facts, application, "never")],
    };
  }
  const called = `POST ${heard.name} was last called ${ago(heard.lastAt, now)}${by(heard)}, ${times(heard.times)} in the ${noted(facts)}`;
  const heardAt = heard.lastAt;
  if (isSkipped) {
    const [first, ...rest] = skips as [Finding, ...Finding[]];
    return {
      answer: `${first.text} Even a skipped event leaves a run, and there is none: no event for ${name} has arrived.`,
      heardAt,
      findings: [
        ...rest,
        { what: "heard", text: `${called}.`, at: heard.lastAt },
        ...applicationChecks(facts, application, "others"),
      ],
    };
  }
  return {
    heardAt,
    answer: `No event for ${name} has arrived. The service receives calls for others: ${called}. Check what sends the events for ${name}.`,
    findings: [...skips, ...applicationChecks(facts, application, "others")],
  };
}

function skip({ name, prefix }: KnownWorkflow, application: string): Finding {
  const text = `${name} skips ${short(application)}: it accepts only names that begin with ${prefix} (APPLICATION_PREFIX).`;
  return { what: "skips", text };
}

function calledSince(heard: Heard, name: string, now: number): Finding {
  // That call may have been for another application, rejected, or joined to the newest run.
  const text = `No newer event for ${name} has started a run. POST ${heard.name} was last called ${ago(heard.lastAt, now)}${by(heard)}.`;
  return { what: "heard", text, at: heard.lastAt };
}

function ofRepository(
  facts: Facts,
  { repository, pull }: Pick<Subject, "repository" | "pull">,
  isKnown: boolean,
): Silence {
  const { takesWebhooks, workflows, now } = facts;
  const what = [repository, pull === undefined ? undefined : `#${pull}`]
    .filter(Boolean)
    .map((each) => short(String(each)))
    .join(" ");
  if (isKnown) return { answer: "", findings: [] };
  if (!takesWebhooks) {
    return {
      answer: `No webhook for ${what} can arrive: GITHUB_WEBHOOK_SECRET is not set, so the service does not accept webhooks.`,
      findings: repositoryChecks(facts, repository, "off"),
    };
  }
  const wanted = repository?.toLowerCase();
  const isMeant = ({ name }: Heard) =>
    wanted === undefined || name === wanted || (!wanted.includes("/") && name.endsWith(`/${wanted}`));
  const any = lastOf(facts, ({ kind }) => kind === "github");
  const its = lastOf(facts, (each) => each.kind === "github" && isMeant(each));
  const events = [...new Set(workflows.flatMap((each) => each.events))];
  const takes: Finding[] =
    events.length === 0 ? [{ what: "skips", text: "No workflow has the trigger github.", link: WORKFLOWS }] : [];
  if (any === undefined) {
    return {
      answer: `No webhook for ${what} has arrived, and none for any other repository, in the ${noted(facts)}. GitHub cannot reach the service, or no webhook is set up.`,
      findings: [...takes, ...repositoryChecks(facts, repository, "never")],
    };
  }
  if (its === undefined) {
    return {
      heardAt: any.lastAt,
      answer: `No webhook for ${what} has arrived in the ${noted(facts)}. Other repositories send webhooks: the last one arrived ${ago(any.lastAt, now)} from ${short(any.name)}.`,
      findings: [...takes, ...repositoryChecks(facts, repository, "never")],
    };
  }
  const isAny = repository === undefined;
  const last = `The last webhook arrived ${ago(its.lastAt, now)}${isAny ? ` from ${short(its.name)}. All repositories sent ${its.times.toLocaleString("en")} in the ${noted(facts)}.` : ` (${times(its.times)} in the ${noted(facts)}).`}`;
  const kept =
    pull === undefined ? "No run and no unhandled event of it is stored." : `No run and no event of #${pull} is known.`;
  return {
    heardAt: its.lastAt,
    answer: `${last} ${kept}`,
    findings: [...takes, ...repositoryChecks(facts, repository, "others")],
  };
}

function ofWorkflow(facts: Facts, workflow: string, isKnown: boolean): Silence {
  const { workflows, now } = facts;
  if (isKnown) return { answer: "", findings: [] };
  const known = workflows.find(({ name }) => name === workflow);
  if (known === undefined) {
    const names = workflows.map(({ name }) => short(name));
    const answer = `There is no workflow ${short(workflow)}, and no run of it. Workflows: ${names.join(", ")}.`;
    return { answer: short(answer), findings: [] };
  }
  const starts = [
    ...known.paths.map(([path, kind]) => {
      const heard = lastOf(facts, (each) => each.kind === kind && each.name === path);
      const last = heard ? `last called ${ago(heard.lastAt, now)}` : `not called in the ${noted(facts)}`;
      return `POST ${path}, ${last}`;
    }),
    ...(known.events.length > 0 ? [`the webhooks ${known.events.join(", ")}${webhooksHeard(facts)}`] : []),
    ...(known.hasSchedule ? ["its schedule"] : []),
  ];
  const by =
    starts.length === 0 ? "Only a person or another workflow can start it." : `It starts on: ${starts.join("; ")}.`;
  return {
    answer: `${short(workflow)} has no stored run. ${by}`,
    findings: [
      {
        what: "heard",
        text: "Its page shows its triggers, its filters and its next scheduled run.",
        link: workflowLink(workflow),
      },
    ],
  };
}

function webhooksHeard(facts: Facts): string {
  if (!facts.takesWebhooks) return " (not accepted, because GITHUB_WEBHOOK_SECRET is not set)";
  const heard = lastOf(facts, ({ kind }) => kind === "github");
  if (heard === undefined) return ` (none arrived in the ${noted(facts)})`;
  return ` (the last one arrived ${ago(heard.lastAt, facts.now)} from ${short(heard.name)})`;
}

function ofCommit({ workflows, now, heard }: Facts, commit: string): Silence {
  const answer = `No run is for the commit ${short(commit)}.`;
  const isAbout = workflows.some(({ prefix }) => prefix !== undefined);
  const [last] = heard.sources;
  const findings: Finding[] = [
    ...(isAbout
      ? [
          {
            what: "check" as const,
            text: "A preview tests the commit in its values file, not the newest commit of its branch. Search for the application: its newest run shows which commit that is.",
          },
        ]
      : []),
    ...(last
      ? [
          {
            what: "heard" as const,
            text: `The last event of any kind arrived ${ago(last.lastAt, now)}.`,
            at: last.lastAt,
          },
        ]
      : []),
  ];
  return { answer, findings };
}

const WORKFLOWS = { href: "/workflows", text: "See the workflows" };
const workflowLink = (name: string) => ({ href: `/workflows/${encodeURIComponent(name)}`, text: "See the workflow" });

function lastOf({ heard }: Facts, isMeant: (heard: Heard) => boolean): Heard | undefined {
  const those = heard.sources.filter(isMeant);
  const [latest] = those.toSorted((a, b) => b.lastAt - a.lastAt);
  return latest && { ...latest, times: those.reduce((sum, each) => sum + each.times, 0) };
}

const by = ({ actor }: Heard): string => (actor === "" || actor === "anonymous" ? "" : ` by ${short(actor)}`);

/** The period in which the service noted its callers. */
const noted = ({ heard, now }: Facts): string => `last ${span(Math.max(60_000, now - heard.since))}`;
