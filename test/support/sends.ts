import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { temporaryFolder } from "./folder.ts";

export type Sent = {
  /** By the machine's monotonic clock, ms, with fractions: see `machineNow`. */
  readonly at: number;
  /** A request to GitHub that leaves, or an answer to a cancel request that has left. */
  readonly what: "request" | "answer";
  readonly path: string;
  readonly body: string;
};

/** The same for all processes of the machine, ms. */
export const machineNow = (): number => Number(process.hrtime.bigint()) / 1e6;

export type RecordedSends = {
  /** Settings of each service. */
  readonly settings: Readonly<Record<string, string>>;
  readonly all: () => readonly Sent[];
};

/** What services send, recorded inside them. A receiver sees it later when it is busy. */
export function recordedSends(t: TestContext): RecordedSends {
  const file = join(temporaryFolder(t), "sends");
  writeFileSync(file, "");
  const module = new URL("record-sends.ts", import.meta.url).href;
  return {
    settings: { NODE_OPTIONS: `--import=${module}`, SENDS_FILE: file },
    // A killed process may leave half a line.
    all: () =>
      readFileSync(file, "utf8")
        .split("\n")
        .flatMap((line) => (line.endsWith("}") ? [JSON.parse(line) as Sent] : [])),
  };
}
