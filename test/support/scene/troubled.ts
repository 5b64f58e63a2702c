import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { until } from "../clock.ts";
import { temporaryFolder } from "../folder.ts";
import { fixedPort } from "../port.ts";
import { send, startService } from "../service.ts";
import { httpWorkflow, workflowsFolder } from "../workflows.ts";
import { ALICE } from "./scene.ts";

/**
 * A service with sign-in by GitHub, whose new token and new workflow version do not work. It uses the previous ones and shows
 * that on its pages.
 */
export async function openTroubled(t: TestContext): Promise<{ readonly url: string }> {
  const folder = workflowsFolder(t, { "deploy.ts": httpWorkflow("deploy", "return {};") });
  const tokens = join(temporaryFolder(t), "tokens");
  writeFileSync(tokens, `alice:${ALICE}`);
  const PORT = String(await fixedPort());
  const { app, url } = await startService(t, {
    settings: {
      ...{ AUTH_TOKENS_FILE: tokens, WORKFLOWS_DIR: folder, WORKFLOWS_RELOAD: "true" },
      ...{ PORT, PUBLIC_URL: `http://127.0.0.1:${PORT}`, SIGN_IN_ROLES: "github:acme=viewer" },
      ...{ GITHUB_CLIENT_ID: "Ov23liEXAMPLE", GITHUB_CLIENT_SECRET: "github-client-secret-0123456789" },
    },
    options: { serverLimits: { drainMs: 200 } },
  });
  writeFileSync(join(folder, "deploy.ts"), "export default {");
  await app.reload();
  writeFileSync(tokens, "alice:superuser:short");
  const shown = async (authorization: string) => (await send(url, { headers: { authorization } })).text;
  await until("the new token is rejected", async () => {
    await shown("Bearer wrong-token-0123456789");
    return (await shown(`Bearer ${ALICE}`)).includes("cannot be reloaded");
  });
  return { url };
}
