import { randomUUID } from "node:crypto";

/** A webhook, and what GitHub has sent to it. */
export type Hook = {
  readonly id: number;
  url: string;
  /** Oldest first. GitHub forgets them after three days. */
  readonly deliveries: HookDelivery[];
  /** Writes down that an event was sent to it, by itself; nothing is sent here. What is left out is the usual. */
  note(event: string, payload: Readonly<Record<string, unknown>>, facts?: Partial<HookDelivery>): HookDelivery;
};

export type HookDelivery = {
  /** Ids have 64 bits. */
  readonly id: bigint;
  readonly guid: string;
  readonly event: string;
  readonly action: string | null;
  /** Null: it was not kept. */
  payload: Readonly<Record<string, unknown>> | null;
  /** Epoch milliseconds. */
  readonly at: number;
  readonly isRedelivery: boolean;
  /** What it was answered; 502 when there was no answer. */
  status: number;
  /** Its body, and what was answered. */
  readonly answer: string;
};

const KEPT_MS = 3 * 86_400_000;

export type Hooks = ReturnType<typeof hookBook>;

/** The webhooks of all owners: `app`, `owner/name` or the name of an organisation. */
export function hookBook(now: () => number) {
  const byOwner = new Map<string, Hook[]>();
  /** More than a number of JavaScript holds exactly. */
  let lastId = 2n ** 53n;
  const of = (owner: string): readonly Hook[] => byOwner.get(owner.toLowerCase()) ?? [];
  return {
    of,
    /** The deliveries that GitHub still has, newest first. */
    kept: ({ deliveries }: Hook): readonly HookDelivery[] =>
      deliveries.filter(({ at }) => at > now() - KEPT_MS).reverse(),
    add(owner: string, url: string): Hook {
      const hook: Hook = {
        id: 500 + [...byOwner.values()].flat().length,
        url,
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
  };
}
