import type { Hook, HookDelivery } from "../hooks.ts";
import { withApp } from "./apps.ts";
import {
  badCredentials,
  type Call,
  failure,
  type Handler,
  listed,
  MADE,
  notFound,
  type Reply,
  type World,
} from "./reply.ts";
import { withRepository } from "./repositories.ts";

/** Webhooks and their deliveries, for those who may read them: an App reads its webhook, a token those of an owner. */
export const hookRoutes: readonly (readonly [route: string, Handler])[] = [
  ["GET /app/hook/config", withApp((_, call, world) => showConfig(call, world))],
  [
    "GET /app/hook/deliveries",
    withApp((_, call, world) => ofOnly("app", world, (hook) => listDeliveries(hook, call, world))),
  ],
  [
    "GET /app/hook/deliveries/{delivery_id}",
    withApp((_, _call, world, [id]) => ofOnly("app", world, (hook) => showDelivery(hook, id, world))),
  ],
  [
    "POST /app/hook/deliveries/{delivery_id}/attempts",
    withApp((_, _call, world, [id]) => ofOnly("app", world, (hook) => redeliver(hook, id, world))),
  ],
  ...ownedBy("/repos/{owner}/{repo}", (then, level) =>
    withRepository(`repository_hooks=${level}`, (repository, call, world, rest) =>
      then(repository.fullName, call, world, rest),
    ),
  ),
  ...ownedBy("/orgs/{org}", withOrganization),
];

type Level = "read" | "write";

type Then = (owner: string, call: Call, world: World, rest: readonly string[]) => Reply;

/** Lists the webhooks of an owner, and the deliveries of one. */
function ownedBy(path: string, within: (then: Then, level: Level) => Handler): readonly (readonly [string, Handler])[] {
  const hookOf = (owner: string, { hooks }: World, id: string | undefined) =>
    hooks.of(owner).find((each) => String(each.id) === id);
  return [
    [
      `GET ${path}/hooks`,
      within(
        (owner, call, world) => listed(world.hooks.of(owner), call, world, (hook) => hookJson(owner, hook, world)),
        "read",
      ),
    ],
    [
      `GET ${path}/hooks/{hook_id}/deliveries`,
      within((owner, call, world, [id]) => {
        const hook = hookOf(owner, world, id);
        return hook ? listDeliveries(hook, call, world) : notFound;
      }, "read"),
    ],
    [
      `GET ${path}/hooks/{hook_id}/deliveries/{delivery_id}`,
      within((owner, _, world, [id, delivery]) => {
        const hook = hookOf(owner, world, id);
        return hook ? showDelivery(hook, delivery, world) : notFound;
      }, "read"),
    ],
    [
      `POST ${path}/hooks/{hook_id}/deliveries/{delivery_id}/attempts`,
      within((owner, _, world, [id, delivery]) => {
        const hook = hookOf(owner, world, id);
        return hook ? redeliver(hook, delivery, world) : notFound;
      }, "write"),
    ],
  ];
}

/** GitHub hides an organisation's webhooks from tokens that cannot read them. */
function withOrganization(then: Then, level: Level): Handler {
  return (call, world, [org = "", ...rest]) => {
    const grant = world.credentials.grantOf(call.token);
    if (!grant) return badCredentials;
    const held = grant.permissions?.organization_hooks;
    const mayRead = grant.permissions
      ? held === "write" || held === level
      : !(grant.scopes && !grant.scopes.includes("admin:org_hook"));
    if (!mayRead) return notFound;
    return then(org, call, world, rest);
  };
}

function ofOnly(owner: string, { hooks }: World, then: (hook: Hook) => Reply): Reply {
  const [hook] = hooks.of(owner);
  return hook ? then(hook) : notFound;
}

function showConfig(_: Call, { hooks }: World): Reply {
  const [hook] = hooks.of("app");
  return { status: 200, json: hook ? configJson(hook) : {} };
}

function configJson({ url }: Hook) {
  return { content_type: "json", insecure_ssl: "0", secret: "********", url };
}

const DEFAULT_PER_PAGE = 30;
const MAX_PER_PAGE = 100;

/**
 * Pages with a cursor, which the `link` of each page contains:
 * https://docs.github.com/en/rest/repos/webhooks#list-deliveries-for-a-repository-webhook
 */
function listDeliveries(hook: Hook, { path, query }: Call, { base, hooks }: World): Reply {
  const cursor = query.get("cursor");
  const outcome = query.get("status");
  const kept = hooks.kept(hook).filter(({ status }) => outcome === null || status < 400 === (outcome === "success"));
  const from = cursor === null ? 0 : kept.findIndex(({ id }) => `v1_${id}` === cursor);
  if (from === -1) return failure(422, "Invalid cursor");
  const perPage = Math.min(Number(query.get("per_page")) || DEFAULT_PER_PAGE, MAX_PER_PAGE);
  const next = kept[from + perPage];
  const link = new URLSearchParams({ ...Object.fromEntries(query), cursor: `v1_${next?.id}` });
  return {
    status: 200,
    headers: next ? { link: `<${base}${path}?${link}>; rel="next"` } : {},
    json: kept.slice(from, from + perPage).map(deliveryJson),
  };
}

/** Sends it again as another delivery, under the same GUID. */
function redeliver(hook: Hook, id: string | undefined, { hooks }: World): Reply {
  const delivery = hooks.kept(hook).find((each) => String(each.id) === id);
  if (!delivery) return notFound;
  hooks.redeliver(hook, delivery);
  return { status: 202, json: {} };
}

function showDelivery(hook: Hook, id: string | undefined, { hooks }: World): Reply {
  const delivery = hooks.kept(hook).find((each) => String(each.id) === id);
  if (!delivery) return notFound;
  const { payload, guid, event, answer } = delivery;
  const headers = { "X-GitHub-Delivery": guid, "X-GitHub-Event": event, "content-type": "application/json" };
  return {
    status: 200,
    json: {
      ...deliveryJson(delivery),
      url: hook.url,
      request: { headers, payload },
      response: { headers: {}, payload: answer },
    },
  };
}

const FAILURES = new Map([
  [502, "failed to connect to host"],
  [504, "timed out"],
]);

function deliveryJson(delivery: HookDelivery) {
  const { id, guid, event, action, at, isRedelivery, status, installationId, repositoryId } = delivery;
  return {
    id: (JSON as unknown as { rawJSON(text: string): unknown }).rawJSON(String(id)),
    guid,
    delivered_at: new Date(at).toISOString(),
    redelivery: isRedelivery,
    duration: 0.02,
    status: status < 300 ? "OK" : (FAILURES.get(status) ?? `Invalid HTTP Response: ${status}`),
    status_code: status,
    event,
    action,
    installation_id: installationId,
    repository_id: repositoryId,
    throttled_at: null,
  };
}

function hookJson(owner: string, hook: Hook, { base }: World) {
  const isRepository = owner.includes("/");
  const url = `${base}/${isRepository ? "repos" : "orgs"}/${owner}/hooks/${hook.id}`;
  return {
    type: isRepository ? "Repository" : "Organization",
    id: hook.id,
    name: "web",
    active: true,
    events: hook.events,
    config: configJson(hook),
    url,
    test_url: `${url}/test`,
    ping_url: `${url}/pings`,
    deliveries_url: `${url}/deliveries`,
    last_response: { code: null, status: "unused", message: null },
    ...MADE,
  };
}
