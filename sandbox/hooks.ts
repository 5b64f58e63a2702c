import { createHmac, randomUUID } from "node:crypto";

type Payload = Readonly<Record<string, unknown>>;

/** A webhook, and what GitHub has sent to it. */
export type Hook = {
  readonly id: number;
  url: string;
  /**
   * With a secret, the stand-in sends its events to it, signed. Without one, nothing is sent, and `note` fills its log.
   */
  readonly secret: string | undefined;
  /** Names of events, or `*`. */
  readonly events: readonly string[];
  /** Oldest first. GitHub deletes them after three days. */
  readonly deliveries: HookDelivery[];
  /** Called for each delivery that is due. Returns what goes wrong with it. */
  upset: ((delivery: Pick<HookDelivery, "guid" | "event" | "action" | "payload">) => Upset | undefined) | undefined;
  /** Only logs that an event was sent. Nothing is sent here. Missing facts get usual values. */
  note(event: string, payload: Payload, facts?: Partial<HookDelivery>): HookDelivery;
};

/** `lost`: it does not arrive, and the log shows that. `unlogged`: the log does not contain it either. */
type Upset = "lost" | "unlogged" | "twice" | { readonly lateMs: number };

export type HookOptions = Partial<Pick<Hook, "secret" | "events">>;

export type HookDelivery = {
  /** Ids have 64 bits. */
  readonly id: bigint;
  /** The same in all webhooks that receive an event, and when it is sent again. */
  readonly guid: string;
  readonly event: string;
  readonly action: string | null;
  /** Null: GitHub has not kept it. */
  payload: Payload | null;
  /** Epoch milliseconds. */
  readonly at: number;
  readonly isRedelivery: boolean;
  /** The status of the answer. 502 if there was no answer, 504 if it took too long. */
  status: number;
  /** The body of the answer. */
  readonly answer: string;
  readonly installationId: number | null;
  readonly repositoryId: number | null;
};

const KEPT_MS = 3 * 86_400_000;

/** https://docs.github.com/en/webhooks/using-webhooks/best-practices-for-using-webhooks#respond-within-10-seconds */
const PATIENCE_MS = 10_000;

type Letter = { readonly hook: Hook; readonly payload: Payload } & Pick<
  HookDelivery,
  "guid" | "event" | "at" | "isRedelivery" | "installationId" | "repositoryId"
>;

/** Of `owner/name`. */
export const ownerOf = (fullName: string): string => fullName.split("/")[0] ?? "";

export type Hooks = ReturnType<typeof hookBook>;

/**
 * The webhooks of all owners: `app`, `owner/name` or the name of an organisation.
 * @param planned called when there is something to send.
 */
export function hookBook(now: () => number, planned: () => void) {
  const byOwner = new Map<string, Hook[]>();
  /** Earliest first. */
  const letters: Letter[] = [];
  /** More than a JavaScript number holds exactly. */
  let lastId = 2n ** 53n;
  const of = (owner: string): readonly Hook[] => byOwner.get(owner.toLowerCase()) ?? [];

  function post(letter: Letter): void {
    let place = letters.length;
    while (place > 0 && (letters[place - 1]?.at ?? 0) > letter.at) place--;
    letters.splice(place, 0, letter);
    planned();
  }

  async function deliver({ hook, event, payload, ...facts }: Letter): Promise<void> {
    const at = now();
    const answered = await send(hook, facts.guid, event, JSON.stringify(payload));
    hook.note(event, payload, { ...facts, ...answered, at });
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
            installationId: null,
            repositoryId: 1,
            ...facts,
          };
          hook.deliveries.push(delivery);
          return delivery;
        },
      };
      byOwner.set(owner.toLowerCase(), [...of(owner), hook]);
      return hook;
    },
    /**
     * Posts an event of a repository to all its listeners.
     * @param installations of Apps at the owner: their webhooks receive only events of repositories on which they are
     *   installed.
     */
    emit(
      { fullName, id: repositoryId }: { readonly fullName: string; readonly id: number },
      event: string,
      payload: () => Payload,
      at: number,
      installations: readonly { readonly id: number }[] | undefined,
    ): void {
      const isMeant = ({ secret, events }: Hook) =>
        secret !== undefined && (events.includes("*") || events.includes(event));
      const installationId = installations?.[0]?.id ?? null;
      const ofRepository = [fullName, ownerOf(fullName)].flatMap(of).map((hook) => ({ hook, installationId: null }));
      const ofApps = installations?.length === 0 ? [] : of("app").map((hook) => ({ hook, installationId }));
      const listening = [...ofRepository, ...ofApps].filter(({ hook }) => isMeant(hook));
      if (listening.length === 0) return;
      const [guid, all] = [randomUUID(), payload()];
      for (const { hook, installationId } of listening) {
        const installation = installationId === null ? {} : { installation: { id: installationId, node_id: "I_1" } };
        const told: Payload = { ...all, ...installation };
        const facts = { guid, at, repositoryId, installationId };
        const letter = { hook, event, payload: told, isRedelivery: false, ...facts };
        const action = typeof told.action === "string" ? told.action : null;
        const upset = hook.upset?.({ guid, event, action, payload: told });
        if (upset === "lost") hook.note(event, told, facts);
        else if (typeof upset === "object") post({ ...letter, at: at + upset.lateMs });
        else if (upset !== "unlogged") post(letter);
        if (upset === "twice") post(letter);
      }
    },
    /** Posts an earlier delivery again, under the same GUID. */
    redeliver(hook: Hook, { guid, event, payload, installationId, repositoryId }: HookDelivery): void {
      const facts = { guid, event, installationId, repositoryId };
      post({ hook, payload: payload ?? {}, at: now(), isRedelivery: true, ...facts });
    },
    /** When the next one is due, epoch milliseconds. */
    next: (): number | undefined => letters[0]?.at,
    /** Sends the deliveries that are due, one after the other, each after the answer to the one before. */
    async flush(): Promise<void> {
      for (let letter = letters[0]; letter && letter.at <= now(); letter = letters[0]) {
        letters.shift();
        await deliver(letter);
      }
    },
  };
}

/** Sends as GitHub does: it waits 10 s for an answer, follows no redirects, and does not retry. */
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
