/** What each comment with a key begins with. A page does not show it. */
export const KEYED = "<!-- gh-runner: ";

/** The beginning of the comment with this key. */
export const markerOf = (key: string): string => `${KEYED}${key} -->`;
