import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it, type TestContext } from "node:test";
import { startApp } from "../src/service/app.ts";
import { readConfig } from "../src/service/config/config.ts";
import { appKey } from "./support/apps.ts";
import { temporaryFolder } from "./support/folder.ts";
import { httpWorkflow, workflowsFolder } from "./support/workflows.ts";

const { privateKey, publicKey } = appKey();

/** Why a service with a workflow with these options does not start. Undefined: it starts. */
async function startErrors(t: TestContext, options: string, settings: Record<string, string> = {}) {
  const folder = workflowsFolder(t, { "w.ts": httpWorkflow("w", "return {};", options) });
  const config = readConfig({
    ...{ PORT: "0", HOST: "127.0.0.1", DATA_DIR: temporaryFolder(t), WORKFLOWS_DIR: folder },
    ...{ GITHUB_API_URL: "http://127.0.0.1:1", GITHUB_TOKEN: "", ...settings },
  });
  try {
    const app = await startApp(config, { logTo: { write: () => {} } });
    await app.close();
    return undefined;
  } catch (error) {
    const { message } = error as Error;
    assert.doesNotMatch(message, /MII|-----BEGIN RSA|ghp_/);
    return message
      .split("\n")
      .slice(1)
      .map((line) => line.trim());
  }
}

const APP = 'githubApp: "BOT",';

