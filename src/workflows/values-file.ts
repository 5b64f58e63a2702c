import { PermanentFailure } from "../index.ts";
import { YamlError } from "./yaml/cursor.ts";
import { firstDocument, isNull, type Node, textOf, valueAt } from "./yaml/document.ts";

/**
 * The text of the scalar at a dotted path of a YAML file, exactly as written there: `0012345`, `1e10` and `true` are
 * not converted. It reads what yaml.v3, Helm and kubectl read. Only the first document counts.
 * @param where names the file in failures.
 * @throws PermanentFailure if the file is not YAML, or if the value is missing, null, empty or not a scalar.
 */
export function scalarAt(yaml: string, key: string, where: string): string {
  const tried = `reading ${key} from ${where}`;
  const notTheFile = otherFile(yaml);
  if (notTheFile) throw new PermanentFailure({ tried, ...notTheFile });
  const value = read(yaml.replace(/^\ufeff/, ""), key.split("."), tried);
  if (value?.kind === "text" && value.text.trim() !== "" && !isNull(value)) return value.text;
  throw new PermanentFailure({
    tried,
    happened: problemWith(value),
    remedy: `Write the commit hash as text under ${key}, or set TAG_KEY to the key that holds it.`,
  });
}

function read(yaml: string, names: readonly string[], tried: string): Node | undefined {
  try {
    let value = firstDocument(yaml, names);
    for (const name of names) value = value?.kind === "mapping" ? valueAt(value, name) : undefined;
    return value?.kind === "text" ? { ...value, text: textOf(value) } : value;
  } catch (error) {
    if (!(error instanceof YamlError)) throw error;
    throw new PermanentFailure({
      tried,
      happened: `the file is not valid YAML: ${error.message}`,
      remedy: "Fix the file.",
      cause: error,
    });
  }
}

function problemWith(value: Node | undefined): string {
  if (value === undefined) return "the key is missing";
  if (value.kind !== "text") return `the value is a ${value.kind}, not text`;
  return isNull(value) ? "the value is null" : "the value is empty";
}

/** Texts that GitHub returns instead of the file itself. */
function otherFile(text: string): { happened: string; remedy: string } | undefined {
  // https://github.com/git-lfs/git-lfs/blob/main/docs/spec.md
  if (text.startsWith("version https://git-lfs.github.com/spec/")) {
    return {
      happened: "it is a Git LFS pointer, not the file",
      remedy:
        "Remove the file from Git LFS (`git lfs untrack`, then commit it again): gh-runner reads it through GitHub's API.",
    };
  }
  // https://docs.github.com/en/rest/repos/contents: GitHub follows a link if its target is a file of the repository.
  if (/^[^\s:#"'{}[\]]+\.ya?ml\n?$/.test(text)) {
    return {
      happened: `it is a symbolic link to ${text.length <= MAX_TARGET_CHARACTERS ? text.trim() : "another file"}, which GitHub does not follow`,
      remedy: "Put the file itself there, or link to a file of the same repository that is not a link.",
    };
  }
  return undefined;
}

const MAX_TARGET_CHARACTERS = 200;
