/** The start of each comment with a key. A page does not show it. */
export const KEYED = "<!-- gh-runner: ";

/** The start of the comment with this key. */
export const markerOf = (key: string): string => `${KEYED}${key} -->`;
