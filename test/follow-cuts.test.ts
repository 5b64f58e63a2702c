import assert from "node:assert/strict";
import { it } from "node:test";
import { previewScene, SHA } from "./support/follow.ts";
import { chanceOf } from "./support/random.ts";
import { deploy, notify } from "./support/service.ts";

/** MANY=1000 takes a minute of CPU. */
const MANY = Number(process.env.MANY ?? 100);
const PER_ROUND = 50;
const SEED = Number(process.env.SEED ?? 20_261_124);
const MINUTE = 60_000;

it(`${MANY} dispatches whose answer is cut at random, before GitHub took them or after, start one Actions run each`, async (t) => {
  const chance = chanceOf(SEED);
  const { github, url, shop, pass, app } = await previewScene(t, { settings: { FOLLOW: "status" }, webhooks: false });
  const cut = { route: "POST /repos/{owner}/{repo}/dispatches", probability: 0.5, random: chance.next };
  const fault = github.fault(cut, () => ({ kind: "reset", afterHandling: chance.next() < 0.5 }));
  // Following them is another promise, and takes time.
  await app.engine.actions.pause("preview-tests", { actor: "test" });
  shop.addCommit(SHA(1));
  const applications = Array.from({ length: MANY }, (_, nth) => `pr-${nth}`);
  for (const application of applications) deploy(github, application, SHA(1));
  for (let nth = 0; nth < MANY; nth += PER_ROUND) {
    await Promise.all(applications.slice(nth, nth + PER_ROUND).map((application) => notify(url, { application })));
    await pass(MINUTE, 20_000);
  }
  await pass(6 * MINUTE, 30_000);
  // An event that never arrived, three times in a row, is retried after half an hour.
  fault.remove();
  await pass(90 * MINUTE, 5 * MINUTE);

  const { runs } = await app.engine.store.list({ workflow: "environment-ready", status: "success" }, { limit: 2000 });
  const started = Map.groupBy(shop.runs.values(), ({ title }) => / of (\S+) /.exec(title)?.[1]);
  const wrong = applications.filter((application) => started.get(application)?.length !== 1);
  assert.deepEqual(wrong, [], `SEED=${SEED}`);
  assert.equal(runs.length, MANY, `SEED=${SEED}`);
  assert.ok(fault.met > MANY / 3, `only ${fault.met} answers were cut`);
});
