import { isQuoted, secret, secretLines, token } from "./setting.ts";

/** What callers must bring. */
export const AUTH_SETTINGS = {
  tokens: secret(
    "AUTH_TOKENS",
    "Comma-separated tokens, any of which a caller must bring: `Authorization: Bearer TOKEN`, or basic authentication " +
      "with the token as password. Several, so that they can be rotated; long ones, as `openssl rand -hex 32` " +
      "makes them: shorter than 16 characters is warned of. Unset: open to everybody who can reach it.",
    tokenList,
  ),
  webhookSecrets: secret(
    "GITHUB_WEBHOOK_SECRET",
    "What GitHub signs its webhooks with. Needed by workflows with the trigger `github`. To change it without a gap, give " +
      "the old and the new one, each on a line.",
    secretLines,
  ),
  fluxKeys: secret(
    "FLUX_HMAC_KEY",
    "What Flux signs its notifications with (provider `generic-hmac`), for workflows with the trigger `flux`. Unset: " +
      "they are let in like any caller, by one of AUTH_TOKENS. Several as above, each on a line.",
    secretLines,
  ),
};

function tokenList(text: string): readonly string[] {
  const tokens = text.split(",").map((each) => each.trim());
  if (text !== "" && tokens.includes(""))
    throw new Error("expected tokens with commas in between, one of them is empty");
  return tokens.filter(Boolean).map((each) => {
    if (isQuoted(each)) throw new Error("one of the tokens is in quotation marks: remove them");
    return token(each) ?? "";
  });
}
