import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { IgnoredEvent } from "../src/model/events.ts";
import type { RejectedKind } from "../src/model/overview.ts";
import type { ListedRun } from "../src/model/run.ts";
import { parseSearch } from "../src/model/search.ts";
import type { Facts, KnownWorkflow } from "../src/model/why/facts.ts";
import { whyOf } from "../src/model/why/why.ts";

const NOW = Date.parse("2026-11-24T03:00:00Z");
const [MINUTE, HOUR, DAY] = [60_000, 3_600_000, 86_400_000];
const ID = "0b9d6f60-7e3a-4f0e-9a7b-2f6d1c5e8a11";

const READY: KnownWorkflow = {
  name: "environment-ready",
  paths: [["/dispatch", "http"]],
  prefix: "pr-",
  events: [],
  hasSchedule: false,
};
const WELCOME = {
  ...{ name: "welcome", paths: [], prefix: undefined, events: ["pull_request"], hasSchedule: false },
} as const;

const heard = (kind: "http" | "github" | "flux", name: string, minutes: number, actor = "token argocd") => ({
  ...{ kind, name, actor, firstAt: NOW - DAY, lastAt: NOW - minutes * MINUTE, times: 312 },
});

function run(more: Partial<ListedRun> = {}): ListedRun {
  return {
    ...{ id: ID, workflow: "environment-ready", group: "pr-1234", title: undefined, trigger: "http", actor: undefined },
    ...{ rerunOf: undefined, ownToken: false, status: "success", acceptedAt: NOW - 10 * MINUTE, dueAt: undefined },
    ...{ startedAt: NOW - 10 * MINUTE, endedAt: NOW - 9 * MINUTE, attempts: 1, failures: 0, retriesFrom: NOW },
    ...{ outputs: undefined, reason: undefined, http: undefined, kind: undefined, supersededBy: undefined },
    ...more,
  } as ListedRun;
}

/** The service's explanation for a text. */
function why(text: string, facts: Partial<Facts> = {}) {
  return whyOf({
    ...{ now: NOW, text, search: parseSearch(text, NOW), runs: [], preview: undefined, rejected: [], ignored: [] },
    ...{ paused: [], outage: undefined, workflows: [READY, WELCOME], broken: [], retainDays: 30, takesWebhooks: true },
    heard: { since: NOW - 3 * DAY, sources: [] },
    ...{ gitHubUrl: "https://github.com", publicUrl: undefined },
    ...facts,
  });
}

const rejected = (more: Partial<RejectedKind>): RejectedKind => ({
  ...{ method: "POST", path: "/dispatch", status: 401, application: undefined, reason: "Send one of AUTH_TOKENS." },
  ...{ firstAt: NOW - HOUR, lastAt: NOW - 2 * MINUTE, times: 4 },
  ...more,
});

const ignored = (more: Partial<IgnoredEvent> = {}): IgnoredEvent => ({
  ...{ at: NOW - 5 * MINUTE, source: "github", event: "pull_request.closed", repository: "acme/shop", number: 7 },
  ...{ sender: "mona", woken: 0, answer: "No workflow handles it." },
  reasons: [{ workflow: "welcome", reason: "wants opened, this is closed" }],
  ...more,
});

const commands = (answer: ReturnType<typeof whyOf>) => answer.findings.flatMap(({ command }) => command ?? []);

