import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import { describe, it, type TestContext } from "node:test";
import { type GitHubOptions, startGitHub } from "../sandbox/github.ts";
import type { Hook } from "../sandbox/hooks.ts";
import { defineWorkflow } from "../src/index.ts";
import type { Workflow } from "../src/model/workflow.ts";
import { readConfig } from "../src/service/config/config.ts";
import { checkSettings } from "../src/service/doctor.ts";
import { openPostgresStore } from "../src/store/postgres/store.ts";
import { openSqliteStore } from "../src/store/sqlite/store.ts";
import { movedClock } from "./support/clock.ts";
import { databaseClock } from "./support/database-clock.ts";
import { temporaryFolder } from "./support/folder.ts";
import { ENFORCED, WINDOWS } from "./support/limits.ts";
import { postgresForTests } from "./support/postgres.ts";
import { fixedPort, listening, spawnService } from "./support/process.ts";
import { DEPLOYMENT, requestsRest, type Service, send, startService, TARGET, TOKEN } from "./support/service.ts";
import { deliver, WEBHOOK_SECRET } from "./support/webhooks.ts";
import { workflowsFolder } from "./support/workflows.ts";

const postgres = postgresForTests();
const HERE = "https://runner.example.com/webhooks/github";
const MINUTE_MS = 60_000;
const MARK = `missed webhooks of ${TARGET}`;
const LATE = "GitHub webhook, from the delivery log";

/** For pull requests of people that are opened or closed. */
const pulls = (options: Partial<Workflow> = {}) =>
  ({
    ...defineWorkflow({
      name: "pulls",
      on: {
        github: {
          events: "pull_request",
          actions: ["opened", "closed"],
          filter: ({ payload }) => payload.sender.type !== "Bot",
        },
      },
      run: async ({ event }) => ({ number: event.payload.number }),
    }),
    ...options,
  }) as Workflow;

const payload = (number: number, action = "opened", type = "User") => ({ action, number, sender: { type } });

type Scene = Awaited<ReturnType<typeof scene>>;

/** A stand-in GitHub with a webhook, and the services that it sends to, as the test starts them. */
async function scene(t: TestContext, options: GitHubOptions = {}) {
  const github = await startGitHub(options);
  t.after(() => github.close());
  github.token(TOKEN);
  for (const name of [DEPLOYMENT, TARGET]) github.repository(name);
  const dataDir = temporaryFolder(t);
  const start = (given: Parameters<typeof startService>[1] & { workflow?: Workflow } = {}): Promise<Service> =>
    startService(t, {
      settings: {
        ...{ GITHUB_API_URL: github.url, DATA_DIR: dataDir, GITHUB_WEBHOOK_SECRET: WEBHOOK_SECRET },
        ...given.settings,
      },
      options: { workflows: [{ workflow: given.workflow ?? pulls(), file: "pulls.ts" }], ...given.options },
    });
  return { github, dataDir, start };
}

async function runsOf({ url }: Pick<Service, "url">) {
  const runs = [];
  for (let next = ""; ; ) {
    const page = (await send(url, { path: `/api/runs?limit=100${next && `&cursor=${next}`}` })).json;
    runs.push(...page.runs);
    if (!page.next) return runs;
    next = encodeURIComponent(page.next);
  }
}

const messages = ({ log }: Pick<Service, "log">) => log().map(({ msg }) => String(msg));
const tookIn = (service: Service) => messages(service).filter((msg) => msg.startsWith("accepted "));
const reads = ({ github }: Scene) => github.requests.filter(({ route }) => route.includes("hook"));

/**
 * What GitHub sent while the service was down: 7,000 deliveries, of which 270 are wanted and were not answered. The others
 * are of other events and actions, or of bots, or were answered in the end.
 */
function outage(hook: Hook, from: number): readonly number[] {
  const wanted: number[] = [];
  for (let n = 0; n < 6850; n++) {
    const facts = { at: from + n * 10_000 };
    if (n % 25 === 0 && wanted.length < 270) {
      wanted.push(n);
      hook.note("pull_request", payload(n), facts);
    } else if (n % 25 === 1) hook.note("pull_request", payload(n, "opened", "Bot"), { ...facts, status: 200 });
    else if (n % 25 === 2) hook.note("pull_request", payload(n, "labeled"), facts);
    else if (n % 25 === 3) hook.note("pull_request", payload(n), { ...facts, status: 202 });
    else hook.note(n % 2 ? "workflow_run" : "push", { n }, facts);
  }
  const end = from + 6850 * 10_000;
  const missed = hook.deliveries.filter(({ event, status }) => event === "pull_request" && status === 502);
  // A person has sent some of them again: these without success, and others, which were not wanted before, with success.
  for (const { guid, event, payload } of missed.slice(0, 50)) {
    hook.note(event, payload ?? {}, { guid, isRedelivery: true, at: end });
  }
  for (let n = 0; n < 50; n++) {
    const { guid } = hook.note("pull_request", payload(10_000 + n), { at: end + 1000 });
    hook.note("pull_request", payload(10_000 + n), { guid, isRedelivery: true, at: end + 2000, status: 202 });
  }
  assert.deepEqual([hook.deliveries.length, wanted.length], [7000, 270]);
  return wanted;
}

