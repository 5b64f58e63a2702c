import { hasTooManyValues } from "../model/json-values.ts";
import type { Json } from "../model/run.ts";
import { isDeep } from "./shown.ts";

/** A field of a form for a JSON Schema. */
export type Field = {
  /** Name of the property. Undefined if the field is the whole value. */
  readonly name: string | undefined;
  readonly label: string;
  readonly description: string | undefined;
  readonly isRequired: boolean;
  readonly byDefault: Json | undefined;
  /** The value of an empty field: null if the schema requires a value that may be null, otherwise no value. */
  readonly empty?: null;
  readonly control: Control;
};

type Control =
  | { readonly kind: "text"; readonly type: "text" | "email" | "url" | "date"; readonly hint: string | undefined }
  | {
      readonly kind: "number";
      readonly isInteger: boolean;
      readonly min: number | undefined;
      readonly max: number | undefined;
    }
  | { readonly kind: "boolean" }
  | { readonly kind: "choice"; readonly choices: readonly Json[] }
  /** Anything else, as JSON text. */
  | { readonly kind: "json" };

/** A problem of a value and its place: `ref`, `list.0`. An empty place means the whole value. */
export type Problem = { readonly field: string; readonly message: string };

type Schema = Readonly<Record<string, Json>>;

/**
 * The fields for an object with this JSON Schema. Without a schema, or if it does not describe an object, there is one field for
 * JSON.
 * @param whole the label of that one field.
 */
export function fieldsOf(schema: Json | undefined, whole: string): readonly Field[] {
  const { type, properties, required, additionalProperties: more = false } = schemaOf(schema);
  // An object that allows other properties would lose them in a form with known fields only.
  if (type !== "object" || !isObject(properties) || more !== false) {
    const { description, default: byDefault } = schemaOf(schema);
    const isRequired = schema !== undefined && byDefault === undefined;
    const control = controlOf(schemaOf(schema));
    return [{ name: undefined, label: whole, description: textOf(description), isRequired, byDefault, control }];
  }
  const needed = new Set(Array.isArray(required) ? required : []);
  return Object.entries(properties).map(([name, value]) => {
    const its = schemaOf(value);
    const control = controlOf(its);
    const isNeeded = needed.has(name) && its.default === undefined && control.kind !== "boolean";
    const isRequired = isNeeded && !takesNull(its);
    return {
      name,
      ...(isNeeded && !isRequired ? { empty: null } : {}),
      label: textOf(its.title) ?? name,
      description: textOf(its.description),
      isRequired,
      byDefault: its.default,
      control,
    };
  });
}

function controlOf(schema: Schema): Control {
  const choices = choicesOf(schema);
  if (choices) return { kind: "choice", choices };
  const { format, minimum, maximum } = schema;
  const types = [schema.type].flat().filter((type) => type !== "null");
  const limit = (value: Json | undefined) =>
    typeof value === "number" && Math.abs(value) < Number.MAX_SAFE_INTEGER ? value : undefined;
  switch (types.length === 1 ? types[0] : undefined) {
    case "string":
      return { kind: "text", type: INPUT_TYPES[String(format)] ?? "text", hint: HINTS[String(format)] };
    case "number":
    case "integer":
      return {
        kind: "number",
        isInteger: types[0] === "integer",
        min: limit(minimum),
        max: limit(maximum),
      };
    case "boolean":
      return { kind: "boolean" };
    default:
      return { kind: "json" };
  }
}

const INPUT_TYPES: Readonly<Record<string, "email" | "url" | "date">> = { email: "email", uri: "url", date: "date" };

/** Hints for formats without a matching kind of field in browsers. */
const HINTS: Readonly<Record<string, string>> = {
  "date-time": "A time such as 2026-03-01T09:30:00Z.",
  time: "A time such as 09:30:00.",
  duration: "A duration such as PT1H30M.",
  uuid: "A UUID.",
};

/** The allowed values, if a schema lists them. */
function choicesOf({ enum: listed, const: only, anyOf, oneOf }: Schema): readonly Json[] | undefined {
  if (Array.isArray(listed)) return listed;
  if (only !== undefined) return [only];
  const either = anyOf ?? oneOf;
  const all = Array.isArray(either) ? either.map((each) => schemaOf(each).const) : [];
  return all.length > 0 && all.every((each) => each !== undefined) ? all : undefined;
}

const takesNull = ({ type, enum: listed }: Schema): boolean =>
  [type].flat().includes("null") || (Array.isArray(listed) && listed.includes(null));

/** Returns the submitted text of a field, by its name in the form. */
export type Entered = (fieldName: string) => string | undefined;

/** A field's name in the form. */
export const formName = ({ name }: Field): string => (name === undefined ? "input" : `input.${name}`);

/** A value as the text of a field. */
export function fieldText({ kind }: Control, value: Json | undefined): string {
  if (value === undefined) return "";
  if (kind === "json") return isDeep(value) ? JSON.stringify(value) : JSON.stringify(value, null, 2);
  return value === null ? "" : typeof value === "string" ? value : JSON.stringify(value);
}

/** The texts of the fields for an existing value, such as the input of an earlier run. */
export function enteredFrom(fields: readonly Field[], value: Json): Entered {
  const texts = new Map(
    fields.map((field) => {
      const its = field.name === undefined ? value : isObject(value) ? value[field.name] : undefined;
      return [formName(field), fieldText(field.control, its)];
    }),
  );
  return (name) => texts.get(name);
}

/** The submitted value, and the problems of fields that cannot be read. It does not check the schema. */
export function filledIn(fields: readonly Field[], entered: Entered): { value: Json; problems: readonly Problem[] } {
  const problems: Problem[] = [];
  const values = fields.map((field) => {
    try {
      return [field.name, readField(field, entered(formName(field)) ?? "")] as const;
    } catch (error) {
      problems.push({ field: field.name ?? "", message: (error as Error).message });
      return [field.name, undefined] as const;
    }
  });
  const [first] = values;
  if (fields[0]?.name === undefined && first) return { value: first[1] ?? null, problems };
  const given = values.filter((entry): entry is [string, Json] => entry[1] !== undefined);
  return { value: Object.fromEntries(given), problems };
}

/** @throws Error that says what to fill in. */
function readField({ control, isRequired, empty }: Field, text: string): Json | undefined {
  if (control.kind === "boolean") return text === "true";
  if (text.trim() === "") {
    if (isRequired) throw new Error("is required");
    return empty;
  }
  switch (control.kind) {
    case "number": {
      const number = Number(text);
      if (!Number.isFinite(number)) throw new Error("must be a number");
      return number;
    }
    case "choice": {
      const chosen = control.choices.find((each) => fieldText(control, each) === text);
      if (chosen === undefined) throw new Error("must be one of the choices");
      return chosen;
    }
    case "json":
      if (hasTooManyValues(Buffer.from(text))) throw new Error("has more values than the service has room for");
      try {
        return JSON.parse(text) as Json;
      } catch (error) {
        // After the comma, the message quotes the text, which may contain part of a token.
        throw new Error(`is not JSON: ${(error as Error).message.split(", ")[0]}`);
      }
    default:
      return text;
  }
}

const isObject = (value: Json | undefined): value is Schema =>
  typeof value === "object" && value !== null && !Array.isArray(value);

const schemaOf = (value: Json | undefined): Schema => (isObject(value) ? value : {});

const textOf = (value: Json | undefined): string | undefined => (typeof value === "string" ? value : undefined);
