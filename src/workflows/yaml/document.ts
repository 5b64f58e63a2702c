import { getHeapStatistics } from "node:v8";
import { YamlError } from "./cursor.ts";
import { type Event, Events } from "./events.ts";

export type Node = Scalar | List | Mapping;
export type Scalar = {
  readonly kind: "text";
  readonly line: number;
  readonly text: string;
  readonly isPlain: boolean;
  readonly tag: string | undefined;
};
type List = { readonly kind: "list"; readonly items: Node[] };
export type Mapping = { readonly kind: "mapping"; readonly pairs: [key: Node, value: Node][] };

/** A collection that is being read. */
type Frame = {
  /** Undefined if it is not needed. */
  readonly node: List | Mapping | undefined;
  /** Everything in it is kept: it has an anchor, or is inside a node with an anchor. */
  readonly isWhole: boolean;
  /** How many of the wanted names lead to it. Undefined if it is beside their path. */
  readonly depth: number | undefined;
  readonly isMapping: boolean;
  /** For a mapping: the key whose value comes next. */
  key: Node | undefined;
  hasKey: boolean;
};

/**
 * Kept nodes take about 100 bytes each. They are limited to a tenth of the heap, so that no file ends the process:
 * 48,000 nodes with the image's heap of 44 MB.
 */
const MAX_NODES = Math.floor(getHeapStatistics().heap_size_limit / 1024);

/**
 * The first document of a text, reduced to what can affect the value at the path: nodes on the path, merged nodes
 * (`<<`), and nodes with an anchor. The rest is read to find errors, and dropped.
 * @returns undefined if there is no document.
 * @throws YamlError
 */
export function firstDocument(text: string, path: readonly string[]): Node | undefined {
  const forbidden = FORBIDDEN.exec(text)?.index;
  if (forbidden === undefined) return readDocument(new Events(text), path);
  // In a later document it does not matter. Otherwise the text ends too early there.
  const before = text.slice(0, forbidden);
  try {
    const events = new Events(before);
    const root = readDocument(events, path);
    if (events.next().type !== "stream end") return root;
  } catch (error) {
    if (!(error instanceof YamlError)) throw error;
  }
  throw new YamlError("control characters are not allowed", before.split("\n").length);
}

function readDocument(events: Events, path: readonly string[]): Node | undefined {
  if (events.next().type === "stream end") return undefined;

  const anchors = new Map<string, Node>();
  const open: Frame[] = [];
  let kept = 0;
  let root: Node | undefined;

  function keep<N extends Node>(node: N, { anchor, line }: Event): N {
    if (++kept > MAX_NODES) throw new YamlError(`more than ${MAX_NODES} values have an anchor or are merged`, line);
    if (anchor !== undefined) anchors.set(anchor, node);
    return node;
  }

  const isKey = (parent: Frame | undefined) => parent?.depth !== undefined && parent.isMapping && !parent.hasKey;

  function put(node: Node | undefined): void {
    const parent = open.at(-1);
    if (!parent) root = node;
    else if (parent.isMapping) {
      if (!parent.hasKey) parent.key = node;
      else if (parent.key && node) (parent.node as Mapping | undefined)?.pairs.push([parent.key, node]);
      parent.hasKey = !parent.hasKey;
    } else if (node) (parent.node as List | undefined)?.items.push(node);
  }

  for (;;) {
    const event = events.next();
    const parent = open.at(-1);
    switch (event.type) {
      case "document end":
        return root;
      case "end":
        open.pop();
        put(parent?.node);
        break;
      case "alias": {
        const node = anchors.get(event.value);
        if (!node) throw new YamlError(`unknown anchor '${event.value}' referenced`, event.line);
        // Keys beside the path are dropped with their value.
        if (isKey(parent)) put(node);
        else put(placeIn(parent, path) && keep(node, event));
        break;
      }
      case "scalar": {
        const { value, isPlain, tag, anchor } = event;
        const isKept = anchor !== undefined || isKey(parent) || placeIn(parent, path) !== undefined;
        if (!isKept) put(undefined);
        else {
          const node: Scalar = { kind: "text", text: value, isPlain, tag, line: event.line };
          put(isKey(parent) && anchor === undefined ? node : keep(node, event));
        }
        break;
      }
      case "mapping":
      case "sequence": {
        const isMapping = event.type === "mapping";
        const place = placeIn(parent, path);
        const isWhole = event.anchor !== undefined || place?.isWhole === true;
        const empty = (): List | Mapping => (isMapping ? { kind: "mapping", pairs: [] } : { kind: "list", items: [] });
        const node = isWhole || place ? keep(empty(), event) : undefined;
        open.push({ node, isWhole, depth: place?.depth, isMapping, key: undefined, hasKey: false });
        break;
      }
    }
  }
}

