import { generateKeyPairSync } from "node:crypto";
import { appVariables, type Identity, SERVICE, SERVICE_APP } from "../src/model/identity.ts";
import { reportOf } from "../src/model/report.ts";
import type { Workflow } from "../src/model/workflow.ts";
import type { StandInGitHub } from "./github.ts";

const SERVICE_TOKEN = "token-of-the-test-kit";

/** The credential of a request: a token, or an App. */
type Credential = { readonly token: string } | { readonly app: string };

/**
 * Adds the credentials of a workflow under test to its GitHub. If it has `permissions` or reports as a check, the
 * service is an App: only tokens of Apps can be limited by `permissions`, and GitHub accepts checks only from Apps.
 * @param given variables that the test sets. They stay unchanged.
 * @returns the variables of all credentials, and a function that finds the sender of a request. It returns undefined
 *   for the workflow's `github`.
 */
export function giveCredentials(github: StandInGitHub, workflow: Workflow, given: Readonly<Record<string, string>>) {
  const { githubApp, githubToken, permissions, identities = {} } = workflow;
  const needsApp = permissions !== undefined || reportOf(workflow)?.as === "check";
  const variables: Record<string, string> = {};
  const apps: string[] = [];

  function appOf(name: string): Credential {
    const { id, privateKey } = appVariables(name);
    if (!apps.includes(name) && !(id in given)) {
      const made = { id: apps.push(name), slug: slugOf(name), publicKey: key().publicKey };
      github.app({ ...made, installations: [], isEverywhere: true });
      Object.assign(variables, { [id]: String(made.id), [privateKey]: key().privateKey });
    }
    return { app: slugOf(name) };
  }

  function tokenOf(variable: string): Credential {
    const token = given[variable] ?? `${SERVICE_TOKEN}-${variable}`;
    variables[variable] = token;
    github.token(token, AS_APP);
    return { token };
  }

  const credentialOf = ({ githubApp, githubToken }: Partial<Identity>): Credential | undefined =>
    githubApp !== undefined ? appOf(githubApp) : githubToken !== undefined ? tokenOf(githubToken) : undefined;

  const itself = credentialOf({ githubApp, githubToken } as Partial<Identity>);
  const isApp = itself === undefined && needsApp;
  const service = isApp ? appOf(SERVICE_APP) : { token: SERVICE_TOKEN };
  if (!isApp) github.token(SERVICE_TOKEN, AS_APP);
  const known: (readonly [string | undefined, Credential])[] = [[undefined, itself ?? service]];
  for (const [name, identity] of Object.entries<Identity>(identities)) {
    known.push([name, credentialOf(identity) ?? service]);
  }
  known.push([SERVICE, service]);

  return {
    variables,
    settings: { GITHUB_TOKEN: isApp ? "" : SERVICE_TOKEN },
    identityOf: ({ headers, login }: StandInGitHub["requests"][number]): string | undefined => {
      const sentBy = (credential: Credential) =>
        "token" in credential
          ? headers.authorization?.endsWith(` ${credential.token}`)
          : login === `${credential.app}[bot]`;
      return known.find(([, credential]) => sentBy(credential))?.[0];
    },
  };
}

/** `RELEASE_APP` writes as `release-app[bot]`. */
const slugOf = (name: string) => name.toLowerCase().replaceAll("_", "-");

let made: { readonly privateKey: string; readonly publicKey: string } | undefined;

/** One key for all Apps: a new one takes 0.1 s. */
function key() {
  const format = "pem";
  made ??= generateKeyPairSync("rsa", {
    modulusLength: 2048,
    privateKeyEncoding: { type: "pkcs8", format },
    publicKeyEncoding: { type: "spki", format },
  });
  return made;
}

/** It may write checks, like the App of a service. */
const AS_APP = { app: 1 };
