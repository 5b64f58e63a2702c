import assert from "node:assert/strict";
import { existsSync, globSync, readFileSync } from "node:fs";
import { basename } from "node:path";
import { describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { load } from "js-yaml";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const read = (path: string) => readFileSync(`${ROOT}${path}`, "utf8");

type Field = {
  readonly type: string;
  readonly id?: string;
  readonly attributes: { readonly label?: string; readonly value?: string; readonly options?: readonly string[] };
};
type Form = { readonly name: string; readonly description: string; readonly body: readonly Field[] };

// https://docs.github.com/en/communities/using-templates-to-encourage-useful-issues-and-pull-requests/syntax-for-githubs-form-schema
const FIELDS = ["checkboxes", "dropdown", "input", "markdown", "textarea", "upload"];

describe("who opens an issue or a pull request", () => {
  const forms = globSync(".github/ISSUE_TEMPLATE/*.yml", { cwd: ROOT }).filter(
    (file) => basename(file) !== "config.yml",
  );

  it("finds forms that GitHub can show", () => {
    assert.deepEqual(forms.map((file) => basename(file)).sort(), ["bug.yml", "feature.yml"]);
    for (const file of forms) {
      const { name, description, body } = load(read(file)) as Form;
      assert.ok(name && description, file);
      const ids = body.flatMap(({ id }) => id ?? []);
      assert.deepEqual(ids, [...new Set(ids)], file);
      for (const { type, id, attributes } of body) {
        assert.ok(FIELDS.includes(type), `${file}: ${type}`);
        if (type === "markdown") assert.ok(attributes.value, file);
        else assert.ok(id && attributes.label, `${file}: ${id}`);
        if (type === "dropdown") assert.ok((attributes.options?.length ?? 0) > 1, `${file}: ${id}`);
      }
    }
  });

  it("is sent to a private report with a weakness, and to the documents with a question", () => {
    const { contact_links } = load(read(".github/ISSUE_TEMPLATE/config.yml")) as {
      contact_links: readonly { url: string }[];
    };
    const urls = contact_links.map(({ url }) => url);
    assert.ok(urls.some((url) => url.endsWith("/security/advisories/new")));
    for (const url of urls) {
      const [, path] = /\/blob\/main\/(.+)$/.exec(url) ?? [];
      if (path) assert.ok(existsSync(ROOT + path), path);
    }
  });

  it("finds a code of conduct, a security contact and a template for pull requests", () => {
    assert.match(read("CODE_OF_CONDUCT.md"), /^## Report a problem$/m);
    assert.match(read("SECURITY.md"), /^## Report a weakness$/m);
    assert.match(read(".github/PULL_REQUEST_TEMPLATE.md"), /npm run check/);
  });
});

it("Dependabot updates everything that is pinned: packages, actions, the base image, the peers", () => {
  const { version, updates } = load(read(".github/dependabot.yml")) as {
    version: number;
    updates: readonly { "package-ecosystem": string; directory?: string; directories?: readonly string[] }[];
  };
  assert.equal(version, 2);
  const covered = (ecosystem: string) =>
    updates
      .filter((each) => each["package-ecosystem"] === ecosystem)
      .flatMap(({ directory, directories }) => directories ?? [directory ?? ""]);
  assert.deepEqual(covered("npm"), ["/"]);
  assert.deepEqual(covered("github-actions"), ["/"]);
  assert.deepEqual(covered("docker"), ["/"]);
  const modules = globSync("**/go.mod", { cwd: ROOT, exclude: ["node_modules/**", "dist/**"] });
  const found = covered("gomod").flatMap((pattern) => globSync(`${pattern.slice(1)}/go.mod`, { cwd: ROOT }));
  assert.ok(modules.length > 0);
  assert.deepEqual(found.sort(), modules.sort());
});