describe("why nothing happened with an application", () => {
  it("the service was never called", () => {
    const answer = why("pr-1234");
    assert.equal(answer.isKnown, false);
    assert.equal(
      answer.answer,
      "No event for pr-1234 has arrived, and none for any other application: POST /dispatch was not called in the last 3 days. The caller cannot reach the service, or is not set up.",
    );
    const [where, reach] = commands(answer);
    assert.match(where ?? "", /^kubectl -n argocd get configmap argocd-notifications-cm /);
    assert.match(reach ?? "", /curl -- -sS -m 5 http:\/\/gh-runner\.gh-runner\.svc:9555\/health$/);
    assert.ok(
      commands(why("pr-1234", { publicUrl: "https://ci.acme.dev/gh" })).some((each) =>
        each.endsWith("https://ci.acme.dev/gh/health"),
      ),
    );
  });

  it("the service is called for others", () => {
    const answer = why("pr-1234", { heard: { since: NOW - 3 * DAY, sources: [heard("http", "/dispatch", 12)] } });
    assert.equal(
      answer.answer,
      "No event for pr-1234 has arrived. The service receives calls for others: POST /dispatch was last called 12 min ago by token argocd, 312 times in the last 3 days. Check what sends the events for pr-1234.",
    );
    assert.deepEqual(
      commands(answer).map((each) => each.replace(/ -o jsonpath=.*/, "")),
      [
        "kubectl -n argocd get application pr-1234",
        "kubectl -n argocd logs deploy/argocd-notifications-controller --since=2h | grep -wF pr-1234",
      ],
    );
    assert.match(answer.findings.at(-1)?.text ?? "", /Ended runs are kept for 30 days \(RETAIN_DAYS\)/);
  });

  it("events of a longer name do not count", () => {
    const sources = [heard("http", "/dispatch", 12)];
    const longer = {
      runs: [run({ group: "pr-12" })],
      rejected: [rejected({ status: 400, application: "pr-12/x" })],
      ignored: [ignored({ source: "http", event: "/dispatch", subject: "pr-12", repository: undefined })],
      heard: { since: NOW - DAY, sources },
    };
    const answer = why("pr-1", longer);
    assert.equal(answer.isKnown, false);
    assert.match(answer.answer, /^No event for pr-1 has arrived\. The service receives calls for others/);
    assert.match(
      answer.findings[0]?.text ?? "",
      /^No run is named pr-1\. The newest run that contains this text is pr-12: success, 9 min ago\.$/,
    );
    assert.match(why("pr-12", longer).answer, /^A request for pr-12\/x was rejected 2 min ago/);
    assert.match(why("pr-12", { ...longer, rejected: [], ignored: [] }).answer, /^The newest run of pr-12 succeeded/);
    assert.match(why("PR-12", { ...longer, rejected: [], ignored: [] }).answer, /^The newest run of pr-12 succeeded/);
    assert.match(why("acme/shop", { runs: [run()] }).answer, /^The newest matching run \(pr-1234\) succeeded/);
  });

  it("the last call named no application, as when ArgoCD sends a GET", () => {
    const sources = [heard("http", "/dispatch", 12)];
    const get = rejected({ method: "GET", status: 405, reason: "Use POST." });
    assert.match(
      why("pr-1234", { rejected: [get], heard: { since: NOW - DAY, sources } }).answer,
      /^No event for pr-1234 was accepted, but GET \/dispatch was rejected 4 times with 405, most recently 2 min ago\. pr-1234 may be among them: the rejected request named no application\. Use POST\.$/,
    );
    // Others were accepted since then.
    const before = { ...get, lastAt: NOW - HOUR };
    const { answer, findings } = why("pr-1234", { rejected: [before], heard: { since: NOW - DAY, sources } });
    assert.match(answer, /^No event for pr-1234 has arrived\. The service receives calls for others/);
    assert.ok(findings.some(({ text }) => text.includes("GET /dispatch was rejected")));
  });

  it("it may be among runs that are not searched yet", () => {
    const unsearched = { count: 1200, more: true };
    assert.match(
      why("lost packet", { unsearched }).answer,
      /^Nothing matches lost packet: .* 1,200\+ runs are not searched yet, the oldest last\. Ask again in a few minutes\.$/,
    );
    assert.doesNotMatch(why("pr-1234", { unsearched, runs: [run()] }).answer, /not searched/);
  });

  it("it may be among runs that a long search has not read", () => {
    assert.match(
      why("lost packet", { isCut: true }).answer,
      /^Nothing matches lost packet: .* Not all runs were searched\. gh-runner runs list searches the rest, page by page\.$/,
    );
  });

  it("the prefix skips it", () => {
    const sources = [heard("http", "/dispatch", 12)];
    const answer = why("shop-1", { heard: { since: NOW - HOUR, sources } });
    assert.match(answer.answer, /^environment-ready skips shop-1: it accepts only names that begin with pr- /);
    const skipped = run({ status: "skipped", group: undefined, reason: "application name doesn't start with 'pr-'" });
    assert.match(
      why("shop-1", { runs: [skipped] }).answer,
      /was skipped 9 min ago: application name doesn't start with 'pr-'\. APPLICATION_PREFIX sets which names are dispatched\.$/,
    );
  });

  it("requests with a wrong token were rejected, and it may be among them", () => {
    const answer = why("pr-1234", { rejected: [rejected({})] });
    assert.equal(answer.isKnown, false);
    assert.match(
      answer.answer,
      /^No event for pr-1234 was accepted, but POST \/dispatch was rejected 4 times for a wrong token, most recently 2 min ago\. pr-1234 may be among them/,
    );
  });

  it("a wrong token comes second if others are accepted", () => {
    const sources = [heard("http", "/dispatch", 12)];
    const { answer, findings } = why("pr-1234", { rejected: [rejected({})], heard: { since: NOW - DAY, sources } });
    assert.match(answer, /^No event for pr-1234 has arrived\. The service receives calls for others/);
    assert.match(
      findings[0]?.text ?? "",
      /^No event for pr-1234 was accepted, but POST \/dispatch was rejected 4 times/,
    );
  });

  it("its request was rejected", () => {
    const reason = "application must not contain a slash.";
    const answer = why("pr-1234", { rejected: [rejected({ status: 400, application: "pr-1234", reason, times: 1 })] });
    assert.equal(answer.isKnown, true);
    assert.equal(answer.answer, `A request for pr-1234 was rejected 2 min ago: POST /dispatch returned 400. ${reason}`);
    assert.equal(answer.findings[0]?.link?.href, "/events?text=pr-1234");
  });

  it("a request was rejected after its newest run", () => {
    const late = rejected({ status: 400, application: "pr-1234", reason: "no JSON" });
    const { answer, findings } = why("pr-1234", { rejected: [late], runs: [run()] });
    assert.match(answer, /^A request for pr-1234 was rejected/);
    assert.match(findings[1]?.text ?? "", /^The newest run of pr-1234 succeeded 9 min ago\.$/);
    const early = { ...late, firstAt: NOW - DAY, lastAt: NOW - DAY };
    assert.match(why("pr-1234", { rejected: [early], runs: [run()] }).answer, /^The newest run/);
  });

  it("Flux sent it, and the filter rejected it", () => {
    const event = ignored({
      ...{ source: "flux", event: "Kustomization.ReconciliationSucceeded", subject: "apps/pr-1234", sender: undefined },
      ...{
        repository: undefined,
        number: undefined,
        reasons: [{ workflow: "deployed", reason: "its filter returned false" }],
      },
    });
    assert.equal(
      why("pr-1234", { ignored: [event] }).answer,
      "The Flux event Kustomization.ReconciliationSucceeded for apps/pr-1234 arrived 5 min ago and started no run. deployed: its filter returned false.",
    );
  });

  it("a file is broken", () => {
    const broken = [{ file: "deploy.ts", problems: ["deploy.ts:3 on.http.path must begin with a slash."] }];
    const { findings } = why("pr-1234", { broken });
    const found = findings.find(({ what }) => what === "broken");
    assert.equal(
      found?.text,
      "The file deploy.ts is broken, so no event starts its workflow: deploy.ts:3 on.http.path must begin with a slash.",
    );
  });

  it("no workflow can be called", () => {
    assert.match(
      why("pr-1234", { workflows: [WELCOME] }).answer,
      /no workflow has a path that ArgoCD, Flux or a script can call/,
    );
  });
});

