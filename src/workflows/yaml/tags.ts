import { type Cursor, isBlankOrEnd, NAME } from "./cursor.ts";

const HANDLE = /![\w-]*!?/y;
const URI = /[\w\-;/?:@&=+$,.!~*'()[\]%]*/y;
const VERSION = /[\d.]*/y;

/** A tag: its handle, and the text after the handle. */
export function tag(c: Cursor): { readonly value: string; readonly suffix: string } {
  const found = c.text[c.at + 1] === "<" ? wholeTag(c) : shortTag(c);
  if (!isBlankOrEnd(c.code())) c.fail("did not find expected whitespace or line break");
  return found;
}

/** `!<tag:yaml.org,2002:str>` */
function wholeTag(c: Cursor) {
  c.at += 2;
  const suffix = uri(c);
  if (c.text[c.at] !== ">") c.fail("did not find the expected '>'");
  c.at++;
  return { value: "", suffix };
}

function shortTag(c: Cursor) {
  const handle = c.take(HANDLE);
  if (handle.length > 1 && handle.endsWith("!")) return { value: handle, suffix: uri(c) };
  const suffix = handle.slice(1) + c.take(URI);
  // A single "!" is a tag itself.
  return suffix === "" ? { value: "", suffix: "!" } : { value: "!", suffix };
}

function uri(c: Cursor): string {
  return c.take(URI) || c.fail("did not find expected tag URI");
}

/** A line that begins with a percent sign before a document. For %TAG: the handle and its prefix. */
export function directive(c: Cursor): { readonly name: "%YAML" | "%TAG"; value?: string; suffix?: string } {
  c.at++;
  const name = c.take(NAME);
  c.takeBlanks();
  if (name === "YAML") {
    // yaml.v3 reads only 1.1. Others write 1.2 and mean the same.
    if (!/^\d+\.\d+$/.test(c.take(VERSION))) c.fail("did not find expected version number");
    return { name: "%YAML" };
  }
  if (name !== "TAG") c.fail("found unknown directive name");
  const value = c.take(HANDLE) || c.fail("did not find expected '!'");
  if (c.takeBlanks() === "") c.fail("did not find expected whitespace");
  return { name: "%TAG", value, suffix: uri(c) };
}
