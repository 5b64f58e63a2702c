import {
  badCredentials,
  type Handler,
  listed,
  notFound,
  type RepositoryHandler,
  type RepositoryRoute,
  userJson,
  type World,
} from "./reply.ts";

/** The members of an organisation. Logins are compared as written. */
export type Organization = {
  readonly members: string[];
  /** Members whose membership is public. */
  readonly publicMembers: string[];
  /** By slug. */
  readonly teams: Map<string, string[]>;
};

const LEVELS = {
  admin: "admin",
  maintain: "write",
  write: "write",
  triage: "read",
  read: "read",
  none: "none",
} as const;

/** The role of a collaborator, by GitHub's name. */
export type Role = keyof typeof LEVELS;

/** The API has fewer names for permissions than there are roles. Everyone can read public repositories. */
const showPermission: RepositoryHandler = ({ collaborators, isPrivate }, _call, _world, [login = ""]) => {
  const role = collaborators.get(login) ?? (isPrivate ? "none" : "read");
  return {
    status: 200,
    json: { permission: LEVELS[role], role_name: role, user: { ...userJson(login), role_name: role } },
  };
};

const isCollaborator: RepositoryHandler = ({ collaborators }, _call, _world, [login = ""]) =>
  collaborators.has(login) ? { status: 204 } : notFound;

export const collaboratorRoutes: readonly RepositoryRoute[] = [
  ["GET /collaborators/{username}/permission", "metadata=read", showPermission],
  ["GET /collaborators/{username}", "metadata=read", isCollaborator],
];

type OfOrganization = (
  organization: Organization,
  call: Parameters<Handler>[0],
  world: World,
  more: readonly string[],
) => ReturnType<Handler>;

function withOrganization(then: OfOrganization): Handler {
  return (call, world, [login = "", ...more]) => {
    if (!world.credentials.grantOf(call.token)) return badCredentials;
    const organization = world.organizations.get(login.toLowerCase());
    return organization ? then(organization, call, world, more) : notFound;
  };
}

const isMember = withOrganization(({ members }, _call, _world, [login = ""]) =>
  members.includes(login) ? { status: 204 } : notFound,
);

const isPublicMember = withOrganization(({ publicMembers }, _call, _world, [login = ""]) =>
  publicMembers.includes(login) ? { status: 204 } : notFound,
);

const listMembers = withOrganization(({ members }, call, world) => listed(members, call, world, userJson));

const listTeamMembers = withOrganization(({ teams }, call, world, [slug = ""]) => {
  const members = teams.get(slug);
  return members ? listed(members, call, world, userJson) : notFound;
});

const showMembership = withOrganization(({ teams }, _call, world, [slug = "", login = ""]) =>
  teams.get(slug)?.includes(login)
    ? { status: 200, json: { url: `${world.base}/teams/1/memberships/${login}`, role: "member", state: "active" } }
    : notFound,
);

const showUser: Handler = (call, { credentials }, [login = ""]) => {
  if (!credentials.grantOf(call.token)) return badCredentials;
  return { status: 200, json: { ...userJson(login), user_view_type: "public" } };
};

export const peopleRoutes: readonly (readonly [string, Handler])[] = [
  ["GET /orgs/{org}/members", listMembers],
  ["GET /orgs/{org}/members/{username}", isMember],
  ["GET /orgs/{org}/public_members/{username}", isPublicMember],
  ["GET /orgs/{org}/teams/{team_slug}/members", listTeamMembers],
  ["GET /orgs/{org}/teams/{team_slug}/memberships/{username}", showMembership],
  ["GET /users/{username}", showUser],
];
