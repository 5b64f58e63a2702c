import assert from "node:assert/strict";
import { describe, it, type TestContext } from "node:test";
import { defineWorkflow } from "gh-runner";
import type { Clock } from "../src/model/clock.ts";
import { movedClock } from "./support/clock.ts";
import { command } from "./support/command.ts";
import { deploy, notify, send, startService, TOKEN } from "./support/service.ts";
import { deliver, payloadOf, WEBHOOK_SECRET } from "./support/webhooks.ts";

const welcome = defineWorkflow({
  name: "welcome",
  on: { github: { events: "pull_request", actions: ["opened"] } },
  async run() {},
});

const CALLER = "caller-token-0123456789";

async function scene(t: TestContext, { clock }: { clock?: Clock } = {}) {
  const service = await startService(t, {
    settings: { GITHUB_WEBHOOK_SECRET: WEBHOOK_SECRET, GITHUB_WEBHOOK_OF: "off", AUTH_TOKENS: `argocd:${CALLER}` },
    options: { workflows: [{ workflow: welcome, file: "welcome.ts" }], ...(clock && { clock }) },
  });
  const authorization = `Bearer ${CALLER}`;
  const get = (path: string) => send(service.url, { path, headers: { authorization } });
  const why = async (text: string) => (await get(`/api/why?text=${encodeURIComponent(text)}`)).json;
  const cli = (...args: string[]) => cliWith({}, ...args);
  const cliWith = (more: object, ...args: string[]) =>
    command(args, { ...more, GH_RUNNER_URL: service.url, GH_RUNNER_TOKEN: CALLER });
  const called = (body: object) => notify(service.url, body, { authorization });
  return { ...service, get, why, cli, cliWith, called };
}

describe("GET /api/why and gh-runner why", () => {
  it("report that the service was never called, then that others called, then the state of the run", async (t) => {
    const { github, why, cli, called } = await scene(t, { clock: movedClock() });
    assert.match(
      (await why("pr-1234")).answer,
      /^No event for pr-1234 has arrived, and none for any other application: POST \/dispatch /,
    );
    await called({ application: "pr-1" });
    assert.match(
      (await why("pr-1234")).answer,
      /receives calls for others.* last called just now by token argocd, once in the last 1 min/,
    );
    const nothing = await cli("why", "pr-1234");
    assert.equal(nothing.code, 1, nothing.stderr);
    assert.match(
      nothing.stdout,
      /^No event for pr-1234 has arrived\. .*\n\nCheck that ArgoCD has this application.*\n {2}kubectl -n argocd get application pr-1234 -o/,
    );
    deploy(github, "pr-1234", "abc1234");
    await called({ application: "pr-1234" });
    const known = await cli("why", "pr-1234");
    assert.equal(known.code, 0, known.stderr);
    assert.equal(known.stdout, "The newest run of pr-1234 succeeded just now, and dispatched the commit abc1234.\n");
  });

  it("do not report that nothing came when it came at another time, and use the caller's time zone", async (t) => {
    const clock = movedClock(Date.parse("2026-11-24T11:00:00Z"));
    const { url, github, why, cliWith, called } = await scene(t, { clock });
    deploy(github, "pr-1234", "abc1234");
    await called({ application: "pr-1234" });
    clock.move(90 * 60_000);
    const { answer, isKnown } = await why("pr-1234 since:1h");
    assert.equal(isKnown, false);
    assert.match(answer, /^Nothing matches with since\. Without it: The newest run of pr-1234 succeeded 1 h ago/);
    assert.match(
      (await why("pr-1234 status:failure")).answer,
      /^Nothing matches with status\. Without it: The newest run/,
    );
    assert.match(
      (await why("pr-1234 workflow:welcome repo:acme/shop")).answer,
      /^No webhook for acme\/shop has arrived/,
    );
    for (const [text, without] of [
      ["pr-1234 workflow:welcome", "workflow"],
      ["app:pr-1234 out of memory", "out of memory"],
      ["workflow:environment-ready by:unknown", "by"],
      ["environment-ready event:push until:1d", "event and until"],
    ] as const)
      assert.match(
        (await why(text)).answer,
        new RegExp(`^Nothing matches with ${without}\\. Without (?:it|them): The newest run`),
        text,
      );
    assert.match((await why("pr-9 since:1h")).answer, /^No event for pr-9 has arrived\./);
    // Today at 12:15 in UTC. Read in UTC it would be yesterday.
    const headers = { authorization: `Bearer ${CALLER}`, cookie: "gh-runner-zone=Europe/Berlin" };
    const page = await send(url, { path: "/?text=pr-1234+since:13:15", headers });
    assert.match(page.text, /Nothing matches with since\. Without it: The newest run of pr-1234 succeeded/);
    const inIndia = await cliWith({ TZ: "Asia/Kolkata" }, "why", "--json", "pr-1234", "since:13:00");
    assert.match(JSON.parse(inIndia.stdout).text, /^since:\S+T07:30:00\.000Z pr-1234$/, inIndia.stderr);
  });

  it("report a wrong token, which may have been for it, and a rejected request", async (t) => {
    const { url, why, called } = await scene(t, { clock: movedClock() });
    await notify(url, { application: "pr-1234" }, { authorization: "Bearer wrong" });
    assert.match(
      (await why("pr-1234")).answer,
      /^No event for pr-1234 was accepted, but POST \/dispatch was rejected once for a wrong token/,
    );
    await called({ application: "pr-1234/x" });
    assert.match((await why("pr-1234/x")).answer, /^A request.* was rejected just now: POST \/dispatch returned 400\./);
  });

  it("report which filter of which workflow rejected a webhook, also as a list", async (t) => {
    const { url, get, why, cli } = await scene(t, { clock: movedClock() });
    const payload = payloadOf("pull_request", "closed") as { number: number; repository: { full_name: string } };
    await deliver(url, "pull_request", payload);
    const { full_name: repository } = payload.repository;
    const { answer } = await why(`repo:${repository} #${payload.number}`);
    assert.match(
      answer,
      /^The webhook pull_request\.closed of .* arrived just now and started no run\. welcome: wants opened, this is closed\.$/,
    );
    const { events, rejected } = (await get("/api/events?text=event:pull_request")).json;
    assert.deepEqual(
      [events.length, events[0].event, events[0].reasons, rejected],
      [1, "pull_request.closed", [{ workflow: "welcome", reason: "wants opened, this is closed" }], []],
    );
    const { stdout } = await cli("events", `#${payload.number}`);
    assert.match(
      stdout,
      /^AGE +EVENT +ABOUT +RESULT +REASON\n\S+ +pull_request\.closed +\S+ #\d+ +no run +welcome: wants opened, this is closed\n$/,
    );
    assert.match((await why("acme/other")).answer, /Other repositories send webhooks/);
  });

  it("answer an invalid search, a hostile one, and one with a token", async (t) => {
    const { get, why } = await scene(t, { clock: movedClock() });
    assert.equal((await get("/api/events?text=status:failed")).status, 400);
    assert.match((await get("/api/events?text=nope:1")).json.detail, /^nope:1: /);
    assert.equal((await get("/api/why")).status, 400);
    assert.equal((await get(`/api/why?text=${"x".repeat(8000)}`)).status, 400);
    for (const text of ["\0", "%' OR 1=1 --", "<script>", "\u202e", '"', "a\n\nb"])
      assert.equal((await why(text)).isKnown, false, text);
    assert.doesNotMatch(JSON.stringify(await why(TOKEN)), new RegExp(TOKEN.slice(4, 20)));
  });
});
