/**
 * The text with JSON escapes for characters that are invisible, or that would control a terminal or change the
 * direction of text: `\u202e`. JSON keeps its value. Tabs and line feeds are unchanged.
 */
export function visible(text: string): string {
  return text.replace(UNSEEN, (found) => (/[\t\n]/.test(found) ? found : escaped(found)));
}

/** The same on one line: white space becomes one space. */
export function oneLine(text: string): string {
  return text.replace(WHITE_SPACE, " ").replace(UNSEEN, escaped).trim();
}

/** The same, also with escapes for tabs and line breaks: for names, which have none. */
export function visibleName(text: string): string {
  return text.replace(UNSEEN, escaped);
}

/**
 * Control characters, format characters such as those that set a direction (https://www.unicode.org/reports/tr9/), half
 * surrogate pairs, private characters, line separators, and other characters without width
 * (Default_Ignorable_Code_Point). Exceptions: emoji styles, and joiners between characters that are not ASCII, because
 * emoji, Persian and Hindi need them.
 */
const UNSEEN =
  /(?!(?<=\p{Extended_Pictographic})\ufe0f|(?<=[^\0-\x7f\u200c\u200d])[\u200c\u200d](?=[^\0-\x7f\u200c\u200d]))[\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}\u2800]/gu;

/** Except characters that no terminal shows as a space. */
const WHITE_SPACE = /(?:(?![\u2028\u2029\ufeff])\s)+/gu;

/** `\u202e`; two of them for a character with two code units. */
export function escaped(character: string): string {
  return character.replace(/./gs, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`);
}
