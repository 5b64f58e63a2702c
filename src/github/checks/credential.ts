import { type Check, ok, problem, warning } from "../../model/check.ts";
import { type Answer, jsonOf } from "../answer.ts";
import { appFailureOf, isUnknownApp } from "../auth/app-failures.ts";
import { expiryIn } from "../auth/token-expiry.ts";
import { whatCame } from "../failures.ts";
import type { Inspection } from "../open-github.ts";
import { type Checked, failed } from "./checked.ts";

/** Who asks, as GitHub knows them. */
export type Identity =
  | { readonly kind: "classic"; readonly name: string; readonly scopes: readonly string[] }
  | { readonly kind: "fine-grained" | "installation" | "app"; readonly name: string };

/** Without `identity`, no further check is possible. */
export type Answered = { readonly checks: readonly Check[]; readonly identity?: Identity | undefined };

/** Checks whether GitHub answers, and who owns the credential. */
export async function checkCredential({
  github,
  apiUrl,
  app,
  variable = "GITHUB_TOKEN",
}: Pick<Checked, "github" | "apiUrl"> & {
  /** The name of an App that a workflow names. */
  readonly app?: string | undefined;
  /** The token's variable. */
  readonly variable?: string | undefined;
}): Promise<Answered> {
  try {
    return github.askAsApp
      ? await checkApp(github.askAsApp, { apiUrl, app })
      : await checkToken(github, apiUrl, variable);
  } catch (error) {
    return { checks: [failed("GitHub", error)] };
  }
}

async function checkApp(
  ask: NonNullable<Inspection["askAsApp"]>,
  { apiUrl, app }: { readonly apiUrl: string; readonly app: string | undefined },
): Promise<Answered> {
  const attempted = { tried: `asking ${apiUrl} which App this is`, repository: "", permission: "" };
  const answer = await ask(attempted, "GET /app", {});
  const { slug, owner } = jsonOf(answer) as { slug?: unknown; owner?: { login?: unknown } };
  if (answer.status === 200 && typeof slug === "string") {
    const checks = [answersAt(apiUrl, answer), ok("app", `is ${slug}, of ${owner?.login ?? "unknown"}`)];
    return { checks, identity: { name: `the App ${slug}`, kind: "app" } };
  }
  if (answer.status === 200 || (answer.status === 404 && !isUnknownApp(answer))) {
    return { checks: [notTheApi(apiUrl, answer)] };
  }
  return { checks: [answersAt(apiUrl, answer), failed("app", appFailureOf(attempted, answer, { apiUrl, app }))] };
}

async function checkToken({ ask, time }: Inspection, apiUrl: string, variable: string): Promise<Answered> {
  const attempted = { tried: `asking ${apiUrl} who owns the token`, repository: "", permission: "" };
  const answer = await ask(attempted, "GET /user", {}, [200, 401, 403, 404]);
  const identity = identityOf(answer);
  if (answer.status === 404 || (answer.status === 200 && !identity)) return { checks: [notTheApi(apiUrl, answer)] };
  const answers = answersAt(apiUrl, answer);
  if (!identity) return { checks: [answers, rejected(answer, variable)] };
  return { checks: [answers, whose(identity), ...expiry(answer, time.now(), variable)], identity };
}

function answersAt(apiUrl: string, { headers }: Answer): Check {
  const version = headers["x-github-enterprise-version"];
  return ok("GitHub", `${apiUrl} answers${version ? ` (Enterprise Server ${version})` : ""}`);
}

function notTheApi(apiUrl: string, answer: Answer): Check {
  return problem(
    "GitHub",
    `${apiUrl} does not answer as GitHub's API does: ${whatCame(answer)}`,
    "Set GITHUB_API_URL to https://api.github.com, https://HOST/api/v3 (Enterprise Server) or https://api.TENANT.ghe.com.",
  );
}

function identityOf(answer: Answer): Identity | undefined {
  const { status, headers, message } = answer;
  if (status === 403 && /not accessible by integration/i.test(message)) {
    return { name: "an installation of a GitHub App", kind: "installation" };
  }
  const { login: name } = jsonOf(answer) as { login?: unknown };
  if (status !== 200 || typeof name !== "string") return undefined;
  const scopes = headers["x-oauth-scopes"];
  if (scopes === undefined) return { kind: "fine-grained", name };
  return {
    kind: "classic",
    name,
    scopes: String(scopes)
      .split(/[,\s]+/)
      .filter(Boolean),
  };
}

function rejected(answer: Answer, variable: string): Check {
  return answer.status === 401
    ? problem("token", `is not valid: ${whatCame(answer)}`, `Set ${variable} to a valid token.`)
    : problem("token", `is rejected: ${whatCame(answer)}`, "Do what GitHub's message says, or use another token.");
}

function whose(identity: Identity): Check {
  if (identity.kind === "installation") {
    return warning(
      "token",
      "belongs to an installation of a GitHub App, and ends within the hour",
      "Set GITHUB_APP_ID and GITHUB_APP_PRIVATE_KEY instead; the service then gets such tokens automatically.",
    );
  }
  if (identity.kind !== "classic") return ok("token", `is ${identity.name}'s, fine-grained`);
  return ok("token", `is ${identity.name}'s, classic, with ${scopesIn(identity.scopes)}`);
}

/** `the scopes repo, workflow` */
export function scopesIn(scopes: readonly string[]): string {
  if (scopes.length === 0) return "no scopes";
  return `the ${scopes.length === 1 ? "scope" : "scopes"} ${scopes.join(", ")}`;
}

const DAY_MS = 86_400_000;
const WARNED_DAYS = 14;

/** @param now epoch milliseconds by GitHub's clock. */
function expiry(answer: Answer, now: number, variable: string): Check[] {
  const end = expiryIn(answer);
  if (end === undefined) return [];
  const when = new Date(end).toISOString().slice(0, 10);
  if (end - now > WARNED_DAYS * DAY_MS) return [ok("expiry", `the token ends on ${when}`)];
  const days = Math.max(0, Math.floor((end - now) / DAY_MS));
  const message = `the token ends on ${when}, in ${days === 1 ? "1 day" : `${days} days`}`;
  return [warning("expiry", message, `Create a new one before that, and put it into ${variable}.`)];
}
