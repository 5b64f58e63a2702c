import { createHash } from "node:crypto";
import { newRecords, type Records } from "./records.ts";
import type { Role } from "./routes/people.ts";

type StoredFile = { readonly bytes: Buffer; readonly sha: string };

/** A repository of the stand-in: files on branches, tags or commits, its commits, and its records. */
export type Repository = Records & {
  readonly id: number;
  /** `owner/name`, the current one. */
  fullName: string;
  /** Every name that it has had, including the current one. */
  readonly names: string[];
  isPrivate: boolean;
  archived: boolean;
  /** GitHub Actions is disabled in the repository's settings. */
  actionsDisabled: boolean;
  /** By the path of the workflow file. Active without an entry. */
  readonly workflowStates: Map<string, "active" | "disabled_manually" | "disabled_inactivity">;
  readonly defaultBranch: string;
  /** Roles of people, by login. Others can read public repositories. */
  readonly collaborators: Map<string, Role>;
  /** Writes a file on a ref. On the default branch by default. */
  put(path: string, text: string | Uint8Array, ref?: string): void;
  remove(path: string, ref?: string): void;
  file(path: string, ref: string): StoredFile | undefined;
  /** Names and kinds of the entries directly below a folder. Empty if there is no such folder. */
  list(folder: string, ref: string): { name: string; path: string; file: StoredFile | undefined }[];
  hasRef(ref: string): boolean;
  /**
   * The full SHA of a tag, a branch, a commit, or an abbreviated SHA. `tags/v1` and `heads/main` select one kind.
   * Undefined if there is no such commit.
   */
  commitOf(ref: string): string | undefined;
  /** Adds a commit without files. */
  addCommit(sha: string): void;
  /** Names a commit, and adds it like `addCommit`. */
  addTag(name: string, sha: string): void;
  /** Creates a branch of a commit or another branch. False if neither exists. */
  addBranch(name: string, from: string): boolean;
  /** Paths of the files that differ between two refs. */
  changes(ref: string, base: string): string[];
  /** Names of the branches, in alphabetical order. */
  branches(): readonly string[];
  /** False if there is no such branch. */
  removeBranch(name: string): boolean;
  /** When the content of a branch or commit was committed, RFC 3339. The beginning of 2026 by default. */
  readonly committedAt: Map<string, string>;
  /** From now on the old name answers with redirects. */
  rename(fullName: string): void;
};

/** Every repository, by its present and earlier names. */
export function repositoryShelf() {
  const byName = new Map<string, Repository>();
  const byId = new Map<number, Repository>();

  return {
    find: (fullName: string) => byName.get(fullName.toLowerCase()),
    /** False for an earlier name of a repository. */
    isPresentName: (name: string) => byName.get(name.toLowerCase())?.fullName.toLowerCase() === name.toLowerCase(),
    findById: (id: number) => byId.get(id),
    all: () => [...byId.values()],
    /** The repository of this name, created on first use. */
    open(fullName: string): Repository {
      const known = byName.get(fullName.toLowerCase());
      if (known) return known;
      const made = newRepository(1000 + byId.size, fullName, (repository, name) =>
        byName.set(name.toLowerCase(), repository),
      );
      byName.set(fullName.toLowerCase(), made);
      byId.set(made.id, made);
      return made;
    },
  };
}

