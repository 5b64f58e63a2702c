import { type Failure, isFailure, LimitReached, PermanentFailure } from "../model/failure.ts";
import { ownerAndName } from "../model/github-names.ts";
import { hasTooManyValues } from "../model/json-values.ts";
import { nextLink } from "../model/next-link.ts";
import { type Answer, jsonOf } from "./answer.ts";
import { appFailureOf } from "./auth/app-failures.ts";
import { type Attempted, failureOf, notUnderstood, whatCame } from "./failures.ts";
import type { Inspection } from "./open-github.ts";

/** The owner of a webhook: `app` for the service's GitHub App, a repository (`owner/name`), or an organisation. */
export type WebhookOwner = string;

/** One time that GitHub has sent an event. */
export type Delivery = {
  /** A whole number that may be too large for a JavaScript number. */
  readonly id: string;
  /** `X-GitHub-Delivery`. It is the same when GitHub sends the event again, and for each webhook that receives it. */
  readonly guid: string;
  readonly event: string;
  readonly action: string | undefined;
  /** When it was sent, epoch milliseconds by GitHub's clock. */
  readonly at: number;
  readonly isRedelivery: boolean;
  /** The status with which it was answered. */
  readonly status: number;
};

type DeliveriesPage = {
  /** Newest first. */
  readonly deliveries: readonly Delivery[];
  /** Cursor of the next page. Undefined on the last page. */
  readonly cursor: string | undefined;
  /** When GitHub answered, epoch milliseconds by its clock. */
  readonly at: number;
};

type Payload = Readonly<Record<string, unknown>>;

/** The recent deliveries to one webhook. Throws a `Failure` for what it cannot read. */
export type DeliveryLog = {
  page(cursor?: string): Promise<DeliveriesPage>;
  /** The payload of a delivery, or why it is not available. */
  payload(delivery: Delivery): Promise<{ readonly payload: Payload } | { readonly lacking: string }>;
};

/** Selects which webhook of an owner sends to this service. */
export type WantedHook = {
  /** The address at which others reach the service. Undefined if the service does not know it. */
  readonly publicUrl: string | undefined;
  /** The end of the webhook's URL. */
  readonly path: string;
  /** An operator has named the owner. Then a single webhook with that path is the right one, at any host. */
  readonly isNamed: boolean;
};

type Asked = Pick<Inspection, "ask" | "askAsApp" | "time"> & {
  readonly apiUrl: string;
  /** Repositories in the settings. Through one of them, an App gets a token for their organisation. */
  readonly repositories: readonly string[];
};

/** GitHub's maximum: https://docs.github.com/en/rest/using-the-rest-api/using-pagination-in-the-rest-api */
const PER_PAGE = 100;

/** Room in an answer for what surrounds a payload: headers, and the answer to the delivery. */
const AROUND_PAYLOAD_BYTES = 50_000;

/**
 * Opens the log of the webhook that sends to this service. GitHub keeps deliveries for 3 days, an Enterprise Server for
 * 7.
 * @param maxPayloadBytes larger payloads are not read.
 * @throws Failure; `PermanentFailure` if there is no such webhook, or the credentials cannot read it.
 * @see https://docs.github.com/en/webhooks/testing-and-troubleshooting-webhooks/viewing-webhook-deliveries
 */
export async function openDeliveryLog(
  github: Asked,
  owner: WebhookOwner,
  wanted: WantedHook,
  maxPayloadBytes: number,
): Promise<DeliveryLog> {
  const ask = askingAbout(github, owner);
  const hook = await findHook(ask, owner, wanted);

  async function page(cursor?: string): Promise<DeliveriesPage> {
    const tried = `listing the deliveries of ${nameOf(owner)}`;
    const parameters = { ...hook.parameters, per_page: PER_PAGE, ...(cursor !== undefined && { cursor }) };
    const answer = await ask(tried, `GET ${hook.path}/deliveries`, parameters);
    const deliveries = deliveriesIn(answer);
    if (!deliveries) throw notUnderstood({ tried, repository: "", permission: "" });
    const at = Date.parse(String(answer.headers.date));
    return { deliveries, cursor: nextCursor(answer), at: Number.isNaN(at) ? github.time.now() : at };
  }

  return {
    page,
    async payload({ id, guid }) {
      const tried = `reading the delivery ${guid} of ${nameOf(owner)}`;
      try {
        const route = `GET ${hook.path}/deliveries/{delivery_id}`;
        const answer = await ask(tried, route, { ...hook.parameters, delivery_id: id });
        return payloadIn(answer, maxPayloadBytes);
      } catch (error) {
        if (!isFailure(error) || error.kind !== "permanent") throw error;
        // If the list can still be read, only this delivery cannot.
        await page();
        return isTooLarge(error) ? TOO_LARGE : { lacking: error.facts.happened };
      }
    },
  };
}

