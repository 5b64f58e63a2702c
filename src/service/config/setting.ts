import { existsSync, readFileSync } from "node:fs";
import { knownSecrets } from "../../observe/secrets.ts";

export type Environment = Readonly<Record<string, string | undefined>>;

export type Setting<T> = {
  readonly name: string;
  /** The default, as one would write it. */
  readonly fallback: string;
  /** One sentence for docs/configuration.md. */
  readonly about: string;
  /** Makes a value of the text, or throws an error that says what was expected. */
  parse(text: string): T;
  readonly isSecret: boolean;
  /** What in the value must never be seen. */
  hidden(value: T): readonly string[];
} & SecretOptions<T>;

type Options = {
  /** An empty variable is a value. */
  readonly emptyCounts?: boolean;
  /** It is found inside of quotation marks, too. */
  readonly mayBeQuoted?: boolean;
  /** Other names, which win. */
  readonly aliases?: readonly string[];
};

/** What a secret may have in addition. */
type SecretOptions<T> = Options & {
  /** What of a value cannot change while the service runs, and what that is in words. */
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

/** It may also be given as a file: `NAME_FILE`. */
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

/** What is wrong with a setting or a variable, without its value. */
export type Wrong = { readonly name: string; readonly reason: string };

/**
 * Reads settings out of an environment, and gathers what is wrong with them.
 * @param before read the same environment earlier: a setting that cannot be used any more has the value that it had.
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
    // Unset may mean open to all: what was meant as a secret must not come to that.
    if (text === "" && setting.isSecret && environment[alias ?? name]) throw new Error("holds nothing but white space");
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
    /** Settings that cannot be used have their defaults, or the previous values. */
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
    /** Whether a variable is set, or the file of a secret. */
    isSet: (name: string) => Boolean(textOf(environment, name) || textOf(environment, `${name}_FILE`)),
    /** Notes what is wrong with settings that are right each by itself. */
    problem: (name: string, reason: string) => void wrong.push({ name, reason }),
    /** A variable that is no setting, or what the file holds that `{name}_FILE` names. */
    variable: (name: string) => secretText(name) || undefined,
    /** Reads the file of a variable, unless it was read. What is wrong with it is gathered. */
    lookAt(name: string): void {
      try {
        if (!files.has(name)) secretText(name);
      } catch (problem) {
        wrong.push({ name, reason: (problem as Error).message });
      }
    },
    /** All so far, without what may be a secret. */
    get wrong(): readonly Wrong[] {
      return wrong.length === 0 ? [] : withoutSecrets(wrong, given);
    },
    /** What must never be seen of the values. */
    secrets: secrets as readonly string[],
    /** The files that hold settings and variables, by the names of these. Those of variables are there once they were asked for. */
    files: files as ReadonlyMap<string, SecretFile>,
  };
}

export type SecretFile = {
  readonly path: string;
  /** What it held; undefined where it could not be read. */
  readonly text: string | undefined;
};

const QUOTED = "is in quotation marks, which count as part of it: remove them";

/** A shell takes quotation marks away; `docker run --env-file`, a Kubernetes Secret and systemd may not. */
export function isQuoted(text: string): boolean {
  return /^(["'`]).*\1$/s.test(text);
}

/** Values that came in the wrong setting are repeated in what is wrong with it, and may be secrets. */
function withoutSecrets(wrong: readonly Wrong[], given: readonly string[]): readonly Wrong[] {
  const { brief } = knownSecrets(given.flatMap((text) => [text, ...text.split(/[,\n]/).map((each) => each.trim())]));
  return wrong.map(({ name, reason }) => ({
    name,
    reason: brief(reason.replace(OPAQUE, "***"), MAX_PROBLEM_CHARACTERS),
  }));
}

/** No name is so long without a dot or a slash. Tokens are, and the lines of a private key, which may have slashes. */
const OPAQUE = /(?<=, got ".*)(?:(?=[\w+/=-]*[A-Z])(?=[\w+/=-]*\d)[\w+/=-]{48,}|[\w+=-]{32,})/gs;

const MAX_PROBLEM_CHARACTERS = 1000;

/** Without white space around it: a line break at its end, or the carriage return of a file from Windows, is no part of it. */
export function textOf(environment: Environment, name: string): string | undefined {
  return environment[name]?.trim();
}

/** The file that holds a secret, where one is named. */
function fileOf(environment: Environment, name: string): string | undefined {
  const file = textOf(environment, `${name}_FILE`);
  if (file && textOf(environment, name)) throw new Error(`set either ${name} or ${name}_FILE, not both`);
  return file || undefined;
}

function textIn(file: string, name: string): string {
  // What is no path may be the secret itself: neither it nor the system's error, which repeats it, is shown.
  if (!existsSync(file)) {
    throw new Error(
      `${name}_FILE names no file that exists. Its value is not shown, since it may be the secret itself: give it the path of a file, or set ${name}`,
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

// How texts become values, in more than one part.

export function optional(text: string): string | undefined {
  return text || undefined;
}

/** Several secrets, any of which counts, so that one can be replaced without a gap. A secret may hold a comma. */
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
  if (!/^[\x21-\x7e]*$/.test(trimmed)) throw new Error("contains characters that no token has (spaces, line breaks)");
  return trimmed || undefined;
}
