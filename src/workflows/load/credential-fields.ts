import * as z from "zod";
import { appVariables, SERVICE } from "../../model/identity.ts";
import { lackingIn, permissionProblems } from "../../model/permissions.ts";
import { shown, unknownNames } from "../../model/problems.ts";
import { neededFor, type ReportOption } from "../../model/report.ts";

/** The fields that select a workflow's credentials for GitHub. */
export const credentialFields = () => ({
  githubToken: variable().optional(),
  githubApp: appName().optional(),
  identities: identities().optional(),
  permissions: permissions().optional(),
});

/** Fields that contradict each other, by the field to change. */
export function contradictions(
  { githubApp, githubToken, permissions }: { githubApp?: unknown; githubToken?: unknown; permissions?: unknown },
  report: ReportOption | undefined,
): readonly (readonly [field: string, message: string])[] {
  const lacking = permissions === undefined ? [] : lackingIn(permissions as Record<string, string>, neededFor(report));
  return [
    ...(githubApp !== undefined && githubToken !== undefined
      ? [["githubApp", "githubToken is also set: keep one of them, and move the other to identities"] as const]
      : []),
    ...lacking.map((each) => ["permissions", `\`report\` needs ${each}: add it`] as const),
  ];
}

/** The name of an environment variable. */
export function variable() {
  const error = ({ input }: { input?: unknown }) =>
    isSecret(input)
      ? "expected the name of a variable, not the token itself"
      : `expected the name of an environment variable, got ${shown(input)}`;
  return z.string({ error }).refine((text) => NAME.test(text) && !isSecret(text), { error });
}

const NAME = /^[a-z_]\w*$/i;

/** A GitHub token or a private key, which may be in base64. */
const isSecret = (input: unknown) => /^(?:gh[pousr]_|github_pat_)|PRIVATE KEY|^LS0tLS1CRUdJTi/.test(String(input));

function appName() {
  const example = 'such as "BOT" for BOT_ID and BOT_PRIVATE_KEY';
  const error = ({ input }: { input?: unknown }) => {
    if (isSecret(input)) return `expected the name of variables, ${example}, not the key itself`;
    const [, name] = /^(\w+)_(?:PRIVATE_KEY(?:_FILE)?|ID)$/.exec(String(input)) ?? [];
    const { id, privateKey } = appVariables(name ?? "");
    if (name !== undefined) return `expected the name without its ending: write "${name}" for ${id} and ${privateKey}`;
    return `expected the name of the variables of a GitHub App, ${example}, got ${shown(input)}`;
  };
  const isName = (text: string) => NAME.test(text) && !isSecret(text) && !/_(?:PRIVATE_KEY(?:_FILE)?|ID)$/.test(text);
  return z.string({ error }).refine(isName, { error });
}

function permissions() {
  return z.unknown().superRefine((given, context) => {
    if (!isObject(given)) {
      context.addIssue(`expected permissions such as { issues: "write" }, got ${shown(given)}`);
      return;
    }
    for (const [name, message] of permissionProblems(given)) {
      context.addIssue({ code: "custom", path: [name], message });
    }
  });
}

const EXAMPLE = '{ githubApp: "BOT" } or { githubToken: "BOT_TOKEN" }';

function identities() {
  const shape = {
    githubApp: appName().optional(),
    githubToken: variable().optional(),
    permissions: permissions().optional(),
  };
  const identity = z
    .strictObject(shape, {
      error: (issue) =>
        issue.code === "unrecognized_keys"
          ? unknownNames("field", issue.keys, Object.keys(shape))
          : `expected ${EXAMPLE}, got ${shown(issue.input)}`,
    })
    .superRefine(({ githubApp, githubToken }, context) => {
      const isMisspelt = context.issues.some(({ code }) => code === "unrecognized_keys");
      if (isMisspelt || (githubApp === undefined) !== (githubToken === undefined)) return;
      context.addIssue(`expected either githubApp or githubToken: write ${EXAMPLE}`);
    });
  const error = ({ input }: { input?: unknown }) =>
    `expected identities such as { bot: ${EXAMPLE} }, got ${shown(input)}`;
  return z.record(z.string(), identity, { error }).superRefine((all, context) => {
    for (const name of Object.keys(all)) {
      const message =
        name === SERVICE
          ? "is reserved for the service's credentials: choose another"
          : /^[a-z][\w-]{0,49}$/i.test(name)
            ? undefined
            : 'expected a name of letters, digits and dashes, such as "bot"';
      if (message !== undefined) context.addIssue({ code: "custom", path: [name], message });
    }
  });
}

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value);
