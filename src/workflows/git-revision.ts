import { PermanentFailure } from "../index.ts";
import { escaped, visibleName } from "../model/visible.ts";

/**
 * The text, if it can be a git revision: a commit hash, a tag or a branch.
 * @param source where the text comes from, for the failure: "global.config.DEPLOYMENT_TAG from values.yaml".
 * @throws PermanentFailure that quotes the text, with escapes for invisible characters.
 */
export function revisionIn(text: string, source: string): string {
  const problem = PROBLEMS.find(([pattern]) => pattern.test(text));
  if (!problem && Buffer.byteLength(text) <= MAX_REF_BYTES) return text;
  const [, what, remedy] = problem ?? TOO_LONG;
  throw new PermanentFailure({
    tried: `reading ${source}`,
    happened: `the value is ${quoted(text)}, ${what}`,
    remedy,
  });
}

/** GitHub accepts no longer names of branches and tags (its error GH002). */
const MAX_REF_BYTES = 255;

const WRITE_IT = "Write the commit hash itself.";
const TOO_LONG = [undefined, `which is longer than a git ref can be (${MAX_REF_BYTES} bytes)`, WRITE_IT] as const;

/** Every space except the ordinary one, and characters that no version of Unicode defines yet. */
const ODD = /(?! )\p{Zs}|\p{Cn}/gu;

/** Another rule covers an ordinary space inside the text. */
const UNSEEN = { test: (text: string) => shown(text) !== text || /^ | $/.test(text) };

/** The rest follows https://git-scm.com/docs/git-check-ref-format, which also describes valid branch names. */
const PROBLEMS: readonly (readonly [{ test(text: string): boolean }, string, string])[] = [
  [
    /^ENC\[/,
    "encrypted by SOPS",
    "Exclude the tag from encryption (unencrypted_regex in .sops.yaml): it is not a secret.",
  ],
  [
    /\{\{|\$\{|\$\(|^\$/,
    "an unresolved placeholder",
    "Write the value into the file: gh-runner reads the file from the repository and does not render it.",
  ],
  [
    /^<.*>$/s,
    "an unresolved placeholder",
    "Write the value into the file: argocd-vault-plugin replaces it only in what ArgoCD applies, not in the repository.",
  ],
  [UNSEEN, "with an invisible character", "Remove it from the file."],
  [
    /[ ~^:?*[\\]|\.\.|@\{|^-|^[/.]|\/[/.]|[/.]$|\.lock(\/|$)/,
    "which is not a valid git revision",
    `${WRITE_IT} A tag or a branch also works.`,
  ],
];

/** Shown whole or not at all: part of a secret would not be recognised and masked. */
const MAX_SHOWN_CHARACTERS = 100;

function quoted(text: string): string {
  if (text.length > MAX_SHOWN_CHARACTERS) return `a text of ${text.length} characters`;
  return shown(JSON.stringify(text));
}

function shown(text: string): string {
  return visibleName(text).replace(ODD, escaped);
}
