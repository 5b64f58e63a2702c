export type UpdateType = "version-update:semver-major" | "version-update:semver-minor" | "version-update:semver-patch";

export type DependencyType = "direct:production" | "direct:development" | "indirect";

/** One dependency that a pull request of Dependabot updates. Unknown values are `""`, as in the action. */
export type UpdatedDependency = {
  readonly dependencyName: string;
  readonly dependencyType: string;
  readonly updateType: UpdateType | "";
  readonly previousVersion: string;
  readonly newVersion: string;
};

/** What dependabot/fetch-metadata finds out about a pull request. The names are those of its outputs, in camelCase. */
export type DependabotMetadata = {
  readonly dependencyNames: readonly string[];
  /** The first of production, development and indirect that occurs. */
  readonly dependencyType: DependencyType | "unknown";
  /** The highest update type. Null if none is known. */
  readonly updateType: UpdateType | null;
  readonly updatedDependencies: readonly UpdatedDependency[];
  readonly directory: string;
  /** As in the branch's name: `npm_and_yarn`, `github_actions`, `go_modules`. */
  readonly packageEcosystem: string;
  readonly targetBranch: string;
  /** Of the first dependency, like `newVersion`. */
  readonly previousVersion: string;
  readonly newVersion: string;
  /**
   * State of the alert that the update resolves: OPEN, FIXED, DISMISSED, AUTO_DISMISSED. `""` without `alertLookup` or
   * without an alert.
   */
  readonly alertState: string;
  readonly ghsaId: string;
  /** From 0 to 10. */
  readonly cvss: number;
  /** In percent. 0 without `compatLookup`, or if it is not known. */
  readonly compatibilityScore: number;
  /** Whether the text of the pull request says that other people now publish the dependency. */
  readonly maintainerChanges: boolean;
  readonly dependencyGroup: string;
};

/** The source of the metadata. */
export type DependabotPull = {
  /** Of its first commit. */
  readonly message: string;
  readonly title: string;
  readonly body: string;
  readonly head: string;
  readonly base: string;
};

export const UPDATE_TYPES = [
  "version-update:semver-major",
  "version-update:semver-minor",
  "version-update:semver-patch",
] as const satisfies UpdateType[];
export const DEPENDENCY_TYPES = [
  "direct:production",
  "direct:development",
  "indirect",
] as const satisfies DependencyType[];

/** Uses a schema in which versions stay text: 1.10 is not 1.1. Throws if the text is invalid. */
type ReadYaml = (text: string) => unknown;

type Fields = Readonly<Record<string, unknown>>;

/**
 * Reads the message of Dependabot's commit, which has sentences and a block of YAML. The rest is in the branch's name.
 * @returns undefined if there is no such block, or if it is not Dependabot's.
 */
export function metadataOf(pull: DependabotPull, readYaml: ReadYaml): DependabotMetadata | undefined {
  const { message, head } = pull;
  const block = /^---\n([\s\S]*?)\n^\.\.\.$/m.exec(message)?.[1];
  if (block === undefined || !head.startsWith("dependabot")) return undefined;
  const dependencies = dependenciesIn(block, readYaml);
  if (dependencies.length === 0) return undefined;

  const names = dependencies.map((each) => text(each["dependency-name"]));
  const dependencyGroup = /dependency-group:\s(\S*)/m.exec(message)?.[1] ?? "";
  const versions = versionsIn(pull);
  const updated = dependencies.map((each, at): UpdatedDependency => {
    const name = names[at] ?? "";
    const { from, to } = versions(name, names.slice(0, at).filter((other) => other === name).length, at === 0);
    const newVersion = text(each["dependency-version"]) || to;
    return {
      dependencyName: name,
      dependencyType: text(each["dependency-type"]),
      updateType: (text(each["update-type"]) as UpdateType | "") || updateTypeOf(from, newVersion),
      previousVersion: from,
      newVersion,
    };
  });
  const delimiter = head["dependabot".length] ?? "/";
  const [first] = updated;
  return {
    dependencyNames: names,
    dependencyType: DEPENDENCY_TYPES.find((type) => updated.some((each) => each.dependencyType === type)) ?? "unknown",
    updateType: UPDATE_TYPES.find((type) => updated.some((each) => each.updateType === type)) ?? null,
    updatedDependencies: updated,
    directory: directoryIn(head.split(delimiter), delimiter, names, dependencyGroup),
    packageEcosystem: head.split(delimiter)[1] ?? "",
    targetBranch: pull.base,
    previousVersion: first?.previousVersion ?? "",
    newVersion: first?.newVersion ?? "",
    alertState: "",
    ghsaId: "",
    cvss: 0,
    compatibilityScore: 0,
    maintainerChanges: pull.body.includes("Maintainer changes"),
    dependencyGroup,
  };
}

