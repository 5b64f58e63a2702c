import { existsSync, readFileSync } from "node:fs";
import { knownSecrets } from "../../observe/secrets.ts";

export type Environment = Readonly<Record<string, string | undefined>>;

export type Setting<T> = {
  readonly name: string;
  /** The default, as text. */
  readonly fallback: string;
  /** The meaning, for docs/configuration.md. */
  readonly about: string;
  /** @throws Error that says what was expected. */
  parse(text: string): T;
  readonly isSecret: boolean;
  /** The parts of the value that must never be shown. */
  hidden(value: T): readonly string[];
} & SecretOptions<T>;

type Options = {
  /** An empty variable is a value, not unset. */
  readonly emptyCounts?: boolean;
  /** The value may be in quotation marks. */
  readonly mayBeQuoted?: boolean;
  /** Other names, which take precedence. */
  readonly aliases?: readonly string[];
};

/** Options of a secret. */
type SecretOptions<T> = Options & {
  /** The part of the value that cannot change while the service runs, and its name in messages. */
  readonly fixed?: { of(value: T): string | undefined; readonly what: string };
};

export type Settings = Readonly<Record<string, Setting<unknown>>>;

export type Values<S extends Settings> = { readonly [K in keyof S]: ReturnType<S[K]["parse"]> };

export function setting<T>(
  name: string,
  fallback: string,
  about: string,
  parse: (text: string) => T,
  options: Options = {},
): Setting<T> {
  return { name, fallback, about, parse, isSecret: false, hidden: () => [], ...options };
}

/** A setting that can also be in a file: `NAME_FILE`. */
export function secret<T>(
  name: string,
  about: string,
  parse: (text: string) => T,
  { hidden = asTexts, ...options }: SecretOptions<T> & { readonly hidden?: (value: T) => readonly string[] } = {},
): Setting<T> {
  return { name, fallback: "", about, parse, isSecret: true, hidden, ...options };
}

function asTexts(value: unknown): readonly string[] {
  return [value].flat().filter((each) => typeof each === "string");
}

export type Reader = ReturnType<typeof readerOf>;

/** A problem with a setting or a variable, without its value. */
export type Wrong = { readonly name: string; readonly reason: string };

/**
 * Reads settings from an environment, and collects their problems.
 * @param before the reader that read this environment before: a setting that became invalid keeps its previous value.
 */
export function readerOf(environment: Environment, before?: { valueOf(name: string): unknown }) {
  const wrong: Wrong[] = [];
  const secrets: string[] = [];
  const given: string[] = [];
  const values = new Map<string, unknown>();
  const files = new Map<string, SecretFile>();

  function secretText(name: string): string | undefined {
    const path = fileOf(environment, name);
    if (path === undefined) return textOf(environment, name);
    files.set(name, { path, text: undefined });
    const text = textIn(path, name);
    files.set(name, { path, text });
    given.push(text);
    return text;
  }

  function valueNow<T>({ name, aliases = [], fixed, ...setting }: Setting<T>): T {
    const alias = aliases.find((each) => textOf(environment, each));
    const text = setting.isSecret && !alias ? secretText(name) : textOf(environment, alias ?? name);
    if (text !== undefined && !setting.mayBeQuoted && isQuoted(text)) throw new Error(QUOTED);
    // Unset may mean that everyone has access. A secret of nothing but white space must not have that effect.
    if (text === "" && setting.isSecret && environment[alias ?? name]) throw new Error("contains only white space");
    const value = setting.parse(text || (setting.emptyCounts && text === "") ? text : setting.fallback);
    if (before && fixed && fixed.of(value) !== fixed.of(before.valueOf(name) as T))
      throw new Error(`has another ${fixed.what}: restart the service to use it`);
    return value;
  }

  function read<T>(setting: Setting<T>): T {
    try {
      return valueNow(setting);
    } catch (problem) {
      wrong.push({ name: setting.name, reason: (problem as Error).message });
      return before ? (before.valueOf(setting.name) as T) : setting.parse(setting.fallback);
    }
  }

  return {
    /** Invalid settings get their defaults, or keep their previous values. */
    values<S extends Settings>(settings: S): Values<S> {
      const entries = Object.entries<Setting<unknown>>(settings).map(([key, each]) => {
        if (each.isSecret) given.push(textOf(environment, each.name) ?? "");
        const value = read(each);
        values.set(each.name, value);
        secrets.push(...each.hidden(value));
        return [key, value];
      });
      return Object.fromEntries(entries);
    },
    valueOf: (name: string) => values.get(name),
    /** Whether a variable is set, or its file. */
    isSet: (name: string) => Boolean(textOf(environment, name) || textOf(environment, `${name}_FILE`)),
    /** Adds a problem of settings that are valid alone but do not fit together. */
    problem: (name: string, reason: string) => void wrong.push({ name, reason }),
    /** A variable that is no setting, or the content of the file that `{name}_FILE` names. */
    variable: (name: string) => secretText(name) || undefined,
    /** Reads the file of a variable, unless it was read before. Collects a problem with it. */
    lookAt(name: string): void {
      try {
        if (!files.has(name)) secretText(name);
      } catch (problem) {
        wrong.push({ name, reason: (problem as Error).message });
      }
    },
    /** All problems so far, without any text that may be a secret. */
    get wrong(): readonly Wrong[] {
      return wrong.length === 0 ? [] : withoutSecrets(wrong, given);
    },
    /** The values that must never be shown. */
    secrets: secrets as readonly string[],
    /** The files of settings and variables, by the name of the setting. A variable's file is added when the variable is first read. */
    files: files as ReadonlyMap<string, SecretFile>,
  };
}

