import {
  defineMappingTag,
  defineScalarTag,
  defineSequenceTag,
  FAILSAFE_SCHEMA,
  loadAll,
  mergeTag,
  nullCoreTag,
  YAMLException,
} from "js-yaml";
import { PermanentFailure } from "../index.ts";

/**
 * The text of the scalar at a dotted path of a YAML file, exactly as it stands there: `0012345`, `1e10` and `true`
 * stay what they are.
 * @param where names the file in failures.
 * @throws PermanentFailure when the file is no YAML, or the value is missing, null, empty or no scalar.
 */
export function scalarAt(yaml: string, key: string, where: string): string {
  const tried = `reading ${key} from ${where}`;
  const value = valueAt(firstDocument(yaml, tried), key.split("."));
  if (typeof value === "string" && value.trim() !== "") return value;
  throw new PermanentFailure({
    tried,
    happened: problemWith(value),
    remedy: `Write the commit hash as text under ${key}, or point TAG_KEY at where it stands.`,
  });
}

/**
 * Every scalar stays text (YAML's failsafe schema); only a plain null is told apart, because it means "no value".
 * Tags of other tools (`!vault`) are read as what they stand on. Like the Go parser, only the first document counts.
 */
const TEXT_SCHEMA = FAILSAFE_SCHEMA.withTags(mergeTag, nullCoreTag, ...["!", "tag:"].flatMap(anyTag));

function anyTag(prefix: string) {
  const options = { matchByTagPrefix: true, identify: () => false };
  return [
    defineScalarTag(prefix, { ...options, resolve: (source) => source }),
    defineSequenceTag<unknown[]>(prefix, {
      ...options,
      create: () => [],
      addItem: (items, item) => void items.push(item),
    }),
    defineMappingTag<Map<unknown, unknown>>(prefix, {
      ...options,
      create: () => new Map(),
      addPair: (map, name, value) => {
        map.set(name, value);
        return "";
      },
      has: (map, name) => map.has(name),
      keys: (map) => map.keys(),
      get: (map, name) => map.get(name),
    }),
  ];
}

function firstDocument(yaml: string, tried: string): unknown {
  try {
    return loadAll(yaml, { schema: TEXT_SCHEMA })[0];
  } catch (error) {
    if (!(error instanceof YAMLException)) throw error;
    throw new PermanentFailure({
      tried,
      happened: `the file is not valid YAML: ${error.message.split("\n", 1)[0]}`,
      remedy: "Mend the file; `helm template` shows the same error.",
      cause: error,
    });
  }
}

function valueAt(root: unknown, names: readonly string[]): unknown {
  let value = root;
  for (const name of names) {
    if (value instanceof Map) value = value.get(name);
    else if (typeof value === "object" && value !== null && !Array.isArray(value) && Object.hasOwn(value, name)) {
      value = (value as Record<string, unknown>)[name];
    } else return undefined;
  }
  return value;
}

function problemWith(value: unknown): string {
  if (value === undefined) return "the key is missing";
  if (value === null) return "the value is null";
  if (typeof value === "string") return "the value is empty";
  return `the value is a ${Array.isArray(value) ? "list" : "mapping"}, not text`;
}
