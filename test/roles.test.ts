import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, it, type TestContext } from "node:test";
import { allRoutes, withRoleMatrix } from "../scripts/role-matrix.ts";
import type { Route } from "../src/http/route-list.ts";
import type { Permission } from "../src/model/access.ts";
import { type StandInIssuer, startIssuer } from "./support/issuer.ts";
import type { SignInIssuer } from "./support/openid-provider.ts";
import { fixedPort } from "./support/port.ts";
import { deploy, notify, type Service, send } from "./support/service.ts";
import { ALICE, gitHubApp, openClient, startWithIssuer } from "./support/signing-in.ts";
import { httpWorkflow, workflowsFolder } from "./support/workflows.ts";

/** What each caller of the table has, and its permissions: written by hand, not computed by the code. */
const CALLERS = {
  caller: ["self", "call"],
  viewer: ["self", "read", "read-all"],
  operator: ["self", "call", "read", "read-all", "operate", "operate-all"],
  "caller@environment-ready": ["self", "call"],
  "viewer@environment-ready": ["self", "read"],
  "operator@environment-ready": ["self", "call", "read", "operate"],
  "caller@other": ["self"],
  "viewer@other": ["self", "read"],
  "operator@other": ["self", "read", "operate"],
} as const satisfies Readonly<Record<string, readonly Permission[]>>;

type Caller = keyof typeof CALLERS;

const tokenOf = (caller: Caller) => `token-of-${caller.replace("@", "-at-")}-0123456789`;

const SETTINGS = {
  AUTH_TOKENS: Object.keys(CALLERS)
    .map((caller) => `${caller.replace("@", "-of-")}:${caller}:${tokenOf(caller as Caller)}`)
    .join(","),
  GITHUB_WEBHOOK_SECRET: "the secret of the webhook",
  TRUSTED_PROXIES: "127.0.0.0/8",
  PROXY_USER_HEADER: "X-Forwarded-User",
  PROXY_GROUPS_HEADER: "X-Forwarded-Groups",
  SIGN_IN_ROLES: Object.keys(CALLERS)
    .flatMap((caller) => [`group:${caller}=${caller}`, `github:@${loginOf(caller)}=${caller}`])
    .join(","),
};

/** A person's name at another sign-in service. */
function loginOf(caller: string): string {
  return caller.replace("@", "-of-");
}

/** A way to authenticate: its settings, and what a caller's request contains. */
type WayIn = {
  readonly name: string;
  bring(service: Started, caller: Caller): Promise<Readonly<Record<string, string>>>;
};

type Started = Service & {
  /** The issuer for callers without a secret. */
  readonly issuer: StandInIssuer;
  /** The provider at which people sign in. */
  readonly provider: SignInIssuer;
  readonly gitHubApp: ReturnType<typeof gitHubApp>;
};

/** Signs in at another service, as a browser does. */
async function sessionOf(url: string, method: "oidc" | "github"): Promise<{ readonly cookie: string }> {
  const browser = openClient();
  await browser.walk(`${url}/sign-in/${method}`);
  const [name, { value }] =
    [...browser.jar].find(([each]) => each.startsWith("gh-runner-session")) ?? assert.fail("there is no session");
  return { cookie: `${name}=${value}` };
}

const WAYS: readonly WayIn[] = [
  { name: "a bearer token", bring: async (_, caller) => ({ authorization: `Bearer ${tokenOf(caller)}` }) },
  {
    name: "basic authentication",
    bring: async (_, caller) => ({
      authorization: `Basic ${Buffer.from(`any:${tokenOf(caller)}`).toString("base64")}`,
    }),
  },
  {
    name: "a session of a token",
    async bring({ url }, caller) {
      const headers = { "content-type": "application/x-www-form-urlencoded" };
      const { headers: answered } = await send(url, {
        ...{ method: "POST", path: "/sign-in", headers },
        body: new URLSearchParams({ token: tokenOf(caller), next: "/" }).toString(),
      });
      return { cookie: String(answered["set-cookie"]?.[0]).replace(/;.*/, "") };
    },
  },
  {
    name: "a session of OpenID Connect",
    async bring({ url, provider }, caller) {
      provider.account = { ...ALICE, sub: caller, email: `${loginOf(caller)}@acme.com`, groups: ["everyone", caller] };
      return sessionOf(url, "oidc");
    },
  },
  {
    name: "a session of GitHub",
    async bring({ url, gitHubApp }, caller) {
      gitHubApp.login = loginOf(caller);
      return sessionOf(url, "github");
    },
  },
  {
    name: "an OIDC token",
    bring: async ({ issuer }, caller) => ({ authorization: `Bearer ${await issuer.token({ sub: caller })}` }),
  },
  {
    name: "the header of a proxy",
    bring: async (_, caller) => ({ "x-forwarded-user": "alice", "x-forwarded-groups": `everyone, ${caller}` }),
  },
];

const OTHER = `import { defineWorkflow } from "gh-runner";
export default defineWorkflow({ name: "other", on: { manual: true }, run: async () => null });`;

