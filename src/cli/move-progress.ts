import { systemClock } from "../model/clock.ts";
import { type Progress, progress } from "./progress.ts";

/** From then on somebody who watches may wonder. */
const QUIET_MS = 2000;
const EVERY_MS = 500;

/** Says on a terminal how far an export or an import is, when it takes longer than a moment. */
export function moveProgress(
  doing: string,
  {
    total,
    shown = progress(),
    now = systemClock.now,
  }: { total?: number | undefined; shown?: Progress; now?: () => number } = {},
): { add(bytes: number): void; clear(): void } {
  const started = now();
  let next = started + QUIET_MS;
  let sum = 0;
  return {
    add(bytes) {
      sum += bytes;
      if (now() < next) return;
      next = now() + EVERY_MS;
      const of = total === undefined ? "" : ` of ${megabytes(total)}`;
      shown.show(`${doing}, ${megabytes(sum)}${of} MB, ${Math.round((now() - started) / 1000)} s; Ctrl-C ends it`);
    },
    clear: shown.clear,
  };
}

function megabytes(bytes: number): string {
  return (bytes / 1e6).toFixed(0);
}
