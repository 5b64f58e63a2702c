import { promisify } from "node:util";

/** Describes what is wrong with a zip. */
export class ZipError extends Error {}

/** Loaded with the first artifact: it takes 1 MB. */
const zlib = () => process.getBuiltinModule("node:zlib");

const inflate = (bytes: Uint8Array, options: { readonly maxOutputLength: number }): Promise<Buffer> =>
  promisify<Uint8Array, { maxOutputLength: number }, Buffer>(zlib().inflateRaw)(bytes, options);

/** An artifact that a workflow reads has fewer files, and each file costs memory. */
const MAX_FILES = 20_000;

/**
 * The files of a zip in memory, by path. It does not trust the sizes that the zip states: unpacking ends at the bound.
 * Node unpacks. A library would only add reading the table of contents, in JavaScript and without checking checksums.
 * @param maxBytes of all files together.
 * @throws ZipError
 * @see https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT
 */
export async function unzip(zip: Buffer, maxBytes: number): Promise<Map<string, Uint8Array>> {
  const files = new Map<string, Uint8Array>();
  let left = maxBytes;
  for (const entry of entriesOf(zip)) {
    if (entry.path.endsWith("/")) continue;
    const bytes = await contentOf(zip, entry, left);
    if (zlib().crc32(bytes) !== entry.crc) throw new ZipError(`${JSON.stringify(entry.path)} in it is damaged`);
    left -= bytes.byteLength;
    files.set(entry.path, bytes);
  }
  return files;
}

type Entry = {
  readonly path: string;
  readonly method: number;
  readonly crc: number;
  readonly packed: number;
  /** Offset of its local header. */
  readonly offset: number;
};

const [LOCAL, CENTRAL, END, END64, END64_LOCATOR] = [0x04034b50, 0x02014b50, 0x06054b50, 0x06064b50, 0x07064b50];
const [STORED, DEFLATED] = [0, 8];
const ENCRYPTED = 1;

/** Marks a number that does not fit here and is in the extra field instead. */
const ELSEWHERE = 0xffffffff;

/** Reads the table of contents at the end. */
function entriesOf(zip: Buffer): Entry[] {
  const end = findEnd(zip);
  const is64 = end >= 20 && zip.readUInt32LE(end - 20) === END64_LOCATOR;
  const end64 = is64 ? at(zip, number64(zip, end - 12), 56) : 0;
  if (is64 && zip.readUInt32LE(end64) !== END64) throw damaged();
  const count = is64 ? number64(zip, end64 + 32) : zip.readUInt16LE(end + 10);
  let next = is64 ? number64(zip, end64 + 48) : zip.readUInt32LE(end + 16);
  if (count > MAX_FILES) throw new ZipError(`it has ${count} files, and gh-runner reads up to ${MAX_FILES}`);
  return Array.from({ length: count }, () => {
    const start = at(zip, next, 46);
    if (zip.readUInt32LE(start) !== CENTRAL) throw damaged();
    const nameLength = zip.readUInt16LE(start + 28);
    const extraLength = zip.readUInt16LE(start + 30);
    const length = nameLength + extraLength + zip.readUInt16LE(start + 32);
    const name = at(zip, start + 46, length);
    next = name + length;
    const path = zip.toString("utf8", name, name + nameLength);
    if (zip.readUInt16LE(start + 8) & ENCRYPTED) throw new ZipError(`${JSON.stringify(path)} in it is encrypted`);
    const extra = zip.subarray(name + nameLength, name + nameLength + extraLength);
    const numbers = [24, 20, 42].map((each) => zip.readUInt32LE(start + each));
    const [, packed = 0, offset = 0] = numbersOf(numbers, extra);
    return { path, method: zip.readUInt16LE(start + 10), crc: zip.readUInt32LE(start + 16), packed, offset };
  });
}

/** The end record is followed by a comment of up to 65,535 bytes. */
function findEnd(zip: Buffer): number {
  for (let start = zip.byteLength - 22; start >= Math.max(0, zip.byteLength - 22 - 0xffff); start--) {
    if (zip.readUInt32LE(start) === END && start + 22 + zip.readUInt16LE(start + 20) <= zip.byteLength) return start;
  }
  throw new ZipError("it is not a zip, or it is cut off");
}

/** The sizes and the offset. Numbers that do not fit are in the extra field (zip64), in the same order. */
function numbersOf(given: readonly number[], extra: Buffer): readonly number[] {
  if (!given.includes(ELSEWHERE)) return given;
  for (let field = 0; field + 4 <= extra.byteLength; field += 4 + extra.readUInt16LE(field + 2)) {
    if (extra.readUInt16LE(field) !== 1) continue;
    let next = field + 4;
    return given.map((each) => {
      if (each !== ELSEWHERE) return each;
      next += 8;
      return number64(extra, next - 8);
    });
  }
  throw damaged();
}

async function contentOf(zip: Buffer, { path, method, packed, offset }: Entry, left: number): Promise<Uint8Array> {
  const start = at(zip, offset, 30);
  if (zip.readUInt32LE(start) !== LOCAL) throw damaged();
  const data = at(zip, start + 30 + zip.readUInt16LE(start + 26) + zip.readUInt16LE(start + 28), packed);
  const bytes = zip.subarray(data, data + packed);
  if (method === STORED) return packed <= left ? Uint8Array.from(bytes) : tooLarge();
  if (method !== DEFLATED)
    throw new ZipError(`${JSON.stringify(path)} in it uses an unsupported compression method (${method})`);
  const unpacked = await inflate(bytes, { maxOutputLength: left + 1 }).catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ERR_BUFFER_TOO_LARGE") return tooLarge();
    throw new ZipError(`${JSON.stringify(path)} in it is damaged`);
  });
  return unpacked.byteLength <= left ? unpacked : tooLarge();
}

function tooLarge(): never {
  throw new ZipError("its files are too large");
}

/** The position, if that many bytes follow it. */
function at(zip: Buffer, start: number, length: number): number {
  if (start + length > zip.byteLength) throw damaged();
  return start;
}

function number64(bytes: Buffer, start: number): number {
  return Number(bytes.readBigUInt64LE(at(bytes, start, 8)));
}

const damaged = () => new ZipError("its table of contents is damaged");
