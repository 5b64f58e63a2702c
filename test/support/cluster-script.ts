import { spawnSync } from "node:child_process";
import { chmodSync, cpSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import type { TestContext } from "node:test";
import { fileURLToPath } from "node:url";
import { temporaryFolder } from "./folder.ts";
import { type KubernetesObject, objectsIn, tool } from "./kubectl.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));

type Call = { readonly program: string; readonly args: readonly string[]; readonly output: string };

export type ClusterAfter = {
  /** Every command that was given, in order. */
  readonly calls: readonly Call[];
  /** What the cluster would hold; stringData of Secrets is put into `data`, as plain text. */
  readonly objects: readonly KubernetesObject[];
  find(kind: string, namespace: string, name: string): KubernetesObject | undefined;
};

/**
 * Runs the commands of a document in a copy of deploy/, without a cluster: the real kubectl renders what it is told to
 * apply or create, at that moment, and the rest is written down. docker and curl are only written down. Undefined where
 * there is no kubectl, and the test is skipped.
 */
export function runWithoutCluster(t: TestContext, script: string): ClusterAfter | undefined {
  const kubectl = tool(t, "sh", ["-c", "command -v kubectl || true"])?.trim();
  if (tool(t, "kubectl", ["version", "--client"]) === undefined) return undefined;
  const folder = temporaryFolder(t);
  cpSync(`${ROOT}deploy`, `${folder}/deploy`, { recursive: true });
  writeFileSync(`${folder}/github-token.txt`, "github_pat_of_the_reader\n");
  writeFileSync(`${folder}/my-app.private-key.pem`, "the App's key\n");
  mkdirSync(`${folder}/bin`);
  writeFileSync(`${folder}/stand-in.cjs`, STAND_IN);
  for (const program of ["kubectl", "docker", "curl"]) {
    const file = `${folder}/bin/${program}`;
    writeFileSync(file, `#!/bin/sh\nexec "${process.execPath}" "${folder}/stand-in.cjs" ${program} "$@"\n`);
    chmodSync(file, 0o755);
  }
  writeFileSync(`${folder}/calls`, "");
  const { status, stderr } = spawnSync("bash", ["-euo", "pipefail", "-c", `${script}\nwait`], {
    cwd: folder,
    encoding: "utf8",
    env: {
      PATH: `${folder}/bin:${process.env.PATH}`,
      HOME: folder,
      CALLS: `${folder}/calls`,
      KUBECTL: kubectl,
      CALLER_TOKEN: "of-the-shell-before",
    },
  });
  if (status !== 0) throw new Error(`the commands ended with ${status}: ${stderr}`);
  const lines = readFileSync(`${folder}/calls`, "utf8").split("\n").filter(Boolean);
  return after(lines.map((line) => JSON.parse(line) as Call));
}

const STAND_IN = `
const { appendFileSync, readFileSync } = require("node:fs");
const { execFileSync } = require("node:child_process");
const [program, ...args] = process.argv.slice(2);
const of = (flag) => args[args.indexOf(flag) + 1];
const real = (...more) => execFileSync(process.env.KUBECTL, more, { encoding: "utf8" });
let output = "";
if (program === "kubectl" && args.includes("create")) output = real(...args, "--dry-run=client", "-o", "yaml");
else if (program === "kubectl" && args.includes("-k")) output = real("kustomize", of("-k"));
else if (program === "kubectl" && args.includes("-f")) output = readFileSync(of("-f"), "utf8");
appendFileSync(process.env.CALLS, JSON.stringify({ program, args, output }) + "\\n");
`;

function after(calls: readonly Call[]): ClusterAfter {
  const held = new Map<string, KubernetesObject>();
  const keyOf = (kind: string, namespace: string, name: string) => `${kind.toLowerCase()} ${namespace}/${name}`;
  const find: ClusterAfter["find"] = (kind, namespace, name) => held.get(keyOf(kind, namespace, name));
  const put = (object: KubernetesObject) =>
    held.set(keyOf(object.kind, object.metadata.namespace ?? "", object.metadata.name), object);

  for (const { program, args, output } of calls) {
    if (program !== "kubectl") continue;
    const namespace = args[0] === "-n" ? (args[1] ?? "") : "";
    const [verb, kind = "", name = ""] = args.slice(namespace === "" ? 0 : 2);
    for (const object of objectsIn(output)) put(object.kind === "Secret" ? { ...object, data: plain(object) } : object);
    if (verb === "delete" && kind !== "-k") held.delete(keyOf(kind, namespace, name));
    if (verb !== "patch") continue;
    const known = find(kind, namespace, name) ?? { kind: "Secret", apiVersion: "v1", metadata: { name, namespace } };
    const { stringData, ...patched } = JSON.parse(args[args.indexOf("-p") + 1] ?? "");
    put({ ...known, data: { ...known.data, ...plain(patched), ...stringData } });
  }
  return { calls, objects: [...held.values()], find };
}

function plain({ data = {} }: KubernetesObject): Record<string, string> {
  return Object.fromEntries(Object.entries<string>(data).map(([key, text]) => [key, atob(text)]));
}