describe("the state of the newest run", () => {
  const told = (more: Partial<ListedRun>, facts: Partial<Facts> = {}) =>
    why("pr-1234", { runs: [run(more)], ...facts });
  const queued = { status: "queued", endedAt: undefined, startedAt: undefined, dueAt: NOW } as const;

  it("ended, and how", () => {
    assert.equal(
      told({ outputs: { commitHash: "abc1234" } }).answer,
      "The newest run of pr-1234 succeeded 9 min ago, and dispatched the commit abc1234.",
    );
    const failed = told({ status: "failure", reason: "Reading failed: GitHub answered 404. Check the name" });
    assert.equal(
      failed.answer,
      "The newest run of pr-1234 failed 9 min ago. Reading failed: GitHub answered 404. Check the name.",
    );
    assert.deepEqual(commands(failed), ["gh-runner runs rerun 0b9d6f60"]);
    assert.match(
      told({ status: "cancelled", reason: "Cancelled by token alice." }).answer,
      /was cancelled 9 min ago\. Cancelled by token alice\.$/,
    );
    assert.match(
      told({ status: "superseded", supersededBy: ID.replace("0", "1") }).answer,
      /did not run: a newer event of its group replaced it 9 min ago, run 1b9d6f60-/,
    );
    assert.match(
      told({ status: "skipped", reason: `abc was dispatched for pr-1234 by run ${ID} within 3600 s` }).answer,
      /was skipped 9 min ago: abc was dispatched for pr-1234 by run .* within 3600 s\. A repeat within DEDUPE_SECONDS is not dispatched again\.$/,
    );
    assert.equal(
      told({ status: "running", endedAt: undefined }).answer,
      "The newest run of pr-1234 is running. It started 10 min ago.",
    );
    assert.match(told({ title: "Preview 1234" }).answer, /^The newest run of Preview 1234 succeeded/);
  });

  it("waits, and for what", () => {
    const paused = told(queued, { paused: [{ workflow: "environment-ready", at: NOW - HOUR, actor: "token alice" }] });
    assert.equal(
      paused.answer,
      "The newest run of pr-1234 waits. The workflow environment-ready is paused (by token alice, 1 h ago). The run continues when you resume it.",
    );
    assert.deepEqual(commands(paused), ["gh-runner workflow resume environment-ready"]);
    const all = told(queued, { paused: [{ workflow: "*", at: NOW - HOUR, actor: "token alice" }] });
    assert.deepEqual(commands(all), ["gh-runner workflow resume --all"]);
    assert.equal(
      told({ ...queued, kind: "limit", dueAt: NOW + 12 * MINUTE }).answer,
      "The newest run of pr-1234 waits because a GitHub rate limit is reached. It continues in 12 min.",
    );
    const retried = { ...queued, kind: "transient", reason: "GitHub answered 502.", dueAt: NOW + MINUTE } as const;
    assert.equal(
      told(retried).answer,
      "The newest run of pr-1234 will be retried. GitHub answered 502. Next retry in 1 min.",
    );
    assert.equal(
      told(retried, { outage: { since: NOW - 20 * MINUTE, fault: "502" } }).answer,
      "The newest run of pr-1234 waits: GitHub has failed most requests for 20 min. It continues automatically. Next retry in 1 min.",
    );
    assert.match(told(queued).answer, /is queued\. It starts when the run before it in its group has ended/);
    assert.match(told({ ...queued, dueAt: NOW + 30_000 }).answer, /is queued for later\. It starts in 30 s\.$/);
    const gone = told({ ...queued, workflow: "deploy" }, { broken: [{ file: "deploy.ts", problems: ["no"] }] });
    assert.match(gone.answer, /waits: the file deploy\.ts is broken\. It continues when the file is fixed\.$/);
    assert.match(
      told({ status: "waiting", endedAt: undefined, reason: "waits for the tests" }).answer,
      /has been waiting for 10 min: waits for the tests\.$/,
    );
  });

  it("is old, and no newer event has come", () => {
    const sources = [heard("http", "/dispatch", 2)];
    const { findings } = told({}, { heard: { since: NOW - DAY, sources } });
    assert.match(
      findings[1]?.text ?? "",
      /^No newer event for pr-1234 has started a run\. POST \/dispatch was last called 2 min ago/,
    );
    assert.ok(findings.some(({ command }) => command?.startsWith("kubectl -n argocd get application pr-1234")));
  });

  it("is of a preview whose pull request is closed", () => {
    const preview = {
      ...{ application: "pr-1234", result: "cancelled", reason: undefined, receivedAt: NOW - HOUR, commit: undefined },
      ...{ pullRequest: { number: 7, state: "closed", url: undefined, title: undefined }, actionsRun: undefined },
    } as unknown as Facts["preview"];
    const { findings } = why("pr-1234", { runs: [run()], preview });
    assert.equal(
      findings[1]?.text,
      "Its pull request #7 is closed, which ends the preview. The tests of its newest commit: cancelled. The notification arrived 1 h ago.",
    );
  });
});

