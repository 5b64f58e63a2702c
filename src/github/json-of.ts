import { hasTooManyValues } from "../model/json-values.ts";
import type { Answer } from "./http.ts";

/** The object or list that an answer holds; empty when it holds none. What is in it must be looked at with care. */
export function jsonOf({ bytes }: Answer): object {
  if (hasTooManyValues(bytes)) return {};
  try {
    const value: unknown = JSON.parse(new TextDecoder().decode(bytes));
    return typeof value === "object" && value !== null ? value : {};
  } catch {
    return {};
  }
}
