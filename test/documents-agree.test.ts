import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, it } from "node:test";
import { load } from "js-yaml";
import { SERVER_LIMITS } from "../src/http/server.ts";
import { allTexts, documentOf } from "./support/documents.ts";
import { objectsIn } from "./support/kubectl.ts";

const texts = allTexts();
const found = (pattern: RegExp) =>
  texts.flatMap(({ file, text }) => [...text.matchAll(pattern)].map(([, value = ""]) => ({ file, value })));
const textOf = (file: string) => texts.find((each) => each.file === file)?.text ?? assert.fail(file);

/** Objects that ArgoCD's installation creates: an upgrade applies them again. */
const ARGOCDS = /argocd-notifications-(cm|secret)|deploy\/argocd\b|\.argocd\.yaml/;

/** Commands with their continued lines, in documents, comments or strings. */
const commandsIn = (text: string) =>
  [...text.matchAll(/kubectl (?:[^\n`\\]|\\\n)*/g)].map(([command]) => command.replace(/\\\n\s*/g, " "));

describe("every document, manifest and help text", () => {
  it("keeps its keys in ArgoCD's objects: with server-side apply and a separate field manager", () => {
    const applied = texts.flatMap(({ file, text }) =>
      commandsIn(text)
        .filter((command) => /\b(apply|create|replace|edit)\b/.test(command) && ARGOCDS.test(command))
        .map((command) => ({ file, command })),
    );
    assert.deepEqual([...new Set(applied.map(({ file }) => file))].filter((file) => file !== "README.md").sort(), [
      "deploy/argocd/argocd-notifications-cm.yaml",
      "docs/first-workflow.md",
      "docs/kubernetes.md",
      "src/cli/init.ts",
    ]);
    for (const { file, command } of applied) {
      assert.match(command, /^kubectl apply --server-side --field-manager=gh-runner(-\S+)? /, `${file}: ${command}`);
    }
    // Readers also follow the flag alone. Only the table that compares the ways, in docs/kubernetes.md, is without it.
    for (const { file, value } of found(/^(?!\|)(.*--server-side.*)$/gm)) {
      assert.match(value, /--field-manager=gh-runner/, file);
    }
  });

  it("has the same condition before a notification, which fails for no application", () => {
    const { data } = objectsIn(textOf("deploy/argocd/argocd-notifications-cm.yaml"))[0];
    const [{ when }] = load(data["trigger.on-environment-ready"]) as [{ when: string }];
    const conditions = found(/^[\s#]*- when: (.*)$/gm);
    assert.deepEqual(
      conditions
        .map(({ file }) => file)
        .filter((file) => file !== "README.md")
        .sort(),
      ["deploy/argocd/argocd-notifications-cm.yaml", "docs/first-workflow.md", "docs/kubernetes.md", "src/cli/init.ts"],
    );
    for (const { file, value } of conditions) assert.equal(value, when, file);
  });

  it("names the service by an address that resolves in every namespace", () => {
    const service = objectsIn(textOf("deploy/kubernetes/base/service.yaml"))[0];
    const namespace = objectsIn(textOf("deploy/kubernetes/base/namespace.yaml"))[0];
    const address = `${service.metadata.name}.${namespace.metadata.name}.svc:${service.spec.ports[0].port}`;
    const addresses = found(/(?<![\w/.-])(?:https?:\/\/)?(gh-runner[\w.-]*:\d+)/g);
    assert.ok(addresses.length >= 6);
    for (const { file, value } of addresses) assert.equal(value, address, file);
  });

  it("gives the service the same time to stop, longer than it needs", () => {
    const times = found(/(?:--stop-timeout[ =]|stop_grace_period: |terminationGracePeriodSeconds: )(\d+)/g);
    const files = new Set(times.map(({ file }) => file));
    for (const file of ["compose.yaml", "docs/container.md"]) assert.ok(files.has(file), file);
    assert.ok([...files].some((file) => file.startsWith("deploy/kubernetes/")));
    assert.ok([...files].some((file) => file.startsWith("deploy/helm/")));
    assert.deepEqual([...new Set(times.map(({ value }) => value))], ["30"]);
    // Every command that starts the container has it, because Docker kills after 10 s by default.
    for (const { file, value } of found(/^(docker run (?!--rm)(?:[^\n`\\]|\\\n)*)/gm)) {
      assert.match(value, /--stop-timeout 30\b/, file);
    }
    // Apart from the work in flight: 5 s before SIGTERM in the Deployment, and 7 s, measured, for a database that hangs.
    const preStop = found(/\bpreStop:(?:\s+#.*)?\s+sleep:\s+seconds: (\d+)/g).map(({ value }) => Number(value));
    assert.ok(preStop.length > 0);
    assert.ok(30 >= Math.max(...preStop) + SERVER_LIMITS.drainMs / 1000 + 7);
  });

  it("names the ArgoCD version that sends a repository_dispatch itself", () => {
    const { text } = documentOf("docs/alternatives.md");
    assert.match(text, /ArgoCD 3\.4\.0 and newer can send a `repository_dispatch`/);
    assert.deepEqual(found(/(3\.3\.7)/g), []);
  });

  it("has each section of the changelog once in a version", () => {
    const versions = readFileSync(new URL("../CHANGELOG.md", import.meta.url), "utf8")
      .split(/^## /m)
      .slice(1);
    assert.ok(versions.length > 0);
    for (const version of versions) {
      const sections = [...version.matchAll(/^### (.*)$/gm)].map(([, section]) => section);
      assert.deepEqual(sections, [...new Set(sections)]);
    }
  });
});