describe("why nothing happened with a repository or a pull request", () => {
  const since = NOW - 3 * DAY;

  it("the service takes no webhooks", () => {
    const answer = why("acme/shop", { takesWebhooks: false });
    assert.equal(
      answer.answer,
      "No webhook for acme/shop can arrive: GITHUB_WEBHOOK_SECRET is not set, so the service does not accept webhooks.",
    );
    assert.match(answer.findings[0]?.text ?? "", /^Set GITHUB_WEBHOOK_SECRET and restart/);
  });

  it("no webhook has ever come", () => {
    const answer = why("acme/shop");
    assert.match(
      answer.answer,
      /^No webhook for acme\/shop has arrived, and none for any other repository, in the last 3 days\./,
    );
    assert.equal(answer.findings[0]?.link?.href, "https://github.com/acme/shop/settings/hooks");
    assert.match(commands(answer)[0] ?? "", /^gh api repos\/acme\/shop\/hooks /);
  });

  it("those of another repository come", () => {
    const sources = [heard("github", "acme/other", 3, "")];
    assert.equal(
      why("repo:acme/shop", { heard: { since, sources } }).answer,
      "No webhook for acme/shop has arrived in the last 3 days. Other repositories send webhooks: the last one arrived 3 min ago from acme/other.",
    );
  });

  it("its webhooks come, but none for this pull request", () => {
    const sources = [heard("github", "acme/other", 1, ""), heard("github", "acme/shop", 3, "")];
    for (const text of ["repo:Acme/Shop #9", "repo:shop pull:9"])
      assert.match(
        why(text, { heard: { since, sources } }).answer,
        /^The last webhook arrived 3 min ago \(312 times in the last 3 days\)\. No run and no event of #9 is known\.$/,
      );
    const any = why("#9", { heard: { since, sources } });
    assert.match(
      any.answer,
      /^The last webhook arrived 1 min ago from acme\/other\. All repositories sent 624 in the last 3 days\. /,
    );
    // It is unknown which repository is meant.
    assert.deepEqual(commands(any), []);
  });

  it("the webhook came, and a filter rejected it", () => {
    const answer = why("repo:acme/shop #7", { ignored: [ignored()] });
    assert.equal(answer.isKnown, true);
    assert.equal(
      answer.answer,
      "The webhook pull_request.closed of acme/shop #7 by mona arrived 5 min ago and started no run. welcome: wants opened, this is closed.",
    );
    assert.match(
      why("#7", { ignored: [ignored({ reasons: [] })] }).answer,
      /started no run\. No workflow handles it\.$/,
    );
    const woken = ignored({ woken: 1, answer: "No workflow handles it. 1 waiting run checks again." });
    assert.match(why("#7", { ignored: [woken] }).answer, /1 waiting run checks again\.$/);
  });
});