const OUTAGE_MS = 69_000_000;

describe("7,000 deliveries while the service was down, of which 270 are wanted", () => {
  const stores: readonly [string, (dataDir: string) => Promise<Record<string, string>>][] = [
    ["SQLite", async () => ({})],
    ["PostgreSQL", async () => ({ DATABASE_URL: postgres.url, DATABASE_SCHEMA: postgres.schema() })],
  ];
  for (const [name, settingsOf] of stores) {
    it(`become 270 runs, none twice, within the limits, in ${name}`, { timeout: 600_000 }, async (t) => {
      const its = await scene(t, { limits: { ...ENFORCED, primaryPerHour: 5000 } });
      const settings = { GITHUB_LIMITS: WINDOWS, ...(await settingsOf(its.dataDir)) };
      const hook = its.github.hook(TARGET, HERE);
      const from = Date.now() - OUTAGE_MS;
      const wanted = outage(hook, from);
      await setMark(its.dataDir, settings, from);

      const service = await its.start({ settings });
      await untilLong("they were taken in", () => tookIn(service).length > 0);
      const runs = await runsOf(service);
      assert.equal(runs.length, 270);
      assert.deepEqual(new Set(runs.map(({ trigger, actor }) => `${trigger}, ${actor}`)), new Set([`github, ${LATE}`]));
      const numbers = await Promise.all(runs.map(async ({ id }) => (await runOf(service, id)).outputs?.number));
      assert.deepEqual(numbers.toReversed(), wanted, "in the order in which they were sent");
      assert.match(tookIn(service)[0] ?? "", /^accepted 270 webhook deliveries that were missed since \d{4}-/);
      // One request for the webhook, 70 pages, and each delivery once.
      assert.ok(reads(its).length <= 1 + 70 + 270 + 2, `${reads(its).length} requests`);
      assert.deepEqual([its.github.counts.limited, its.github.counts.whilePaused], [0, 0]);
      const metrics = (await send(service.url, { path: "/metrics" })).text;
      const page = await send(service.url, { path: `/runs/${runs[0].id}`, headers: { accept: "text/html" } });
      assert.match(page.text, /GitHub webhook, from the delivery log/);
      assert.match(metrics, /^gh_runner_missed_webhooks_total\{result="taken_in"\} 270$/m);
    });
  }
});

describe("three replicas that start at the same time after an outage", () => {
  it("accept each delivery once together, and only one reads the log", { timeout: 600_000 }, async (t) => {
    const its = await scene(t);
    const settings = { DATABASE_URL: postgres.url, DATABASE_SCHEMA: postgres.schema() };
    const hook = its.github.hook(TARGET, HERE);
    const from = Date.now() - OUTAGE_MS;
    outage(hook, from);
    await setMark(its.dataDir, settings, from);
    const replicas = await Promise.all([1, 2, 3].map(() => its.start({ settings })));
    await untilLong("they were taken in", () => replicas.some((each) => tookIn(each).length > 0));
    const runs = await runsOf(replicas[0]!);
    assert.equal(runs.length, 270);
    assert.ok(reads(its).length <= 1 + 70 + 270 + 2, `${reads(its).length} requests`);
  });
});

describe("a replica that reads GitHub's log for long", () => {
  it("does it alone", async (t) => {
    const clock = movedClock();
    const its = await scene(t, { now: clock.now });
    const schema = postgres.schema();
    const { databaseNow, setTime } = await databaseClock(postgres.url, schema, clock.now());
    const settings = { DATABASE_URL: postgres.url, DATABASE_SCHEMA: schema };
    const hook = its.github.hook(TARGET, HERE);
    const from = clock.now() - OUTAGE_MS;
    for (let n = 0; n < 60; n++) hook.note("pull_request", payload(n), { at: from + n * 1000 });
    await setMark(its.dataDir, settings, from);
    // A second passes between two requests.
    const passing = async () => {
      await setTime(clock.now() + 1000);
      clock.move(1000);
    };
    const start = () => its.start({ settings, options: { clock, databaseNow, wait: passing } });
    const replicas = [await start(), await start()];
    await untilLong("they were taken in", () => replicas.some((each) => tookIn(each).length > 0));
    assert.equal((await runsOf(replicas[0] as Service)).length, 60);
    const read = reads(its).filter(({ route }) => route.endsWith("{delivery_id}"));
    assert.equal(read.length, 60, "each was read once");
    assert.equal(
      reads(its).filter(({ route }) => route.endsWith("/hooks")).length,
      1,
      "one has looked for the webhook",
    );
  });
});