function newRepository(
  id: number,
  fullName: string,
  renamed: (repository: Repository, fullName: string) => void,
): Repository {
  const trees = new Map<string, Map<string, StoredFile>>([["main", new Map()]]);
  const treeAt = (ref: string) => {
    const known = trees.get(ref);
    if (known) return known;
    const fresh = new Map<string, StoredFile>();
    trees.set(ref, fresh);
    return fresh;
  };
  const tags = new Map<string, string>();
  /**
   * The content of branches when their SHA was given out. A known commit can still be read after its branch has moved.
   */
  const given = new Map<string, ReadonlyMap<string, StoredFile>>();
  const branchTip = (name: string) => {
    const files = isSha(name) ? undefined : trees.get(name);
    if (!files) return undefined;
    const sha = tipOf(name, files);
    if (!given.has(sha)) given.set(sha, new Map(files));
    return sha;
  };
  const filesAt = (ref: string) => {
    const sha = trees.has(ref) ? ref : (repository.commitOf(ref) ?? ref);
    return trees.get(sha) ?? given.get(sha);
  };
  const records = newRecords();
  const repository: Repository = {
    ...records,
    openPull(facts) {
      const pull = records.openPull(facts);
      repository.addCommit(pull.head.sha);
      return pull;
    },
    committedAt: new Map(),
    id,
    fullName,
    names: [fullName],
    isPrivate: true,
    archived: false,
    actionsDisabled: false,
    workflowStates: new Map(),
    collaborators: new Map(),
    defaultBranch: "main",
    put(path, text, ref = "main") {
      const bytes = Buffer.from(text as Uint8Array);
      // Git's name for these bytes: https://git-scm.com/book/en/v2/Git-Internals-Git-Objects
      const sha = createHash("sha1").update(`blob ${bytes.byteLength}\0`).update(bytes).digest("hex");
      treeAt(ref).set(path, { bytes, sha });
    },
    remove: (path, ref = "main") => void trees.get(ref)?.delete(path),
    file: (path, ref) => filesAt(ref)?.get(path),
    list(folder, ref) {
      const prefix = folder === "" ? "" : `${folder}/`;
      const below = new Map<string, StoredFile | undefined>();
      for (const [path, file] of filesAt(ref) ?? []) {
        if (!path.startsWith(prefix)) continue;
        const [name = "", ...deeper] = path.slice(prefix.length).split("/");
        below.set(name, deeper.length === 0 ? file : undefined);
      }
      return [...below].map(([name, file]) => ({ name, path: prefix + name, file }));
    },
    hasRef: (ref) => filesAt(ref) !== undefined,
    commitOf(ref) {
      if (ref === "HEAD") return branchTip(repository.defaultBranch);
      const [, kind, name = ""] = /^(tags|heads)\/(.+)$/.exec(ref) ?? [];
      if (kind !== undefined) return kind === "tags" ? tags.get(name) : branchTip(name);
      const named = tags.get(ref) ?? branchTip(ref);
      if (named !== undefined) return named;
      if (!SHORT_SHA.test(ref)) return undefined;
      for (const branch of repository.branches()) branchTip(branch);
      return [...trees.keys(), ...given.keys()].find((sha) => isSha(sha) && sha.startsWith(ref));
    },
    addCommit: (sha) => void (given.has(sha) || treeAt(sha)),
    addTag(name, sha) {
      repository.addCommit(sha);
      tags.set(name, sha);
    },
    addBranch(name, from) {
      const files = filesAt(from);
      if (files) trees.set(name, new Map(files));
      return files !== undefined;
    },
    changes(ref, base) {
      const [now, before] = [filesAt(ref) ?? new Map(), filesAt(base) ?? new Map()];
      const paths = new Set([...now.keys(), ...before.keys()]);
      return [...paths].filter((path) => now.get(path)?.sha !== before.get(path)?.sha).sort();
    },
    branches: () => [...trees.keys()].filter((ref) => !isSha(ref)).sort(),
    removeBranch: (name) => !isSha(name) && trees.delete(name),
    rename(name) {
      repository.fullName = name;
      repository.names.push(name);
      renamed(repository, name);
    },
  };
  return repository;
}

const isSha = (ref: string) => /^[0-9a-f]{40}$/.test(ref);

/** Git accepts an abbreviated SHA of 4 digits or more. */
const SHORT_SHA = /^[0-9a-f]{4,40}$/;

/** A name for the present content of a branch. It changes with every file, like the SHA of a branch's last commit. */
function tipOf(branch: string, files: ReadonlyMap<string, StoredFile>): string {
  const hash = createHash("sha1").update(branch);
  for (const [path, { sha }] of files) hash.update(`\0${path}\0${sha}`);
  return hash.digest("hex");
}
