import assert from "node:assert/strict";
import { generateKeyPairSync, type KeyObject } from "node:crypto";
import { mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it } from "node:test";
import { startApp } from "../src/service/app.ts";
import { configurationReference, readClientConfig, readConfig } from "../src/service/config/config.ts";
import { appKey } from "./support/apps.ts";
import { command } from "./support/command.ts";
import { type LogRecord, startService } from "./support/service.ts";
import { workflowsFolder } from "./support/workflows.ts";

const newKey = () =>
  generateKeyPairSync("rsa", { modulusLength: 2048 })
    .privateKey.export({ type: "pkcs1", format: "pem" })
    .toString()
    .trim();

/** About one line in twenty looks like `owner/name` by chance. */
let PEM = newKey();
while (!PEM.split("\n")[1]?.includes("+")) PEM = newKey();

const secretFile = (text: string) => {
  const file = join(mkdtempSync(join(tmpdir(), "gh-runner-")), "secret");
  writeFileSync(file, text);
  return file;
};

const textsOf = (tokens: readonly { text: string }[]) => tokens.map(({ text }) => text);

function settings(environment: Record<string, string>) {
  const { source, ...config } = readConfig(environment);
  const { variable, app, address, ...workflows } = config.workflows;
  assert.throws(() => address("NOT_SET"), /NOT_SET is not set/);
  assert.throws(() => app("NOT_SET"), /NOT_SET_ID is not set/);
  assert.equal(variable("NOT_SET"), undefined);
  assert.equal(source.environment, environment);
  return { ...config, workflows };
}