function dependenciesIn(block: string, readYaml: ReadYaml): readonly Fields[] {
  let found: unknown;
  try {
    found = readYaml(block);
  } catch {
    return [];
  }
  const { "updated-dependencies": list } = isFields(found) ? found : {};
  return Array.isArray(list) ? list.filter(isFields) : [];
}

type Versions = { readonly from: string; readonly to: string };

/**
 * The versions in sentences: "Updates `a` from 1.0.0 to 1.0.1", once for each time that a group has the dependency, or
 * for the first dependency "Bumps a from 1.0.0 to 1.0.1." and "Update a requirement from ^1 to ^2".
 */
function versionsIn({ message, title }: DependabotPull) {
  const lines = message.split("\n");
  const updates = lines.flatMap((line) => {
    const found = /^Updates `(\S+)` (?:from (\S+) )?to (\S+)$/.exec(line);
    return found ? [{ name: found[1], from: found[2] ?? "", to: found[3] ?? "" }] : [];
  });
  const requirement = /\b[Uu]pdate .* requirement from \S*? ?(v?\d\S*) to \S*? ?(v?\d\S*)/;
  const bump = lines.flatMap((line) => /^Bumps .* from (v?\d[^ ]*) to (v?\d[^ ]*)\.$/.exec(line) ?? []);
  const [, from = "", to = ""] =
    bump.length > 0 ? bump : (requirement.exec(lines[0] ?? "") ?? requirement.exec(title) ?? []);
  return (name: string, nth: number, isFirst: boolean): Versions => {
    const update = updates.filter((each) => each.name === name)[nth];
    const other = isFirst ? { from, to } : { from: "", to: "" };
    return { from: update?.from || other.from, to: update?.to || other.to };
  };
}

function updateTypeOf(from: string, to: string): UpdateType | "" {
  if (from === "" || to === "" || from === to) return "";
  const [a, b] = [from, to].map((version) => version.replace("v", "").split("."));
  if (a?.[0] !== b?.[0]) return "version-update:semver-major";
  const isMinor = a?.[1] === undefined || a[1] !== b?.[1];
  return isMinor ? "version-update:semver-minor" : "version-update:semver-patch";
}

/**
 * The part of a branch's name between the ecosystem and the dependency: `dependabot/npm_and_yarn/web/lodash-4.17.21`
 * gives `/web`. With the delimiter `-` the version is a separate part, and "and" stands between several dependencies.
 */
function directoryIn(parts: readonly string[], delimiter: string, names: readonly string[], group: string): string {
  const partsOf = (name: string) => name.replace("/", delimiter).split(delimiter).length;
  const version = delimiter === "-" ? 1 : 0;
  const and = names.length > 1 ? 1 : 0;
  const ofNames = group === "" ? and + names.reduce((sum, name) => sum + partsOf(name), 0) : partsOf(group);
  return `/${parts.slice(2, parts.length - version - ofNames).join("/")}`;
}

const text = (value: unknown): string => (typeof value === "string" ? value : "");

function isFields(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
