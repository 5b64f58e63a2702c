import { createHmac, randomUUID } from "node:crypto";

type Payload = Readonly<Record<string, unknown>>;

/** A webhook, and what GitHub has sent to it. */
export type Hook = {
  readonly id: number;
  url: string;
  /** With it, what happens in the stand-in is sent to it, signed. Without it, nothing is sent: `note` fills its log. */
  readonly secret: string | undefined;
  /** Names of events, or `*`. */
  readonly events: readonly string[];
  /** Oldest first. GitHub forgets them after three days. */
  readonly deliveries: HookDelivery[];
  /** Asked about each delivery that is due: what goes wrong with it. */
  upset: ((delivery: Pick<HookDelivery, "guid" | "event" | "action" | "payload">) => Upset | undefined) | undefined;
  /** Writes down that an event was sent to it, by itself; nothing is sent here. What is left out is the usual. */
  note(event: string, payload: Payload, facts?: Partial<HookDelivery>): HookDelivery;
};

/** `lost`: it does not arrive, and the log says so. `unlogged`: there is not even a line in the log. */
type Upset = "lost" | "unlogged" | "twice" | { readonly lateMs: number };

export type HookOptions = Partial<Pick<Hook, "secret" | "events">>;

export type HookDelivery = {
  /** Ids have 64 bits. */
  readonly id: bigint;
  /** The same in all webhooks that hear of an event, and when it is sent again. */
  readonly guid: string;
  readonly event: string;
  readonly action: string | null;
  /** Null: it was not kept. */
  payload: Payload | null;
  /** Epoch milliseconds. */
  readonly at: number;
  readonly isRedelivery: boolean;
  /** What it was answered; 502 when there was no answer. */
  status: number;
  /** Its body, and what was answered. */
  readonly answer: string;
};

const KEPT_MS = 3 * 86_400_000;

/** https://docs.github.com/en/webhooks/using-webhooks/best-practices-for-using-webhooks#respond-within-10-seconds */
const PATIENCE_MS = 10_000;

type Letter = {
  readonly hook: Hook;
  readonly guid: string;
  readonly event: string;
  readonly payload: Payload;
  readonly at: number;
  readonly isRedelivery: boolean;
};

export type Hooks = ReturnType<typeof hookBook>;

/**
 * The webhooks of all owners: `app`, `owner/name` or the name of an organisation.
 * @param planned is called when there is something to send.
 */
export function hookBook(now: () => number, planned: () => void) {
  const byOwner = new Map<string, Hook[]>();
  /** Earliest first. */
  const letters: Letter[] = [];
  /** More than a number of JavaScript holds exactly. */
  let lastId = 2n ** 53n;
  const of = (owner: string): readonly Hook[] => byOwner.get(owner.toLowerCase()) ?? [];

  function post(letter: Letter): void {
    let place = letters.length;
    while (place > 0 && (letters[place - 1]?.at ?? 0) > letter.at) place--;
    letters.splice(place, 0, letter);
    planned();
  }

  async function deliver({ hook, guid, event, payload, isRedelivery }: Letter): Promise<void> {
    const at = now();
    const { status, answer } = await send(hook, guid, event, JSON.stringify(payload));
    hook.note(event, payload, { guid, isRedelivery, at, status, answer });
  }

  return {
    of,
    /** The deliveries that GitHub still has, newest first. */
    kept: ({ deliveries }: Hook): readonly HookDelivery[] =>
      deliveries.filter(({ at }) => at > now() - KEPT_MS).reverse(),
    add(owner: string, url: string, { secret, events = ["*"] }: HookOptions = {}): Hook {
      const hook: Hook = {
        id: 500 + [...byOwner.values()].flat().length,
        url,
        secret,
        events,
        upset: undefined,
        deliveries: [],
        note(event, payload, facts = {}) {
          const { action } = payload;
          const delivery: HookDelivery = {
            id: ++lastId,
            guid: randomUUID(),
            event,
            action: typeof action === "string" ? action : null,
            payload,
            at: now(),
            isRedelivery: false,
            status: 502,
            answer: "",
            ...facts,
          };
          hook.deliveries.push(delivery);
          return delivery;
        },
      };
      byOwner.set(owner.toLowerCase(), [...of(owner), hook]);
      return hook;
    },
    /** Posts an event of a repository to everything that listens to it. */
    emit(fullName: string, event: string, payload: () => Payload, at: number): void {
      const owners = [fullName, fullName.split("/")[0] ?? "", "app"];
      const listening = owners
        .flatMap(of)
        .filter(({ secret, events }) => secret !== undefined && (events.includes("*") || events.includes(event)));
      if (listening.length === 0) return;
      const [guid, told] = [randomUUID(), payload()];
      const action = typeof told.action === "string" ? told.action : null;
      for (const hook of listening) {
        const letter = { hook, guid, event, payload: told, at, isRedelivery: false };
        const upset = hook.upset?.({ guid, event, action, payload: told });
        if (upset === "lost") hook.note(event, told, { guid, at });
        else if (typeof upset === "object") post({ ...letter, at: at + upset.lateMs });
        else if (upset !== "unlogged") post(letter);
        if (upset === "twice") post(letter);
      }
    },
    /** Posts what was sent before again, under the same GUID. */
    redeliver(hook: Hook, { guid, event, payload }: HookDelivery): void {
      post({ hook, guid, event, payload: payload ?? {}, at: now(), isRedelivery: true });
    },
    /** When the next one is due, epoch milliseconds. */
    next: (): number | undefined => letters[0]?.at,
    /** Sends those that are due, one after the other, each when the one before was answered. */
    async flush(): Promise<void> {
      for (let letter = letters[0]; letter && letter.at <= now(); letter = letters[0]) {
        letters.shift();
        await deliver(letter);
      }
    },
  };
}

/** Sends as GitHub does: 10 s for an answer, redirects are not followed, and nothing is tried again. */
async function send(
  hook: Hook,
  guid: string,
  event: string,
  body: string,
): Promise<{ status: number; answer: string }> {
  const signed = createHmac("sha256", hook.secret ?? "").update(body);
  try {
    const answer = await fetch(hook.url, {
      method: "POST",
      headers: {
        "content-type": "application/json",
        "user-agent": "GitHub-Hookshot/044aadd",
        "x-github-delivery": guid,
        "x-github-event": event,
        "x-github-hook-id": String(hook.id),
        ...(hook.secret === undefined ? {} : { "x-hub-signature-256": `sha256=${signed.digest("hex")}` }),
      },
      body,
      redirect: "manual",
      signal: AbortSignal.timeout(PATIENCE_MS),
    });
    return { status: answer.status, answer: await answer.text() };
  } catch (error) {
    return { status: (error as Error).name === "TimeoutError" ? 504 : 502, answer: "" };
  }
}
