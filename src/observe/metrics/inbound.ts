import { Counter, type Registry } from "prom-client";
import { CREDENTIALS, type Credential } from "../../model/credential.ts";

const CLOSED = ["pipelining", "unread", "idle", "bodies"] as const;

/** Requests that became nothing, and connections that went beyond a bound. */
export function inboundMetrics(registry: Registry) {
  const registers = [registry];
  const rejected = new Counter({
    name: "gh_runner_rejected_requests_total",
    help: "Requests to a trigger that did not become a run, by the status of the answer.",
    labelNames: ["status"],
    registers,
  });
  const failures = new Counter({
    name: "gh_runner_authentication_failures_total",
    help: "Requests without a valid credential, by the kind of credential that they brought.",
    labelNames: ["credential"],
    registers,
  });
  const closed = new Counter({
    name: "gh_runner_connections_closed_total",
    help: "Connections that were closed: many requests sent ahead, an answer that was not read, or too many idle ones.",
    labelNames: ["reason"],
    registers,
  });
  for (const status of ["400", "401", "413"]) rejected.inc({ status }, 0);
  for (const credential of CREDENTIALS) failures.inc({ credential }, 0);
  for (const reason of CLOSED) closed.inc({ reason }, 0);
  return {
    rejected: (status: number) => rejected.inc({ status: String(status) }),
    failedAuthentication: (credential: Credential) => failures.inc({ credential }),
    connectionClosed: (reason: (typeof CLOSED)[number]) => closed.inc({ reason }),
  };
}

export type InboundMetrics = ReturnType<typeof inboundMetrics>;
