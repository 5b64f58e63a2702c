import type { ClientNeeds } from "../../src/github/client.ts";
import { rememberedAnswers } from "../../src/github/etags.ts";
import { openGates } from "../../src/github/limits/gates.ts";
import { systemClock } from "../../src/model/clock.ts";

/** What a client of GitHub needs, without windows and without a memory beyond the test. */
export function gitHubNeeds(given: Pick<ClientNeeds, "apiUrl" | "send"> & Partial<ClientNeeds>): ClientNeeds {
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
    name: "test",
    targetRepo: "",
    ...given,
  };
}
