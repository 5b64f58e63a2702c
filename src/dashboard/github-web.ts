import { html } from "hono/html";
import type { Chain } from "../model/chain.ts";
import { isCommitHash } from "../model/github-names.ts";
import type { Json, Run } from "../model/run.ts";
import { visible } from "../model/visible.ts";
import { name as nameOf } from "./shown.ts";

/** Addresses of GitHub's pages, for links. */
export type GitHubWeb = {
  /** `https://github.com`, without a slash at the end. */
  readonly url: string;
  /** The repository, as owner/name, that the runs of a workflow are about. */
  readonly repositoryOf: (workflow: string) => string | undefined;
};

/**
 * The address of GitHub's pages for the address of its API: github.com, a company's subdomain of ghe.com, or a GitHub
 * Enterprise Server.
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

/** The commit that a run dispatched. It is a link if it can be a commit's name and its repository is known. */
export function commitLink({ workflow, outputs }: Pick<Run, "workflow" | "outputs">, web: GitHubWeb) {
  const hash = isObject(outputs) ? outputs.commitHash : undefined;
  if (typeof hash !== "string" || hash === "") return undefined;
  return namedCommitLink({ name: hash, sha: undefined }, web.repositoryOf(workflow), web);
}

/** The same for a commit's name, such as a tag, and its full hash if known. */
export function namedCommitLink(
  { name, sha }: NonNullable<Chain["commit"]>,
  repository: string | undefined,
  { url }: Pick<GitHubWeb, "url">,
) {
  const isName = /^(?!\.+$)[\w.-]{1,100}$/.test(name);
  const short = html`<code>${isCommitHash(name) ? name.slice(0, 7) : visible(name.slice(0, 40))}</code>`;
  const known = sha ?? (isName ? name : undefined);
  if (known === undefined || !repository) return short;
  return html`<a href="${url}/${repository}/commit/${known}" title="${known}">${short}</a>`;
}

/**
 * A values file at the commit at which it was read. Without a known commit there is no link, because the file may have changed.
 * @param short shows the file without its folders.
 */
export function valuesLink(
  { repository, path, commit }: NonNullable<Chain["values"]>,
  { url }: Pick<GitHubWeb, "url">,
  short: boolean,
) {
  const segments = path.split("/");
  const file = html`<code>${nameOf(short ? (segments.at(-1) ?? path) : path)}</code>`;
  if (commit === undefined || segments.some((segment) => ["", ".", ".."].includes(segment))) return file;
  const href = `${url}/${repository}/blob/${commit}/${segments.map(encoded).join("/")}`;
  return html`<a href="${href}" title="${visible(path.slice(0, 300))}">${file}</a>`;
}

export function actionsRunLink({ id, url, attempt = 1 }: NonNullable<Chain["actionsRun"]>) {
  const text = `${id}${attempt > 1 ? `, attempt ${attempt}` : ""}`;
  return url === undefined ? html`<span>${text}</span>` : html`<a href="${url}">${text}</a>`;
}

/**
 * The page of an application in ArgoCD. Undefined without ArgoCD's address, or if no application can have this name.
 * @see https://argo-cd.readthedocs.io/en/stable/operator-manual/notifications/templates/
 */
export function argocdLink(application: string, argocdUrl: string | undefined, text: string) {
  if (argocdUrl === undefined || !/^(?!\.+$)[\w.-]{1,253}$/.test(application)) return undefined;
  return html`<a href="${argocdUrl}/applications/${application}">${nameOf(text)}</a>`;
}

const encoded = (segment: string) => encodeURIComponent(segment.toWellFormed());

/** The repository's Actions runs that a `repository_dispatch` started. */
export function actionsUrl(repository: string, { url }: GitHubWeb): string {
  return `${url}/${repository}/actions?query=event%3Arepository_dispatch`;
}

function isObject(value: Json | undefined): value is { readonly [key: string]: Json } {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
