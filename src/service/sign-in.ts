import { createHash, randomBytes } from "node:crypto";
import { gitHubSignIn } from "../access/github-sign-in.ts";
import { openIdSignIn } from "../access/openid.ts";
import { sealing, TRIP_MS } from "../access/sealed-trip.ts";
import { openSessions, TOKEN_HOURS } from "../access/sessions.ts";
import type { SignInMethod, Trip } from "../access/sign-in-method.ts";
import { gitHubNamesIn } from "../access/sign-in-roles.ts";
import type { SlowDown } from "../access/slow-down.ts";
import { webUrlOf } from "../dashboard/github-web.ts";
import type { Clock } from "../model/clock.ts";
import type { Log } from "../model/log.ts";
import type { Fetch } from "../model/network.ts";
import { type SignIn, SignInFailed } from "../model/sign-in.ts";
import type { RunStore } from "../model/store.ts";
import type { Config } from "./config/config.ts";
import { VERSION } from "./version.ts";

type Parts = {
  readonly config: Pick<Config, "auth" | "signIn" | "http" | "github">;
  readonly store: Pick<RunStore, "sessions" | "turn">;
  readonly fetch: Fetch;
  readonly clock: Pick<Clock, "now">;
  readonly log: Pick<Log, "info" | "warn">;
};

/** The sign-in methods of the settings, and their sessions. */
export function openSignIn({ config, store, fetch, clock, log }: Parts) {
  const { tokens } = config.auth;
  const { roles, sessionHours } = config.signIn;
  const ways = waysOf(config, { fetch, now: clock.now });
  const methods = ways.map(({ method }) => method);
  const sessions = openSessions(store.sessions, () => ({ tokens, methods, roles }), {
    ...{ now: clock.now, personHours: sessionHours },
  });

  function wayNamed(name: string): Way {
    const way = ways.find(({ method }) => method.name === name);
    if (!way) throw new SignInFailed("invalid", `there is no sign-in method ${name}`);
    return way;
  }

  async function finished(way: Way, answer: URLSearchParams, text: string | undefined) {
    const { method, redirectUri, sealed } = way;
    const carried = text === undefined ? undefined : sealed.open(text, clock.now());
    if (carried === undefined)
      throw new SignInFailed("invalid", "this browser started no sign-in in the last ten minutes");
    if (answer.get("state") !== carried.state)
      throw new SignInFailed("invalid", "this answer does not belong to the last sign-in that you started");
    const { person, doubts } = await method.finish(answer, { ...carried, redirectUri });
    for (const doubt of doubts) log.warn({ method: method.name, person: person.name }, doubt);
    // The issuer makes sure that a code is used once. This makes sure that a state is used once, on all replicas.
    const name = `sign-in ${createHash("sha256").update(carried.state).digest("base64url")}`;
    if (!(await store.turn(name, TRIP_MS))) throw new SignInFailed("invalid", "this sign-in was used before");
    const opened = await sessions.forPerson(method, person);
    if (!opened)
      throw new SignInFailed(
        "denied",
        `${method.title} knows you as ${person.name}, but no entry of SIGN_IN_ROLES matches you`,
      );
    return { ...opened, next: carried.next };
  }

  const signIn: SignIn = {
    takesTokens: tokens.length > 0,
    methods: ways.map(({ method: { name, title }, url }) => ({ name, title, url })),
    hours: { token: TOKEN_HOURS, person: sessionHours },
    withToken: sessions.withToken,
    async begin(name, next) {
      const { method, redirectUri, sealed } = wayNamed(name);
      const trip: Trip = { redirectUri, state: random(), nonce: random(), verifier: random() };
      const location = await method.begin(trip);
      const { state, nonce, verifier } = trip;
      const carried = sealed.seal({ state, nonce, verifier, next, endsAt: clock.now() + TRIP_MS });
      return { location: location.href, carried, seconds: TRIP_MS / 1000 };
    },
    finish: async (name, answer, carried) => finished(wayNamed(name), answer, carried),
    end: sessions.end,
    endAll: sessions.endAll,
  };
  return { signIn, way: sessions.way };
}

/**
 * Signs in with the current settings. A person may have a new token before the service has it, so the service reads its
 * secrets again before it rejects a token. Wrong tokens slow down their address.
 */
export function renewingSignIn(find: () => SignIn, refresh: () => Promise<void>, slow: SlowDown): SignIn {
  const opened = async (token: string, address: string) =>
    (await find().withToken(token, address)) ?? refresh().then(() => find().withToken(token, address));
  return {
    ...find(),
    withToken: async (token, address) =>
      slow.checked(
        address,
        token,
        () => opened(token, address),
        (found) => (found === undefined ? "wrong" : "right"),
      ),
  };
}

/** A sign-in method, with its addresses and its cookie's key. */
type Way = {
  readonly method: SignInMethod;
  readonly url: string;
  readonly redirectUri: string;
  readonly sealed: ReturnType<typeof sealing>;
};

function waysOf({ signIn, http, github }: Parts["config"], { fetch, now }: { fetch: Fetch; now: () => number }): Way[] {
  const { publicUrl = "" } = http;
  const { openId, gitHub, roles } = signIn;
  const way = (method: SignInMethod, clientSecret: string): Way => {
    const url = `${publicUrl}/sign-in/${method.name}`;
    return { method, url, redirectUri: `${url}/callback`, sealed: sealing(clientSecret, method.name) };
  };
  const { apiUrl } = github;
  return [
    ...(openId ? [way(openIdSignIn(openId, { fetch, now }), openId.clientSecret)] : []),
    ...(gitHub
      ? [
          way(
            gitHubSignIn(
              { ...gitHub, apiUrl, webUrl: webUrlOf(apiUrl), memberships: gitHubNamesIn(roles) },
              { fetch, userAgent: `gh-runner/${VERSION}` },
            ),
            gitHub.clientSecret,
          ),
        ]
      : []),
  ];
}

/** 256 bits. PKCE requires at least 43 characters. */
const random = () => randomBytes(32).toString("base64url");
