/** What a receiver of notices takes: a chat, or anything that takes JSON. */
export const NOTICE_FORMATS = ["slack", "teams", "discord", "json"] as const;

export type NoticeFormat = (typeof NOTICE_FORMATS)[number];

type ChatFormat = Exclude<NoticeFormat, "json">;

/** The text without secrets, in so many characters. */
type Brief = (text: string, most: number) => string;

/** Which chat has this address; undefined: no known one. */
export function chatOf({ hostname }: URL): ChatFormat | undefined {
  if (SLACK.test(hostname)) return "slack";
  if (DISCORD.test(hostname)) return "discord";
  return TEAMS.test(hostname) ? "teams" : undefined;
}

const SLACK = /^hooks\.slack(?:-gov)?\.com$/;
const DISCORD = /^(?:[a-z]+\.)?discord(?:app)?\.com$/;
/** Workflows of Teams, and the connectors before them: https://learn.microsoft.com/microsoftteams/platform/webhooks-and-connectors/how-to/connectors-using */
const TEAMS = /\.(?:webhook\.office\.com|logic\.azure\.(?:com|us)|api\.powerplatform\.com)$/;

/**
 * What the webhook of a chat takes for a text. The text has Markdown's links, `[tests](https://…)`, and `**bold**`: Discord, Teams and
 * Mattermost read them, and for Slack they are written in its way.
 * @returns the JSON for the host of the address. What is no known host gets Slack's form with the text as it is, which
 * Mattermost, Rocket.Chat and others take.
 */
export function chatMessage(url: URL, text: string, brief: Brief): object {
  const chat = chatOf(url);
  if (chat === "slack") return { text: slackText(brief(text, MAX_SLACK)) };
  if (chat === "discord") return discordMessage(brief(text, MAX_DISCORD));
  // A line break alone is a space there.
  if (chat === "teams") return teamsMessage([textBlock(brief(text, MAX_TEAMS).replace(/\r?\n/g, "\n\n"))]);
  return { text: brief(text, MAX_SLACK) };
}

/** A message in parts. They are shown as they are: what others wrote makes no link, no bold letters, and notifies no one. */
export type ChatCard = {
  /** One line. */
  readonly title: string;
  /** Paragraphs below it. */
  readonly lines: readonly string[];
  readonly links: readonly { readonly title: string; readonly url: string }[];
};

/** What the webhook of a chat takes for a message in parts. */
export function chatCard(chat: ChatFormat, card: ChatCard, brief: Brief): object {
  if (chat === "slack") return slackCard(card, brief);
  if (chat === "discord") return discordCard(card, brief);
  const { title, lines, links } = card;
  const body = [plainBlock(brief(title, MAX_PART), true), ...lines.map((line) => plainBlock(brief(line, MAX_PART)))];
  return teamsMessage(
    body,
    links.map(({ title, url }) => ({ type: "Action.OpenUrl", title, url })),
  );
}

/** Characters, with room for the sign that there are more. https://docs.slack.dev/changelog/2018-truncating-really-long-messages */
const MAX_SLACK = 39_999;

/** The same. https://docs.discord.com/developers/resources/webhook#execute-webhook */
const MAX_DISCORD = 1999;

/** A message may have 28 KB, and a character 4 bytes: https://learn.microsoft.com/microsoftteams/limits-specifications-teams */
const MAX_TEAMS = 6000;

/** Of each part of a card, characters. Five parts are within what Teams takes. */
const MAX_PART = 1200;

/** Slack's way of writing it. */
function slackText(text: string): string {
  return forSlack(text)
    .replace(/\[([^\][\n]{1,500})\]\((https?:[^\s()|]{1,2000})\)/g, "<$2|$1>")
    .replace(/\*\*([^*\n]{1,500})\*\*/g, "*$1*");
}

/** Without it a name such as `<!channel>` would notify everyone: https://docs.slack.dev/messaging/formatting-message-text */
export function forSlack(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}

/** Characters of one block: https://docs.slack.dev/reference/block-kit/blocks/section-block */
const MAX_SLACK_BLOCK = 2990;

/** The longest that one character becomes, `&amp;`. */
const MAX_ESCAPED = 5;

/** The text is shown in a notification, and where blocks are not. A link, because a button wants an app that answers when it is pressed. */
function slackCard({ title, lines, links }: ChatCard, brief: Brief): object {
  const fitting = (text: string) => {
    const whole = forSlack(brief(text, MAX_SLACK_BLOCK));
    return whole.length <= MAX_SLACK_BLOCK ? whole : forSlack(brief(text, Math.floor(MAX_SLACK_BLOCK / MAX_ESCAPED)));
  };
  const shown = links.map(({ title, url }) => `<${forSlack(url)}|${forSlack(title)}>`).join(" · ");
  const texts = [`*${fitting(title)}*`, ...lines.map(fitting), shown].filter(Boolean);
  // What is verbatim makes no links of names such as #general, and none of addresses that others wrote.
  const blocks = texts.map((text) => ({ type: "section", text: { type: "mrkdwn", text, verbatim: true } }));
  return { text: [fitting(title), ...texts.slice(1)].join("\n"), blocks };
}

/** A name that a text happens to hold notifies no one: https://docs.discord.com/developers/resources/message */
function discordMessage(content: string): object {
  return { content, allowed_mentions: { parse: [] } };
}

/** Without pictures of the pages that it names: https://docs.discord.com/developers/resources/message#message-object-message-flags */
function discordCard({ title, lines, links }: ChatCard, brief: Brief): object {
  const shown = links.map(({ title, url }) => `[${title}](<${url}>)`).join(" · ");
  const room = Math.floor((MAX_DISCORD - shown.length) / 2 / (lines.length + 1)) - 4;
  const fitting = (text: string) => brief(text, room).replace(/[\\*_~`|>#[\]():@<-]/g, "\\$&");
  const SUPPRESS_EMBEDS = 4;
  const content = [`**${fitting(title)}**`, ...lines.map(fitting), shown].filter(Boolean).join("\n");
  return { ...discordMessage(content), flags: SUPPRESS_EMBEDS };
}

/** https://learn.microsoft.com/microsoftteams/platform/webhooks-and-connectors/how-to/connectors-using */
function teamsMessage(body: readonly object[], actions: readonly object[] = []): object {
  const content = {
    $schema: "http://adaptivecards.io/schemas/adaptive-card.json",
    type: "AdaptiveCard",
    version: "1.4",
    body,
    ...(actions.length > 0 && { actions }),
  };
  return { type: "message", attachments: [{ contentType: "application/vnd.microsoft.card.adaptive", content }] };
}

const textBlock = (text: string) => ({ type: "TextBlock", wrap: true, text });

/** Text without Markdown: https://adaptivecards.io/explorer/TextRun.html */
function plainBlock(text: string, isTitle = false): object {
  const run = { type: "TextRun", text, ...(isTitle && { weight: "Bolder", size: "Medium" }) };
  return { type: "RichTextBlock", inlines: [run] };
}