const FILE = `import { defineWorkflow } from "gh-runner";
export default defineWorkflow({ name: "pulls", on: { github: { events: "pull_request" } },
  async run({ event }) { return { number: event.payload.number }; } });`;

describe("a service that is killed while it reads missed deliveries", () => {
  it("continues from there, and starts nothing twice", { timeout: 600_000 }, async (t) => {
    const its = await scene(t);
    const hook = its.github.hook(TARGET, HERE);
    const from = Date.now() - OUTAGE_MS;
    for (let n = 0; n < 40; n++) hook.note("pull_request", payload(n), { at: from + n * 1000 });
    await setMark(its.dataDir, {}, from);
    const settings = { WORKFLOWS_DIR: workflowsFolder(t, { "pulls.ts": FILE }), GITHUB_WEBHOOK_SECRET: WEBHOOK_SECRET };
    const port = await fixedPort();
    const start = async () => {
      const service = spawnService(t, { port, dataDir: its.dataDir, githubUrl: its.github.url, settings });
      await listening(service, port);
      return service;
    };
    const url = `http://127.0.0.1:${port}`;
    const shown = () => reads(its).filter(({ route }) => route.endsWith("{delivery_id}")).length;
    for (const most of [5, 25]) {
      const service = await start();
      const end = performance.now() + 40_000;
      while (shown() < most && performance.now() < end) await new Promise((resolve) => setTimeout(resolve, 20));
      await service.kill();
    }
    await start();
    await untilLong("all are runs", async () => (await runsOf({ url })).length >= 40);
    const runs = await runsOf({ url });
    const numbers = await Promise.all(runs.map(async ({ id }) => (await runOf({ url }, id)).outputs.number));
    assert.deepEqual(
      numbers.toReversed(),
      Array.from({ length: 40 }, (_, n) => n),
    );
    assert.ok(shown() < 40 + 2 * 21, `${shown()} were read`);
  });
});

