import { ownerAndName } from "../../model/github.ts";
import { type App, appApi, type InstallationToken } from "./app-api.ts";
import { notInstalled } from "./app-failures.ts";
import type { Credentials, Need } from "./credentials.ts";

/** A token lives for an hour. One that is handed out must outlast the request, its retries and the wait for its turn. */
const RENEWED_BEFORE_END_MS = 5 * 60_000;

/**
 * Tokens of a GitHub App: each of the installation on the repository's owner, narrowed to the one repository and
 * permission that it is needed for, and kept until five minutes before its end. A token that GitHub has rejected is
 * renewed once, for all that were rejected with it.
 *
 * Throws what `ask` throws, and a `PermanentFailure` when the App is not installed there, suspended, or not permitted.
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
      `${need.repository} ${need.permission}`.toLowerCase(),
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

  return async (need) => {
    const { token, account } = await tokenFor(need);
    const renew = async () => {
      const renewed = await tokenFor(need, token);
      return { token: renewed.token, account: renewed.account };
    };
    return { token, account, renew };
  };
}

/**
 * Values that are fetched when they are first needed. All who need one while it is under way share the request; a
 * failure is not kept.
 */
function remembered<T>() {
  const values = new Map<string, T>();
  const underWay = new Map<string, Promise<T>>();
  return {
    /** The value under this key if it is still good, else a new one. */
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

/** Hides each token until it has expired, so that what is hidden does not pile up. */
function hiding({ hide, now }: App): (until: number, token: string) => void {
  let hidden: { until: number; show(): void }[] = [];
  return (until, token) => {
    const expired = Map.groupBy(hidden, (each) => each.until <= now());
    for (const { show } of expired.get(true) ?? []) show();
    hidden = [...(expired.get(false) ?? []), { until, show: hide(token) }];
  };
}
