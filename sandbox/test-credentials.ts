import { generateKeyPairSync } from "node:crypto";
import { appVariables, type Identity, SERVICE, SERVICE_APP } from "../src/model/identity.ts";
import { reportOf } from "../src/model/report.ts";
import type { Workflow } from "../src/model/workflow.ts";
import type { StandInGitHub } from "./github.ts";

const SERVICE_TOKEN = "token-of-the-test-kit";

/** As whom a request can be sent: what its token is, or the App that it is one of. */
type Credential = { readonly token: string } | { readonly app: string };

/**
 * Makes the credentials of a workflow under test known to its GitHub. Where it has `permissions`, or reports as a check, the service is an
 * App: those narrow the tokens of Apps alone, and GitHub takes checks from Apps alone.
 * @param given variables that the test sets itself: they are left alone.
 * @returns the variables of all of them, and who has sent a request; undefined: the workflow's `github`.
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

  const own = credentialOf({ githubApp, githubToken } as Partial<Identity>);
  const isApp = own === undefined && needsApp;
  const service = isApp ? appOf(SERVICE_APP) : { token: SERVICE_TOKEN };
  if (!isApp) github.token(SERVICE_TOKEN, AS_APP);
  const known: (readonly [string | undefined, Credential])[] = [[undefined, own ?? service]];
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

/** One for all Apps: a new one takes 0.1 s. */
function key() {
  const format = "pem";
  made ??= generateKeyPairSync("rsa", {
    modulusLength: 2048,
    privateKeyEncoding: { type: "pkcs8", format },
    publicKeyEncoding: { type: "spki", format },
  });
  return made;
}

/** It may write checks, as the App may that a service has. */
const AS_APP = { app: 1 };
