import { readSync, writeSync } from "node:fs";

/**
 * Reads SQLite's write-ahead log as SQLite does at recovery.
 * @see https://www.sqlite.org/fileformat.html#the_write_ahead_log
 */

const LOG_HEADER_BYTES = 32;
const FRAME_HEADER_BYTES = 24;
const MAGIC_LITTLE_ENDIAN = 0x377f0682;
const MAGIC_BIG_ENDIAN = 0x377f0683;
/**
 * A caller that pauses between parts of this many frames, each 4 KiB, blocks the event loop for up to 2 ms (measured).
 */
const FRAMES_PER_PART = 256;

/** A part of the log file, unchanged. */
export type LogPart = {
  readonly position: number;
  readonly bytes: Buffer;
  /**
   * The page of each frame, and the position of its content in the file. `pagesThen`: the number of pages, in a commit.
   */
  readonly frames: readonly { readonly page: number; readonly at: number; readonly pagesThen: number }[];
  readonly pageBytes: number;
};

/** The parts of a log, up to its first invalid frame. The first part is the header. */
export function* validParts(log: number): Generator<LogPart> {
  const header = readAt(log, 0, LOG_HEADER_BYTES);
  if (header.length < LOG_HEADER_BYTES) return;
  const magic = header.readUInt32BE(0);
  if (magic !== MAGIC_LITTLE_ENDIAN && magic !== MAGIC_BIG_ENDIAN) return;
  const littleEndian = magic === MAGIC_LITTLE_ENDIAN;
  const pageBytes = header.readUInt32BE(8);
  const salts = header.subarray(16, 24);
  let sum = checksum([0, 0], header.subarray(0, 24), littleEndian);
  if (!isSum(header.subarray(24), sum)) return;
  yield { position: 0, bytes: header, frames: [], pageBytes };

  const frameBytes = FRAME_HEADER_BYTES + pageBytes;
  for (let position = LOG_HEADER_BYTES; ; ) {
    const read = readAt(log, position, frameBytes * FRAMES_PER_PART);
    const frames: { page: number; at: number; pagesThen: number }[] = [];
    for (let at = 0; at + frameBytes <= read.length; at += frameBytes) {
      const frame = read.subarray(at, at + frameBytes);
      const next = checksum(sum, frame.subarray(0, 8), littleEndian);
      const after = checksum(next, frame.subarray(FRAME_HEADER_BYTES), littleEndian);
      if (!frame.subarray(8, 16).equals(salts) || !isSum(frame.subarray(16), after)) break;
      sum = after;
      frames.push({
        page: frame.readUInt32BE(0),
        at: position + at + FRAME_HEADER_BYTES,
        pagesThen: frame.readUInt32BE(4),
      });
    }
    if (frames.length > 0) yield { position, bytes: read.subarray(0, frames.length * frameBytes), frames, pageBytes };
    if (frames.length < FRAMES_PER_PART) return;
    position += frames.length * frameBytes;
  }
}

/**
 * Writes the pages of the log's first frames, which end with a commit, into the database. SQLite copied them before, so
 * no reader needs an older page. The caller may pause between parts.
 */
export function* copyAgain(log: number, database: number, first: number): Generator<void> {
  const latest = new Map<number, { readonly at: number; readonly pageBytes: number }>();
  let seen = 0;
  let pages = 0;
  for (const { frames, pageBytes } of validParts(log)) {
    for (const { page, at, pagesThen } of frames) {
      if (seen++ >= first) break;
      latest.set(page, { at, pageBytes });
      pages = pagesThen || pages;
    }
    yield;
  }
  let written = 0;
  for (const [page, { at, pageBytes }] of latest) {
    if (page <= pages) writeAt(database, (page - 1) * pageBytes, readAt(log, at, pageBytes));
    if (++written % FRAMES_PER_PART === 0) yield;
  }
}

type Sum = readonly [number, number];

function checksum([first, second]: Sum, bytes: Buffer, littleEndian: boolean): Sum {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  let [a, b] = [first, second];
  for (let at = 0; at < bytes.length; at += 8) {
    a = (a + view.getUint32(at, littleEndian) + b) >>> 0;
    b = (b + view.getUint32(at + 4, littleEndian) + a) >>> 0;
  }
  return [a, b];
}

const isSum = (bytes: Buffer, [a, b]: Sum) => bytes.readUInt32BE(0) === a && bytes.readUInt32BE(4) === b;

/** Returns fewer bytes at the end of the file. */
function readAt(descriptor: number, position: number, length: number): Buffer {
  const bytes = Buffer.allocUnsafe(length);
  let read = 0;
  while (read < length) {
    const more = readSync(descriptor, bytes, read, length - read, position + read);
    if (more === 0) break;
    read += more;
  }
  return bytes.subarray(0, read);
}

export function writeAt(descriptor: number, position: number, bytes: Buffer): void {
  let written = 0;
  while (written < bytes.length)
    written += writeSync(descriptor, bytes, written, bytes.length - written, position + written);
}
