import type { GitHubHost } from "../../src/github/ask.ts";
import { rememberedAnswers } from "../../src/github/etags.ts";
import { openGates } from "../../src/github/limits/gates.ts";
import { systemClock } from "../../src/model/clock.ts";

/** A GitHub without windows and without a memory beyond the test. */
export function gitHubHost(given: Pick<GitHubHost, "apiUrl" | "send"> & Partial<GitHubHost>): GitHubHost {
  return {
    gates: openGates({
      limits: [],
      known: [],
      clock: systemClock,
      log: { spend: async () => {}, pause: async () => {} },
      onPause: () => {},
    }),
    remembered: rememberedAnswers(),
    wait: async () => {},
    targetRepo: "",
    ...given,
  };
}
