import type { GitHubHost } from "../../src/github/ask.ts";
import { rememberedAnswers } from "../../src/github/etags.ts";
import { openGate } from "../../src/github/limits/gate.ts";
import { systemClock } from "../../src/model/clock.ts";
import { NOTHING_KEPT } from "../../src/model/limits.ts";
import { knownSecrets } from "../../src/observe/secrets.ts";

/** A GitHub without rate limits that remembers nothing after the test. */
export function gitHubHost(given: Pick<GitHubHost, "apiUrl" | "send"> & Partial<GitHubHost>): GitHubHost {
  const gate = openGate({ account: "test", limits: [], clock: systemClock, log: NOTHING_KEPT });
  return {
    gates: { of: () => gate, graphql: () => gate },
    remembered: rememberedAnswers(),
    outside: globalThis.fetch,
    wait: async () => {},
    now: Date.now,
    brief: knownSecrets([]).brief,
    targetRepo: "",
    ...given,
  };
}
