import assert from "node:assert/strict";
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

describe("settings", () => {
  it("have the original's defaults", () => {
    assert.deepEqual(readConfig({}), {
      port: 9555,
      host: undefined,
      githubApiUrl: "https://api.github.com",
      targetRepo: "sematext/sematext-cloud",
      deploymentRepo: "sematext/deployment",
      githubToken: undefined,
      deploymentRef: undefined,
      valuesPaths: ["configs/pr/light/{application}/values.yaml", "configs/pr/heavy/{application}/values.yaml"],
      tagKey: "global.config.DEPLOYMENT_TAG",
      eventType: "environment_ready",
      applicationPrefix: "pr-",
      authTokens: [],
      dataDir: "./data",
      waitSeconds: 10,
      retryHours: 24,
      dedupeSeconds: 0,
      retainDays: 30,
      logLevel: "info",
      httpsProxy: undefined,
      httpProxy: undefined,
      noProxy: undefined,
    });
  });

  it("that are empty count as unset, but an empty prefix skips nothing", () => {
    const config = readConfig({ PORT: "", TARGET_REPO: "", AUTH_TOKENS: "", GITHUB_TOKEN: "", APPLICATION_PREFIX: "" });
    assert.deepEqual(config, { ...readConfig({}), applicationPrefix: "" });
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

  it("are documented as they are (npm run docs writes it anew)", () => {
    const written = readFileSync(new URL("../docs/configuration.md", import.meta.url), "utf8");
    assert.equal(written, configurationReference());
  });
});
