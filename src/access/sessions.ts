import { createHash, createHmac, randomBytes, timingSafeEqual } from "node:crypto";
import type { CallerToken, Grant } from "../model/access.ts";
import type { Person } from "../model/person.ts";
import type { Session, Sessions } from "../model/session.ts";
import type { OpenedSession } from "../model/sign-in.ts";
import { StoreUnavailable } from "../model/store.ts";
import { tokenCheck, type Way } from "./identify.ts";
import type { SignInMethod } from "./sign-in-method.ts";
import { grantsOfPerson, type SignInRole } from "./sign-in-roles.ts";

/** What decides whether a session holds, and what it may do: asked each time, so that a change counts at once. */
export type SessionRules = {
  readonly tokens: readonly CallerToken[];
  readonly methods: readonly Pick<SignInMethod, "via" | "credential">[];
  readonly roles: readonly SignInRole[];
};

/** How long sessions of tokens hold; people's have a setting. */
export const TOKEN_HOURS = 7 * 24;

const SECRET_BYTES = 32;
const SECRET = /^[\w-]{43}$/;

/**
 * Sessions of people who have shown a token, or whom another service knows. The browser has a secret, the store its hash. A
 * session of a token ends when that token is withdrawn, a person's when what they signed in with is not set up any more or no
 * entry of SIGN_IN_ROLES is for them.
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
    /** Undefined for a text that is none of the tokens. */
    async withToken(text: string): Promise<OpenedSession | undefined> {
      const token = tokenCheck(rules().tokens)(text);
      if (token === undefined) return undefined;
      const secret = newSecret();
      const credential = boundTo(token.text, secret);
      const session = { actor: token.actor, via: "sign_in_form", credential, person: undefined } as const;
      return start(session, { grants: token.grants, secret, hours: TOKEN_HOURS });
    },
    /** Undefined for a person who has no role. */
    async forPerson({ via, credential }: SessionRules["methods"][number], person: Person) {
      const grants = grantsOfPerson(rules().roles, person);
      if (grants.length === 0) return undefined;
      const actor = person.from === "github" ? `github ${person.name}` : `user ${person.name}`;
      return start({ actor, via, credential, person }, { grants, secret: newSecret(), hours: personHours });
    },
    end: async (secret: string) => void (await store.end(hashOf(secret))),
    endAll: (actor: string) => store.endAll(actor),
    /** Known by the secret of a session. */
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
 * What tells whether a token is the one that opened a session. Nobody who has the database alone can try tokens on it: the
 * secret of the session is not there.
 */
const boundTo = (token: string, secret: string) => createHmac("sha256", token).update(secret).digest("base64url");

function tokenOf(tokens: readonly CallerToken[], credential: string, secret: string): CallerToken | undefined {
  const given = Buffer.from(credential);
  return tokens.find(({ text }) => {
    const right = Buffer.from(boundTo(text, secret));
    return right.length === given.length && timingSafeEqual(right, given);
  });
}
