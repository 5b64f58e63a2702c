import { readdirSync, readFileSync } from "node:fs";
import { IMAGE_OPTIONS, type MeasuredService, startBundle } from "./service.ts";

/** What is compared: ours, a script behind Debian's `webhook`, and the Go service where REFERENCE_BIN names its binary. */
export type Contestant = {
  readonly name: string;
  /** Whether it keeps events and sends them when it can, so that it is waited for. */
  readonly keepsEvents: boolean;
  /** Dispatches before anything is measured, and in each turn: fewer where each costs a hundred times as much. */
  readonly warmUp: number;
  readonly eachTurn: number;
  start(gitHubUrl: string, env?: Record<string, string>): Promise<MeasuredService>;
};

const { REFERENCE_BIN } = process.env;

export const CONTESTANTS: readonly Contestant[] = [
  {
    name: "gh-runner",
    keepsEvents: true,
    warmUp: 600,
    eachTurn: 100,
    start: (url, env = {}) => startBundle(url, { nodeOptions: IMAGE_OPTIONS, env: { WAIT_SECONDS: "2", ...env } }),
  },
  {
    name: "webhook + curl",
    keepsEvents: false,
    // Nothing of it lives on from one dispatch to the next.
    warmUp: 10,
    eachTurn: 10,
    start: (url, env = {}) =>
      startBundle(url, { env: { ...env, CURL_CA_BUNDLE: env.NODE_EXTRA_CA_CERTS ?? "" }, command: webhook }),
  },
  ...(REFERENCE_BIN
    ? [
        {
          name: "Go service",
          keepsEvents: false,
          warmUp: 600,
          eachTurn: 100,
          start: (url: string, env: Record<string, string> = {}) =>
            startBundle(url, {
              env: { ...env, SSL_CERT_FILE: env.NODE_EXTRA_CA_CERTS ?? "" },
              command: () => [REFERENCE_BIN],
            }),
        },
      ]
    : []),
];

/** https://github.com/adnanh/webhook; Debian's package of the same name. */
function webhook(port: number): string[] {
  return ["webhook", "-hooks", "bench/webhook/hooks.json", "-ip", "127.0.0.1", "-port", `${port}`, "-urlprefix", ""];
}

/**
 * Watches the memory that a process and its children alone have in use (`RssAnon`, what a container's limit counts besides
 * files), every 250 ms. Call what it returns to stop, and for the most that was seen, MB.
 */
export function watchMemory(pid: number): () => number {
  let most = 0;
  const look = () => {
    most = Math.max(most, anonymousMemory(pid));
  };
  const timer = setInterval(look, 250);
  return () => {
    clearInterval(timer);
    look();
    return most;
  };
}

/** The same at this moment, MB. */
export function anonymousMemory(pid: number): number {
  let sum = 0;
  for (const each of familyOf(pid)) {
    try {
      const [, resident = 0, shared = 0] = readFileSync(`/proc/${each}/statm`, "utf8").split(" ").map(Number);
      sum += resident - shared;
    } catch {
      // It has just ended.
    }
  }
  return (sum * 4096) / 2 ** 20;
}

function familyOf(pid: number): number[] {
  const family = [pid];
  for (let at = 0; at < family.length; at++) {
    try {
      for (const task of readdirSync(`/proc/${family[at]}/task`)) {
        const children = readFileSync(`/proc/${family[at]}/task/${task}/children`, "utf8").trim();
        if (children) family.push(...children.split(" ").map(Number));
      }
    } catch {
      // It has just ended.
    }
  }
  return family;
}
