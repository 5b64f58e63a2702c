import { getHeapStatistics } from "node:v8";

/**
 * A parsed value uses 30 to 100 bytes, and 2 bytes of text can be a value. So the heap limits the count of values, not
 * the size of the text: 96,000 values with the image's heap of 44 MB. GitHub's largest usual payload, a push of 2,048
 * commits, has 45,000.
 */
export const MAX_VALUES = Math.floor(getHeapStatistics().heap_size_limit / 512);

/** Whether a JSON text has too many values to parse. Takes 2 ms for 1 MB. */
export function hasTooManyValues(json: Uint8Array): boolean {
  if (json.byteLength <= MAX_VALUES) return false;
  let values = 1;
  let inText = false;
  for (let at = 0; at < json.byteLength; at++) {
    const byte = json[at];
    if (byte === QUOTE) inText = !inText;
    else if (inText) at += byte === BACKSLASH ? 1 : 0;
    else if (byte === COMMA || byte === OPEN_LIST || byte === OPEN_OBJECT) {
      if (++values > MAX_VALUES) return true;
    }
  }
  return false;
}

const [QUOTE, BACKSLASH, COMMA, OPEN_LIST, OPEN_OBJECT] = [0x22, 0x5c, 0x2c, 0x5b, 0x7b];
