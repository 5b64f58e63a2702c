import { html } from "hono/html";
import type { Json, Run } from "../model/run.ts";
import { visible } from "../model/visible.ts";

/** Where GitHub's pages are, for the links of the dashboard. */
export type GitHubWeb = {
  /** `https://github.com`, without a slash at the end. */
  readonly url: string;
  /** The repository, as owner/name, that the runs of a workflow are about. */
  readonly repositoryOf: (workflow: string) => string | undefined;
};

/**
 * The address of GitHub's pages that belongs to the address of its API: github.com, a company's own name on ghe.com, or
 * a GitHub Enterprise Server.
 * @see https://docs.github.com/en/enterprise-cloud@latest/admin/data-residency
 * @see https://docs.github.com/en/enterprise-server@latest/rest/using-the-rest-api/getting-started-with-the-rest-api
 */
export function webUrlOf(apiUrl: string): string {
  const { protocol, host, hostname } = new URL(apiUrl);
  if (hostname === "api.github.com" || hostname.endsWith(".ghe.com")) {
    return `${protocol}//${host.replace(/^api\./, "")}`;
  }
  return `${protocol}//${host}`;
}

/** The commit that a run dispatched; linked when it can be a commit's name at all, and its repository is known. */
export function commitLink({ workflow, outputs }: Pick<Run, "workflow" | "outputs">, { url, repositoryOf }: GitHubWeb) {
  const repository = repositoryOf(workflow);
  const hash = isObject(outputs) ? outputs.commitHash : undefined;
  if (typeof hash !== "string" || hash === "") return undefined;
  const isName = /^(?!\.+$)[\w.-]{1,100}$/.test(hash);
  const isHash = /^[0-9a-f]{40}(?:[0-9a-f]{24})?$/.test(hash);
  const short = html`<code>${isHash ? hash.slice(0, 7) : visible(hash.slice(0, 40))}</code>`;
  if (!isName || !repository) return short;
  return html`<a href="${url}/${repository}/commit/${hash}" title="${hash}">${short}</a>`;
}

/** The runs in a repository's Actions that this kind of event has started. */
export function actionsUrl(repository: string, { url }: GitHubWeb): string {
  return `${url}/${repository}/actions?query=event%3Arepository_dispatch`;
}

function isObject(value: Json | undefined): value is { readonly [key: string]: Json } {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
