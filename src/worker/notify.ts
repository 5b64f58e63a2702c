import { chatMessage } from "../model/chat.ts";
import { pause } from "../model/clock.ts";
import type { RunContext } from "../model/context.ts";
import { LimitReached, PermanentFailure, TransientFailure } from "../model/failure.ts";
import { type FetchParts, fetching } from "./fetch.ts";
import { shownUrl, withoutAddress } from "./shown-url.ts";

/** The longest pause that an attempt waits for a chat, s. After a longer one, a later attempt posts. */
const MOST_PATIENCE_S = 10;

/** How many times an attempt posts to a chat that asks for a pause. */
const MAX_TRIES = 3;

/** Enough of an answer to see the problem. */
const MAX_ANSWER = 200;

/** Posts a text to a chat's webhook, as part of an attempt. */
export function notifyOf(parts: FetchParts): RunContext["notify"] {
  const { attempting, clock, keeping } = parts;
  const fetch = fetching(parts);
  return (address, text) => {
    const tried = `posting to ${shownUrl(address)}`;
    const notify = async () => {
      attempting.begin("notify");
      const url = URL.parse(address);
      if (!url || !/^https?:$/.test(url.protocol)) {
        const remedy = "Pass the full address of an incoming webhook, from a variable in the workflow's `env`.";
        throw new PermanentFailure({ tried, happened: "this is not the address of a webhook", remedy });
      }
      const body = JSON.stringify(chatMessage(url, text, keeping.brief));
      const init = {
        method: "POST",
        headers: { "content-type": "application/json" },
        body,
        redirect: "manual",
      } as const;
      for (let tries = 1; ; tries++) {
        const answer = await fetch(url, init);
        const said = keeping.brief(withoutAddress((await answer.text()).trim(), url), MAX_ANSWER);
        if (answer.ok) return;
        const happened = `it answered ${answer.status}${said === "" ? "" : ` "${said}"`}`;
        if (answer.status === 429) {
          const seconds = Math.max(1, Number(answer.headers.get("retry-after")) || 1);
          const notBefore = clock.now() + seconds * 1000;
          if (seconds > MOST_PATIENCE_S || tries === MAX_TRIES) {
            throw new LimitReached(
              { tried, happened, remedy: "Nothing to do: the run continues after that time." },
              notBefore,
            );
          }
          await pause(clock, seconds * 1000, attempting.signal);
          attempting.begin("another try of notify");
        } else if (answer.status >= 500 || answer.status === 408) {
          throw new TransientFailure({ tried, happened, remedy: "Nothing to do if the chat recovers." });
        } else {
          const remedy = "Create a new webhook in the chat, and put its address into the variable.";
          throw new PermanentFailure({ tried, happened, remedy });
        }
      }
    };
    return attempting.calls.follow("notify", notify());
  };
}
