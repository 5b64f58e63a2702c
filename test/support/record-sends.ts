import { subscribe } from "node:diagnostics_channel";
import { appendFileSync } from "node:fs";
import type { IncomingMessage } from "node:http";
import { machineNow, type Sent } from "./sends.ts";

/**
 * Preloaded into a service: records when a request leaves it, and when an answer does. It uses the machine's monotonic
 * clock, so that the times of several processes compare.
 * @see https://undici.nodejs.org/#/docs/api/DiagnosticsChannel.md
 */
const file = process.env.SENDS_FILE!;
const note = (sent: Omit<Sent, "at">) => {
  appendFileSync(file, `${JSON.stringify({ at: machineNow(), ...sent } satisfies Sent)}\n`);
};

type Leaving = { readonly request: { readonly path: string; readonly body: Buffer | null } };

// Just before the request is written to its connection.
subscribe("undici:client:sendHeaders", (message) => {
  const { path, body } = (message as Leaving).request;
  note({ what: "request", path, body: body?.toString() ?? "" });
});

// Just after the end of the answer is handed to the system.
subscribe("http.server.response.finish", (message) => {
  const { url = "" } = (message as { request: IncomingMessage }).request;
  if (url.endsWith("/cancel")) note({ what: "answer", path: url, body: "" });
});
