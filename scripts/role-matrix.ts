import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Route } from "../src/http/route-list.ts";
import { defineWorkflow } from "../src/index.ts";
import { may } from "../src/model/access.ts";
import type { RouteAccess } from "../src/model/route-access.ts";
import { ROLES } from "../src/model/who.ts";
import { startApp } from "../src/service/app.ts";
import { readConfig } from "../src/service/config/config.ts";

const BEGIN = "<!-- The table is written by `npm run docs`, from the routes. -->";
const END = "<!-- Until here. -->";

/** One workflow for each trigger with a path, so that none is missing. */
const WITH_FLUX = defineWorkflow({ name: "flux-example", on: { flux: { path: "/flux" } }, run: async () => null });

/** The routes of a service with every kind of trigger and sign-in, without a GitHub or an issuer. */
export async function allRoutes(): Promise<readonly Route[]> {
  const folder = mkdtempSync(join(tmpdir(), "gh-runner-routes-"));
  const secret = "x".repeat(32);
  const config = readConfig({
    ...{ PORT: "0", HOST: "127.0.0.1", DATA_DIR: folder, PUBLIC_URL: "https://ci.example" },
    ...{ GITHUB_WEBHOOK_SECRET: secret, SIGN_IN_ROLES: "github:acme=viewer" },
    ...{ OIDC_ISSUER: "https://login.example", OIDC_CLIENT_ID: "id", OIDC_CLIENT_SECRET: secret },
    ...{ GITHUB_CLIENT_ID: "id", GITHUB_CLIENT_SECRET: secret },
  });
  const workflows = [{ workflow: WITH_FLUX, file: "flux-example.ts" }] as never;
  const app = await startApp(config, { logTo: { write() {} }, workflows });
  try {
    return app.routes();
  } finally {
    await app.close();
    rmSync(folder, { recursive: true });
  }
}

/** Writes the table of permissions into a document. */
export function withRoleMatrix(document: string, routes: readonly Route[]): string {
  const [before, rest = ""] = document.split(BEGIN);
  const [, after] = rest.split(END);
  if (after === undefined) throw new Error(`the document has no place for the table: ${BEGIN} … ${END}`);
  return `${before}${BEGIN}\n\n${roleMatrix(routes)}\n\n${END}${after}`;
}

function roleMatrix(routes: readonly Route[]): string {
  const rows = new Map<string, readonly string[]>();
  for (const { method, path, access } of routes) {
    if (!access) throw new Error(`${method} ${path} does not state its access`);
    const name = `\`${method} ${path
      .replace(/:\w+\{(\w+)\}/g, "$1")
      .replace(/:(\w+)/g, "{$1}")
      .replace(/^\/assets\/.*/, "/assets/…")}\``;
    rows.set(name, [name, ...cells(access)]);
  }
  const table = [
    ["route", "permission", ...ROLES, "limited to workflows"],
    ["---", "---", "---", "---", "---", "---"],
  ];
  return [...table, ...rows.values()].map((cells) => `| ${cells.join(" | ")} |`).join("\n");
}

function cells(access: RouteAccess): readonly string[] {
  if ("open" in access) return [`none (${access.open})`, "yes", "yes", "yes", "yes"];
  const { permission, ownRuns } = access;
  const roles = ROLES.map((role) => {
    if (may([{ role }], permission)) return "yes";
    return ownRuns ? "what it started" : "–";
  });
  const limited = permission.endsWith("-all") ? "–" : permission === "self" ? "yes" : "its workflows";
  return [`\`${permission}\``, ...roles, limited];
}