describe("settings", () => {
  it("have the original's defaults", () => {
    assert.deepEqual(settings({}), {
      http: {
        port: 9555,
        host: undefined,
        publicUrl: undefined,
        keepAliveSeconds: 65,
        waitSeconds: 10,
        dashboard: true,
        pageName: undefined,
        pageColor: undefined,
        pageTime: "local",
      },
      github: {
        apiUrl: "https://api.github.com",
        serviceToken: undefined,
        app: undefined,
        hasCredential: false,
        limits: "auto",
        webhookOf: undefined,
        httpsProxy: undefined,
        httpProxy: undefined,
        noProxy: undefined,
      },
      workflows: {
        targetRepo: "sematext/sematext-cloud",
        deploymentRepo: "sematext/deployment",
        deploymentRef: undefined,
        valuesPaths: ["configs/pr/light/{application}/values.yaml", "configs/pr/heavy/{application}/values.yaml"],
        tagKey: "global.config.DEPLOYMENT_TAG",
        eventType: "environment_ready",
        verifyCommit: false,
        applicationPrefix: "pr-",
        dedupeSeconds: 0,
        targetWorkflow: undefined,
        follow: [],
        followContext: "gh-runner/preview",
        followTimeout: "6h",
        nothingAfter: "3m",
        environmentUrl: undefined,
        argocdUrl: undefined,
        dir: undefined,
        strict: true,
        reload: false,
        retryHours: 24,
        defaults: { targetRepo: true, deploymentRepo: true },
      },
      auth: {
        tokens: [],
        oidc: [],
        webhookSecrets: [],
        fluxKeys: [],
        trustedProxies: undefined,
        proxyUserHeader: undefined,
        proxyGroupsHeader: undefined,
      },
      signIn: { openId: undefined, gitHub: undefined, roles: [], sessionHours: 12 },
      store: { dataDir: "./data", retainDays: 30, database: undefined },
      observe: {
        notifyUrl: undefined,
        notifyFormat: undefined,
        traceEndpoint: undefined,
        traceHeaders: {},
        traceService: "gh-runner",
        logLevel: "info",
      },
      secrets: [],
      nearSettings: [],
    });
    const url = "postgres://db/x";
    assert.deepEqual(settings({ DATABASE_URL: url }).store.database, { url, password: undefined, schema: "gh_runner" });
  });

  it("spell out GitHub's limits, or are rejected", () => {
    const { limits } = readConfig({ GITHUB_LIMITS: "points=900/60s, writes=80/0.5s" }).github;
    assert.deepEqual(limits, [
      { unit: "points", most: 900, ms: 60_000 },
      { unit: "writes", most: 80, ms: 500 },
    ]);
    for (const text of ["yes", "writes=0/60s", "writes=80/0s", "reads=1/1s", "writes=80", "writes=80/60s,"]) {
      assert.throws(
        () => readConfig({ GITHUB_LIMITS: text }),
        /GITHUB_LIMITS: expected auto, on, off, or limits such as/,
      );
    }
  });

  it("define how tests are followed, or name all their problems together", () => {
    const { workflows } = readConfig({
      FOLLOW: " comment, status,comment",
      FOLLOW_CONTEXT: "gh-runner/{application}",
      FOLLOW_TIMEOUT: "90m",
      NOTHING_AFTER: "30s",
      TARGET_WORKFLOW: "tests.yml@release/1",
      ARGOCD_URL: "https://argocd.example/",
      ENVIRONMENT_URL: "https://{application}.preview.example",
    });
    const { follow, followContext, followTimeout, nothingAfter, targetWorkflow, argocdUrl, environmentUrl } = workflows;
    assert.deepEqual(follow, ["status", "comment"]);
    assert.deepEqual(
      [followContext, followTimeout, nothingAfter, targetWorkflow, argocdUrl, environmentUrl],
      [
        ...["gh-runner/{application}", "90m", "30s", "tests.yml@release/1"],
        ...["https://argocd.example", "https://{application}.preview.example"],
      ],
    );
    const wrong = {
      FOLLOW: "status,coment",
      FOLLOW_CONTEXT: "x".repeat(101),
      FOLLOW_TIMEOUT: "6 hours",
      NOTHING_AFTER: "1s",
      TARGET_WORKFLOW: ".github/workflows/tests.yml",
      ARGOCD_URL: "argocd.example",
      ENVIRONMENT_URL: "https://preview.example",
    };
    assert.throws(
      () => readConfig(wrong),
      ({ message }: Error) => {
        for (const name of Object.keys(wrong)) assert.match(message, new RegExp(`\n  ${name}: `));
        assert.match(
          message,
          /FOLLOW: expected a list of status, check, comment, deployment, got "coment"\. Did you mean comment\?/,
        );
        assert.match(message, /NOTHING_AFTER: expected at least 10s, got "1s"/);
        return true;
      },
    );
  });

  it("that are empty count as unset, but an empty prefix skips nothing", () => {
    const config = settings({ PORT: "", TARGET_REPO: "", AUTH_TOKENS: "", GITHUB_TOKEN: "", APPLICATION_PREFIX: "" });
    const byDefault = settings({});
    assert.deepEqual(config, { ...byDefault, workflows: { ...byDefault.workflows, applicationPrefix: "" } });
  });

  it("prevent the start with all problems in one message", () => {
    assert.throws(
      () =>
        readConfig({
          PORT: "http",
          TARGET_REPO: "sematext-cloud",
          GITHUB_API_URL: "api.github.com",
          VALUES_PATHS: "a/values.yaml",
          LOG_LEVEL: "loud",
          GITHUB_TOKEN_FILE: "/no/such/file",
          EVENT_TYPE: "x".repeat(101),
          TAG_KEY: "a..b",
          AUTH_TOKENS: "a,,b",
        }),
      (error: Error) => {
        assert.equal(error.name, "ConfigError");
        const lines = error.message.split("\n");
        assert.equal(lines[0], "Cannot start. Fix these settings (docs/configuration.md):");
        assert.deepEqual(
          lines
            .slice(1)
            .map((line) => line.trim().split(":", 1)[0])
            .sort(),
          [
            "AUTH_TOKENS",
            "EVENT_TYPE",
            "GITHUB_API_URL",
            "GITHUB_TOKEN",
            "LOG_LEVEL",
            "PORT",
            "TAG_KEY",
            "TARGET_REPO",
            "VALUES_PATHS",
          ],
        );
        assert.match(error.message, /TARGET_REPO: expected owner\/name, got "sematext-cloud"/);
        return true;
      },
    );
  });

  for (const path of ["/a/{application}", "../{application}", "a//{application}", "a/./{application}", ""]) {
    it(`reject the path ${JSON.stringify(path)}`, () => {
      if (path) assert.throws(() => readConfig({ VALUES_PATHS: path }), /VALUES_PATHS/);
      assert.throws(() => readConfig({ VALUES_PATHS: `a/{application},${path}` }), /VALUES_PATHS/);
    });
  }

  it("never repeat a secret in a complaint", () => {
    for (const settings of [{ GITHUB_TOKEN: "ghp secret" }, { AUTH_TOKENS: "ghp secret" }]) {
      assert.throws(
        () => readConfig(settings),
        (error: Error) => !error.message.includes("secret"),
      );
    }
  });

  it("never repeat a secret that came in the wrong setting", () => {
    const SECRET = `ghp_${"s3CR3T".repeat(6)}`;
    const OTHER = "0123456789abcdef0123456789abcdef01234567";
    const PASSWORD = "s3CR3T-pw";
    for (const wrong of [
      ...["GITHUB_TOKEN_FILE", "AUTH_TOKENS_FILE", "DATABASE_URL_FILE", "GITHUB_APP_PRIVATE_KEY_FILE"].flatMap((name) =>
        [SECRET, OTHER, PASSWORD, PEM, `${SECRET}\0`, `/${SECRET}`].map((value) => ({ [name]: value })),
      ),
      ...[
        "GITHUB_APP_ID",
        "TARGET_REPO",
        "DEPLOYMENT_REPO",
        "PORT",
        "LOG_LEVEL",
        "GITHUB_LIMITS",
        "DATABASE_SCHEMA",
      ].flatMap((name) => [
        ...[SECRET, OTHER, `https://x:${PASSWORD}@github.com/acme/shop`].map((value) => ({ [name]: value })),
        ...[PEM, PEM.replaceAll("\n", "\\n"), PEM.split("\n")[1]].map((value) => ({ [name]: value })),
        { [name]: `"${PASSWORD}`, GITHUB_WEBHOOK_SECRET: PASSWORD },
        { [name]: `x ${PASSWORD}`, AUTH_TOKENS: `a-token,${PASSWORD}` },
      ]),
      { VALUES_PATHS: `a/${SECRET}` },
      { TAG_KEY: `a..${SECRET}` },
      { GITHUB_API_URL: `https://github.com/${SECRET}` },
      { GITHUB_API_URL: `https://x:${PASSWORD}@ghe.example` },
      { NOTIFY_URL: `https://x:${PASSWORD}@chat.example` },
      { DATABASE_URL: `postgres://u:${PASSWORD}%@db/x` },
      { DATABASE_URL: `postgres://u:${PASSWORD}#/@db/x` },
      { HTTPS_PROXY: `http://u:${PASSWORD}%@proxy` },
      { OTEL_EXPORTER_OTLP_HEADERS: `a=${PASSWORD}%` },
    ] as Record<string, string>[]) {
      assert.throws(
        () => readConfig(wrong),
        ({ name, message }: Error) => {
          assert.equal(name, "ConfigError");
          for (const secret of [SECRET, OTHER, PASSWORD, ...PEM.split("\n").slice(1, 3)]) {
            for (let at = 0; at + 8 <= secret.length; at++) {
              assert.ok(!message.includes(secret.slice(at, at + 8)), `${JSON.stringify(wrong)}: ${message}`);
            }
          }
          const given = Object.keys(wrong)[0]?.replace(/_FILE$/, "");
          return message.includes(`\n  ${given}: `);
        },
      );
    }
    assert.throws(
      () => readConfig({ GITHUB_TOKEN_FILE: SECRET }),
      /GITHUB_TOKEN: GITHUB_TOKEN_FILE names a file that does not exist\. The name is not shown, .* or set GITHUB_TOKEN$/,
    );
    const folder = mkdtempSync(join(tmpdir(), "gh-runner-"));
    assert.throws(
      () => readConfig({ GITHUB_TOKEN_FILE: folder }),
      /GITHUB_TOKEN: cannot read GITHUB_TOKEN_FILE: EISDIR/,
    );
  });

  it("are taken without the white space around them, also secrets and the names of their files", () => {
    for (const around of ["\r", "\n", " ", "\r\n", "\t"]) {
      const environment = {
        PORT: `9000${around}`,
        TARGET_REPO: `${around}acme/shop${around}`,
        GITHUB_TOKEN: `ghp_x${around}`,
        GITHUB_WEBHOOK_SECRET: `${around}a secret${around}`,
        FLUX_HMAC_KEY_FILE: `${secretFile(`key${around}`)}${around}`,
        AUTH_TOKENS: `one${around},two${around}`,
        DATABASE_PASSWORD: `pw${around}`,
        DATABASE_URL: `postgres://u@db/x${around}`,
        NOTIFY_URL: `https://chat.example/x${around}`,
        HTTPS_PROXY: `http://proxy:1${around}`,
        VERIFY_COMMIT: `true${around}`,
        LOG_LEVEL: `warn${around}`,
        DEPLOYMENT_REF: `main${around}`,
        MINE: `of a workflow${around}`,
      };
      const config = readConfig(environment);
      assert.equal(config.http.port, 9000);
      assert.equal(config.workflows.targetRepo, "acme/shop");
      assert.equal(config.github.serviceToken, "ghp_x");
      assert.deepEqual(config.auth.webhookSecrets, ["a secret"]);
      assert.deepEqual(config.auth.fluxKeys, ["key"]);
      assert.deepEqual(textsOf(config.auth.tokens), ["one", "two"]);
      assert.equal(config.store.database?.password, "pw");
      assert.equal(config.store.database?.url, "postgres://u@db/x");
      assert.equal(config.observe.notifyUrl, "https://chat.example/x");
      assert.equal(config.github.httpsProxy, "http://proxy:1/");
      assert.equal(config.workflows.verifyCommit, true);
      assert.equal(config.workflows.deploymentRef, "main");
      assert.equal(config.workflows.variable("MINE"), "of a workflow");
    }
    assert.equal(readConfig({ DEPLOYMENT_REF: " \r\n" }).workflows.deploymentRef, undefined);
    for (const name of ["GITHUB_TOKEN", "AUTH_TOKENS", "GITHUB_WEBHOOK_SECRET", "HTTPS_PROXY"]) {
      assert.throws(() => readConfig({ [name]: " \r\n" }), /: contains only white space$/);
    }
  });

  it("reject quotation marks that an environment file has kept, in any setting", () => {
    const shown = readFileSync(new URL("../docs/configuration.md", import.meta.url), "utf8");
    const names = [...shown.matchAll(/^\| `(\w+)`/gm)].map(([, name = ""]) => name);
    assert.ok(names.length > 30);
    for (const name of names.filter(
      (each) => !["GITHUB_APP_PRIVATE_KEY", "GH_RUNNER_URL", "GH_RUNNER_TOKEN"].includes(each),
    )) {
      for (const quote of [`"`, "'"]) {
        assert.throws(
          () => readConfig({ [name]: `${quote}x${quote}\r` }),
          (error: Error) =>
            error.message.includes(`${name}: is in quotation marks, which count as part of it: remove them`),
        );
      }
    }
    for (const name of ["GH_RUNNER_URL", "GH_RUNNER_TOKEN"]) {
      assert.throws(() => readClientConfig({ [name]: '"x"' }), /is in quotation marks/);
    }
    assert.throws(
      () => readConfig({ GITHUB_WEBHOOK_SECRET: `one\n"two"` }),
      /GITHUB_WEBHOOK_SECRET: one of the secrets is in quotation marks/,
    );
    assert.throws(
      () => readConfig({ AUTH_TOKENS: `one,"two"` }),
      /AUTH_TOKENS: one of the tokens is in quotation marks/,
    );
    assert.throws(
      () => readConfig({ OTEL_EXPORTER_OTLP_HEADERS: `a=b,c="d"` }),
      /the value of c is in quotation marks/,
    );
    assert.deepEqual(readConfig({ GITHUB_WEBHOOK_SECRET: `what "GitHub" signs` }).auth.webhookSecrets, [
      `what "GitHub" signs`,
    ]);
  });

  it("report a percent sign that must be encoded, anywhere in DATABASE_URL", () => {
    for (const url of [
      "postgres://u:100%@db/x",
      "postgres://u%:p@db/x",
      "postgres://u:p@db/x%zz",
      "postgres://u:%f@db/x",
    ]) {
      assert.throws(
        () => readConfig({ DATABASE_URL: url }),
        /\n {2}DATABASE_URL: user, password and database must be percent-encoded: write a percent sign as %25$/,
      );
    }
    for (const password of ["1#2", "1/2", "1?2", "12/34", "/2", "a@b/c", "a/b@c", "a b/"]) {
      const url = `postgres://u:${password}@db/x`;
      assert.throws(() => readConfig({ DATABASE_URL: url }), /user and password percent-encoded$/, url);
    }
    for (const url of ["postgres://u:a@b@db/x", "postgres://db/x?user=me@server", "postgres://u:1%2F2%40@db/x"]) {
      assert.equal(readConfig({ DATABASE_URL: url }).store.database?.url, url);
    }
    assert.equal(
      readConfig({ DATABASE_URL: "postgres://u:100%25@db/x" }).store.database?.url,
      "postgres://u:100%25@db/x",
    );
  });

  it("suggest the right name for one that is nearly right", () => {
    const near = (environment: Record<string, string>) =>
      readConfig(environment).nearSettings.map(({ warning }) => warning);
    for (const [name, meant] of Object.entries({
      TARGET_REPOS: "TARGET_REPO",
      GITHUB_TOKENS: "GITHUB_TOKEN",
      DEDUP_SECONDS: "DEDUPE_SECONDS",
      AUTH_TOKEN: "AUTH_TOKENS",
      AUTH_TOKEN_FILE: "AUTH_TOKENS_FILE",
      DEPLOYEMENT_REPO: "DEPLOYMENT_REPO",
      LOGLEVEL: "LOG_LEVEL",
      GH_RUNNER_TOKENS: "GH_RUNNER_TOKEN",
    })) {
      assert.deepEqual(near({ [name]: "x" }), [`${name} is set, but there is no such setting. Did you mean ${meant}?`]);
      assert.deepEqual(near({ [name]: "" }), []);
    }
    assert.deepEqual(near({ TARGET_REPO_FILE: "/x" }), [
      "TARGET_REPO_FILE is set, but TARGET_REPO cannot be read from a file: set TARGET_REPO",
    ]);
  });

  it("do not warn about variables of other programs", () => {
    const theirs =
      "PATH HOME HOSTNAME USER PWD TERM LANG TZ SHLVL NO_COLOR FTP_PROXY ALL_PROXY all_proxy ftp_proxy NODE_ENV NODE_OPTIONS " +
      "NODE_USE_SYSTEM_CA NODE_EXTRA_CA_CERTS SSL_CERT_FILE npm_config_registry npm_lifecycle_event NPM_TOKEN INIT_CWD " +
      "GITHUB_ACTIONS GITHUB_ACTOR GITHUB_BASE_REF GITHUB_REPOSITORY GITHUB_SHA GITHUB_WORKFLOW GITHUB_OUTPUT GH_TOKEN " +
      "GH_HOST GITHUB_SERVER_URL GITHUB_GRAPHQL_URL KUBERNETES_PORT KUBERNETES_PORT_443_TCP_ADDR KUBERNETES_SERVICE_HOST " +
      "GH_RUNNER_PORT GH_RUNNER_PORT_9555_TCP GH_RUNNER_PORT_9555_TCP_PORT GH_RUNNER_SERVICE_HOST GH_RUNNER_SERVICE_PORT " +
      "GH_RUNNER_SERVICE_PORT_HTTP TARGET_PORT DATA_PORT DATABASE_PORT DATABASE_SERVICE_HOST DATABASE_NAME DATABASE_USER " +
      "OTEL_EXPORTER_OTLP_TIMEOUT OTEL_EXPORTER_OTLP_PROTOCOL OTEL_RESOURCE_ATTRIBUTES OTEL_TRACES_SAMPLER SLACK_URL PGPASSWORD";
    const environment = Object.fromEntries(theirs.split(" ").map((name) => [name, "tcp://10.0.0.1:80"]));
    assert.deepEqual(readConfig(environment).nearSettings, []);
  });

  it("name a proxy in either case, lower case first, with or without a scheme", () => {
    assert.equal(readConfig({ HTTPS_PROXY: "proxy.example:3128" }).github.httpsProxy, "http://proxy.example:3128/");
    assert.equal(readConfig({ HTTPS_PROXY: "http://a", https_proxy: "http://b" }).github.httpsProxy, "http://b/");
    assert.equal(readConfig({ HTTP_PROXY: "http://a", http_proxy: "" }).github.httpProxy, "http://a/");
    assert.equal(readConfig({ NO_PROXY: "a", no_proxy: "b" }).github.noProxy, "b");
    assert.equal(readConfig({ HTTPS_PROXY_FILE: secretFile("http://u:p@a\n") }).github.httpsProxy, "http://u:p@a/");
  });

  for (const proxy of [
    "socks5://a:1",
    "http://",
    "http://s3cret@/",
    "http://s3cret%@a",
    "http://a/s3cret",
    "https://1.2.3.4",
  ]) {
    it(`reject the proxy ${proxy}, and do not repeat it`, () => {
      assert.throws(
        () => readConfig({ HTTPS_PROXY: proxy }),
        (error: Error) => error.message.includes("HTTPS_PROXY: ") && !/s3cret|1\.2\.3\.4|socks/.test(error.message),
      );
    });
  }

  it("read secrets from files, without their line break", () => {
    const config = readConfig({ GITHUB_TOKEN_FILE: secretFile("ghp_x\n"), AUTH_TOKENS_FILE: secretFile("a, b\n") });
    assert.equal(config.github.serviceToken, "ghp_x");
    assert.deepEqual(textsOf(config.auth.tokens), ["a", "b"]);
  });

  it("reject an empty secret file, and a secret that is set twice", () => {
    assert.throws(() => readConfig({ AUTH_TOKENS_FILE: secretFile("\n") }), /is empty/);
    assert.throws(() => readConfig({ GITHUB_TOKEN: "a", GITHUB_TOKEN_FILE: secretFile("b") }), /not both/);
  });

  it("strip the slash at the end of a URL", () => {
    assert.equal(
      readConfig({ GITHUB_API_URL: "https://ghe.example/api/v3/" }).github.apiUrl,
      "https://ghe.example/api/v3",
    );
  });

  it("report a wrong URL without its query, which may hold a token", () => {
    assert.throws(
      () => readConfig({ GITHUB_API_URL: "https://ghe.example/api/v3?access_token=hidden" }),
      ({ message }: Error) => /GITHUB_API_URL: must not contain a query/.test(message) && !message.includes("hidden"),
    );
  });

  it("are all in the documentation (npm run docs writes it again)", () => {
    const written = readFileSync(new URL("../docs/configuration.md", import.meta.url), "utf8");
    assert.equal(written, configurationReference());
  });
});

