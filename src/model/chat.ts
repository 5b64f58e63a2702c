/**
 * What the webhook of a chat takes for a text. The text has Markdown's links, `[tests](https://…)`, and `**bold**`: Discord, Teams and
 * Mattermost read them, and for Slack they are written in its way.
 * @param brief the text without secrets, in so many characters.
 * @returns the JSON for the host of the address. What is no known host gets Slack's form with the text as it is, which
 * Mattermost, Rocket.Chat and others take.
 */
export function chatMessage(url: URL, text: string, brief: (text: string, most: number) => string): object {
  const { hostname } = url;
  if (SLACK.test(hostname)) return { text: slackText(brief(text, MAX_SLACK)) };
  // A name that a text happens to hold notifies no one: https://docs.discord.com/developers/resources/message
  if (DISCORD.test(hostname)) return { content: brief(text, MAX_DISCORD), allowed_mentions: { parse: [] } };
  if (TEAMS.test(hostname)) return teamsCard(brief(text, MAX_TEAMS));
  return { text: brief(text, MAX_SLACK) };
}

const SLACK = /^hooks\.slack(?:-gov)?\.com$/;
const DISCORD = /^(?:[a-z]+\.)?discord(?:app)?\.com$/;
const TEAMS = /\.(?:webhook\.office\.com|logic\.azure\.(?:com|us)|api\.powerplatform\.com)$/;

/** Characters, with room for the sign that there are more. https://docs.slack.dev/changelog/2018-truncating-really-long-messages */
const MAX_SLACK = 39_999;

/** The same. https://docs.discord.com/developers/resources/webhook#execute-webhook */
const MAX_DISCORD = 1999;

/** A message may have 28 KB, and a character 4 bytes: https://learn.microsoft.com/microsoftteams/limits-specifications-teams */
const MAX_TEAMS = 6000;

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

/** https://learn.microsoft.com/microsoftteams/platform/webhooks-and-connectors/how-to/connectors-using */
function teamsCard(text: string): object {
  const content = {
    $schema: "http://adaptivecards.io/schemas/adaptive-card.json",
    type: "AdaptiveCard",
    version: "1.4",
    // A line break alone is a space there.
    body: [{ type: "TextBlock", wrap: true, text: text.replace(/\r?\n/g, "\n\n") }],
  };
  return { type: "message", attachments: [{ contentType: "application/vnd.microsoft.card.adaptive", content }] };
}
