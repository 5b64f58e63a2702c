import type { Page } from "playwright-core";
import { ALICE, CORA, LARRY, type Scene, VERA } from "./scene.ts";

export type State = {
  /** The name of its picture's file. */
  readonly name: string;
  /** Its location: a path of the scene, or an address. */
  readonly at: string;
  /** What a person does there to see the state. */
  readonly act?: (page: Page) => Promise<unknown>;
};

const PATIENCE = { timeout: 60_000 };

const press = (button: string) => async (page: Page) => {
  await page.getByRole("button", { name: button, exact: true }).click();
  await page.locator("#main").waitFor(PATIENCE);
};

/** Every page for signed-in people, in each of its states. */
export function statesOf({ runs, callback }: Scene): readonly State[] {
  return [
    { name: "runs", at: "/" },
    { name: "runs-failure", at: "/?status=failure" },
    { name: "runs-running", at: "/?status=running" },
    { name: "runs-found", at: "/?text=pr-1207" },
    { name: "runs-nothing-found", at: "/?text=pr-98765" },
    { name: "runs-why", at: "/?text=pr-1207&why=1" },
    { name: "runs-why-repository", at: "/?text=acme/nowhere" },
    { name: "runs-wrong-qualifier", at: "/?text=status:failed%20wrkflow:x" },
    { name: "runs-of-a-workflow", at: "/?workflow=deploy" },
    { name: "runs-since", at: "/?since=24h" },
    { name: "bulk-rerun", at: "/bulk/rerun?status=failure" },
    { name: "bulk-cancel", at: "/bulk/cancel" },
    { name: "bulk-nothing", at: "/bulk/rerun?status=failure&text=nowhere" },
    ...Object.entries(runs).map(([name, id]) => ({ name: `run-${name}`, at: `/runs/${id}` })),
    { name: "run-attempt", at: `/runs/${runs.rerun}/attempts/1` },
    { name: "run-log", at: `/runs/${runs.running}/log` },
    { name: "run-no-such", at: "/runs/no" },
    { name: "run-changed-input", at: `/runs/${runs.cancelled}/changed` },
    { name: "workflows", at: "/workflows" },
    { name: "workflows-next-hours", at: "/workflows#schedule" },
    ...["deploy", "nightly-report", "cleanup", "release", "welcome", "environment-ready", "smoke"].map((name) => ({
      name: `workflow-${name}`,
      at: `/workflows/${name}`,
    })),
    { name: "workflow-unknown", at: "/workflows/deplyo" },
    { name: "start-release", at: "/workflows/release/start" },
    {
      name: "start-release-wrong",
      at: "/workflows/release/start",
      async act(page) {
        await page.getByLabel("version").fill("1.0");
        await press("Run workflow")(page);
      },
    },
    { name: "workflow-no-such", at: "/workflows/none/start" },
    { name: "previews", at: "/previews" },
    { name: "previews-failed", at: "/previews?result=failed" },
    { name: "previews-of-one", at: "/previews?application=pr-2002" },
    { name: "previews-nothing-found", at: "/previews?text=pr-98765" },
    { name: "events", at: "/events" },
    { name: "events-found", at: "/events?text=pull_request" },
    { name: "events-nothing-found", at: "/events?text=pr-98765" },
    { name: "events-wrong-qualifier", at: "/events?text=status:failed" },
    { name: "audit", at: "/audit" },
    { name: "audit-verified", at: "/audit?verify=yes" },
    { name: "audit-rejected", at: "/audit?outcome=rejected" },
    { name: "audit-nothing-found", at: "/audit?actor=unknown" },
    { name: "session", at: "/session" },
    { name: "run-as-curl", at: `/runs/${runs.failed}`, act: (page) => page.getByText("Copy as curl").click() },
    { name: "callback", at: callback },
  ];
}

/** What others see instead of an operator, by their tokens: pages without what their roles do not allow, and rejections. */
export function statesOfOthers({
  runs,
}: Scene): readonly { readonly token: string; readonly states: readonly State[] }[] {
  const named = (who: string, pages: Readonly<Record<string, string>>): readonly State[] =>
    Object.entries(pages).map(([name, at]) => ({ name: `${who}-${name}`, at }));
  const start = "/workflows/release/start";
  return [
    {
      token: VERA,
      states: named("viewer", {
        ...{ runs: "/", run: `/runs/${runs.failed}`, workflows: "/workflows", workflow: "/workflows/release", start },
      }),
    },
    {
      token: LARRY,
      states: named("limited", { runs: "/", run: `/runs/${runs.crashed}`, events: "/events", session: "/session" }),
    },
    { token: CORA, states: named("caller", { runs: "/", run: `/runs/${runs.failed}`, start }) },
  ];
}

/** The same of a service on which nothing has happened yet. */
export function emptyStates(url: string): readonly State[] {
  return ["", "workflows", "previews", "events"].map((path) => ({
    name: `empty-${path.replace("/", "-") || "runs"}`,
    at: `${url}/${path}`,
  }));
}

/** The same of a service whose new secrets and workflows do not work. */
export function troubledStates(url: string): readonly State[] {
  return ["", "workflows", "audit"].map((path) => ({ name: `troubled-${path || "runs"}`, at: `${url}/${path}` }));
}

/** What people see there before they sign in: two ways to sign in, and one that failed. */
export function outsideStates(url: string): readonly State[] {
  return [
    { name: "sign-in-ways", at: `${url}/sign-in` },
    { name: "sign-in-denied", at: `${url}/sign-in/github/callback?error=access_denied` },
  ];
}

/** What people see before they sign in. */
export const OUTSIDE: readonly State[] = [
  { name: "sign-in", at: "/sign-in" },
  {
    name: "sign-in-wrong",
    at: "/sign-in",
    async act(page) {
      await page.getByLabel(/AUTH_TOKENS/).fill("wrong-token-0123456789");
      await press("Sign in")(page);
      await page.getByText("Wrong token.").waitFor(PATIENCE);
    },
  },
];

/** Signs in as alice, or with another token. The previous person is signed out. */
export async function signIn(page: Page, url: string, token = ALICE): Promise<void> {
  await page.context().clearCookies();
  await page.goto(`${url}/sign-in`);
  await page.getByLabel(/AUTH_TOKENS/).fill(token);
  await press("Sign in")(page);
  await page.getByRole("button", { name: "Sign out" }).first().waitFor(PATIENCE);
}

/** Shows a state. Resolves when it is visible. */
export async function show(page: Page, url: string, { at, act }: State): Promise<void> {
  await page.goto(new URL(at, url).href);
  await act?.(page);
}
