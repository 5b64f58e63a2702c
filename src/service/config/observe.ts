import { baseUrl, isQuoted, oneOf, secret, setting } from "./setting.ts";

const LEVELS = ["trace", "debug", "info", "warn", "error", "fatal", "silent"] as const;

/** Where logs, metrics, traces and notices go. */
export const OBSERVE_SETTINGS = {
  notifyUrl: secret(
    "NOTIFY_URL",
    "Gets a JSON POST when a run has failed for good, when its group has recovered, and when an outage of GitHub begins and " +
      "is over: a Slack webhook, or anything that takes JSON (docs/operations.md).",
    httpUrl,
    { hidden: passwordsIn },
  ),
  traceEndpoint: setting(
    "OTEL_EXPORTER_OTLP_ENDPOINT",
    "",
    "Base URL of an OpenTelemetry collector that takes OTLP over HTTP, such as `http://localhost:4318`. Empty: no traces.",
    (text) => (text === "" ? undefined : baseUrl("http://localhost:4318", "OTEL_EXPORTER_OTLP_HEADERS")(text)),
  ),
  traceHeaders: secret(
    "OTEL_EXPORTER_OTLP_HEADERS",
    "Headers for the collector: `name=value`, comma separated, values percent-encoded.",
    headerList,
    { hidden: Object.values<string> },
  ),
  traceService: setting("OTEL_SERVICE_NAME", "gh-runner", "Name of the service in traces.", (text) => text),
  logLevel: setting(
    "LOG_LEVEL",
    "info",
    "trace, debug, info, warn, error, fatal or silent.",
    oneOf(LEVELS, `one of ${LEVELS.join(", ")}`),
  ),
};

/** A webhook: path and query are part of the secret. */
function httpUrl(text: string): string | undefined {
  const url = URL.parse(text.trim());
  if (text === "") return undefined;
  if (!url || !["http:", "https:"].includes(url.protocol)) throw new Error("expected a URL that begins with https://");
  if (url.username || url.password) throw new Error("must not contain a user or a password");
  return url.href;
}

/** The password of a webhook's address is a part of its path or query, which an answer may quote without the host. */
function passwordsIn(address: string | undefined): readonly string[] {
  if (address === undefined) return [];
  const { pathname, searchParams } = new URL(address);
  const parts = [...pathname.split("/"), ...searchParams.values()];
  return [address, ...parts.filter(({ length }) => length >= SHORTEST_PASSWORD)];
}

const SHORTEST_PASSWORD = 16;

/** https://opentelemetry.io/docs/specs/otel/protocol/exporter/#specifying-headers-via-environment-variables */
function headerList(text: string): Readonly<Record<string, string>> {
  if (text === "") return {};
  const pairs = text.split(",").map((pair) => {
    const [, name, value] = /^\s*([\w!#$%&'*+.^`|~-]+)=([\x21-\x7e]*)\s*$/.exec(pair) ?? [];
    if (name === undefined || value === undefined) throw new Error("expected name=value, with commas in between");
    if (isQuoted(value)) throw new Error(`the value of ${name} is in quotation marks: remove them`);
    let text: string;
    try {
      text = decodeURIComponent(value);
    } catch {
      throw new Error(`the value of ${name} is not percent-encoded`);
    }
    if (!/^[\t\x20-\x7e]*$/.test(text)) throw new Error(`the value of ${name} holds a character that no header has`);
    return [name, text] as const;
  });
  return Object.fromEntries(pairs);
}
