import { globSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

export type Block = {
  readonly language: string;
  readonly text: string /** Of `// workflows/a.ts`. */;
  readonly file?: string;
};

const ROOT = fileURLToPath(new URL("../..", import.meta.url));

/** A document of the project with its code blocks, in order. */
export function documentOf(path: string): { text: string; blocks: readonly Block[] } {
  const text = readFileSync(ROOT + path, "utf8");
  const blocks = [...text.matchAll(/^```(\w*)\n([\s\S]*?)^```$/gm)].map(([, language = "", block = ""]) => {
    const file = /^(?:\/\/|#) (?:workflows|\.github\/workflows)\/(\S+)\n/.exec(block)?.[1];
    return { language, text: block, ...(file === undefined ? {} : { file }) };
  });
  return { text, blocks };
}

/** Every text of the project that gives instructions: documents, manifests, and what the program prints. */
export function allTexts(): readonly { readonly file: string; readonly text: string }[] {
  const places = ["*.md", "Dockerfile", "compose.yaml", "{docs,deploy,examples,scripts,src,bench,.github}/**/*.*"];
  return globSync(places, { cwd: ROOT })
    .filter((file) => /(^Dockerfile|\.(md|ts|ya?ml|tpl|txt|sh|json))$/.test(file))
    .map((file) => ({ file, text: readFileSync(ROOT + file, "utf8") }));
}