/** A service with two workflows and a run, which its operator has started. */
async function started(t: TestContext) {
  const folder = workflowsFolder(t, { "other.ts": OTHER, "hooked.ts": httpWorkflow("hooked", "return {};") });
  const issuer = await startIssuer(t);
  const entries = Object.keys(CALLERS).map((role) => ({
    ...{ issuer: issuer.url, audience: "gh-runner", claims: { sub: role }, role },
  }));
  const port = await fixedPort();
  const app = gitHubApp(`http://127.0.0.1:${port}`);
  const settings = {
    ...{ ...SETTINGS, AUTH_OIDC: JSON.stringify(entries), WORKFLOWS_DIR: folder, PORT: String(port) },
    ...{ GITHUB_CLIENT_ID: app.clientId, GITHUB_CLIENT_SECRET: app.clientSecret },
  };
  const { issuer: provider, ...others } = await startWithIssuer(t, { settings });
  const service = { ...others, issuer, provider, gitHubApp: app };
  service.github.oauthApp(app);
  deploy(service.github, "pr-1", "1234567");
  const bring = { authorization: `Bearer ${tokenOf("operator")}` };
  const { headers } = await notify(service.url, { application: "pr-1" }, bring);
  return { ...service, run: String(headers["x-run-id"]), routes: service.app.routes() };
}

const isPage = ({ path }: Route) => !/^\/(api|dispatch|hooked|metrics|openapi\.json|live)/.test(path);

/** The status and text of an answer, or the beginning of an endless one. */
async function ask(url: string, { method, path }: Route, run: string, headers: Readonly<Record<string, string>>) {
  const asked = path.replace(":id", run).replace(":name", "environment-ready").replace(":number", "1");
  const abort = new AbortController();
  const { signal } = abort;
  const answer = await fetch(url + asked, {
    method,
    redirect: "manual",
    headers,
    signal,
    ...(method === "POST" && { body: "" }),
  });
  const text = path === "/live" && answer.ok ? "" : await answer.text();
  abort.abort();
  return { status: answer.status, text };
}

/** The expected answer for a caller at a route, from the permission that the route needs. */
function expected({ path, access }: Route, caller: Caller): "accepted" | 403 | 404 {
  assert.ok(access && "permission" in access, path);
  const has = (permission: Permission) => (CALLERS[caller] as readonly Permission[]).includes(permission);
  // A caller does not learn about a run that it may not read.
  if (path.includes("/:id")) {
    const reads = has("read") && !caller.endsWith("@other");
    if (access.permission === "read") return reads ? "accepted" : 404;
    return has(access.permission) ? (reads ? "accepted" : 404) : 403;
  }
  const isOfWorkflow = path.includes("/:name") || path === "/dispatch" || path === "/hooked";
  const its = path === "/hooked" ? "hooked" : "environment-ready";
  const limit = caller.split("@")[1];
  if (isOfWorkflow && limit !== undefined && limit !== its) return 403;
  return has(access.permission) ? "accepted" : 403;
}

describe("every route", () => {
  it("states who is accepted, and few accept everyone", async () => {
    const open = (await allRoutes()).flatMap(({ method, path, access }) => {
      assert.ok(access, `${method} ${path} says nothing: give it a guard, or mark it with withAccess`);
      return "open" in access ? [`${method} ${path.replace(/^\/assets\/.*/, "/assets")}`] : [];
    });
    assert.deepEqual([...new Set(open)].sort(), [
      ...["GET /assets", "GET /callbacks/:secret", "GET /health", "GET /ready", "GET /session", "GET /sign-in"],
      ...["github", "oidc"].flatMap((way) => [`GET /sign-in/:method{${way}}`, `GET /sign-in/:method{${way}}/callback`]),
      ...["POST /callbacks/:secret", "POST /callbacks/:secret/form", "POST /sign-in", "POST /sign-out"],
      "POST /webhooks/github",
    ]);
  });

  it("is in the table of docs/security.md, with its permission: npm run docs", async () => {
    const file = new URL("../docs/security.md", import.meta.url);
    const written = readFileSync(file, "utf8");
    assert.equal(written, withRoleMatrix(written, await allRoutes()));
  });

  it("answers a caller without a credential with 401, or with a sign-in page", async (t) => {
    const { url, run, routes } = await started(t);
    for (const route of routes) {
      if (!route.access || "open" in route.access) continue;
      const { status } = await ask(url, route, run, {});
      assert.equal(status, isPage(route) ? 303 : 401, `${route.method} ${route.path}`);
    }
    const wrong = { authorization: "Bearer this-is-none-of-the-tokens" };
    for (const path of ["/api/runs", "/api/me", "/metrics", "/dispatch"]) {
      const route = routes.find((each) => each.path === path) ?? assert.fail(path);
      assert.equal((await ask(url, route, run, wrong)).status, 401, path);
    }
  });

  for (const way of WAYS) {
    it(`accepts by ${way.name} the callers of the table, and answers the others with 403 or 404 and the reason`, async (t) => {
      const service = await started(t);
      const { url, run, routes } = service;
      let asked = 0;
      for (const caller of Object.keys(CALLERS) as Caller[]) {
        const headers = await way.bring(service, caller);
        for (const route of routes) {
          if (!route.access || "open" in route.access) continue;
          const { status, text } = await ask(url, route, run, headers);
          const where = `${caller}: ${route.method} ${route.path} ${text.slice(0, 300)}`;
          const what = expected(route, caller);
          if (what === "accepted")
            assert.ok(
              ![401, 403, 404, 500].includes(status) && !(status === 303 && /sign-in/.test(text)),
              `${status} ${where}`,
            );
          else assert.equal(status, what, where);
          if (status === 403)
            assert.match(
              text,
              /(token|oidc|user|github) [\w@.-]+ is an? (caller|viewer|operator).*; this (needs|concerns)/,
              where,
            );
          assert.ok(!text.includes(tokenOf(caller)), where);
          asked++;
        }
      }
      assert.ok(asked > 300, String(asked));
    });
  }
});
