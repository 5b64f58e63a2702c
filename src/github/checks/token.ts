import { type Check, ok, problem, warning } from "../../model/check.ts";
import { expiryIn } from "../auth/token-expiry.ts";
import { whatCame } from "../failures.ts";
import type { Answer } from "../http.ts";
import { jsonOf } from "../json-of.ts";
import { failed } from "./failed.ts";
import { answersAt, notTheApi } from "./host.ts";
import type { Asker, CheckNeeds, Stage } from "./needs.ts";

/** Whether GitHub answers, and whose the token is. */
export async function checkToken({ apiUrl, inspection, now }: CheckNeeds): Promise<Stage> {
  const attempted = { tried: `asking ${apiUrl} whose the token is`, repository: "", permission: "" };
  let answer: Answer;
  try {
    answer = await inspection.ask(attempted, "GET /user", {}, [200, 401, 403, 404]);
  } catch (error) {
    return { checks: [failed("GitHub", error)], asker: undefined };
  }
  const asker = askerOf(answer);
  if (answer.status === 404 || (answer.status === 200 && !asker)) {
    return { checks: [notTheApi(apiUrl, answer)], asker: undefined };
  }
  const answers = answersAt(apiUrl, answer);
  if (!asker) return { checks: [answers, refused(answer)], asker };
  const serverNow = now() + (inspection.skewMs() ?? 0);
  return { checks: [answers, whose(asker), ...expiry(answer, serverNow)], asker };
}

function askerOf(answer: Answer): Asker | undefined {
  const { status, headers, message } = answer;
  if (status === 403 && /not accessible by integration/i.test(message)) {
    return { name: "an installation of a GitHub App", kind: "installation" };
  }
  const { login } = jsonOf(answer) as { login?: unknown };
  if (status !== 200 || typeof login !== "string") return undefined;
  const scopes = headers["x-oauth-scopes"];
  if (scopes === undefined) return { kind: "fine-grained", name: login };
  return {
    kind: "classic",
    name: login,
    scopes: String(scopes)
      .split(/[,\s]+/)
      .filter(Boolean),
  };
}

function refused(answer: Answer): Check {
  if (answer.status === 401) {
    return problem("token", `is not valid: ${whatCame(answer)}`, "Set GITHUB_TOKEN to a token that is in force.");
  }
  return problem("token", `is refused: ${whatCame(answer)}`, "Do what GitHub's message says, or use another token.");
}

function whose(asker: Asker): Check {
  const { name, kind } = asker;
  if (kind === "installation") {
    return warning(
      "token",
      "belongs to an installation of a GitHub App, and ends within the hour",
      "Set GITHUB_APP_ID and GITHUB_APP_PRIVATE_KEY instead; the service then gets such tokens by itself.",
    );
  }
  if (asker.kind !== "classic") return ok("token", `is ${name}'s, fine-grained`);
  return ok("token", `is ${name}'s, classic, with ${scopesIn(asker.scopes)}`);
}

/** `the scopes repo, workflow` */
export function scopesIn(scopes: readonly string[]): string {
  if (scopes.length === 0) return "no scopes";
  return `the ${scopes.length === 1 ? "scope" : "scopes"} ${scopes.join(", ")}`;
}

const WARNED_BEFORE_END_MS = 14 * 86_400_000;

/** The header is absent when the token does not end. */
function expiry(answer: Answer, now: number): Check[] {
  const end = expiryIn(answer);
  if (end === undefined) return [];
  const left = end - now;
  const when = new Date(end).toISOString().slice(0, 10);
  if (left > WARNED_BEFORE_END_MS) return [ok("expiry", `the token ends on ${when}`)];
  const days = Math.max(0, Math.floor(left / 86_400_000));
  return [
    warning(
      "expiry",
      `the token ends on ${when}, in ${days === 1 ? "1 day" : `${days} days`}`,
      "Make a new one in time, and put it into GITHUB_TOKEN.",
    ),
  ];
}
