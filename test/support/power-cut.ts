import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/**
 * What a power failure leaves of the files of a folder, computed from the trace that slow-disk.c writes. The disk has what was
 * written before the start of a successful flush. Of everything else, each sector, size and name is there or not, by chance. What
 * was written before a failed flush stays uncertain, even if a later flush succeeds: Linux treats it as written.
 */

export type TraceEvent = {
  readonly kind: "write" | "size" | "delete" | "flush" | "flushed";
  readonly name: string;
  readonly offset: number;
  readonly bytes: Buffer;
  readonly failed: boolean;
};

export function readTrace(file: string): readonly TraceEvent[] {
  const all = readFileSync(file);
  const events: TraceEvent[] = [];
  for (let at = 0; at < all.length; ) {
    const end = all.indexOf(10, at);
    const [kind, name, offset, length, error] = all.toString("latin1", at, end).split(" ");
    at = end + 1 + Number(length);
    const bytes = all.subarray(end + 1, at);
    events.push({ kind, name, offset: Number(offset), bytes, failed: error !== "0" } as TraceEvent);
  }
  return events;
}

/**
 * The fate of everything that no flush has confirmed. "sectors" and "pages" are decided one by one. "late": the last writes are
 * there, without the earlier ones.
 */
export const LEFTOVERS = ["lost", "kept", "sectors", "pages", "late"] as const;
export type Leftovers = (typeof LEFTOVERS)[number];

const SECTOR = 512;
const PAGE = 4096;

type Version = { readonly at: number; readonly bytes: Buffer; lost: boolean };
type Size = { readonly at: number; readonly size: number; readonly shrinks: boolean };

class TracedFile {
  /** As a process sees it. */
  #now: Buffer = Buffer.alloc(0);
  #nowSize = 0;
  #disk: Buffer = Buffer.alloc(0);
  #diskSize = 0;
  readonly #versions = new Map<number, Version[]>();
  #sizes: Size[] = [];

