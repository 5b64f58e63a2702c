import { ownerAndName } from "../../model/github-names.ts";
import { type AppKey, appVariables } from "../../model/identity.ts";
import { lackingIn, type Permissions } from "../../model/permissions.ts";
import { type App, appApi, asParameter, type InstallationToken } from "./app-api.ts";
import { notInstalled, notPermitted } from "./app-failures.ts";
import type { Credentials, Need } from "./credentials.ts";

/** A token lives for an hour. It must outlast the request, its retries and the wait for its turn. */
const RENEWED_BEFORE_END_MS = 5 * 60_000;

/**
 * Tokens of a GitHub App. Each belongs to the installation on the repository's owner and is limited to the one
 * repository and permission that it is needed for. It is kept until five minutes before its end. If GitHub rejects a
 * token, it is renewed once, for all requests that were rejected with it.
 *
 * Throws what `ask` throws, and a `PermanentFailure` if the App is not installed there, suspended, or not permitted.
 * @see https://docs.github.com/en/apps/creating-github-apps/authenticating-with-a-github-app/authenticating-as-a-github-app-installation
 */
export function appCredentials(app: App): Credentials {
  const { now } = app;
  const { findInstallation, issueToken } = appApi(app);
  const installations = remembered<number>();
  const tokens = remembered<InstallationToken>();
  const hideUntil = hiding(app);

  const installationFor = (need: Need, gone?: number): Promise<number> =>
    installations.get(
      ownerAndName(need.repository).owner.toLowerCase(),
      (id) => id !== gone,
      () => findInstallation(need),
    );

  const tokenFor = (need: Need, rejected?: string): Promise<InstallationToken> =>
    tokens.get(
      `${need.repository} ${need.permission || inWords(need.permissions)}`.toLowerCase(),
      ({ token, expiresAt }) => token !== rejected && now() < expiresAt - RENEWED_BEFORE_END_MS,
      () => freshToken(need),
    );

  async function freshToken(need: Need): Promise<InstallationToken> {
    tokens.forget(({ expiresAt }) => expiresAt <= now());
    const installation = await installationFor(need);
    const issued =
      (await issueToken(installation, need)) ??
      // An App that was uninstalled and installed again has another installation.
      (await issueToken(await installationFor(need, installation), need));
    if (!issued) throw notInstalled(need);
    hideUntil(issued.expiresAt, issued.token);
    return issued;
  }

  const facts = { variable: app.name && appVariables(app.name).privateKey };
  return async (need) => {
    const its = { ...facts, permissions: need.permissions };
    const { token, account } = await tokenFor(need);
    const renew = async () => {
      const renewed = await tokenFor(need, token);
      return { ...its, token: renewed.token, account: renewed.account };
    };
    return { ...its, token, account, renew };
  };
}

/**
 * The same for a workflow that declares what its tokens may do. If the permission that a request needs is known, its
 * token gets only that one. Otherwise it gets all permissions that the workflow declares.
 * @throws PermanentFailure if a request needs a permission that the workflow does not declare.
 */
export function narrowedTo(permissions: Permissions, credentials: Credentials): Credentials {
  return async (need) => {
    const wanted = need.permission === "" ? (need.either ?? []) : [need.permission];
    const lacking = wanted.map((each) => lackingIn(permissions, asParameter(each)).join(", "));
    if (lacking.length > 0 && !lacking.includes("")) throw notPermitted(need, lacking);
    return credentials({ ...need, permissions });
  };
}

/** The service's App and the Apps that workflows name. Each keeps its tokens while its key stays the same. */
export function knownApps(asking: Omit<App, "id" | "name" | "privateKey">) {
  const apps = new Map<string, { readonly app: NamedKey; readonly credentials: Credentials }>();
  /** @param find the current App. Undefined if it no longer exists. */
  return (app: NamedKey, find: () => Pick<NamedKey, "privateKey"> | undefined): Credentials => {
    const { id, name, privateKey } = app;
    const known = apps.get(name ?? "");
    if (known && known.app.id === id && known.app.privateKey === privateKey) return known.credentials;
    const now = () => find()?.privateKey ?? privateKey;
    const credentials = appCredentials({ ...asking, id, name, privateKey: now });
    apps.set(name ?? "", { app, credentials });
    return credentials;
  };
}

/** The service's App has no name. */
type NamedKey = Omit<AppKey, "name"> & { readonly name?: string };

/** The same text for the same permissions in another order. */
function inWords(permissions: Permissions | undefined): string {
  return permissions === undefined ? "" : JSON.stringify(Object.entries(permissions).sort());
}

/**
 * Values that are fetched when first needed. All callers that need a value while it is being fetched share one request.
 * A failure is not kept.
 */
function remembered<T>() {
  const values = new Map<string, T>();
  const underWay = new Map<string, Promise<T>>();
  return {
    /** The value under this key if it is still good. Otherwise a new one. */
    async get(key: string, isGood: (value: T) => boolean, fetch: () => Promise<T>): Promise<T> {
      const shared = underWay.get(key);
      if (shared !== undefined) return shared;
      const known = values.get(key);
      if (known !== undefined && isGood(known)) return known;
      const fetching = fetch()
        .then((value) => {
          values.set(key, value);
          return value;
        })
        .finally(() => underWay.delete(key));
      underWay.set(key, fetching);
      return fetching;
    },
    forget(isOver: (value: T) => boolean): void {
      for (const [key, value] of values) if (isOver(value)) values.delete(key);
    },
  };
}

/** Hides each token until it has expired, so that the list of hidden tokens stays short. */
function hiding({ hide, now }: App): (until: number, token: string) => void {
  let hidden: { until: number; show(): void }[] = [];
  return (until, token) => {
    const expired = Map.groupBy(hidden, (each) => each.until <= now());
    for (const { show } of expired.get(true) ?? []) show();
    hidden = [...(expired.get(false) ?? []), { until, show: hide(token) }];
  };
}
