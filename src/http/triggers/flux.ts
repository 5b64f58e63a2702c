import type { Hono, MiddlewareHandler } from "hono";
import * as z from "zod";
import { problemsIn } from "../../model/problems.ts";
import type { Renewable } from "../../model/renewable.ts";
import { withAccess } from "../../model/route-access.ts";
import type { Json } from "../../model/run.ts";
import type { FluxEvent, FluxTrigger } from "../../model/triggers.ts";
import type { Workflow } from "../../model/workflow.ts";
import { actorOf, type FailedAuthentication, type Guard, isSignedWithOneOf } from "../authorize.ts";
import { jsonObject, readBytes } from "../body.ts";
import type { NotedEvents } from "../noted-events.ts";
import { ignored, Rejection } from "../problem.ts";
import type { AcceptEvent } from "./http.ts";

/**
 * Mounts `POST {path}` for a workflow with the trigger `flux`. The answer comes as soon as the event is stored, because Flux
 * gives up after 15 s. With a key, the event must be signed (`generic-hmac`). Without one, Flux needs what any caller needs.
 */
export function mountFluxTrigger(
  app: Hono,
  workflow: Workflow,
  trigger: FluxTrigger,
  {
    keys,
    guard,
    failed,
    accept,
    noted,
  }: {
    /** A signature with any of these is valid. Empty: the guard decides. */
    keys: Renewable<readonly string[]>;
    guard: Guard;
    failed: FailedAuthentication;
    accept: AcceptEvent;
    noted: Pick<NotedEvents, "heard" | "ignored">;
  },
): void {
  const isSigned = keys.now().length > 0;
  const door: MiddlewareHandler = isSigned
    ? withAccess({ open: "the signature of Flux" }, (_, next) => next())
    : guard("call", { workflowOf: () => workflow.name });
  app.post(trigger.path, door, async (c) => {
    const bytes = await readBytes(c);
    const signature = c.req.header("x-signature");
    if (isSigned && !(await isSignedWithOneOf(keys, bytes, signature, ["sha256", "sha512"]))) {
      failed(c, signature === undefined ? "none" : "flux_signature");
      throw new Rejection(
        401,
        "X-Signature does not match this body. Use Flux's provider generic-hmac, with the key that is in " +
          "FLUX_HMAC_KEY or in the variable that the workflow names.",
      );
    }
    noted.heard({ kind: "flux", name: trigger.path, actor: isSigned ? "" : actorOf(c) });
    const body = fluxEvent(jsonObject(bytes));
    if (!(trigger.filter?.(body) ?? true)) {
      noted.ignored(ignoredEvent(body, workflow.name));
      return ignored(c, "the workflow's filter returned false");
    }
    const started = { trigger: "flux", actor: "Flux", input: body as unknown as Json } as const;
    const { run } = await accept({ workflow, ...started, event: identityOf(body) }, { wait: false });
    return c.json({ status: "queued", run }, 202, { location: `/api/runs/${run}`, "x-run-id": run });
  });
}

function ignoredEvent(
  { involvedObject, reason, metadata, commit }: FluxEvent,
  workflow: string,
): Parameters<NotedEvents["ignored"]>[0] {
  const { kind, namespace, name } = involvedObject;
  return {
    ...{ source: "flux", event: `${kind}.${reason}`, subject: `${namespace}/${name}`, ref: metadata.revision },
    ...{ sha: commit, woken: 0, answer: `The filter of ${workflow} returned false.` },
    reasons: [{ workflow, reason: "its filter returned false" }],
  };
}

/**
 * Flux's events have no id. Flux reports a Kustomization again with every reconciliation; only the duration in the message
 * differs. It reports a HelmRelease once per release. Two releases of one chart version differ only in the message
 * (`… upgrade succeeded for release apps/pr-1234.v3 …`). A retry of the delivery has the same message.
 */
function identityOf({ involvedObject, reason, message, metadata }: FluxEvent) {
  const revision = metadata.revision ?? "";
  return {
    source: `flux ${involvedObject.uid} ${reason}`,
    id: involvedObject.kind === "HelmRelease" ? `${revision} ${message}` : revision,
  };
}

const text = z.string("must be a string");

/** The part of Flux's event that the trigger uses. Other fields are kept unchanged. */
const schema = z.looseObject({
  involvedObject: z.looseObject({ kind: text, namespace: text, name: text, uid: text.default("") }),
  severity: text.default("info"),
  timestamp: text,
  message: text.default(""),
  reason: text,
  metadata: z.record(z.string(), text).nullish(),
  reportingController: text.default(""),
});

/**
 * The event as the workflow gets it.
 * @throws Rejection 400 when the body is not an event of Flux.
 */
export function fluxEvent(json: Record<string, unknown>): FluxEvent {
  const parsed = schema.safeParse(json);
  if (!parsed.success) {
    const problems = problemsIn(parsed.error, { whole: "The body" }).join("; ");
    throw new Rejection(400, `The body is not an event of Flux's notification-controller: ${problems}.`);
  }
  const entries = Object.entries(parsed.data.metadata ?? {});
  const metadata: Record<string, string> = Object.fromEntries(
    entries.map(([name, value]) => [name.slice(name.lastIndexOf("/") + 1), value]),
  );
  return { ...parsed.data, metadata, commit: commitOf(metadata) };
}

/**
 * The commit that an event names, in the order of Flux's Git commit status providers. The revision of an OCI artifact
 * (`latest@sha256:…`) or a bucket (`sha256:…`) is a digest. `originRevision` then names the commit, if the artifact has it.
 * GitHub's commits are SHA-1, so 64 digits are never a commit.
 */
function commitOf({ commit, originRevision, revision }: Readonly<Record<string, string>>): string | undefined {
  return [commit, originRevision, revision]
    .map((text = "") => /^(?:.*[@/])?(?:sha1:)?([0-9a-f]{40})$/.exec(text)?.[1])
    .find((found) => found !== undefined);
}
