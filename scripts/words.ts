import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { fileURLToPath, pathToFileURL } from "node:url";

/** A turn to avoid, one of the forms of a row in CONTRIBUTING.md, and what to write instead. */
export type Turn = { readonly text: string; readonly instead: string };

export type Finding = Turn & { readonly line: number };

const ROOT = fileURLToPath(new URL("..", import.meta.url));

/** What others wrote, and what is generated from it. */
const WRITTEN_BY_OTHERS =
  /(^|\/)(LICENSE|package-lock\.json)$|^(test\/fixtures|test\/peers\/released-chart|sandbox\/github-openapi)\/|\.(png|br|sum)$/;

/** A table's row: `| turn, another form | what to write |`. */
const ROW = /^\| (?!-)(.+?) +\| (.+?) +\|$/gm;

/** Between two words of a turn: the end of a line of prose, of a comment, or of a string that continues. */
const BETWEEN = String.raw`\s+(?:(?:\*|//|#|>)\s+)?|["'\`]\s*\+\s*["'\`]|\s["'\`]\s*\+\s*["'\`]`;

/** The turns of the table under "Words to avoid" in CONTRIBUTING.md. */
export function turnsOf(contributing: string): readonly Turn[] {
  const [, section = ""] = /^## Words to avoid$([\s\S]*?)^## /m.exec(contributing) ?? [];
  const [, ...rows] = section.matchAll(ROW);
  return rows.flatMap(([, avoid = "", instead = ""]) => avoid.split(", ").map((text) => ({ text, instead })));
}

/** Where a text has one of the turns, in the order of its lines. */
export function findTurns(text: string, turns: readonly Turn[]): readonly Finding[] {
  return turns
    .flatMap((turn) => {
      const pattern = new RegExp(`(?<![\\w/-])${turn.text.replaceAll(" ", `(?:${BETWEEN})`)}(?![\\w-])`, "gi");
      return [...text.matchAll(pattern)].map(({ index }) => ({
        ...turn,
        line: text.slice(0, index).split("\n").length,
      }));
    })
    .sort((one, other) => one.line - other.line);
}

/** All files whose words are the project's, or those below the paths. */
export function filesWithWords(paths: readonly string[] = []): readonly string[] {
  const files = execFileSync("git", ["ls-files", "--cached", "--others", "--exclude-standard", "--", ...paths], {
    cwd: ROOT,
  });
  return files
    .toString()
    .trim()
    .split("\n")
    .filter((file) => file !== "" && !WRITTEN_BY_OTHERS.test(file));
}

/** The text of a file without the table itself, what other programs print, and the name of a record in exported files. */
export function wordsOf(file: string): string {
  const text = readFileSync(`${ROOT}/${file}`, "utf8");
  const prose =
    file === "CONTRIBUTING.md"
      ? text.replace(/^## Words to avoid$[\s\S]*?^## /m, (it) => it.replaceAll(/./g, ""))
      : text;
  return prose
    .replaceAll(/connection re[f]used|^ {2}re[f]used: \[$/gim, "")
    .replaceAll(/approve your own pull request/g, "approve");
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) {
  const turns = turnsOf(readFileSync(`${ROOT}/CONTRIBUTING.md`, "utf8"));
  let found = 0;
  for (const file of filesWithWords(process.argv.slice(2))) {
    for (const { line, text, instead } of findTurns(wordsOf(file), turns)) {
      console.log(`${file}:${line}: "${text}": write ${instead}`);
      found += 1;
    }
  }
  if (found > 0) {
    console.log(`\n${found} turns to avoid. CONTRIBUTING.md, "Words to avoid", has the list.`);
    process.exitCode = 1;
  }
}