describe("the private key of a GitHub App", () => {
  const rsa = generateKeyPairSync("rsa", { modulusLength: 2048 });
  const export_ = (key: KeyObject, type: "pkcs1" | "pkcs8" | "spki" | "sec1", secret?: object) =>
    key.export({ type: type as "pkcs8", format: "pem", ...secret }).toString();
  const pkcs1 = export_(rsa.privateKey, "pkcs1");
  const pkcs8 = export_(rsa.privateKey, "pkcs8");
  const withKey = (key: string) => readConfig({ GITHUB_APP_ID: "123", GITHUB_APP_PRIVATE_KEY: key }).github.app;

  for (const [spelling, text] of Object.entries({
    "as GitHub hands it out, PKCS#1": pkcs1,
    "as PKCS#8": pkcs8,
    "with \\n instead of its line breaks": pkcs1.replaceAll("\n", "\\n"),
    "with Windows' line breaks, real": pkcs8.replaceAll("\n", "\r\n"),
    "with Windows' line breaks, written out": pkcs8.replaceAll("\n", "\\r\\n"),
    "on one line, with spaces instead of its line breaks": pkcs1.replaceAll("\n", " "),
    "in quotes that an environment file has kept": `"${pkcs1.replaceAll("\n", "\\n")}"`,
    "indented and without a last line break": pkcs1.trim().replaceAll(/^/gm, "    "),
    "in base64, all of it": Buffer.from(pkcs1).toString("base64"),
    "in base64 with line breaks": Buffer.from(pkcs8).toString("base64").replaceAll(/.{76}/g, "$&\n"),
  })) {
    it(`is accepted ${spelling}`, () => {
      assert.deepEqual(withKey(text), { id: "123", privateKey: pkcs8 });
    });
  }

  it("is read from a file", () => {
    const file = secretFile(pkcs1);
    const { app } = readConfig({ GITHUB_APP_ID: "Iv23liAbCdEf\n", GITHUB_APP_PRIVATE_KEY_FILE: file }).github;
    assert.deepEqual(app, { id: "Iv23liAbCdEf", privateKey: pkcs8 });
  });

  const ec = generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey;
  const locked = { cipher: "aes-256-cbc", passphrase: "secret" };
  for (const [mistake, text, problem] of [
    [
      "cut to its first line",
      "-----BEGIN RSA PRIVATE KEY-----",
      /cut off.*Use GITHUB_APP_PRIVATE_KEY_FILE, or write \\n/,
    ],
    ["cut off somewhere", pkcs1.slice(0, 800), /cut off/],
    ["with a hole in the middle", pkcs1.slice(0, 400) + pkcs1.slice(500), /damaged/],
    ["that is public", export_(rsa.publicKey, "spki"), /is public \(PUBLIC KEY\), but the private key is needed/],
    ["that is public, PKCS#1", export_(rsa.publicKey, "pkcs1"), /is public \(RSA PUBLIC KEY\)/],
    [
      "that is a certificate",
      "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----",
      /is public \(CERTIFICATE\)/,
    ],
    ["that is encrypted, PKCS#8", export_(rsa.privateKey, "pkcs8", locked), /is encrypted.*openssl/],
    ["that is encrypted, PKCS#1", export_(rsa.privateKey, "pkcs1", locked), /is encrypted.*openssl/],
    ["that is not RSA, PKCS#8", export_(ec, "pkcs8"), /not an RSA key/],
    ["that is not RSA, SEC1", export_(ec, "sec1"), /not an RSA key/],
    [
      "for SSH",
      "-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaA==\n-----END OPENSSH PRIVATE KEY-----",
      /another kind of key \(OPENSSH PRIVATE KEY\)/,
    ],
    ["that is a file's name", "/run/secrets/app.pem", /the name of a file, use GITHUB_APP_PRIVATE_KEY_FILE/],
    ["that is something else", "hunter22hunter22", /begins with -----BEGIN/],
    ["that is base64 of something else", Buffer.from("hunter22hunter22").toString("base64"), /begins with -----BEGIN/],
  ] as const) {
    it(`is rejected ${mistake}, and not repeated`, () => {
      assert.throws(
        () => withKey(text),
        ({ message }: Error) => {
          assert.match(message, /^Cannot start.*\n {2}GITHUB_APP_PRIVATE_KEY: [^\n]*$/);
          assert.match(message, problem);
          const lines = text.split("\n").filter((line) => !line.startsWith("-----") && line !== "");
          return lines.every((line) => !message.includes(line));
        },
      );
    });
  }

  it("needs the App's id, and the id needs it", () => {
    assert.throws(
      () => readConfig({ GITHUB_APP_ID: "123" }),
      /\n {2}GITHUB_APP_PRIVATE_KEY: is missing; GITHUB_APP_ID/,
    );
    assert.throws(() => readConfig({ GITHUB_APP_PRIVATE_KEY: pkcs1 }), /\n {2}GITHUB_APP_ID: is missing/);
    const file = secretFile(pkcs1);
    assert.throws(() => readConfig({ GITHUB_APP_PRIVATE_KEY_FILE: file }), /\n {2}GITHUB_APP_ID: is missing/);
  });

  it("excludes a GITHUB_TOKEN, given either way", () => {
    const app = { GITHUB_APP_ID: "123", GITHUB_APP_PRIVATE_KEY: pkcs1 };
    for (const token of [{ GITHUB_TOKEN: "ghp_x" }, { GITHUB_TOKEN_FILE: secretFile("ghp_x") }]) {
      assert.throws(
        () => readConfig({ ...app, ...token }),
        /\n {2}GITHUB_TOKEN: is set, and so is a GitHub App: unset one/,
      );
    }
  });

  for (const id of ["my-app", "12 3", "-1"]) {
    it(`does not work with the id ${JSON.stringify(id)}`, () => {
      const problem = /\n {2}GITHUB_APP_ID: expected the App ID, a number, or the client ID[^\n]*$/;
      assert.throws(() => readConfig({ GITHUB_APP_ID: id, GITHUB_APP_PRIVATE_KEY: pkcs1 }), problem);
    });
  }
});