describe("why nothing happened with something else", () => {
  it("a workflow, by what starts it", () => {
    const sources = [heard("github", "acme/shop", 3, "")];
    assert.equal(
      why("welcome", { heard: { since: NOW - DAY, sources } }).answer,
      "welcome has no stored run. It starts on: the webhooks pull_request (the last one arrived 3 min ago from acme/shop).",
    );
    assert.match(why("environment-ready").answer, /It starts on: POST \/dispatch, not called in the last 3 days\.$/);
    assert.match(
      why("workflow:deploy").answer,
      /^There is no workflow deploy, and no run of it\. Workflows: environment-ready, welcome\.$/,
    );
  });

  it("a commit: the tested commit is the one in the values file", () => {
    const answer = why("5b7c9e1f3a2d");
    assert.equal(answer.answer, "No run is for the commit 5b7c9e1f3a2d.");
    assert.match(answer.findings[0]?.text ?? "", /^A preview tests the commit in its values file/);
  });

  it("an id of a run, or words", () => {
    assert.equal(why("0b9d6f60-7e3a").answer, "No run has an id that begins with 0b9d6f60-7e3a.");
    assert.equal(why("two words").answer, "Nothing matches two words: no run, no event and no rejected request.");
  });

  it("a search that cannot be understood, or an empty one", () => {
    const wrong = why("status:failed");
    assert.equal(wrong.answer, "This search is not valid.");
    assert.match(wrong.findings[0]?.text ?? "", /did you mean status:failure\?/);
    assert.match(why("").answer, /^Name what you are looking for: an application/);
  });

  it("any text, without a command that contains it", () => {
    for (const text of [
      "$(reboot)",
      "`id`",
      "pr-1;rm",
      "a'b",
      "../../x",
      "-o=x",
      "PR-1",
      "пр-1",
      "acme/..",
      "--all",
      "x|y",
      "a\0b",
      "a\u202eb",
    ]) {
      for (const asked of [text, `app:"${text}"`, `repo:"${text}"`, `workflow:"${text}"`]) {
        const sources = [heard("http", "/dispatch", 2), heard("flux", "/flux", 2)];
        for (const facts of [{}, { heard: { since: NOW - DAY, sources } }]) {
          const flux = { ...READY, name: "f", paths: [["/flux", "flux"] as const] };
          const found = commands(why(asked, { workflows: [READY, flux], ...facts }));
          assert.ok(!found.some((each) => each.includes(text)), `${asked}: ${found.join("\n")}`);
        }
      }
    }
  });
});