/** Where the next value of a collection is. Undefined if it is beside the path and not kept. */
function placeIn(
  parent: Frame | undefined,
  path: readonly string[],
): { isWhole: boolean; depth: number | undefined } | undefined {
  if (!parent) return { isWhole: false, depth: 0 };
  const { key } = parent;
  if (parent.depth !== undefined && parent.isMapping && parent.hasKey && key?.kind === "text") {
    if (key.text === path[parent.depth]) return { isWhole: parent.isWhole, depth: parent.depth + 1 };
    if (isMerge(key)) return { isWhole: true, depth: undefined };
  }
  return parent.isWhole ? { isWhole: true, depth: undefined } : undefined;
}

/** yaml.v3's control characters, which YAML does not allow. */
const FORBIDDEN = /[\0-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\ufffe\uffff]/;

/**
 * The value of a key. A key of the mapping itself wins over merged keys. An earlier merge wins over a later one.
 * @throws YamlError if the key occurs twice: then it is unknown which one is meant.
 */
export function valueAt(mapping: Mapping, name: string): Node | undefined {
  const seen = new Set<Mapping>();
  // A list instead of the stack: merges can be nested without end.
  const left = [mapping];
  for (let next = left.pop(); next; next = left.pop()) {
    if (seen.has(next)) continue;
    seen.add(next);
    const [found, again] = next.pairs.filter(([key]) => key.kind === "text" && key.text === name && !isMerge(key));
    if (again) throw new YamlError(`mapping key "${name}" already defined`, (again[0] as Scalar).line);
    if (found) return found[1];
    const merged = next.pairs.filter(([key]) => isMerge(key)).flatMap(([, value]) => mappingsIn(value));
    for (const source of merged.reverse()) left.push(source);
  }
  return undefined;
}

function mappingsIn(value: Node): readonly Mapping[] {
  return (value.kind === "list" ? value.items : [value]).filter((source) => source.kind === "mapping");
}

/** As in YAML 1.1: a plain `<<`, or a node with that tag. */
function isMerge(key: Node): boolean {
  if (key.kind !== "text" || key.text !== "<<") return false;
  return key.tag === undefined ? key.isPlain : key.tag === "!" || key.tag === "tag:yaml.org,2002:merge";
}

/**
 * The text of a value as yaml.v3 gives it to a Go string.
 * @throws YamlError if it is tagged as base64 but is not base64: Node would silently skip invalid characters.
 */
export function textOf({ text, tag, line }: Scalar): string {
  if (tag !== "tag:yaml.org,2002:binary") return text;
  const digits = text.replace(/[\r\n]/g, "");
  if (digits.length % 4 !== 0 || NO_BASE64.test(digits.replace(/={1,2}$/, ""))) {
    throw new YamlError("!!binary value contains invalid base64 data", line);
  }
  return Buffer.from(text, "base64").toString();
}

const NO_BASE64 = /[^A-Za-z0-9+/]/;

const NULLS: readonly string[] = ["", "~", "null", "Null", "NULL"];

/** A value that stands for no value. */
export function isNull({ text, isPlain, tag }: Scalar): boolean {
  if (tag === "tag:yaml.org,2002:null") return true;
  return (tag === undefined || tag === "!") && isPlain && NULLS.includes(text);
}
