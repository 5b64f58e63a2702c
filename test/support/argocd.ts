import type { TestContext } from "node:test";
import { askPeer } from "../peers/peers.ts";

type Rendered = {
  readonly body: string;
  /** Why the template could not be rendered. */
  readonly error?: string;
  /** By ArgoCD's version: what came of the condition, or the error that ArgoCD logs, which counts as false. */
  readonly triggered: Readonly<Record<string, unknown>>;
};

/** The oldest and the newest ArgoCD whose expressions are tried. */
export const ARGOCD_VERSIONS = ["2.13.9", "3.2.6"];

/**
 * What ArgoCD makes of a template's body and of a trigger's condition for each set of variables, by Go's text/template,
 * sprig and expr themselves. Where they cannot be built the test is skipped; in CI it fails.
 */
export function renderedByGo(
  t: TestContext,
  asked: {
    readonly body: string;
    readonly when?: string;
    /** Of ApplicationSets with `missingkey=error`. */
    readonly missingKeyIsError?: boolean;
    readonly variables: readonly Readonly<Record<string, unknown>>[];
  },
): readonly Rendered[] | undefined {
  return askPeer(t, "argocd-template", asked);
}