describe("the start", () => {
  const warned = (log: readonly LogRecord[]) =>
    log.filter(({ level }) => level === "warn").map(({ msg }) => String(msg));

  it("names both repositories and the address, and warns of a repository that is only the default", async (t) => {
    const { log } = await startService(t, { settings: { HOST: "", DEPLOYMENT_REPO: "", TARGET_REPO: "acme/shop" } });
    const ready = log().find(({ msg }) => msg === "gh-runner is ready");
    assert.equal(ready?.target, "acme/shop");
    assert.equal(ready?.deployment, "sematext/deployment (only the default)");
    assert.match(String(ready?.listening), /^(\[::\]|0\.0\.0\.0):[1-9]\d*$/);
    assert.deepEqual(
      warned(log()).filter((text) => /_REPO/.test(text)),
      ["DEPLOYMENT_REPO is not set: values files are read in the default, sematext/deployment"],
    );
  });

  it("warns of neither when both are set, even to the defaults", async (t) => {
    const settings = { DEPLOYMENT_REPO: "sematext/deployment", TARGET_REPO: "sematext/sematext-cloud" };
    const { log, url } = await startService(t, { settings });
    const ready = log().find(({ msg }) => msg === "gh-runner is ready");
    assert.equal(ready?.target, "sematext/sematext-cloud");
    assert.equal(ready?.listening, new URL(url).host);
    assert.deepEqual(
      warned(log()).filter((text) => /_REPO/.test(text)),
      [],
    );
  });

  it("warns of a variable with nearly the name of a setting, unless a workflow declares it", async (t) => {
    const file = `import { defineWorkflow } from "gh-runner";
      export default defineWorkflow({ name: "posts", env: ["NOTIFY_URLS"], githubApp: "GITHUB_APPS", on: { schedule: { cron: "0 3 1 1 *" } }, run() {} });`;
    const settings = {
      WORKFLOWS_DIR: workflowsFolder(t, { "posts.ts": file }),
      NOTIFY_URLS: "https://chat.example/x",
      GITHUB_APPS_ID: "7",
      GITHUB_APPS_PRIVATE_KEY: appKey().privateKey,
      TARGET_REPOS: "acme/shop",
    };
    const { log } = await startService(t, { settings });
    assert.deepEqual(
      warned(log()).filter((text) => /no such setting/.test(text)),
      ["TARGET_REPOS is set, but there is no such setting. Did you mean TARGET_REPO?"],
    );
  });

  for (const args of [
    ["serve"],
    ["init"],
    ["workflows"],
    ["run", "environment-ready"],
    ["dispatch", "pr-1"],
    ["export"],
    ["doctor"],
  ]) {
    it(`of gh-runner ${args[0]} ends with the invalid settings, without a stack and without a secret`, async () => {
      const secret = `ghp_${"s3CR3T".repeat(6)}`;
      const { code, stdout, stderr } = await command(args, {
        TARGET_REPO: `https://x:${secret}@github.com/acme/shop`,
        GITHUB_TOKEN_FILE: secret,
        DATABASE_URL: "postgres://u:100%s3CR3T@db/x",
      });
      assert.equal(code, 1);
      const said = stdout + stderr;
      for (const name of ["TARGET_REPO", "GITHUB_TOKEN", "DATABASE_URL"]) assert.match(said, new RegExp(`${name}: `));
      assert.doesNotMatch(said, /s3CR3T|^ +at /m);
    });
  }

  it("of a command shows no token that was given as its argument", async () => {
    const secret = `ghp_${"s3CR3T".repeat(6)}`;
    for (const args of [
      [secret],
      ["runs", secret],
      ["runs", "show", secret],
      ["runs", "list", `--token=${secret}`],
      ["init", secret],
      ["run", secret],
    ]) {
      const { code, stdout, stderr } = await command(args, {
        GH_RUNNER_URL: "http://127.0.0.1:9",
        GH_RUNNER_TOKEN: secret,
      });
      assert.equal(code, 1, args.join(" "));
      assert.doesNotMatch(stdout + stderr, /s3CR3T/);
    }
  });

  it("says that a database cannot be reached without its password", async () => {
    for (const url of ["postgres://u:s3CR3T%2Bpw@127.0.0.1:9/x", "postgres://u@127.0.0.1:9/x?password=s3CR3T%2Bpw"]) {
      const config = readConfig({ DATABASE_URL: url, PORT: "0" });
      await assert.rejects(startApp(config, { logTo: { write: () => {} } }), ({ message, stack = "" }: Error) => {
        assert.match(message, /PostgreSQL/);
        return !/s3CR3T/.test(message + stack);
      });
    }
  });
});

describe("a variable that a workflow declares", () => {
  it("is read from the environment or from a file, and empty counts as unset", () => {
    const environment = { A: "one", B_FILE: secretFile("two\n"), C: "", D_FILE: "/no/such/file" };
    const { variable } = readConfig(environment).workflows;
    assert.deepEqual([variable("A"), variable("B"), variable("C")], ["one", "two", undefined]);
    assert.throws(() => variable("D"), /^Error: D_FILE names a file that does not exist\. [^/]*$/);
  });
});
