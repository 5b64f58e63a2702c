import { openFetch } from "../github/connections.ts";
import { type Check, ok, problem, warning } from "../model/check.ts";
import { systemClock } from "../model/clock.ts";
import type { Log } from "../model/log.ts";
import { isPlainToOthers } from "../model/network.ts";
import { unchanging } from "../model/renewable.ts";
import type { Config } from "./config/config.ts";
import { openSignIn } from "./sign-in.ts";

/** Checks the sign-in methods: asks the issuer for its metadata, and names the address to register. */
export async function checkSignIn(config: Config): Promise<readonly Check[]> {
  const { openId, gitHub, roles } = config.signIn;
  if (!openId && !gitHub) return [];
  const { fetch, close } = openFetch(unchanging(config.github));
  const { signIn } = openSignIn({ config, fetch, clock: systemClock, store: NO_STORE, log: NO_LOG });
  try {
    const found = signIn.methods.map(async ({ name, title, url }): Promise<Check> => {
      const what = `sign-in ${name}`;
      const register = `register ${url}/callback there as the redirect URI`;
      // GitHub has no such check. A wrong client shows when the first person comes back.
      const asked = name === "oidc" ? signIn.begin(name, "/") : undefined;
      return (
        asked?.then(
          () => ok(what, `the issuer ${title} answers; ${register}`),
          (error: Error) => problem(what, error.message, "Check OIDC_ISSUER, and that the service can reach it."),
        ) ?? ok(what, `people sign in with ${title}; ${register}`)
      );
    });
    const { publicUrl } = config.http;
    const isPlain = publicUrl !== undefined && isPlainToOthers(new URL(publicUrl));
    return [
      ...(await Promise.all(found)),
      ok("sign-in roles", `${roles.length} ${roles.length === 1 ? "entry" : "entries"} in SIGN_IN_ROLES`),
      ...(isPlain
        ? [
            warning(
              "sign-in",
              "PUBLIC_URL begins with http:, so anyone on the network can read session cookies",
              "Use https.",
            ),
          ]
        : []),
    ];
  } finally {
    await close();
  }
}

const unused = () => Promise.reject(new Error("doctor opens no session"));
const NO_STORE = { turn: unused, sessions: { start: unused, find: unused, end: unused, endAll: unused } };
const NO_LOG: Pick<Log, "info" | "warn"> = { info() {}, warn() {} };
