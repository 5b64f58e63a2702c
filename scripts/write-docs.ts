import { readFileSync, writeFileSync } from "node:fs";
import { configurationReference } from "../src/service/config/config.ts";

/** Writes what is generated: the reference of the settings, and the words of GitHub's routes. Tests fail when they are stale. */
writeFileSync(new URL("../docs/configuration.md", import.meta.url), configurationReference());
writeFileSync(new URL("../src/github/route-words.ts", import.meta.url), routeWords());

function routeWords(): string {
  const words = new Set<string>();
  const names = new URL("../sandbox/github-openapi/names.json", import.meta.url);
  const { paths } = JSON.parse(readFileSync(names, "utf8")) as { paths: readonly string[] };
  for (const path of paths) for (const [word] of path.matchAll(/[^/{}]+/g)) words.add(word);
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
