import { readFileSync } from "node:fs";
import { dump, load } from "js-yaml";

const DEPLOY = new URL("../deploy/", import.meta.url);
const read = (path: string) => readFileSync(new URL(path, DEPLOY), "utf8");

/**
 * Files of the Helm chart that are generated from other files, by their path in the chart. A chart can only read files
 * in its folder, and its templates cannot read the defaults in values.yaml without the user's values.
 */
export function chartFiles(): Readonly<Record<string, string>> {
  const values = read("helm/gh-runner/values.yaml");
  return {
    "README.md": chartReadme(values),
    "files/defaults.yaml": `# Made of values.yaml by \`npm run docs\`.\n${dump(load(values), { lineWidth: -1, quoteStyle: "double" })}`,
    "files/environment-ready-flux.ts": read("kubernetes/components/flux/environment-ready-flux.ts"),
    "files/rules.yaml": read("prometheus/rules.yaml"),
    "files/dashboard.json": read("grafana/dashboard.json"),
  };
}

type Value = { readonly name: string; readonly about: string };
type Section = { readonly title: string; readonly values: readonly Value[] };

/**
 * README.md of the chart: a table for each `## Title` of values.yaml, with a row for each value that has a comment
 * above it.
 */
export function chartReadme(text: string): string {
  const sections = sectionsOf(text);
  const names = sections.flatMap(({ values }) => values.map(({ name }) => name));
  const tables = sections.map(({ title, values }) => {
    const rows = values.map(({ name, about }) => {
      const isTable = names.some((other) => other.startsWith(`${name}.`));
      return `| \`${name}\` | ${about} | ${isTable ? "" : `\`${JSON.stringify(valueAt(load(text), name))}\``} |`;
    });
    return [`### ${title}`, "", "| value | what it is | default |", "| --- | --- | --- |", ...rows, ""].join("\n");
  });
  return `${INTRODUCTION}\n${tables.join("\n")}`;
}

/**
 * A table needs no comment. A structure that Kubernetes defines is one value, and its fields need none.
 * @throws Error if a top-level value has no comment.
 */
function sectionsOf(text: string): readonly Section[] {
  const sections: { title: string; values: Value[] }[] = [];
  let comment: string[] = [];
  let path: readonly string[] = [];
  for (const line of text.split("\n")) {
    const title = /^## (.+)$/.exec(line)?.[1];
    if (title) sections.push({ title, values: [] });
    const said = /^ *# (.*)$/.exec(line)?.[1];
    const [, indent = "", key, value = ""] = /^( *)([A-Za-z]+):(.*)$/.exec(line) ?? [];
    if (said !== undefined) comment.push(said);
    else {
      if (key !== undefined) {
        path = [...path.slice(0, indent.length / 2), key];
        if (comment.length > 0) sections.at(-1)?.values.push({ name: path.join("."), about: comment.join(" ") });
        else if (indent === "" && value.trim()) throw new Error(`values.yaml: put a comment in front of ${key}`);
      }
      comment = [];
    }
  }
  return sections;
}

const valueAt = (values: unknown, name: string): unknown =>
  name.split(".").reduce((at, key) => (at as Record<string, unknown>)[key], values);

const INTRODUCTION = `<!-- Made of values.yaml by \`npm run docs\`. -->

# The Helm chart of gh-runner

For platform engineers who use Helm. At the end gh-runner runs in your cluster. The chart makes a StatefulSet with SQLite, or a
Deployment with PostgreSQL, on Kubernetes 1.30 or newer and OpenShift 4.17 or newer, with Helm 3 and Helm 4.

## Install

Push [the image](../../../docs/container.md) to your registry. Then make the Secret with the tokens, and install:

\`\`\`bash
kubectl create namespace gh-runner
kubectl -n gh-runner create secret generic gh-runner \\
  --from-file=github-token=github-token.txt --from-literal=auth-tokens="$(openssl rand -hex 32)"
helm install gh-runner deploy/helm/gh-runner -n gh-runner \\
  --set image.repository=registry.example.com/gh-runner \\
  --set settings.TARGET_REPO=acme/shop --set settings.DEPLOYMENT_REPO=acme/deployment --wait
helm test gh-runner -n gh-runner --logs
\`\`\`

[docs/kubernetes.md](../../../docs/kubernetes.md) has the rest: the token, the keys of the Secret, ArgoCD and Flux, PostgreSQL, the
network. The [CHANGELOG](CHANGELOG.md) lists the changes of each version.

## Values

The schema rejects unknown values. A null value has its default. \`NAME.FIELD\` is \`FIELD\` below \`NAME\`.
`;
