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
} & Options;

type Options = {
  /** An empty variable is a value. */
  readonly emptyCounts?: boolean;
  /** It is found inside of quotation marks, too. */
  readonly mayBeQuoted?: boolean;
  /** Other names, which win. */
  readonly aliases?: readonly string[];
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
  { hidden = asTexts, ...options }: Options & { readonly hidden?: (value: T) => readonly string[] } = {},
): Setting<T> {
  return { name, fallback: "", about, parse, isSecret: true, hidden, ...options };
}

function asTexts(value: unknown): readonly string[] {
  return [value].flat().filter((each) => typeof each === "string");
}

export type Reader = ReturnType<typeof readerOf>;

/** Reads settings out of an environment, and gathers what is wrong with them. */
export function readerOf(environment: Environment) {
  const problems: string[] = [];
  const secrets: string[] = [];
  const given: string[] = [];

  function read<T>({ name, aliases = [], ...setting }: Setting<T>): T {
    try {
      const alias = aliases.find((each) => textOf(environment, each));
      const text = setting.isSecret && !alias ? secretText(environment, name) : textOf(environment, alias ?? name);
      if (text !== undefined && !setting.mayBeQuoted && isQuoted(text)) throw new Error(QUOTED);
      // Unset may mean open to all: what was meant as a secret must not come to that.
      if (text === "" && setting.isSecret && environment[alias ?? name])
        throw new Error("holds nothing but white space");
      return setting.parse(text || (setting.emptyCounts && text === "") ? text : setting.fallback);
    } catch (problem) {
      problems.push(`${name}: ${(problem as Error).message}`);
      return setting.parse(setting.fallback);
    }
  }

  return {
    /** Settings that cannot be used have their defaults. */
    values<S extends Settings>(settings: S): Values<S> {
      const entries = Object.entries<Setting<unknown>>(settings).map(([key, each]) => {
        if (each.isSecret) given.push(textOf(environment, each.name) ?? "");
        const value = read(each);
        secrets.push(...each.hidden(value));
        return [key, value];
      });
      return Object.fromEntries(entries);
    },
    /** Whether a variable is set, or the file of a secret. */
    isSet: (name: string) => Boolean(textOf(environment, name) || textOf(environment, `${name}_FILE`)),
    /** Notes what is wrong with settings that are right each by itself: `NAME: what`. */
    problem: (text: string) => void problems.push(text),
    /** A variable that is no setting, or what the file holds that `{name}_FILE` names. */
    variable: (name: string) => secretText(environment, name) || undefined,
    /** All so far, without what may be a secret. */
    get problems(): readonly string[] {
      return problems.length === 0 ? [] : withoutSecrets(problems, given);
    },
    /** What must never be seen of the values. */
    secrets: secrets as readonly string[],
  };
}

const QUOTED = "is in quotation marks, which count as part of it: remove them";

/** A shell takes quotation marks away; `docker run --env-file`, a Kubernetes Secret and systemd may not. */
export function isQuoted(text: string): boolean {
  return /^(["'`]).*\1$/s.test(text);
}

/** Values that came in the wrong setting are repeated in what is wrong with it, and may be secrets. */
function withoutSecrets(problems: readonly string[], given: readonly string[]): readonly string[] {
  const { brief } = knownSecrets(given.flatMap((text) => [text, ...text.split(",").map((each) => each.trim())]));
  return problems.map((problem) => brief(problem.replace(OPAQUE, "***"), MAX_PROBLEM_CHARACTERS));
}

/** No name is so long without a dot or a slash. Tokens are, and the lines of a private key, which may have slashes. */
const OPAQUE = /(?<=, got ".*)(?:(?=[\w+/=-]*[A-Z])(?=[\w+/=-]*\d)[\w+/=-]{48,}|[\w+=-]{32,})/gs;

const MAX_PROBLEM_CHARACTERS = 1000;

/** Without white space around it: a line break at its end, or the carriage return of a file from Windows, is no part of it. */
export function textOf(environment: Environment, name: string): string | undefined {
  return environment[name]?.trim();
}

function secretText(environment: Environment, name: string): string | undefined {
  const file = textOf(environment, `${name}_FILE`);
  const given = textOf(environment, name);
  if (!file) return given;
  if (given) throw new Error(`set either ${name} or ${name}_FILE, not both`);
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
