import { readFileSync } from "node:fs";
import { brotliDecompressSync } from "node:zlib";
import { schemaChecker, told } from "./openapi.ts";

/** The payload of a webhook of GitHub, by its event and action. */
export type DescribedWebhook = {
  readonly event: string;
  readonly action?: string | undefined;
  readonly schema: object;
};

type Descriptions = {
  readonly webhooks: readonly DescribedWebhook[];
  readonly components: { readonly schemas: Readonly<Record<string, object>> };
};

/** Written by scripts/renew-openapi.ts from the description of github.com. */
export const WEBHOOKS_FILE = new URL("github-openapi/webhooks.json.br", import.meta.url);

/**
 * GitHub's description of the payloads of all webhooks, with functions that check payloads. Read once: it takes a
 * second.
 */
export function describedWebhooks(): ReturnType<typeof read> {
  known ??= read();
  return known;
}

let known: ReturnType<typeof read> | undefined;

function read() {
  const { webhooks, components } = JSON.parse(
    brotliDecompressSync(readFileSync(WEBHOOKS_FILE)).toString(),
  ) as Descriptions;
  const schemaAt = (reference: string): object => components.schemas[reference.split("/").at(-1) ?? ""] ?? {};
  const errors = schemaChecker(schemaAt);

  function described(event: string, { action }: { readonly action?: unknown }): DescribedWebhook | undefined {
    const ofEvent = webhooks.filter((each) => each.event === event);
    // The action of a repository_dispatch is any name.
    return ofEvent.find((each) => each.action === action) ?? ofEvent.find((each) => each.action === undefined);
  }

  return {
    all: webhooks,
    schemaAt,
    /** What a schema does not allow, in ajv's form. */
    errors,
    /** Everything in a payload that the description does not allow, in words. */
    validate(event: string, payload: { readonly action?: unknown }): string[] {
      const found = described(event, payload);
      if (!found) return [`the webhook ${event} ${payload.action ?? ""} is not documented`];
      return errors(found.schema, payload).map((each) => `${event}: ${told(each)}`);
    },
  };
}
