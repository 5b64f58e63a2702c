import assert from "node:assert/strict";
import { generateKeyPairSync, type KeyObject } from "node:crypto";
import { mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it } from "node:test";
import { configurationReference, readConfig } from "../src/config.ts";

const secretFile = (text: string) => {
  const file = join(mkdtempSync(join(tmpdir(), "gh-runner-")), "secret");
  writeFileSync(file, text);
  return file;
};

function settings(environment: Record<string, string>) {
  const { variable, ...values } = readConfig(environment);
  assert.equal(variable("NOT_SET"), undefined);
  return values;
}

describe("settings", () => {
  it("have the original's defaults", () => {
    assert.deepEqual(settings({}), {
      port: 9555,
      host: undefined,
      keepAliveSeconds: 65,
      githubApiUrl: "https://api.github.com",
      targetRepo: "sematext/sematext-cloud",
      deploymentRepo: "sematext/deployment",
      githubToken: undefined,
      githubLimits: "auto",
      githubApp: undefined,
      deploymentRef: undefined,
      valuesPaths: ["configs/pr/light/{application}/values.yaml", "configs/pr/heavy/{application}/values.yaml"],
      tagKey: "global.config.DEPLOYMENT_TAG",
      eventType: "environment_ready",
      verifyCommit: false,
      applicationPrefix: "pr-",
      workflowsDir: undefined,
      githubWebhookSecret: [],
      fluxHmacKey: [],
      authTokens: [],
      dataDir: "./data",
      databaseUrl: undefined,
      databasePassword: undefined,
      databaseSchema: "gh_runner",
      waitSeconds: 10,
      retryHours: 24,
      dedupeSeconds: 0,
      retainDays: 30,
      dashboard: true,
      logLevel: "info",
      httpsProxy: undefined,
      httpProxy: undefined,
      noProxy: undefined,
      notifyUrl: undefined,
      traceEndpoint: undefined,
      traceHeaders: {},
      traceService: "gh-runner",
    });
  });

  it("spell out GitHub's limits, or refuse them", () => {
    const { githubLimits } = readConfig({ GITHUB_LIMITS: "points=900/60s, writes=80/0.5s" });
    assert.deepEqual(githubLimits, [
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

  it("that are empty count as unset, but an empty prefix skips nothing", () => {
    const config = settings({ PORT: "", TARGET_REPO: "", AUTH_TOKENS: "", GITHUB_TOKEN: "", APPLICATION_PREFIX: "" });
    assert.deepEqual(config, { ...settings({}), applicationPrefix: "" });
  });

  it("refuse to start with all problems in one message", () => {
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
    it(`refuse the path ${JSON.stringify(path)}`, () => {
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

  it("name a proxy in either case, the lower one wins, with or without a scheme", () => {
    assert.equal(readConfig({ HTTPS_PROXY: "proxy.example:3128" }).httpsProxy, "http://proxy.example:3128/");
    assert.equal(readConfig({ HTTPS_PROXY: "http://a", https_proxy: "http://b" }).httpsProxy, "http://b/");
    assert.equal(readConfig({ HTTP_PROXY: "http://a", http_proxy: "" }).httpProxy, "http://a/");
    assert.equal(readConfig({ NO_PROXY: "a", no_proxy: "b" }).noProxy, "b");
    assert.equal(readConfig({ HTTPS_PROXY_FILE: secretFile("http://u:p@a\n") }).httpsProxy, "http://u:p@a/");
  });

  for (const proxy of [
    "socks5://a:1",
    "http://",
    "http://s3cret@/",
    "http://s3cret%@a",
    "http://a/s3cret",
    "https://1.2.3.4",
  ]) {
    it(`refuse the proxy ${proxy}, and do not repeat it`, () => {
      assert.throws(
        () => readConfig({ HTTPS_PROXY: proxy }),
        (error: Error) => error.message.includes("HTTPS_PROXY: ") && !/s3cret|1\.2\.3\.4|socks/.test(error.message),
      );
    });
  }

  it("read secrets from files, without their line break", () => {
    const config = readConfig({ GITHUB_TOKEN_FILE: secretFile("ghp_x\n"), AUTH_TOKENS_FILE: secretFile("a, b\n") });
    assert.equal(config.githubToken, "ghp_x");
    assert.deepEqual(config.authTokens, ["a", "b"]);
  });

  it("refuse an empty secret file, and a secret given twice", () => {
    assert.throws(() => readConfig({ AUTH_TOKENS_FILE: secretFile("\n") }), /is empty/);
    assert.throws(() => readConfig({ GITHUB_TOKEN: "a", GITHUB_TOKEN_FILE: secretFile("b") }), /not both/);
  });

  it("strip the slash that people put behind a URL", () => {
    assert.equal(
      readConfig({ GITHUB_API_URL: "https://ghe.example/api/v3/" }).githubApiUrl,
      "https://ghe.example/api/v3",
    );
  });

  it("say what is wrong with a URL without its query, where some put a token", () => {
    assert.throws(
      () => readConfig({ GITHUB_API_URL: "https://ghe.example/api/v3?access_token=hidden" }),
      ({ message }: Error) => /GITHUB_API_URL: must not contain a query/.test(message) && !message.includes("hidden"),
    );
  });

  it("are documented as they are (npm run docs writes it anew)", () => {
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
  const withKey = (key: string) => readConfig({ GITHUB_APP_ID: "123", GITHUB_APP_PRIVATE_KEY: key }).githubApp;

  for (const [spelling, text] of Object.entries({
    "as GitHub hands it out, PKCS#1": pkcs1,
    "as PKCS#8": pkcs8,
    "with \\n in place of its line breaks": pkcs1.replaceAll("\n", "\\n"),
    "with Windows' line breaks, real": pkcs8.replaceAll("\n", "\r\n"),
    "with Windows' line breaks, written out": pkcs8.replaceAll("\n", "\\r\\n"),
    "on one line, with spaces in place of its line breaks": pkcs1.replaceAll("\n", " "),
    "in quotes that an environment file has kept": `"${pkcs1.replaceAll("\n", "\\n")}"`,
    "indented and without a last line break": pkcs1.trim().replaceAll(/^/gm, "    "),
    "in base64, all of it": Buffer.from(pkcs1).toString("base64"),
    "in base64 with line breaks": Buffer.from(pkcs8).toString("base64").replaceAll(/.{76}/g, "$&\n"),
  })) {
    it(`is taken ${spelling}`, () => {
      assert.deepEqual(withKey(text), { id: "123", privateKey: pkcs8 });
    });
  }

  it("is read from a file", () => {
    const file = secretFile(pkcs1);
    const { githubApp } = readConfig({ GITHUB_APP_ID: "Iv23liAbCdEf\n", GITHUB_APP_PRIVATE_KEY_FILE: file });
    assert.deepEqual(githubApp, { id: "Iv23liAbCdEf", privateKey: pkcs8 });
  });

  const ec = generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey;
  const locked = { cipher: "aes-256-cbc", passphrase: "secret" };
  for (const [mistake, text, problem] of [
    [
      "cut to its first line",
      "-----BEGIN RSA PRIVATE KEY-----",
      /cut off.*use GITHUB_APP_PRIVATE_KEY_FILE, or write \\n/,
    ],
    ["cut off somewhere", pkcs1.slice(0, 800), /cut off/],
    ["with a hole in the middle", pkcs1.slice(0, 400) + pkcs1.slice(500), /damaged/],
    ["that is public", export_(rsa.publicKey, "spki"), /is public \(PUBLIC KEY\): the private key is needed/],
    ["that is public, PKCS#1", export_(rsa.publicKey, "pkcs1"), /is public \(RSA PUBLIC KEY\)/],
    [
      "that is a certificate",
      "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----",
      /is public \(CERTIFICATE\)/,
    ],
    ["that is encrypted, PKCS#8", export_(rsa.privateKey, "pkcs8", locked), /is encrypted.*openssl/],
    ["that is encrypted, PKCS#1", export_(rsa.privateKey, "pkcs1", locked), /is encrypted.*openssl/],
    ["that is not RSA, PKCS#8", export_(ec, "pkcs8"), /no RSA key/],
    ["that is not RSA, SEC1", export_(ec, "sec1"), /no RSA key/],
    [
      "for SSH",
      "-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaA==\n-----END OPENSSH PRIVATE KEY-----",
      /of another kind \(OPENSSH PRIVATE KEY\)/,
    ],
    ["that is a file's name", "/run/secrets/app.pem", /a file's name\? Then use GITHUB_APP_PRIVATE_KEY_FILE/],
    ["that is something else", "hunter22hunter22", /begins with -----BEGIN/],
    ["that is base64 of something else", Buffer.from("hunter22hunter22").toString("base64"), /begins with -----BEGIN/],
  ] as const) {
    it(`is refused ${mistake}, and not repeated`, () => {
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
        /\n {2}GITHUB_TOKEN: is set, and a GitHub App too; unset one/,
      );
    }
  });

  for (const id of ["my-app", "12 3", "-1"]) {
    it(`does not go with the id ${JSON.stringify(id)}`, () => {
      const problem = /\n {2}GITHUB_APP_ID: expected the App ID, a number, or the client ID[^\n]*$/;
      assert.throws(() => readConfig({ GITHUB_APP_ID: id, GITHUB_APP_PRIVATE_KEY: pkcs1 }), problem);
    });
  }
});

describe("a variable that a workflow declares", () => {
  it("is read from the environment or from a file, and empty counts as unset", () => {
    const { variable } = readConfig({ A: "one", B_FILE: secretFile("two\n"), C: "", D_FILE: "/no/such/file" });
    assert.deepEqual([variable("A"), variable("B"), variable("C")], ["one", "two", undefined]);
    assert.throws(() => variable("D"), /cannot read D_FILE/);
  });
});
