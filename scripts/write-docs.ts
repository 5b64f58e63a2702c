import { readFileSync, writeFileSync } from "node:fs";
import { configurationReference } from "../src/service/config/config.ts";

/** Writes what is generated: the reference of the settings, and the words of GitHub's routes. Tests fail when they are stale. */
writeFileSync(new URL("../docs/configuration.md", import.meta.url), configurationReference());
writeFileSync(new URL("../src/github/route-words.ts", import.meta.url), routeWords());

function routeWords(): string {
  const words = new Set<string>();
  for (const edition of ["api.github.com", "ghec", "ghes-3.17", "ghes-3.18", "ghes-3.19"]) {
    const file = new URL(`../node_modules/@octokit/openapi/generated/${edition}.json`, import.meta.url);
    const { paths } = JSON.parse(readFileSync(file, "utf8")) as { paths: Record<string, unknown> };
    for (const path of Object.keys(paths)) for (const [word] of path.matchAll(/[^/{}]+/g)) words.add(word);
  }
  const lines = [""];
  for (const word of [...words].sort()) {
    const line = `${lines.at(-1)}${word} `;
    if (line.length > 118) lines.push(`${word} `);
    else lines[lines.length - 1] = line;
  }
  return `// Generated from GitHub's OpenAPI descriptions by \`npm run docs\`. Do not edit.

/** Every word in the paths of GitHub's REST API, names of parameters too. */
export const ROUTE_WORDS: ReadonlySet<string> = new Set(
  \`
${lines.map((line) => line.trim()).join("\n")}
\`
    .trim()
    .split(/\\s/),
);
`;
}