async function untilLong(what: string, condition: () => boolean | Promise<boolean>): Promise<void> {
  const end = performance.now() + 150_000;
  while (!(await condition())) {
    if (performance.now() > end) throw new Error(`gave up waiting until ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

/** A service with a clock to move and a webhook of TARGET_REPO, whose log is read from now on. */
async function watching(
  t: TestContext,
  { workflow = pulls(), settings = {}, ahead = 0, options = {} as GitHubOptions } = {},
) {
  const theirs = movedClock();
  const clock = movedClock(theirs.now() + ahead);
  const its = await scene(t, { ...options, now: theirs.now });
  const hook = its.github.hook(TARGET, HERE);
  // From before the service existed.
  hook.note("pull_request", payload(0), { at: theirs.now() - 1000 });
  const pass = (milliseconds: number) => {
    theirs.move(milliseconds);
    clock.move(milliseconds);
  };
  /** Five minutes later: the log was read again, and what was found is stored. */
  const nextRound = async () => {
    const before = rounds();
    pass(5 * MINUTE_MS);
    await untilLong("the log was read again", () => rounds() > before);
  };
  const service = await its.start({ workflow, settings: { LOG_LEVEL: "debug", ...settings }, options: { clock } });
  const rounds = () =>
    messages(service).filter((msg) => msg === "looked for webhook deliveries that were missed").length;
  await untilLong("the log was read", () => rounds() > 0);
  const numbers = async () => {
    const runs = await runsOf(service);
    const all = await Promise.all(runs.map(async ({ id }) => (await runOf(service, id)).outputs?.number));
    return all.toReversed();
  };
  return { ...its, hook, service, theirs, clock, pass, nextRound, numbers };
}

describe("deliveries of GitHub's webhook that were not answered", () => {
  it("are accepted from the time of the first read of the log, not before", async (t) => {
    const { hook, nextRound, numbers, pass, service } = await watching(t);
    assert.ok(messages(service).some((msg) => /from now on, missed webhook deliveries are read/.test(msg)));
    pass(1000);
    hook.note("pull_request", payload(1));
    await nextRound();
    assert.deepEqual(await numbers(), [1]);
    for (let round = 0; round < 4; round++) await nextRound();
    assert.deepEqual(await numbers(), [1]);
  });

  it("cost one request per round while there are none", async (t) => {
    const its = await watching(t);
    const before = its.github.requests.length;
    for (let round = 0; round < 3; round++) await its.nextRound();
    assert.equal(its.github.requests.length - before, 3);
  });

  it("are read once, even if they were sent many times without success", async (t) => {
    const { hook, github, nextRound, numbers, pass } = await watching(t);
    pass(1000);
    const { guid } = hook.note("pull_request", payload(1));
    await nextRound();
    hook.note("pull_request", payload(1), { guid, isRedelivery: true });
    for (let round = 0; round < 4; round++) await nextRound();
    assert.deepEqual(await numbers(), [1]);
    const shown = github.requests.filter(({ route }) => route.endsWith("{delivery_id}"));
    assert.equal(shown.length, 1);
  });

  it("start nothing when they had arrived and GitHub missed the answer", async (t) => {
    const { hook, nextRound, numbers, pass, service } = await watching(t);
    pass(1000);
    const { guid } = hook.note("pull_request", payload(1), { status: 504 });
    assert.equal((await deliver(service.url, "pull_request", payload(1), { delivery: guid })).status, 202);
    await nextRound();
    assert.deepEqual(await numbers(), [1]);
    assert.deepEqual(tookIn(service), []);
  });

  it("start nothing again when a person sends them again", async (t) => {
    const { hook, nextRound, numbers, pass, service } = await watching(t);
    pass(1000);
    const { guid } = hook.note("pull_request", payload(1));
    await nextRound();
    assert.equal((await deliver(service.url, "pull_request", payload(1), { delivery: guid })).status, 202);
    assert.deepEqual(await numbers(), [1]);
  });

  it("are accepted when they were answered with an error, for example because of a wrong signature", async (t) => {
    const { hook, nextRound, numbers, pass } = await watching(t);
    pass(1000);
    for (const [number, status] of [401, 413, 500, 503, 302, 0].entries()) {
      hook.note("pull_request", payload(number), { status });
    }
    hook.note("pull_request", payload(9), { status: 200 });
    await nextRound();
    assert.deepEqual(await numbers(), [0, 1, 2, 3, 4, 5]);
  });

  it("keep their order, also within a second", async (t) => {
    const { hook, nextRound, numbers, pass, theirs } = await watching(t);
    pass(1000);
    for (const number of [1, 2, 3, 4, 5]) hook.note("pull_request", payload(number), { at: theirs.now() });
    await nextRound();
    assert.deepEqual(await numbers(), [1, 2, 3, 4, 5]);
  });

  it("are found when GitHub's log shows them late", async (t) => {
    const { hook, nextRound, numbers, pass, theirs } = await watching(t);
    await nextRound();
    const at = theirs.now();
    pass(MINUTE_MS);
    await nextRound();
    hook.deliveries.splice(1, 0, { ...hook.note("pull_request", payload(1), { at }) });
    hook.deliveries.pop();
    await nextRound();
    assert.deepEqual(await numbers(), [1]);
  });

  it("do not run after a newer event of their group", async (t) => {
    const workflow = pulls({ concurrency: { group: () => "one" } });
    const { hook, nextRound, numbers, pass, service } = await watching(t, { workflow });
    pass(MINUTE_MS);
    hook.note("pull_request", payload(1));
    pass(MINUTE_MS);
    const { guid } = hook.note("pull_request", payload(2), { status: 202 });
    await deliver(service.url, "pull_request", payload(2), { delivery: guid });
    assert.deepEqual(await numbers(), [2]);
    pass(MINUTE_MS);
    hook.note("pull_request", payload(3));
    await nextRound();
    assert.deepEqual(await numbers(), [2, 3]);
  });

  it("all run if every event of a group does", async (t) => {
    const workflow = pulls({ concurrency: { group: () => "one", queue: "all" } });
    const { hook, nextRound, numbers, pass, service } = await watching(t, { workflow });
    pass(MINUTE_MS);
    hook.note("pull_request", payload(1));
    const { guid } = hook.note("pull_request", payload(2), { status: 202 });
    await deliver(service.url, "pull_request", payload(2), { delivery: guid });
    await nextRound();
    assert.deepEqual(await numbers(), [2, 1]);
  });

  for (const [what, ahead] of [
    ["a day ahead", 86_400_000],
    ["a day behind", -86_400_000],
  ] as const) {
    it(`are not lost and not repeated by a clock that is ${what} and is corrected`, async (t) => {
      const { hook, clock, nextRound, numbers, pass } = await watching(t, { ahead });
      for (const number of [1, 2, 3]) {
        pass(1000);
        hook.note("pull_request", payload(number));
        await nextRound();
      }
      clock.set(-ahead);
      for (const number of [4, 5]) {
        pass(1000);
        hook.note("pull_request", payload(number));
        await nextRound();
      }
      assert.deepEqual(await numbers(), [1, 2, 3, 4, 5]);
    });
  }
});

const DELIVERY = "GET /repos/{owner}/{repo}/hooks/{hook_id}/deliveries/{delivery_id}";
const LIST = "GET /repos/{owner}/{repo}/hooks/{hook_id}/deliveries";

describe("a round that fails", () => {
  it("is repeated from there", async (t) => {
    const { hook, github, nextRound, numbers, pass, service } = await watching(t);
    for (let number = 1; number <= 50; number++) {
      pass(1000);
      hook.note("pull_request", payload(number));
    }
    const fault = github.fault({ route: DELIVERY, after: 30 }, { kind: "status", status: 502 });
    await nextRound();
    assert.equal((await numbers()).length, 30);
    fault.remove();
    const list = github.fault({ route: LIST }, { kind: "status", status: 502 });
    await nextRound();
    assert.ok(list.met > 0);
    list.remove();
    await nextRound();
    assert.deepEqual(
      await numbers(),
      Array.from({ length: 50 }, (_, at) => at + 1),
    );
    const shown = github.requests.filter(({ route, status }) => route === DELIVERY && status === 200);
    assert.ok(shown.length <= 50 + 20, `${shown.length} were read`);
    assert.equal(messages(service).filter((msg) => msg === "missed webhook deliveries cannot be read").length, 1);
    assert.equal(messages(service).filter((msg) => msg === "missed webhook deliveries can be read again").length, 1);
  });

  it("waits for a limit that ends soon, and leaves a longer one to the next round", async (t) => {
    const { hook, github, nextRound, numbers, pass, theirs, service } = await watching(t);
    pass(1000);
    for (const number of [1, 2, 3]) hook.note("pull_request", payload(number));
    const limit = github.fault(
      { route: DELIVERY, after: 1, times: 1 },
      { kind: "limit", secondary: true, retryAfterSeconds: 20 },
    );
    const quota = { resetAt: Math.ceil(theirs.now() / 1000) + 1800 };
    github.fault({ route: DELIVERY, after: 3, times: 1 }, { kind: "limit", ...quota });
    pass(5 * MINUTE_MS);
    await untilLong("it has to wait", () => limit.met > 0);
    await requestsRest({ github, app: service.app });
    assert.deepEqual(await numbers(), [1]);
    pass(21_000);
    await untilLong("the next was read", async () => (await numbers()).length === 2);
    pass(1800_000);
    await nextRound();
    assert.deepEqual(await numbers(), [1, 2, 3]);
    assert.equal(github.counts.whilePaused, 0);
  });

  it("leaves a fifth of the hour's requests for runs", async (t) => {
    const options = { limits: { primaryPerHour: 50 } };
    const { hook, github, nextRound, numbers, pass } = await watching(t, { options });
    pass(1000);
    for (let number = 1; number <= 60; number++) hook.note("pull_request", payload(number));
    await nextRound();
    assert.ok((await numbers()).length < 40);
    assert.ok(github.requests.length <= 41, `${github.requests.length} requests`);
    for (let hours = 0; hours < 2; hours++) {
      pass(3_600_000);
      await nextRound();
    }
    assert.equal((await numbers()).length, 60);
    assert.equal(github.counts.limited, 0);
  });

  it("is not blocked forever by one delivery that GitHub fails to show", async (t) => {
    const { hook, github, nextRound, numbers, pass, service } = await watching(t);
    pass(1000);
    const { id } = hook.note("pull_request", payload(1));
    hook.note("pull_request", payload(2));
    github.fault({ path: new RegExp(`/${id}$`) }, { kind: "status", status: 502 });
    for (let round = 0; round < 11; round++) await nextRound();
    assert.deepEqual(await numbers(), []);
    await nextRound();
    assert.deepEqual(await numbers(), [2]);
    assert.ok(messages(service).includes("a missed webhook delivery is left out"));
  });

  it("warns when GitHub's log does not go back far enough", async (t) => {
    const its = await scene(t);
    its.github.hook(TARGET, HERE);
    await setMark(its.dataDir, {}, Date.now() - 8 * 86_400_000);
    const service = await its.start();
    const told = () =>
      service.log().find(({ msg }) => /no longer keeps all webhook deliveries since the last check/.test(String(msg)));
    await untilLong("it was logged", () => told() !== undefined);
    assert.match(String(told()?.since), /^\d{4}-/);
  });
});

describe("a delivery that cannot be accepted", () => {
  it("is skipped with a line in the log, and the others follow", async (t) => {
    const { hook, nextRound, numbers, pass, service } = await watching(t);
    pass(1000);
    hook.note("pull_request", { ...payload(1), text: "x".repeat(6_000_000) });
    hook.note("pull_request", { ...payload(2), text: "x".repeat(4_000_000) });
    hook.note("pull_request", payload(3)).payload = null;
    hook.note("pull_request", payload(4));
    await nextRound();
    await untilLong("all were looked at", async () => (await numbers()).includes(4));
    const left = service.log().filter(({ msg }) => msg === "a missed webhook delivery is left out");
    assert.deepEqual(
      left.map(({ reason }) => reason),
      ["its payload is larger than gh-runner accepts", "GitHub kept no payload of it"],
    );
    assert.deepEqual(await numbers(), [2, 4]);
  });

  it("starts nothing that the filters of a workflow exclude", async (t) => {
    const on = { github: { events: "pull_request", actions: ["opened"], branches: "main", labels: ["bug"] } } as const;
    const { hook, nextRound, numbers, pass } = await watching(t, { workflow: pulls({ on }) });
    pass(1000);
    const to = (number: number, ref: string, label: string) =>
      hook.note("pull_request", { ...payload(number), pull_request: { base: { ref }, labels: [{ name: label }] } });
    to(1, "next", "bug");
    to(2, "main", "Bug");
    to(3, "main", "docs");
    await nextRound();
    assert.deepEqual(await numbers(), [2]);
  });

  it("is logged and skipped when a workflow's filter throws", async (t) => {
    const on = { github: { events: "pull_request", filter: () => assert.fail("not today") } } as const;
    const { hook, nextRound, pass, service } = await watching(t, { workflow: pulls({ on } as Partial<Workflow>) });
    pass(1000);
    hook.note("pull_request", payload(1));
    for (let round = 0; round < 3; round++) await nextRound();
    const threw = service.log().filter(({ msg }) => /workflows threw an error for a missed/.test(String(msg)));
    assert.deepEqual(
      threw.map((record) => record.threw),
      [["pulls (not today)"]],
    );
  });
});

const keys = generateKeyPairSync("rsa", { modulusLength: 2048 });
const AS_APP = {
  GITHUB_TOKEN: "",
  GITHUB_APP_ID: "7",
  GITHUB_APP_PRIVATE_KEY: keys.privateKey.export({ type: "pkcs8", format: "pem" }).toString(),
};

/** Starts a service that was down for an hour, after one wanted delivery to each of these webhooks. */
async function afterAnHour(
  t: TestContext,
  hooks: readonly (readonly [owner: string, url: string])[],
  settings: Record<string, string> = {},
  prepare: (its: Scene) => void = () => {},
) {
  const its = await scene(t);
  const publicKey = keys.publicKey.export({ type: "spki", format: "pem" }).toString();
  const permissions = {
    contents: "write",
    metadata: "read",
    repository_hooks: "read",
    organization_hooks: "read",
  } as const;
  its.github.app({ id: 7, publicKey, installations: [{ id: 70, owner: "acme", permissions }] });
  for (const [number, [owner, url]] of hooks.entries()) {
    its.github.hook(owner, url).note("pull_request", payload(number), { at: Date.now() - 1_800_000 });
  }
  for (const owner of ["app", TARGET, "acme/other", "acme"]) {
    await setMark(its.dataDir, {}, Date.now() - 3_600_000, `missed webhooks of ${owner}`);
  }
  prepare(its);
  const service = await its.start({ settings: { LOG_LEVEL: "debug", ...settings } });
  await untilLong("the log was read", () =>
    messages(service).some((msg) => msg.startsWith("looked for webhook deliv")),
  );
  const runs = await runsOf(service);
  const numbers = await Promise.all(runs.map(async ({ id }) => (await runOf(service, id)).outputs.number));
  const troubles = service.log().filter(({ msg }) => msg === "missed webhook deliveries cannot be read");
  return { ...its, service, numbers: numbers.toReversed(), troubles };
}

const OTHER = "https://hooks.slack.com/services/T0/B0/secretOfTheirs";

describe("the webhook whose deliveries are read", () => {
  it("is only the one of TARGET_REPO that leads to the service", async (t) => {
    const { numbers, troubles } = await afterAnHour(t, [
      [TARGET, OTHER],
      [TARGET, HERE],
      ["acme", HERE],
      ["acme/other", HERE],
    ]);
    assert.deepEqual([numbers, troubles], [[1], []]);
  });

  it("is the one with the host of PUBLIC_URL, and a path of any proxy", async (t) => {
    const hooks = [
      [TARGET, "https://staging.example.com/webhooks/github"],
      [TARGET, "https://runner.example.com/gh-runner/webhooks/github"],
    ] as const;
    const { numbers } = await afterAnHour(t, hooks, { PUBLIC_URL: "https://runner.example.com/gh-runner" });
    assert.deepEqual(numbers, [1]);
    const unknown = await afterAnHour(t, hooks);
    assert.deepEqual(unknown.numbers, []);
    assert.match(String(unknown.troubles[0]?.reason), /several webhooks there .* Set PUBLIC_URL/);
    const elsewhere = await afterAnHour(t, hooks, { PUBLIC_URL: "https://other.example.com" });
    assert.deepEqual(elsewhere.numbers, []);
    assert.match(String(elsewhere.troubles[0]?.reason), /no webhook there has the URL https:\/\/other\.example\.com/);
  });

  it("is the one with the path of PUBLIC_URL where several installations share a host", async (t) => {
    const hooks = [
      [TARGET, "https://ci.example.com/staging/webhooks/github"],
      [TARGET, "https://ci.example.com/prod/webhooks/github"],
      [TARGET, "https://ci.example.com/webhooks/github"],
    ] as const;
    const { numbers, troubles } = await afterAnHour(t, hooks, { PUBLIC_URL: "https://ci.example.com/prod" });
    assert.deepEqual([numbers, troubles], [[1], []]);
  });

  it("may have another host if an operator has named its owner", async (t) => {
    const settings = { PUBLIC_URL: "https://inside.example.com", GITHUB_WEBHOOK_OF: TARGET };
    const { numbers } = await afterAnHour(t, [[TARGET, HERE]], settings);
    assert.deepEqual(numbers, [0]);
  });

  it("is the GitHub App's, read with its JWT and no permission", async (t) => {
    const { numbers, github } = await afterAnHour(t, [["app", HERE]], AS_APP);
    assert.deepEqual(numbers, [0]);
    assert.ok(github.requests.some(({ route }) => route === "GET /app/hook/deliveries/{delivery_id}"));
  });

  it("is that of TARGET_REPO if the GitHub App has none that leads here", async (t) => {
    const { numbers, troubles } = await afterAnHour(
      t,
      [
        ["app", OTHER],
        [TARGET, HERE],
      ],
      AS_APP,
    );
    assert.deepEqual(numbers, [1]);
    assert.deepEqual(
      troubles.map(({ of, level }) => [of, level]),
      [["the GitHub App's webhook", "info"]],
    );
  });

  it("may be several: of repositories, of an organisation", async (t) => {
    const hooks = [
      [TARGET, HERE],
      ["acme/other", HERE],
      ["acme", HERE],
    ] as const;
    const prepare = ({ github }: Scene) => void github.repository("acme/other");
    const settings = { GITHUB_WEBHOOK_OF: "acme/other, acme" };
    assert.deepEqual((await afterAnHour(t, hooks, settings, prepare)).numbers, [1, 2]);
    const asApp = await afterAnHour(t, hooks, { ...settings, ...AS_APP }, prepare);
    assert.deepEqual([asApp.numbers, asApp.troubles], [[1, 2], []]);
  });

  it("cannot be of a missing App, or of an invalid name", () => {
    assert.throws(
      () => readConfig({ GITHUB_WEBHOOK_OF: "app" }),
      /GITHUB_WEBHOOK_OF: app means the webhook of a GitHub App: set GITHUB_APP_ID/,
    );
    for (const wrong of ["acme/", "a b", "https://github.com/acme/shop", "acme,,shop"]) {
      assert.throws(
        () => readConfig({ GITHUB_WEBHOOK_OF: wrong }),
        /GITHUB_WEBHOOK_OF: expected app, off, owner\/name/,
        wrong,
      );
    }
  });

  it("is not searched when it is switched off, without a secret, and without a workflow that wants events", async (t) => {
    const http = { http: { path: "/go", body: { safeParse: (data: unknown) => ({ success: true as const, data }) } } };
    for (const given of [
      { settings: { GITHUB_WEBHOOK_OF: "off" } },
      { settings: { GITHUB_WEBHOOK_SECRET: "" }, workflow: pulls({ on: http } as Partial<Workflow>) },
      { workflow: pulls({ on: http } as Partial<Workflow>) },
    ]) {
      const its = await scene(t);
      its.github.hook(TARGET, HERE);
      const service = await its.start(given);
      // It begins before the service answers.
      for (let n = 0; n < 5; n++) await send(service.url, { path: "/ready" });
      assert.deepEqual(its.github.requests, []);
      await service.app.close();
    }
  });
});

describe("a token that may not read webhooks", () => {
  it("causes one log line with the missing permission, and the service works", async (t) => {
    const fineGrained = "github_pat_0123456789abcdefABCDEF";
    const prepare = ({ github }: Scene) =>
      github.token(fineGrained, { permissions: { contents: "write", metadata: "read" } });
    const { service, troubles, numbers } = await afterAnHour(
      t,
      [[TARGET, HERE]],
      { GITHUB_TOKEN: fineGrained },
      prepare,
    );
    assert.deepEqual(numbers, []);
    assert.deepEqual([troubles.length, troubles[0]?.level], [1, "info"]);
    assert.match(
      String(troubles[0]?.reason),
      /^Finding the webhook of acme\/shop failed: GitHub answered 403 .* Give the token "Webhooks: read" on acme\/shop/,
    );
    assert.equal((await deliver(service.url, "pull_request", payload(5))).status, 202);
    const named = await afterAnHour(
      t,
      [["acme", HERE]],
      { GITHUB_TOKEN: fineGrained, GITHUB_WEBHOOK_OF: "acme" },
      prepare,
    );
    assert.equal(named.troubles[0]?.level, "warn");
    assert.match(
      String(named.troubles[0]?.reason),
      /Give the token "Organization webhooks: read" on acme \(.*admin:org_hook/,
    );
    assert.ok(!JSON.stringify(service.log()).includes(fineGrained));
  });

  it("is tried again after an hour, and the deliveries missed until then are accepted", async (t) => {
    const its = await watching(t);
    its.pass(1000);
    its.hook.note("pull_request", payload(1));
    const fault = its.github.fault(
      {},
      { kind: "status", status: 403, body: '{"message":"Resource not accessible by personal access token"}' },
    );
    for (let round = 0; round < 12; round++) await its.nextRound();
    assert.equal(fault.met, 1);
    fault.remove();
    await its.nextRound();
    assert.deepEqual(await its.numbers(), [1]);
  });
});

describe("gh-runner doctor", () => {
  const found = async (its: Scene, settings: Record<string, string> = {}) => {
    const checks = await checkSettings({
      ...{ GITHUB_API_URL: its.github.url, GITHUB_TOKEN: TOKEN, DEPLOYMENT_REPO: DEPLOYMENT, TARGET_REPO: TARGET },
      ...{ DATA_DIR: its.dataDir, GITHUB_WEBHOOK_SECRET: WEBHOOK_SECRET, WORKFLOWS_DIR: "workflows", ...settings },
    });
    return checks.filter(({ check }) => check === "missed webhooks");
  };

  it("reports how far back GitHub's log of the webhook goes, and until when it was read", async (t) => {
    for (const settings of [{}, { DATABASE_URL: postgres.url, DATABASE_SCHEMA: postgres.schema() }]) {
      const its = await scene(t);
      const hook = its.github.hook(TARGET, HERE);
      const [empty] = await found(its, settings);
      assert.match(empty?.message ?? "", /it is empty; the service has not read it yet$/);
      for (const at of ["2026-11-27T10:00:00Z", "2026-11-28T10:00:00Z"]) {
        hook.note("push", {}, { at: Date.now() - Date.parse("2026-11-29T00:00:00Z") + Date.parse(at), status: 202 });
      }
      await setMark(its.dataDir, settings, Date.now() - 60_000);
      const [one, ...others] = await found(its, settings);
      assert.deepEqual([one?.status, one?.remedy, others], ["ok", null, []]);
      assert.match(
        one?.message ?? "",
        /^the log of the webhook of acme\/shop can be read, of the last 7 days: it goes back to \S+Z, and the latest delivery is of \S+Z; the service has read it until \S+Z$/,
      );
    }
  });

  it("warns about a log that does not reach back to the last read, and of a latest delivery that failed", async (t) => {
    const its = await scene(t);
    its.github.hook(TARGET, HERE).note("push", {}, { status: 401 });
    assert.match((await found(its))[0]?.message ?? "", /, which was answered 401$/);
    await setMark(its.dataDir, {}, Date.now() - 8 * 86_400_000);
    const [one] = await found(its);
    assert.match(`${one?.status} ${one?.message}`, /^warning .* GitHub no longer keeps deliveries from then$/);
  });

  it("warns about a missing permission, and fails for nothing else", async (t) => {
    const its = await scene(t);
    its.github.token(TOKEN, { permissions: { contents: "write", metadata: "read" } });
    its.github.hook(TARGET, HERE);
    const [one, ...others] = await found(its);
    assert.deepEqual([one?.status, others], ["warning", []]);
    assert.match(
      one?.message ?? "",
      /^gh-runner cannot catch up on events that GitHub sends while it is down: .* answered 404/,
    );
    assert.match(
      one?.remedy ?? "",
      /^Give the token "Webhooks: read" on acme\/shop .* Or set GITHUB_WEBHOOK_OF=off\.$/,
    );
    assert.deepEqual(await found(its, { GITHUB_WEBHOOK_OF: "off" }), []);
    assert.deepEqual(await found(its, { GITHUB_WEBHOOK_SECRET: "" }), []);
  });

  it("sends no request while no workflow can use missed deliveries, because the service does not read them then", async (t) => {
    const its = await scene(t);
    for (const FOLLOW of ["", "status,comment"]) {
      assert.deepEqual(await found(its, { WORKFLOWS_DIR: "", FOLLOW }), []);
    }
    // A closed pull request ends its deployments.
    const [one] = await found(its, { WORKFLOWS_DIR: "", FOLLOW: "deployment" });
    assert.match(one?.message ?? "", /: no webhook there has the URL https:\/\/…\/webhooks\/github$/);
    const [here] = await found(its, { PUBLIC_URL: "https://runner.example.com/gh-runner" });
    assert.match(
      here?.message ?? "",
      /: no webhook there has the URL https:\/\/runner\.example\.com\/gh-runner\/webhooks\/github$/,
    );
  });
});

async function runOf({ url }: Pick<Service, "url">, id: string) {
  for (;;) {
    const run = (await send(url, { path: `/api/runs/${id}` })).json;
    if (run.status !== "queued" && run.status !== "running") return run;
  }
}

/** The log was read until this time by a service that is down now. */
async function setMark(dataDir: string, settings: Record<string, string>, time: number, name = MARK): Promise<void> {
  const { DATABASE_URL: url, DATABASE_SCHEMA: schema = "" } = settings;
  const clock = movedClock(Date.now());
  const store = url
    ? await openPostgresStore({ url, schema, clock, onError: () => {} })
    : openSqliteStore(dataDir, clock);
  await store.setMark(name, { until: time, readAt: time, done: {} });
  await store.close();
}
