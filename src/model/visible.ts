/**
 * The text with escapes, as JSON has them, for what is invisible or would steer a terminal or turn the text
 * around it: `\u202e`. JSON stays JSON of the same value. Tabs and line feeds are left as they are.
 */
export function visible(text: string): string {
  return text.replace(UNSEEN, (found) => (/[\t\n]/.test(found) ? found : escaped(found)));
}

/** The same on one line: white space is one space. */
export function oneLine(text: string): string {
  return text.replace(WHITE_SPACE, " ").replace(UNSEEN, escaped).trim();
}

/** The same with escapes for tabs and line breaks, too: for names, which have none. */
export function visibleName(text: string): string {
  return text.replace(UNSEEN, escaped);
}

/**
 * Control characters, formats such as those that set a direction (https://www.unicode.org/reports/tr9/), halves of
 * characters, private ones, separators of lines, and what else has no width (Default_Ignorable_Code_Point). But for what
 * styles an emoji, and joiners inside what is not ASCII: emoji, Persian and Hindi are written with them.
 */
const UNSEEN =
  /(?!(?<=\p{Extended_Pictographic})\ufe0f|(?<=[^\0-\x7f\u200c\u200d])[\u200c\u200d](?=[^\0-\x7f\u200c\u200d]))[\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}\u2800]/gu;

/** But for what no terminal shows as a space. */
const WHITE_SPACE = /(?:(?![\u2028\u2029\ufeff])\s)+/gu;

/** `\u202e`; two of them for a character of two code units. */
export function escaped(character: string): string {
  return character.replace(/./gs, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`);
}
