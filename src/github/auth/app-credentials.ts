import { ownerAndName } from "../files.ts";
import { remembered } from "../remembered.ts";
import { type AppNeeds, appApi, type InstallationToken } from "./app-api.ts";
import { notInstalled } from "./app-failures.ts";
import type { Credentials, Need } from "./credentials.ts";

/** A token lives for an hour. One that is handed out must outlast the request, its retries and the wait for its turn. */
const RENEWED_BEFORE_END_MS = 5 * 60_000;

/**
 * Tokens of a GitHub App: each of the installation on the repository's owner, narrowed to the one repository and
 * permission that it is needed for, and kept until five minutes before its end. Whoever needs the same one while it is
 * under way shares the request. A token that GitHub has refused is renewed once, for all that were refused with it.
 *
 * Throws what `ask` throws, and a `PermanentFailure` when the App is not installed there, suspended, or not permitted.
 * @see https://docs.github.com/en/apps/creating-github-apps/authenticating-with-a-github-app/authenticating-as-a-github-app-installation
 */
export function appCredentials(needs: AppNeeds): Credentials {
  const { now } = needs;
  const { findInstallation, issueToken } = appApi(needs);
  const installations = remembered<number>();
  const tokens = remembered<InstallationToken>();
  const hideUntil = hiding(needs);

  const installationFor = (need: Need, gone?: number): Promise<number> =>
    installations.get(
      ownerAndName(need.repository).owner.toLowerCase(),
      (id) => id !== gone,
      () => findInstallation(need),
    );

  const tokenFor = (need: Need, refused?: string): Promise<InstallationToken> =>
    tokens.get(
      `${need.repository} ${need.permission}`.toLowerCase(),
      ({ token, expiresAt }) => token !== refused && now() < expiresAt - RENEWED_BEFORE_END_MS,
      () => freshToken(need),
    );

  async function freshToken(need: Need): Promise<InstallationToken> {
    tokens.forget(({ expiresAt }) => expiresAt <= now());
    const installation = await installationFor(need);
    let issued = await issueToken(installation, need);
    // An App that was uninstalled and installed again has another installation.
    if (!issued) issued = await issueToken(await installationFor(need, installation), need);
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

/** Hides each token until it has expired, so that what is hidden does not pile up. */
function hiding({ hide, now }: AppNeeds): (until: number, token: string) => void {
  let hidden: { until: number; show(): void }[] = [];
  return (until, token) => {
    const expired = Map.groupBy(hidden, (each) => each.until <= now());
    for (const { show } of expired.get(true) ?? []) show();
    hidden = [...(expired.get(false) ?? []), { until, show: hide(token) }];
  };
}