function payloadIn(answer: Answer, maxBytes: number): Awaited<ReturnType<DeliveryLog["payload"]>> {
  if (answer.bytes.byteLength > maxBytes + AROUND_PAYLOAD_BYTES || hasTooManyValues(answer.bytes)) return TOO_LARGE;
  const { request } = jsonOf(answer) as { request?: { payload?: unknown } };
  return isObject(request?.payload) ? { payload: request.payload } : { lacking: "GitHub kept no payload of it" };
}

const TOO_LARGE = { lacking: "its payload is larger than gh-runner accepts" };

/** The owner of the webhook, in words. */
export function nameOf(owner: WebhookOwner): string {
  return owner === "app" ? "the GitHub App's webhook" : `the webhook of ${owner}`;
}

type AskAbout = (tried: string, route: string, parameters: Readonly<Record<string, unknown>>) => Promise<Answer>;

/** Asks with credentials that can read the webhooks of an owner: the App as itself, or the service's token. */
function askingAbout({ ask, askAsApp, apiUrl, time, repositories }: Asked, owner: WebhookOwner): AskAbout {
  const quota = keptQuota(time);
  const attemptedBy = (tried: string): Attempted => {
    if (owner === "app") return { tried, repository: "", permission: "" };
    if (owner.includes("/")) return { tried, repository: owner, permission: "Webhooks: read" };
    const its = repositories.find((each) => ownerAndName(each).owner.toLowerCase() === owner.toLowerCase());
    return { tried, repository: its ?? `${owner}/.github`, permission: "Organization webhooks: read" };
  };
  return async (tried, route, parameters) => {
    const attempted = attemptedBy(tried);
    quota.check(tried);
    const answer =
      owner === "app" && askAsApp
        ? await askAsApp(attempted, route, parameters)
        : await ask(attempted, route, parameters, [200, 403, 404]);
    quota.note(answer);
    if (answer.status === 200) return answer;
    throw owner === "app" ? appFailureOf(attempted, answer, { apiUrl }) : rejected(owner, attempted, answer, apiUrl);
  };
}

/** GitHub hides webhooks from tokens that cannot read them. */
function rejected(owner: WebhookOwner, attempted: Attempted, answer: Answer, apiUrl: string) {
  if (answer.status !== 404 && !/not accessible/i.test(answer.message)) return failureOf(attempted, answer, { apiUrl });
  const scope = owner.includes("/") ? "repo" : "admin:org_hook";
  return new PermanentFailure({
    tried: attempted.tried,
    happened: whatCame(answer),
    remedy: `Give the token "${attempted.permission}" on ${owner} (a classic token: scope ${scope}), and check the name.`,
  });
}

/** This part of an hour's requests is left for runs. */
const LEFT_FOR_RUNS = 0.2;

/** Stops reading before it uses up the requests of the hour. */
function keptQuota({ now, skew }: Asked["time"]) {
  /** Epoch milliseconds by GitHub's clock. */
  let resetsAt = 0;
  let happened = "";
  return {
    note({ headers }: Answer): void {
      const number = (name: string) => Number(headers[`x-ratelimit-${name}`] ?? Number.NaN);
      const [limit, remaining] = [number("limit"), number("remaining")];
      resetsAt = remaining < limit * LEFT_FOR_RUNS ? number("reset") * 1000 : 0;
      happened = `${remaining} of ${limit} requests are left, and gh-runner keeps them for runs`;
    },
    check(tried: string): void {
      if (!(resetsAt > now())) return;
      const notBefore = resetsAt - (skew() ?? 0);
      const remedy = `Nothing to do: it continues after ${new Date(notBefore).toISOString()}.`;
      throw new LimitReached({ tried, happened, remedy }, notBefore);
    },
  };
}

