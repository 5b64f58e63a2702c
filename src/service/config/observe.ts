import { NOTICE_FORMATS } from "../../model/chat.ts";
import { passwordsIn, webhookAddress } from "../../model/notices.ts";
import { baseUrl, isQuoted, oneOf, secret, setting } from "./setting.ts";

const LEVELS = ["trace", "debug", "info", "warn", "error", "fatal", "silent"] as const;

/** Settings of the log, traces and notices. */
export const OBSERVE_SETTINGS = {
  notifyUrl: secret(
    "NOTIFY_URL",
    "Receiver of notices (docs/operations.md#notices): a webhook of Slack, Teams or Discord, or any URL that accepts JSON. A " +
      "workflow can name other receivers (`notify`).",
    (text) => (text === "" ? undefined : webhookAddress(text)),
    { hidden: (address) => (address === undefined ? [] : passwordsIn(address)) },
  ),
  notifyFormat: setting(
    "NOTIFY_FORMAT",
    "",
    "Format for NOTIFY_URL: `slack`, `teams`, `discord` or `json`. Empty: the format of its host, or JSON for an unknown host.",
    (text) => (text === "" ? undefined : oneOf(NOTICE_FORMATS, `one of ${NOTICE_FORMATS.join(", ")}`)(text)),
  ),
  traceEndpoint: setting(
    "OTEL_EXPORTER_OTLP_ENDPOINT",
    "",
    "Base URL of an OpenTelemetry collector that accepts OTLP over HTTP, such as `http://localhost:4318`. Empty: no traces.",
    (text) => (text === "" ? undefined : baseUrl("http://localhost:4318", "OTEL_EXPORTER_OTLP_HEADERS")(text)),
  ),
  traceHeaders: secret(
    "OTEL_EXPORTER_OTLP_HEADERS",
    "Headers for the collector: `name=value`, comma-separated, with percent-encoded values.",
    headerList,
    { hidden: Object.values<string>, fixed: { of: (headers) => JSON.stringify(headers), what: "value" } },
  ),
  traceService: setting("OTEL_SERVICE_NAME", "gh-runner", "Name of the service in traces.", (text) => text),
  logLevel: setting(
    "LOG_LEVEL",
    "info",
    "trace, debug, info, warn, error, fatal or silent.",
    oneOf(LEVELS, `one of ${LEVELS.join(", ")}`),
  ),
};

/** https://opentelemetry.io/docs/specs/otel/protocol/exporter/#specifying-headers-via-environment-variables */
function headerList(text: string): Readonly<Record<string, string>> {
  if (text === "") return {};
  const pairs = text.split(",").map((pair) => {
    const [, name, value] = /^\s*([\w!#$%&'*+.^`|~-]+)=([\x21-\x7e]*)\s*$/.exec(pair) ?? [];
    if (name === undefined || value === undefined) throw new Error("expected comma-separated name=value pairs");
    if (isQuoted(value)) throw new Error(`the value of ${name} is in quotation marks: remove them`);
    let text: string;
    try {
      text = decodeURIComponent(value);
    } catch {
      throw new Error(`the value of ${name} is not percent-encoded`);
    }
    if (!/^[\t\x20-\x7e]*$/.test(text))
      throw new Error(`the value of ${name} contains a character that is not allowed in a header`);
    return [name, text] as const;
  });
  return Object.fromEntries(pairs);
}
