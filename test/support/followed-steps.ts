import { spawnSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import type { TestContext } from "node:test";
import { fileURLToPath } from "node:url";
import { type Block, documentOf } from "./documents.ts";
import { temporaryFolder } from "./folder.ts";
import { type KubernetesObject, objectsIn, tool } from "./kubectl.ts";

const DEPLOY = fileURLToPath(new URL("../../deploy", import.meta.url));

/** Replaces the cluster: what would be applied is kept in a file. */
const STAND_INS = `
kubectl() {
  case "$*" in
    "apply -k "*) command kubectl kustomize "$3" > applied.yaml ;;
    *"--dry-run=client"*) command kubectl "$@" ;;
    *" apply "* | "apply "*) case "$*" in *"-f -") cat >> more.yaml; echo --- >> more.yaml ;; esac ;;
  esac
}
`;

/** The code blocks of a section, up to the next heading. */
export function sectionOf(heading: string, page = "docs/kubernetes-workflows.md"): readonly Block[] {
  const { text } = documentOf(page);
  const from = text.indexOf(`\n${heading}\n`);
  if (from < 0) throw new Error(`there is no ${heading}`);
  const rest = text.slice(from + 1 + heading.length);
  const end = rest.search(/^##+ /m);
  const section = end < 0 ? rest : rest.slice(0, end);
  return [...section.matchAll(/^```(\w*)\n([\s\S]*?)^```$/gm)].map(([, language = "", block = ""]) => ({
    language,
    text: block,
  }));
}

/** The workflow of that page. */
export const HELLO =
  documentOf("docs/kubernetes-workflows.md").blocks.find(({ file }) => file === "hello.ts")?.text ?? "";

/**
 * The overlay of docs/kubernetes.md, then the blocks of a section, as a reader follows them. Commands are run. YAML that is a part
 * of an overlay goes before `components`.
 * @param edit what else the reader changes in the overlay.
 * @returns what is applied; undefined where kubectl is missing, and the test is skipped.
 */
export function followed(
  t: TestContext,
  blocks: readonly Block[],
  { store = "sqlite", edit = (text: string) => text } = {},
): KubernetesObject[] | undefined {
  if (tool(t, "kubectl", ["version", "--client"]) === undefined) return undefined;
  const folder = temporaryFolder(t);
  cpSync(DEPLOY, `${folder}/deploy`, { recursive: true });
  mkdirSync(`${folder}/workflows`);
  writeFileSync(`${folder}/workflows/hello.ts`, HELLO);
  const overlay = `${folder}/deploy/kubernetes/mine/kustomization.yaml`;
  const { blocks: shown } = documentOf("docs/kubernetes.md");
  const writesOverlay = shown.find(({ text }) => text.startsWith("mkdir -p deploy/kubernetes/mine"));
  const run = (script: string) => {
    writeFileSync(`${folder}/script.sh`, `${STAND_INS}\n${script}\n`);
    const { status, stderr } = spawnSync("bash", ["-euo", "pipefail", "script.sh"], { cwd: folder, encoding: "utf8" });
    if (status !== 0) throw new Error(`${script}\nended with ${status}: ${stderr}`);
  };
  run(writesOverlay?.text ?? "");
  const change = (how: (text: string) => string) => writeFileSync(overlay, how(readFileSync(overlay, "utf8")));
  change((text) => edit(text.replace("overlays/sqlite", `overlays/${store}`)));
  for (const { language, text } of blocks) {
    if (language === "bash") run(text);
    if (text.startsWith("patches:")) change((before) => before.replace("# Last,", `${text}# Last,`));
  }
  const more = `${folder}/more.yaml`;
  return [
    ...objectsIn(readFileSync(`${folder}/applied.yaml`, "utf8")),
    ...(existsSync(more) ? objectsIn(readFileSync(more, "utf8")) : []),
  ];
}