type Hook = { readonly path: string; readonly parameters: Readonly<Record<string, unknown>> };

async function findHook(ask: AskAbout, owner: WebhookOwner, wanted: WantedHook): Promise<Hook> {
  const tried = `finding ${nameOf(owner)}`;
  if (owner === "app") {
    const { url } = jsonOf(await ask(tried, "GET /app/hook/config", {})) as { url?: unknown };
    if (which([{ id: 0, url: String(url) }], wanted).length === 0) throw none(tried, wanted);
    return { path: "/app/hook", parameters: {} };
  }
  const [path, parameters] = owner.includes("/")
    ? (["/repos/{owner}/{repo}/hooks", ownerAndName(owner)] as const)
    : (["/orgs/{org}/hooks", { org: owner }] as const);
  const answer = await ask(tried, `GET ${path}`, { ...parameters, per_page: PER_PAGE });
  const hooks = Object.values(jsonOf(answer) as readonly { id?: unknown; config?: { url?: unknown } }[]);
  const found = which(
    hooks.map(({ id, config }) => ({ id, url: String(config?.url) })),
    wanted,
  );
  if (found.length > 1) throw several(tried, wanted);
  const [hook] = found;
  if (!hook) throw none(tried, wanted);
  return { path: `${path}/{hook_id}`, parameters: { ...parameters, hook_id: hook.id } };
}

/** The webhooks that send to this service. */
function which<Hook extends { readonly url: string }>(
  hooks: readonly Hook[],
  { publicUrl, path, isNamed }: WantedHook,
): readonly Hook[] {
  const leading = hooks.filter(({ url }) => URL.parse(url)?.pathname.endsWith(path));
  if (publicUrl === undefined) return leading;
  const { host } = new URL(publicUrl);
  const here = leading.filter(({ url }) => new URL(url).host === host);
  if (here.length === 0 && isNamed) return leading;
  // Several installations may share a host, each under a path.
  const exact = here.filter(({ url }) => url === publicUrl + path);
  return exact.length === 1 ? exact : here;
}

function none(tried: string, { publicUrl, path }: WantedHook) {
  return new PermanentFailure({
    tried,
    happened: `no webhook there has the URL ${publicUrl ?? "https://…"}${path}`,
    remedy: "Set GITHUB_WEBHOOK_OF to the owner of the webhook that sends to this service.",
  });
}

function several(tried: string, { path }: WantedHook) {
  return new PermanentFailure({
    tried,
    happened: `several webhooks there have a URL that ends in ${path}`,
    remedy: "Set PUBLIC_URL to the address in this service's webhook.",
  });
}

/** Undefined if it is not a list of deliveries. A delivery that was not read must never count as read. */
function deliveriesIn({ bytes }: Answer): readonly Delivery[] | undefined {
  if (hasTooManyValues(bytes)) return undefined;
  try {
    const list: unknown = JSON.parse(new TextDecoder().decode(bytes), exactId);
    const deliveries = Array.isArray(list) ? list.map(deliveryOf) : [undefined];
    return deliveries.includes(undefined) ? undefined : (deliveries as Delivery[]);
  } catch {
    return undefined;
  }
}

/** Ids have 64 bits, but a JavaScript number keeps only 53. */
function exactId(this: unknown, key: string, value: unknown, { source }: { source?: string } = {}): unknown {
  return key === "id" && typeof value === "number" ? source : value;
}

function deliveryOf(item: unknown): Delivery | undefined {
  if (!isObject(item)) return undefined;
  const { id, guid, event, action, redelivery, status_code: status } = item;
  const at = Date.parse(String(item.delivered_at));
  if (typeof id !== "string" || typeof guid !== "string" || typeof event !== "string" || Number.isNaN(at)) {
    return undefined;
  }
  const named = typeof action === "string" ? action : undefined;
  return { id, guid, event, action: named, at, isRedelivery: redelivery === true, status: Number(status) };
}

function nextCursor({ headers }: Answer): string | undefined {
  return URL.parse(nextLink(headers.link) ?? "")?.searchParams.get("cursor") ?? undefined;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isTooLarge({ facts }: Failure): boolean {
  return (facts.cause as { code?: unknown } | undefined)?.code === "UND_ERR_RES_EXCEEDED_MAX_SIZE";
}
