import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { chatCard, chatOf } from "../src/model/chat.ts";
import { knownSecrets } from "../src/observe/secrets.ts";

const { brief } = knownSecrets([]);
const NASTY = "<!channel> @everyone [click](https://evil.test) **b** `c` &amp; <https://evil.test|x> _i_ ||s||";
const LINKS = [{ title: "Open the run", url: "https://ci.example/runs/1?a=1&b=2" }];

describe("a message in parts", () => {
  it("is used for receivers with the host of a chat", () => {
    const hosts = {
      "https://hooks.slack.com/services/T/B/X": "slack",
      "https://hooks.slack-gov.com/services/T/B/X": "slack",
      "https://canary.discord.com/api/webhooks/1/x": "discord",
      "https://acme.webhook.office.com/webhookb2/x": "teams",
      "https://prod-1.westeurope.logic.azure.com/workflows/x": "teams",
      "https://default1.2e.environment.api.powerplatform.com/powerautomate/x": "teams",
      "https://chat.acme.test/hooks/x": undefined,
      "https://hooks.slack.com.evil.test/x": undefined,
      "https://xlogic.azure.com.evil.test/x": undefined,
    };
    for (const [url, chat] of Object.entries(hosts)) assert.equal(chatOf(new URL(url)), chat, url);
  });

  it("shows in Slack the text of others unchanged, and the link to the run", () => {
    const { text, blocks } = chatCard("slack", { title: NASTY, lines: [NASTY], links: LINKS }, brief) as {
      text: string;
      blocks: { text: { text: string } }[];
    };
    const shown = [text, ...blocks.map((block) => block.text.text)];
    for (const each of shown) {
      assert.deepEqual(
        each.match(/<[^>]*>/g) ?? [],
        each.includes("Open the run") ? ["<https://ci.example/runs/1?a=1&amp;b=2|Open the run>"] : [],
      );
    }
    assert.ok(shown.every((each) => !each.includes("<!channel>")));
  });

  it("shows in Discord the text of others unchanged, without mentions", () => {
    const card = chatCard("discord", { title: NASTY, lines: [NASTY], links: LINKS }, brief) as {
      content: string;
      allowed_mentions: object;
    };
    assert.deepEqual(card.allowed_mentions, { parse: [] });
    // Markdown characters of others all have a backslash.
    const theirs = card.content
      .split("\n")
      .slice(0, 2)
      .map((line, at) => (at === 0 ? line.slice(2, -2) : line));
    for (const line of theirs) assert.doesNotMatch(line, /(?<!\\)[*_~`|>#[\]():@<-]/);
    assert.ok(card.content.endsWith("[Open the run](<https://ci.example/runs/1?a=1&b=2>)"));
  });

  it("stays within the limits of each chat, for any content", () => {
    for (const unit of ["&", "*", "x", "語", "🚢"]) {
      const long = unit.repeat(20_000);
      const card = { title: long, lines: [long, long, long, long], links: LINKS };
      const slack = chatCard("slack", card, brief) as { text: string; blocks: { text: { text: string } }[] };
      assert.ok(
        slack.blocks.every(({ text }) => text.text.length <= 3000),
        unit,
      );
      assert.ok(slack.text.length <= 40_000);
      const discord = chatCard("discord", card, brief) as { content: string };
      assert.ok(discord.content.length <= 2000, `${unit} ${discord.content.length}`);
      assert.ok(Buffer.byteLength(JSON.stringify(chatCard("teams", card, brief))) < 28_000, unit);
      for (const { content } of [discord]) assert.ok(content.isWellFormed());
    }
  });
});
