import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

export type Block = {
  readonly language: string;
  readonly text: string /** Of `// workflows/a.ts`. */;
  readonly file?: string;
};

const ROOT = fileURLToPath(new URL("../..", import.meta.url));

/** A document of the project and its code blocks, in order. */
export function documentOf(path: string): { text: string; blocks: readonly Block[] } {
  const text = readFileSync(ROOT + path, "utf8");
  const blocks = [...text.matchAll(/^```(\w*)\n([\s\S]*?)^```$/gm)].map(([, language = "", block = ""]) => {
    const file = /^(?:\/\/|#) (?:workflows|\.github\/workflows)\/(\S+)\n/.exec(block)?.[1];
    return { language, text: block, ...(file === undefined ? {} : { file }) };
  });
  return { text, blocks };
}
