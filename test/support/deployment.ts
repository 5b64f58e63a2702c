import assert from "node:assert/strict";
import type { TestContext } from "node:test";
import { startGitHub } from "../../sandbox/github.ts";
import type { Workflow } from "../../src/model/workflow.ts";
import { type MovedClock, movedClock, until } from "./clock.ts";
import { databaseClock } from "./database-clock.ts";
import { temporaryFolder } from "./folder.ts";
import type { PostgresServer } from "./postgres.ts";
import { startReceiver } from "./receiver.ts";
import { DEPLOYMENT, notify, type Service, send, startService, TARGET, TOKEN } from "./service.ts";

const SECOND = 1000;

/** For all processes: workflows beside the built-in ones, and settings. */
type DeploymentOptions = {
  readonly workflows?: readonly Workflow[];
  readonly settings?: Record<string, string>;
};

/**
 * A deployment in front of one GitHub. All processes and the database share one clock. It is one process with SQLite, or this
 * many replicas with PostgreSQL. A receiver collects its notices.
 */
export async function deployment(
  t: TestContext,
  replicas: 1 | { readonly count: number; readonly postgres: PostgresServer },
  { workflows = [], settings: ofAll = {} }: DeploymentOptions = {},
) {
  const clock = movedClock();
  const github = await startGitHub({ now: clock.now });
  t.after(() => github.close());
  github.token(TOKEN);
  github.repository(TARGET);
  const receiver = await startReceiver(t);
  const { where, databaseNow, setTime } = replicas === 1 ? inSqlite(t) : await inPostgres(replicas.postgres, clock);
  const start = (settings: Record<string, string> = {}) =>
    startService(t, {
      settings: {
        ...where,
        GITHUB_API_URL: github.url,
        GITHUB_LIMITS: "off",
        NOTIFY_URL: `${receiver.url}/hook`,
        PUBLIC_URL: "https://ci.example",
        ...ofAll,
        ...settings,
      },
      options: {
        ...{ clock, databaseNow, random: () => 0 },
        workflows: workflows.map((workflow) => ({ workflow, file: `${workflow.name}.ts` })),
      },
    });
  const length = replicas === 1 ? 1 : replicas.count;
  const services = await Promise.all(Array.from({ length }, () => start()));
  const first = () => services[0] as Service;
  const rests = async () => {
    const { runs } = (await send(first().url, { path: "/api/runs?status=running&limit=1" })).json;
    return runs.length === 0;
  };
  /**
   * Due work begins within a few turns of the event loop. A store does one thing after the other: it has written that work when
   * it answers /ready. Then the work has to end.
   */
  const settle = async () => {
    for (let turn = 0; turn < 40; turn++) await new Promise((resolve) => setImmediate(resolve));
    for (const { url } of services) await send(url, { path: "/ready" });
    await until("nothing runs", rests);
  };
  return {
    clock,
    github,
    receiver,
    start,
    services,
    settle,
    /** Lets time pass, in steps shorter than any lease. */
    async pass(milliseconds: number): Promise<void> {
      await settle();
      const end = clock.now() + milliseconds;
      while (clock.now() < end) {
        const step = Math.min(5 * SECOND, end - clock.now());
        await setTime(clock.now() + step);
        clock.move(step);
        await settle();
      }
    },
    notices: () => receiver.received.map(({ body }) => JSON.parse(body)),
    /** Log records about outages, of all replicas. */
    logged: () => services.flatMap(({ log }) => log().filter(({ host }) => host !== undefined)),
    pages: async (path = "/") => Promise.all(services.map(async ({ url }) => (await send(url, { path })).text)),
    fails: () => github.fault({}, { kind: "status", status: 502 }),
  };
}

const inSqlite = (t: TestContext) => ({
  where: { DATA_DIR: temporaryFolder(t) },
  databaseNow: "",
  setTime: async (_: number) => {},
});

async function inPostgres(postgres: PostgresServer, clock: MovedClock) {
  const schema = postgres.schema();
  const { databaseNow, setTime } = await databaseClock(postgres.url, schema, clock.now());
  return { where: { DATABASE_URL: postgres.url, DATABASE_SCHEMA: schema }, databaseNow, setTime };
}

export type Deployment = Awaited<ReturnType<typeof deployment>>;

/** Notifies about a revision of an application, which is also its commit, and does not wait for its run. */
export async function event({ github, services }: Deployment, nth: number, application: string): Promise<void> {
  const revision = `commit-${nth}`;
  const values = `global:\n  config:\n    DEPLOYMENT_TAG: ${revision}\n`;
  github.repository(DEPLOYMENT).put(`configs/pr/light/${application}/values.yaml`, values, revision);
  const { url } = services[nth % services.length] as Service;
  const answer = await notify(url, { application, revision }, { prefer: "respond-async" });
  assert.equal(answer.status, 202);
}
