import { createHash, createHmac, randomBytes, timingSafeEqual } from "node:crypto";
import type { CallerToken, Grant } from "../model/access.ts";
import type { Person } from "../model/person.ts";
import type { Session, Sessions } from "../model/session.ts";
import type { OpenedSession } from "../model/sign-in.ts";
import { StoreUnavailable } from "../model/store.ts";
import { tokenCheck, type Way } from "./identify.ts";
import type { SignInMethod } from "./sign-in-method.ts";
import { grantsOfPerson, type SignInRole } from "./sign-in-roles.ts";

/**
 * The rules that decide whether a session is valid and what it may do. Read each time, so that a change applies
 * immediately.
 */
export type SessionRules = {
  readonly tokens: readonly CallerToken[];
  readonly methods: readonly Pick<SignInMethod, "via" | "credential">[];
  readonly roles: readonly SignInRole[];
};

/** Length of sessions that began with a token. For people there is a setting. */
export const TOKEN_HOURS = 7 * 24;

const SECRET_BYTES = 32;
const SECRET = /^[\w-]{43}$/;

/**
 * Sessions of people who signed in with a token or through another service. The browser has the secret, and the store
 * has its hash. A token's session ends when the token is withdrawn. A person's session ends when their sign-in method
 * is no longer set up, or when no entry of SIGN_IN_ROLES matches them.
 */
export function openSessions(
  store: Sessions,
  rules: () => SessionRules,
  { now, personHours }: { now: () => number; personHours: number },
) {
  async function start(
    session: Omit<Session, "startedAt" | "endsAt">,
    { grants, secret, hours }: { grants: readonly Grant[]; secret: string; hours: number },
  ): Promise<OpenedSession> {
    const startedAt = now();
    await store.start(hashOf(secret), { ...session, startedAt, endsAt: startedAt + hours * 3_600_000 });
    const { actor, via } = session;
    return { actor, via, grants, secret, seconds: hours * 3600 };
  }

  function grantsOf({ via, credential, person }: Session, secret: string): readonly Grant[] | undefined {
    const { tokens, methods, roles } = rules();
    if (person === undefined) return tokenOf(tokens, credential, secret)?.grants;
    const isSetUp = methods.some((method) => method.via === via && method.credential === credential);
    const grants = isSetUp ? grantsOfPerson(roles, person) : [];
    return grants.length > 0 ? grants : undefined;
  }

  return {
    /** Undefined if the text is not one of the tokens. */
    async withToken(text: string): Promise<OpenedSession | undefined> {
      const token = tokenCheck(rules().tokens)(text);
      if (token === undefined) return undefined;
      const secret = newSecret();
      const credential = boundTo(token.text, secret);
      const session = { actor: token.actor, via: "sign_in_form", credential, person: undefined } as const;
      return start(session, { grants: token.grants, secret, hours: TOKEN_HOURS });
    },
    /** Undefined if the person has no role. */
    async forPerson({ via, credential }: SessionRules["methods"][number], person: Person) {
      const grants = grantsOfPerson(rules().roles, person);
      if (grants.length === 0) return undefined;
      const actor = person.from === "github" ? `github ${person.name}` : `user ${person.name}`;
      return start({ actor, via, credential, person }, { grants, secret: newSecret(), hours: personHours });
    },
    end: async (secret: string) => void (await store.end(hashOf(secret))),
    endAll: (actor: string) => store.endAll(actor),
    /** Identifies a caller by the secret of a session. */
    way: (({ session: secret, address }) => {
      if (secret === undefined) return undefined;
      if (!SECRET.test(secret)) return { status: "unknown", credential: "cookie" };
      return store.find(hashOf(secret), now()).then(
        (session) => {
          const grants = session && grantsOf(session, secret);
          if (!session || !grants) return { status: "unknown", credential: "cookie" };
          return { status: "known", principal: { grants, actor: session.actor, via: session.via, address } };
        },
        (error) => {
          if (!(error instanceof StoreUnavailable)) throw error;
          return { status: "later", credential: "cookie", http: 503, reason: NOT_READ, retryAfterSeconds: 5 };
        },
      );
    }) satisfies Way,
  };
}

const NOT_READ =
  "The database cannot be read at the moment, so the service cannot check who is signed in. Tokens still work, and runs continue where they can.";

const newSecret = () => randomBytes(SECRET_BYTES).toString("base64url");

const hashOf = (secret: string) => createHash("sha256").update(secret).digest("base64url");

/**
 * Binds a session to its token. The database alone is not enough to guess tokens, because the session's secret is not
 * in it.
 */
const boundTo = (token: string, secret: string) => createHmac("sha256", token).update(secret).digest("base64url");

function tokenOf(tokens: readonly CallerToken[], credential: string, secret: string): CallerToken | undefined {
  const given = Buffer.from(credential);
  return tokens.find(({ text }) => {
    const right = Buffer.from(boundTo(text, secret));
    return right.length === given.length && timingSafeEqual(right, given);
  });
}