describe("the credentials that a workflow names", () => {
  it("let the service start when they are set, as variables or as files", async (t) => {
    const file = join(temporaryFolder(t), "bot.pem");
    writeFileSync(file, privateKey);
    const all = `${APP} identities: { reader: { githubToken: "READER", permissions: {} }, other: { githubApp: "OTHER" } },`;
    const settings = {
      ...{ BOT_ID: "7", BOT_PRIVATE_KEY_FILE: file, READER: "a-token" },
      ...{ OTHER_ID: "Iv1.abc", OTHER_PRIVATE_KEY: Buffer.from(privateKey).toString("base64") },
    };
    assert.equal(await startErrors(t, all, settings), undefined);
  });

  it("that are missing are named, each with its file, its field, and what to set", async (t) => {
    assert.deepEqual(await startErrors(t, APP), [
      "w.ts: githubApp: BOT_ID is not set: set it to the App ID or the client ID of the GitHub App; BOT_PRIVATE_KEY is not set: set it to the App's private key, or BOT_PRIVATE_KEY_FILE to its file",
    ]);
    assert.deepEqual(await startErrors(t, APP, { BOT_ID: "7" }), [
      "w.ts: githubApp: BOT_PRIVATE_KEY is not set: set it to the App's private key, or BOT_PRIVATE_KEY_FILE to its file",
    ]);
    const both = 'identities: { bot: { githubApp: "BOT" }, reader: { githubToken: "READER" } },';
    assert.deepEqual(await startErrors(t, both, { BOT_PRIVATE_KEY: privateKey }), [
      "w.ts: identities.reader.githubToken: READER is not set: set it, or READER_FILE",
      "w.ts: identities.bot.githubApp: BOT_ID is not set: set it to the App ID or the client ID of the GitHub App",
    ]);
  });

  it("that are invalid are reported like those of the service", async (t) => {
    const elliptic = generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey;
    for (const [settings, says] of [
      [{ BOT_ID: "my-app", BOT_PRIVATE_KEY: privateKey }, /BOT_ID: expected the App ID, a number, or the client ID/],
      [
        { BOT_ID: "7", BOT_PRIVATE_KEY: privateKey.split("\n")[0] },
        /BOT_PRIVATE_KEY: is cut off: .* Use BOT_PRIVATE_KEY_FILE/,
      ],
      [
        { BOT_ID: "7", BOT_PRIVATE_KEY: "/run/secrets/bot.pem" },
        /If this is the name of a file, use BOT_PRIVATE_KEY_FILE/,
      ],
      [{ BOT_ID: "7", BOT_PRIVATE_KEY: publicKey }, /BOT_PRIVATE_KEY: is public/],
      [
        { BOT_ID: "7", BOT_PRIVATE_KEY: elliptic.export({ type: "sec1", format: "pem" }).toString() },
        /BOT_PRIVATE_KEY: is not an RSA key/,
      ],
      [{ BOT_ID: "7", BOT_PRIVATE_KEY_FILE: "/nowhere.pem" }, /BOT_PRIVATE_KEY_FILE names a file that does not exist/],
    ] as const) {
      const lines = await startErrors(t, APP, settings as Record<string, string>);
      assert.equal(lines?.length, 1);
      assert.match(lines?.[0] ?? "", /^w\.ts: githubApp: /);
      assert.match(lines?.[0] ?? "", says);
    }
  });

  it("are names of variables, not secrets, and of one of the two kinds", async (t) => {
    const settings = { BOT_ID: "7", BOT_PRIVATE_KEY: privateKey, T: "a-token" };
    const key = JSON.stringify(privateKey);
    for (const [options, line] of [
      [
        `githubApp: ${key},`,
        'githubApp: expected the name of variables, such as "BOT" for BOT_ID and BOT_PRIVATE_KEY, not the key itself',
      ],
      [
        `identities: { bot: { githubApp: ${JSON.stringify(Buffer.from(privateKey).toString("base64"))} } },`,
        'identities.bot.githubApp: expected the name of variables, such as "BOT" for BOT_ID and BOT_PRIVATE_KEY, not the key itself',
      ],
      [
        'identities: { bot: { githubToken: "ghp_0123456789abcdefghij" } },',
        "identities.bot.githubToken: expected the name of a variable, not the token itself",
      ],
      [
        'githubApp: "BOT_PRIVATE_KEY",',
        'githubApp: expected the name without its ending: write "BOT" for BOT_ID and BOT_PRIVATE_KEY',
      ],
      [
        "githubApp: 12345,",
        'githubApp: expected the name of the variables of a GitHub App, such as "BOT" for BOT_ID and BOT_PRIVATE_KEY, got 12345',
      ],
      [
        'githubApp: "BOT", githubToken: "T",',
        "githubApp: githubToken is also set: keep one of them, and move the other to identities",
      ],
      [
        "identities: { bot: {} },",
        'identities.bot: expected either githubApp or githubToken: write { githubApp: "BOT" } or { githubToken: "BOT_TOKEN" }',
      ],
      [
        'identities: { bot: { githubApp: "BOT", githubToken: "T" } },',
        'identities.bot: expected either githubApp or githubToken: write { githubApp: "BOT" } or { githubToken: "BOT_TOKEN" }',
      ],
      [
        'identities: { bot: { githubAp: "BOT" } },',
        "identities.bot: there is no field githubAp: did you mean githubApp?",
      ],
      [
        'identities: { service: { githubApp: "BOT" } },',
        "identities.service: is reserved for the service's credentials: choose another",
      ],
      [
        'identities: { "a b": { githubApp: "BOT" } },',
        'identities.a b: expected a name of letters, digits and dashes, such as "bot"',
      ],
      [
        'identities: ["bot"],',
        'identities: expected identities such as { bot: { githubApp: "BOT" } or { githubToken: "BOT_TOKEN" } }, got ["bot"]',
      ],
      [
        'report: { as: "check", commit: () => undefined }, permissions: { contents: "read" },',
        'permissions: `report` needs checks: "write": add it',
      ],
      ['permissions: "read-all",', 'permissions: expected permissions such as { issues: "write" }, got "read-all"'],
      [
        'permissions: { "pull-requests": "write" },',
        "permissions.pull-requests: no permission of GitHub's API has this name: did you mean pull_requests?",
      ],
      [
        'identities: { bot: { githubApp: "BOT", permissions: { issues: "admin" } } },',
        'identities.bot.permissions.issues: expected "read" or "write", got "admin"',
      ],
    ] as const) {
      assert.deepEqual(await startErrors(t, options, settings), [`w.ts: ${line}`]);
    }
  });
});
