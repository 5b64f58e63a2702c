import { createHmac, randomUUID } from "node:crypto";
import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { Workflow } from "../model/workflow.ts";
import type { RunningApp } from "../service/app.ts";

type Sending = {
  readonly app: () => Pick<RunningApp, "url" | "start">;
  readonly workflowNamed: (name: string) => Workflow | undefined;
  readonly webhookSecret: string;
  /** The value of a variable that a workflow declares. */
  readonly variable: (name: string) => string | undefined;
};

/**
 * Sends requests that curl cannot: `POST /{workflow}/github/{event}` becomes a signed GitHub webhook with the body as
 * payload, `/{workflow}/flux` an event of Flux, and `/{workflow}/schedule` a tick. The answer is the service's.
 */
export async function openSender(
  port: number,
  sending: Sending,
): Promise<{ readonly url: string; close(): Promise<void> }> {
  const server = createServer((incoming, outgoing) => {
    void answer(incoming, sending)
      .catch((error: Error) => ({ status: 500, text: error.message }))
      .then((reply) => write(outgoing, reply));
  });
  server.listen(port, "127.0.0.1");
  await once(server, "listening");
  return {
    url: `http://127.0.0.1:${port}`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

type Reply = { readonly status: number; readonly text: string; readonly type?: string | null };

function write(outgoing: ServerResponse, { status, text, type }: Reply): void {
  outgoing.writeHead(status, { "content-type": type ?? "text/plain; charset=utf-8" }).end(`${text}\n`);
}

async function answer(incoming: IncomingMessage, sending: Sending): Promise<Reply> {
  const [, name = "", how, event = ""] = new URL(incoming.url ?? "/", "http://127.0.0.1").pathname.split("/");
  const workflow = sending.workflowNamed(name);
  const { url, start } = sending.app();
  const usage = `Send POST /{workflow}/{trigger}, as the examples of gh-runner dev do. The page is at ${url}/.`;
  // Rejects pages in a browser: those always send an Origin header.
  if (incoming.method !== "POST" || incoming.headers.origin !== undefined) return { status: 404, text: usage };
  if (!workflow) return { status: 404, text: `There is no workflow "${name}". ${usage}` };
  const body = await textOf(incoming);
  const { flux, schedule } = workflow.on;
  if (how === "github") return post(`${url}/webhooks/github`, body, deliveryHeaders(event, body, sending));
  if (how === "flux" && flux) {
    const key = flux.key === undefined ? undefined : sending.variable(flux.key);
    const text = fluxText(body);
    return post(`${url}${flux.path}`, text, key === undefined ? {} : { "x-signature": `sha256=${signed(text, key)}` });
  }
  if (how !== "schedule" || !schedule) return { status: 404, text: `${name} has no trigger ${how}.` };
  const input = { scheduledAt: new Date().toISOString() };
  const { run } = await start({ workflow, trigger: "schedule", input, actor: "command line" }, 0);
  return { status: 202, text: JSON.stringify({ status: "queued", run: run.id }), type: "application/json" };
}

function deliveryHeaders(event: string, body: string, { webhookSecret }: Sending): Record<string, string> {
  return {
    "x-github-event": event,
    "x-github-delivery": randomUUID(),
    "x-hub-signature-256": `sha256=${signed(body, webhookSecret)}`,
  };
}

const signed = (body: string, key: string): string => createHmac("sha256", key).update(body).digest("hex");

/** A new event of this kind. Flux's events have no id, so an exact repeat would start nothing. */
function fluxText(body: string): string {
  const event = JSON.parse(body) as { involvedObject?: object };
  const involvedObject = { uid: randomUUID(), ...event.involvedObject };
  return JSON.stringify({ timestamp: new Date().toISOString(), ...event, involvedObject });
}

async function post(url: string, body: string, headers: Record<string, string>): Promise<Reply> {
  const response = await fetch(url, {
    method: "POST",
    body,
    headers: { "content-type": "application/json", ...headers },
  });
  return { status: response.status, text: await response.text(), type: response.headers.get("content-type") };
}

async function textOf(incoming: IncomingMessage): Promise<string> {
  let text = "";
  for await (const chunk of incoming.setEncoding("utf8")) text += chunk;
  return text || "{}";
}
