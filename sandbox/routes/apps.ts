import { APP_SLUG, type GitHubApp, grantedTo, type TokenGrant } from "../credentials.ts";
import {
  type Call,
  failure,
  type Handler,
  listed,
  MADE,
  notFound,
  parseObject,
  type Reply,
  suspended,
  userJson,
  type World,
} from "./reply.ts";
import { moved, repositoryOf } from "./repositories.ts";

type AppHandler = (app: GitHubApp, call: Call, world: World, parameters: readonly string[]) => Reply;

/** For routes that an App requests with its JWT. */
export function withApp(then: AppHandler): Handler {
  return (call, world, parameters) => {
    const app = world.credentials.appOf(call.token);
    return app ? then(app, call, world, parameters) : failure(401, "A JSON web token could not be decoded");
  };
}

export const showInstallation: AppHandler = (app, call, world, parameters) => {
  const { repository, asked } = repositoryOf(world, parameters);
  if (!repository) return notFound;
  const installation = world.credentials.installationOf(app, repository.fullName.split("/")[0] ?? "");
  if (!installation) return notFound;
  if (asked && asked !== repository.fullName.toLowerCase()) return moved(call, world, repository);
  return { status: 200, json: installationJson(app, installation, world) };
};

export const issueToken: AppHandler = (app, call, world, [id]) => {
  const installation = app.installations.find((each) => String(each.id) === id);
  if (!installation) return notFound;
  if (installation.suspended) return suspended;
  const asked = call.body === "" ? {} : parseObject(call.body);
  if (!asked) return failure(400, "Problems parsing JSON");
  const { repositories = undefined, permissions = undefined } = asked;
  if (repositories !== undefined && !isListOfNames(repositories)) {
    return failure(422, `Invalid request.\n\nFor 'properties/repositories', expected an array of names.`);
  }
  const granted = app.isEverywhere ? "all" : { metadata: "read", ...grantedTo(installation) };
  if (permissions !== undefined && !isNarrowing(permissions, granted)) {
    return failure(422, "The permissions requested are not granted to this installation.");
  }
  if (repositories?.some((name) => !world.repositories.isPresentName(`${installation.owner}/${name}`))) {
    return failure(
      422,
      "There is at least one repository that does not exist or is not accessible to the parent installation.",
    );
  }
  const narrowed = { ...(repositories ? { repositories } : {}), ...(permissions ? { permissions } : {}) };
  const issued = world.credentials.issue(installation, narrowed);
  return {
    status: 201,
    json: {
      token: issued.token,
      expires_at: new Date(issued.expiresAt).toISOString().replace(/\.\d+/, ""),
      permissions: issued.permissions,
      repository_selection: repositories ? "selected" : "all",
    },
  };
};

function isListOfNames(value: unknown): value is string[] {
  return Array.isArray(value) && value.every((each) => typeof each === "string");
}

/** Whether the requested permissions were granted, at the same level or higher. */
function isNarrowing(
  asked: unknown,
  granted: Readonly<Record<string, string>> | "all",
): asked is NonNullable<TokenGrant["permissions"]> {
  if (typeof asked !== "object" || asked === null) return false;
  if (granted === "all") return true;
  return Object.entries(asked).every(([name, level]) => granted[name] === "write" || granted[name] === level);
}

export const showApp: AppHandler = ({ id, slug = APP_SLUG, installations: [installation] }) => {
  const json = {
    id,
    slug,
    node_id: `A_${id}`,
    owner: userJson("acme"),
    name: slug,
    description: null,
    external_url: "https://example.com",
    html_url: `https://github.com/apps/${slug}`,
    ...MADE,
    permissions: installation ? grantedTo(installation) : {},
    events: [],
  };
  return { status: 200, json };
};

export const listInstallations: AppHandler = (app, call, world) =>
  listed(app.installations, call, world, (installation) => installationJson(app, installation, world));

function installationJson(app: GitHubApp, installation: GitHubApp["installations"][number], { base }: World) {
  const { id, owner, suspended } = installation;
  return {
    id,
    account: userJson(owner),
    repository_selection: "selected",
    access_tokens_url: `${base}/app/installations/${id}/access_tokens`,
    repositories_url: `${base}/installation/repositories`,
    html_url: `https://github.com/organizations/${owner}/settings/installations/${id}`,
    app_id: app.id,
    app_slug: app.slug ?? APP_SLUG,
    target_id: 1,
    target_type: "Organization",
    permissions: grantedTo(installation),
    events: [],
    ...MADE,
    single_file_name: null,
    suspended_by: suspended ? userJson("admin") : null,
    suspended_at: suspended ? MADE.created_at : null,
  };
}
