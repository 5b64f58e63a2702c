export const NOTICE_FORMATS = ["slack", "teams", "discord", "json"] as const;

/** The format of a notice: a chat's message, or JSON for any other receiver. */
export type NoticeFormat = (typeof NOTICE_FORMATS)[number];

type ChatFormat = Exclude<NoticeFormat, "json">;

/** Shortens a text to `most` characters, and removes secrets. */
type Brief = (text: string, most: number) => string;

/** The chat of this address; undefined if unknown. */
export function chatOf({ hostname }: URL): ChatFormat | undefined {
  if (SLACK.test(hostname)) return "slack";
  if (DISCORD.test(hostname)) return "discord";
  return TEAMS.test(hostname) ? "teams" : undefined;
}

const SLACK = /^hooks\.slack(?:-gov)?\.com$/;
const DISCORD = /^(?:[a-z]+\.)?discord(?:app)?\.com$/;
/**
 * Teams workflows, and the older connectors:
 * https://learn.microsoft.com/microsoftteams/platform/webhooks-and-connectors/how-to/connectors-using
 */
const TEAMS = /\.(?:webhook\.office\.com|logic\.azure\.(?:com|us)|api\.powerplatform\.com)$/;

/**
 * Builds a chat's webhook message from a text. The text may have Markdown links, `[tests](https://…)`, and `**bold**`.
 * Discord, Teams and Mattermost show them; for Slack they are converted.
 * @returns the JSON for the address's host. An unknown host gets Slack's form with the text unchanged, which
 * Mattermost, Rocket.Chat and others accept.
 */
export function chatMessage(url: URL, text: string, brief: Brief): object {
  const chat = chatOf(url);
  if (chat === "slack") return { text: slackText(brief(text, MAX_SLACK)) };
  if (chat === "discord") return discordMessage(brief(text, MAX_DISCORD));
  // Teams shows a single line break as a space.
  if (chat === "teams") return teamsMessage([textBlock(brief(text, MAX_TEAMS).replace(/\r?\n/g, "\n\n"))]);
  return { text: brief(text, MAX_SLACK) };
}

/** A message in parts, shown literally: text from others creates no link or bold text, and notifies no person. */
export type ChatCard = {
  /** One line. */
  readonly title: string;
  /** Paragraphs below the title. */
  readonly lines: readonly string[];
  readonly links: readonly { readonly title: string; readonly url: string }[];
};

/** Builds a chat's webhook message from parts. */
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

/** Characters, with room for the "…". https://docs.slack.dev/changelog/2018-truncating-really-long-messages */
const MAX_SLACK = 39_999;

/** The same. https://docs.discord.com/developers/resources/webhook#execute-webhook */
const MAX_DISCORD = 1999;

/**
 * A message may have 28 KB, and a character 4 bytes:
 * https://learn.microsoft.com/microsoftteams/limits-specifications-teams
 */
const MAX_TEAMS = 6000;

/** The limit for each part of a card, characters. Five parts are within Teams' limit. */
const MAX_PART = 1200;

/** Converts to Slack's syntax. */
function slackText(text: string): string {
  return forSlack(text)
    .replace(/\[([^\][\n]{1,500})\]\((https?:[^\s()|]{1,2000})\)/g, "<$2|$1>")
    .replace(/\*\*([^*\n]{1,500})\*\*/g, "*$1*");
}

/**
 * Without escaping, a name such as `<!channel>` would notify everyone:
 * https://docs.slack.dev/messaging/formatting-message-text
 */
export function forSlack(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}

/** Characters of one block: https://docs.slack.dev/reference/block-kit/blocks/section-block */
const MAX_SLACK_BLOCK = 2990;

/** The longest escape of one character, `&amp;`. */
const MAX_ESCAPED = 5;

/**
 * The text appears in notifications, and where blocks are not supported. It has a link, because a button needs an app
 * that answers clicks.
 */
function slackCard({ title, lines, links }: ChatCard, brief: Brief): object {
  const fitting = (text: string) => {
    const whole = forSlack(brief(text, MAX_SLACK_BLOCK));
    return whole.length <= MAX_SLACK_BLOCK ? whole : forSlack(brief(text, Math.floor(MAX_SLACK_BLOCK / MAX_ESCAPED)));
  };
  const shown = links.map(({ title, url }) => `<${forSlack(url)}|${forSlack(title)}>`).join(" · ");
  const texts = [`*${fitting(title)}*`, ...lines.map(fitting), shown].filter(Boolean);
  // `verbatim` creates no links from names such as #general, or from addresses in texts of others.
  const blocks = texts.map((text) => ({ type: "section", text: { type: "mrkdwn", text, verbatim: true } }));
  return { text: [fitting(title), ...texts.slice(1)].join("\n"), blocks };
}

/** Names in the text notify no person: https://docs.discord.com/developers/resources/message */
function discordMessage(content: string): object {
  return { content, allowed_mentions: { parse: [] } };
}

/**
 * Without previews of linked pages: https://docs.discord.com/developers/resources/message#message-object-message-flags
 */
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
