import type { Html } from "./layout.ts";

/** How many bytes a part of a page takes. It is made of texts alone, so it is there at once. */
export const sizeOf = (part: Html): number => Buffer.byteLength(String(part));

/**
 * As many parts as have room, from the end on which the newest are, in their order.
 * @param isWanted those that come first when not all have room.
 */
export function fitting<Part>(
  parts: readonly Part[],
  bytes: number,
  render: (part: Part) => Html,
  isWanted: (part: Part) => boolean = () => false,
): { readonly shown: readonly Html[]; readonly left: number } {
  const made = new Map<number, Html>();
  let room = bytes;
  for (const wanted of [true, false]) {
    for (let at = parts.length - 1; at >= 0; at--) {
      const part = parts[at] as Part;
      if (isWanted(part) !== wanted) continue;
      const html = render(part);
      room -= sizeOf(html);
      if (room < 0) break;
      made.set(at, html);
    }
  }
  const shown = [...made].toSorted(([one], [other]) => one - other).map(([, html]) => html);
  return { shown, left: parts.length - shown.length };
}

/** What escaping adds to a character of HTML: `&quot;` instead of `"`. */
const ADDED: Readonly<Record<string, number>> = { "&": 4, "<": 3, ">": 3, '"': 5, "'": 4 };

/** The beginning of a text that takes so many bytes of a page, where it is escaped, with a sign when there is more. */
export function clipped(text: string, bytes: number): string {
  let room = bytes;
  let at = 0;
  for (const character of text) {
    room -= (ADDED[character] ?? 0) + Buffer.byteLength(character);
    if (room < 0) return `${text.slice(0, at)}…`;
    at += character.length;
  }
  return text;
}
