const [SECOND, MINUTE, HOUR, DAY] = [1000, 60_000, 3_600_000, 86_400_000];

/** How long ago something happened, such as `5 min ago`. */
export function ago(at: number, now: number): string {
  const ms = now - at;
  if (ms < 10 * SECOND) return "just now";
  return `${span(ms)} ago`;
}

/** How far away a time is, such as `in 5 min`. */
export const ahead = (at: number, now: number): string => (at <= now ? "now" : `in ${span(at - now)}`);

export function span(ms: number): string {
  if (ms < MINUTE) return `${Math.floor(ms / SECOND)} s`;
  if (ms < HOUR) return `${Math.floor(ms / MINUTE)} min`;
  if (ms < 2 * DAY) return `${Math.floor(ms / HOUR)} h`;
  return `${Math.floor(ms / DAY)} days`;
}

export const times = (count: number): string => (count === 1 ? "once" : `${count.toLocaleString("en")} times`);

/** Longer names and texts are cut: they make an answer hard to read. */
const MAX_CHARACTERS = 400;

export function short(text: string): string {
  const characters = [...text.slice(0, 2 * MAX_CHARACTERS)];
  return characters.length > MAX_CHARACTERS ? `${characters.slice(0, MAX_CHARACTERS).join("")}…` : text;
}

/** Adds a full stop unless the text ends with punctuation. */
export const sentence = (text: string): string => (/[.!?…]$/.test(text) ? text : `${text}.`);
