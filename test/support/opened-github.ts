import type { TestContext } from "node:test";
import { type OpenGitHub, openGitHub } from "../../src/github/open-github.ts";
import { systemClock } from "../../src/model/clock.ts";
import { NOTHING_KEPT } from "../../src/model/limits.ts";
import { unobserved } from "../../src/model/observer.ts";
import { unchanging } from "../../src/model/renewable.ts";
import { knownSecrets } from "../../src/observe/secrets.ts";
import { readConfig } from "../../src/service/config/config.ts";

/** GitHub as the service opens it, with these settings. Ends with the test. */
export async function openedGitHub(t: TestContext, settings: Readonly<Record<string, string>>): Promise<OpenGitHub> {
  const gitHub = await openGitHub({
    settings: unchanging(readConfig({ ...settings }).github),
    targetRepo: "acme/shop",
    userAgent: "test",
    hide: () => () => {},
    brief: knownSecrets([]).brief,
    limitLog: NOTHING_KEPT,
    clock: systemClock,
    observe: unobserved,
    wait: async () => {},
    onPause: () => {},
  });
  t.after(() => gitHub.close());
  return gitHub;
}