export type SecretFile = {
  readonly path: string;
  /** Its content; undefined if it could not be read. */
  readonly text: string | undefined;
};

const QUOTED = "is in quotation marks, which count as part of it: remove them";

/** A shell removes quotation marks. `docker run --env-file`, a Kubernetes Secret and systemd may keep them. */
export function isQuoted(text: string): boolean {
  return /^(["'`]).*\1$/s.test(text);
}

/** A problem repeats the value, which may be a secret that was put into the wrong setting. */
function withoutSecrets(wrong: readonly Wrong[], given: readonly string[]): readonly Wrong[] {
  const { brief } = knownSecrets(given.flatMap((text) => [text, ...text.split(/[,\n]/).map((each) => each.trim())]));
  return wrong.map(({ name, reason }) => ({
    name,
    reason: brief(reason.replace(OPAQUE, "***"), MAX_PROBLEM_CHARACTERS),
  }));
}

/** No name is this long without a dot or a slash. Tokens are, and so are the lines of a private key, which may have slashes. */
const OPAQUE = /(?<=, got ".*)(?:(?=[\w+/=-]*[A-Z])(?=[\w+/=-]*\d)[\w+/=-]{48,}|[\w+=-]{32,})/gs;

const MAX_PROBLEM_CHARACTERS = 1000;

/** Trimmed, so that a line break at the end, or the carriage return of a Windows file, is not part of the value. */
export function textOf(environment: Environment, name: string): string | undefined {
  return environment[name]?.trim();
}

/** The file of a secret, if `{name}_FILE` is set. */
function fileOf(environment: Environment, name: string): string | undefined {
  const file = textOf(environment, `${name}_FILE`);
  if (file && textOf(environment, name)) throw new Error(`set either ${name} or ${name}_FILE, not both`);
  return file || undefined;
}

function textIn(file: string, name: string): string {
  // A text that is no path may be the secret, so the message does not show it. The system's error repeats it, so it is left out.
  if (!existsSync(file)) {
    throw new Error(
      `${name}_FILE names a file that does not exist. The name is not shown, because it may be the secret. Set it to the path of a file, or set ${name}`,
    );
  }
  let text: string;
  try {
    text = readFileSync(file, "utf8").trim();
  } catch (cause) {
    throw new Error(`cannot read ${name}_FILE: ${(cause as Error).message}`, { cause });
  }
  if (text === "") throw new Error(`the file named by ${name}_FILE is empty: ${file}`);
  return text;
}

// Parsers that several parts use.

export function optional(text: string): string | undefined {
  return text || undefined;
}

/** One or more valid secrets, one per line, so that you can replace one without a gap. A secret may contain a comma. */
export function secretLines(text: string): readonly string[] {
  const lines = text.split("\n").map((line) => line.trim());
  if (lines.some(isQuoted)) throw new Error("one of the secrets is in quotation marks: remove them");
  return lines.filter(Boolean);
}

export function numberFrom(least: number, most: number): (text: string) => number {
  return (text) => {
    const number = Number(text);
    if (!(number >= least && number <= most))
      throw new Error(`expected a number from ${least} to ${most}, got "${text}"`);
    return number;
  };
}

export function oneOf<Word extends string>(words: readonly Word[], expected: string): (text: string) => Word {
  return (text) => {
    if (!(words as readonly string[]).includes(text)) throw new Error(`expected ${expected}, got "${text}"`);
    return text as Word;
  };
}

export function baseUrl(example: string, tokenSetting: string): (text: string) => string {
  return (text) => {
    const url = URL.parse(text);
    if (!url || !["http:", "https:"].includes(url.protocol)) throw new Error(`expected a URL such as ${example}`);
    if (url.username || url.password) throw new Error(`must not contain credentials: use ${tokenSetting}`);
    if (url.search || url.hash) throw new Error("must not contain a query or a fragment");
    return (url.origin + url.pathname).replace(/\/+$/, "");
  };
}

export function token(text: string): string | undefined {
  const trimmed = text.trim();
  if (!/^[\x21-\x7e]*$/.test(trimmed))
    throw new Error("contains characters that are not allowed in a token, such as spaces or line breaks");
  return trimmed || undefined;
}