  write(at: number, offset: number, bytes: Buffer): void {
    const end = offset + bytes.length;
    this.#now = grown(this.#now, end);
    bytes.copy(this.#now, offset);
    if (end > this.#nowSize) this.#sizes.push({ at, size: end, shrinks: false });
    this.#nowSize = Math.max(this.#nowSize, end);
    for (let sector = Math.floor(offset / SECTOR); sector * SECTOR < end; sector++) {
      const copy = Buffer.from(this.#now.subarray(sector * SECTOR, (sector + 1) * SECTOR));
      this.#versions.set(sector, [...(this.#versions.get(sector) ?? []), { at, bytes: copy, lost: false }]);
    }
  }

  resize(at: number, size: number): void {
    this.#sizes.push({ at, size, shrinks: size < this.#nowSize });
    this.#now = grown(this.#now, size);
    this.#now.fill(0, size);
    this.#nowSize = size;
  }

  flushed(before: number): void {
    for (const { at, size, shrinks } of this.#sizes.filter((each) => each.at <= before)) {
      this.#diskSize = size;
      if (shrinks) this.#cut(at, size);
    }
    this.#sizes = this.#sizes.filter(({ at }) => at > before);
    for (const [sector, versions] of this.#versions) {
      const last = versions.findLast(({ at, lost }) => at <= before && !lost);
      if (!last) continue;
      this.#disk = grown(this.#disk, (sector + 1) * SECTOR);
      last.bytes.copy(this.#disk, sector * SECTOR);
      this.#keep(sector, ({ at }) => at > last.at);
    }
  }

  failed(before: number): void {
    for (const versions of this.#versions.values())
      for (const version of versions) if (version.at <= before) version.lost = true;
  }

  /** The content of the file after a power failure. */
  after(leftovers: Leftovers, chance: () => number): Buffer {
    // If a smaller size is not on the disk, what was written after it is not there either.
    const unshrunk =
      this.#sizes.find(({ shrinks }) => shrinks && !kept(leftovers, chance))?.at ?? Number.MAX_SAFE_INTEGER;
    const sizes = this.#sizes.filter(({ at }) => at < unshrunk);
    const shrunk = sizes.filter(({ shrinks }) => shrinks);
    const atLeast = shrunk.length > 0 ? sizes.indexOf(shrunk.at(-1)!) + 1 : 0;
    const chosen =
      leftovers === "lost" ? atLeast : leftovers === "kept" ? sizes.length : between(atLeast, sizes.length, chance);
    const size = chosen === 0 ? this.#diskSize : sizes[chosen - 1]!.size;
    const file = grown(Buffer.from(this.#disk), Math.max(size, this.#nowSize, this.#diskSize));
    for (const each of shrunk) file.fill(0, each.size);
    const moments = new Map<number, number>();
    const times = [...this.#versions.values()].flat().map(({ at }) => at);
    const late = times[between(0, times.length - 1, chance)] ?? 0;
    for (const [sector, all] of this.#versions) {
      const versions = all.filter(
        ({ at }) => at < unshrunk && !shrunk.some((each) => each.at > at && sector * SECTOR >= each.size),
      );
      if (versions.length === 0 || leftovers === "lost") continue;
      let nth = leftovers === "kept" ? versions.length : between(0, versions.length, chance);
      if (leftovers === "late") nth = versions.at(-1)!.at >= late ? versions.length : 0;
      if (leftovers === "pages") {
        const page = Math.floor((sector * SECTOR) / PAGE);
        if (!moments.has(page)) moments.set(page, versions[nth - 1]?.at ?? -1);
        nth = versions.findLastIndex(({ at }) => at <= moments.get(page)!) + 1;
      }
      versions[nth - 1]?.bytes.copy(file, sector * SECTOR);
    }
    return file.subarray(0, size);
  }

  #cut(at: number, size: number): void {
    this.#disk.fill(0, Math.min(size, this.#disk.length));
    for (const sector of this.#versions.keys())
      if (sector * SECTOR >= size) this.#keep(sector, (version) => version.at > at);
  }

  #keep(sector: number, which: (version: Version) => boolean): void {
    const versions = this.#versions.get(sector)!.filter(which);
    if (versions.length > 0) this.#versions.set(sector, versions);
    else this.#versions.delete(sector);
  }
}

/** The folder, event by event. */
export function tracedFolder() {
  /** The files that a name stood for, one after the other; the first is on the disk. */
  const names = new Map<string, { readonly at: number; readonly file: TracedFile | undefined }[]>();
  const began = new Map<string, number>();
  let at = 0;

  function fileNamed(name: string): TracedFile {
    const history = names.get(name) ?? [{ at: -1, file: undefined }];
    let file = history.at(-1)!.file;
    if (!file) {
      file = new TracedFile();
      history.push({ at, file });
      names.set(name, history);
    }
    return file;
  }

  return {
    follow({ kind, name, offset, bytes, failed }: TraceEvent): void {
      at++;
      if (kind === "write") fileNamed(name).write(at, offset, bytes);
      if (kind === "size") fileNamed(name).resize(at, offset);
      if (kind === "delete") names.get(name)?.push({ at, file: undefined });
      if (kind === "flush") began.set(name, at);
      if (kind !== "flushed") return;
      const before = began.get(name)!;
      if (name !== ".") failed ? fileNamed(name).failed(before) : fileNamed(name).flushed(before);
      else if (!failed) for (const history of names.values()) while ((history[1]?.at ?? at) <= before) history.shift();
    },
    /** Writes what a power failure at this moment leaves; `chance` gives numbers from 0 up to 1. */
    cut(folder: string, leftovers: Leftovers, chance: () => number): void {
      rmSync(folder, { recursive: true, force: true });
      mkdirSync(folder, { recursive: true });
      for (const [name, history] of names) {
        if (/-shm$|^lock\.sqlite|^answered$/.test(name)) continue;
        const last = history.length - 1;
        const file =
          history[
            leftovers === "lost" ? 0 : leftovers === "kept" || leftovers === "late" ? last : between(0, last, chance)
          ]!.file;
        if (file) writeFileSync(join(folder, name), file.after(leftovers, chance), { mode: 0o600 });
      }
    },
  };
}

const kept = (leftovers: Leftovers, chance: () => number) =>
  leftovers === "kept" || leftovers === "late" || (leftovers !== "lost" && chance() < 0.5);

/** A number from `first` to `last`, each equally likely. */
const between = (first: number, last: number, chance: () => number) =>
  first + Math.floor(chance() * (last - first + 1));

function grown(bytes: Buffer, size: number): Buffer {
  if (bytes.length >= size) return bytes;
  const larger = Buffer.alloc(Math.max(size, 2 * bytes.length));
  bytes.copy(larger);
  return larger;
}
