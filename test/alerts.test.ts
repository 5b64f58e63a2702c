import assert from "node:assert/strict";
import { globSync, readFileSync } from "node:fs";
import { describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { load } from "js-yaml";
import { promtool } from "./support/promtool.ts";
import { deploy, notify, send, startService, TOKEN } from "./support/service.ts";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const read = (file: string) => readFileSync(`${ROOT}${file}`, "utf8");
const rules = read("deploy/prometheus/rules.yaml");
const dashboard = read("deploy/grafana/dashboard.json");
const namesIn = (text: string, pattern: RegExp) => [
  ...new Set([...text.matchAll(pattern)].map(([, name = ""]) => name)),
];
const alerts = namesIn(rules, /^ +- alert: (\w+)$/gm);

type Rule = {
  readonly alert: string;
  readonly for?: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
};

describe("the alerts", () => {
  it("are silent, fire, and clear", (t) => {
    const files = globSync("deploy/prometheus/*.test.yaml", { cwd: ROOT });
    const tested = promtool(t, ["test", "rules", ...files.map((file) => `${ROOT}${file}`)]);
    if (tested) assert.equal(tested.code, 0, tested.output);
    const cases = files.flatMap((file) => read(file).split("\n  - interval:").slice(1));
    for (const alert of alerts) {
      const itsCases = cases.filter((each) => each.includes(`name: ${alert}\n`));
      assert.ok(
        itsCases.some((each) => /exp_labels/.test(each) && /exp_alerts: \[\]\s*$/.test(each)),
        alert,
      );
    }
  });

  it("wait before they fire, and link to what to do", () => {
    const { groups } = load(rules) as { groups: { rules: Rule[] }[] };
    const each = groups.flatMap(({ rules }) => rules);
    const headings = namesIn(read("docs/operations.md"), /^#+ (.+)$/gm);
    // GitHub's anchors of headings.
    const anchors = headings.map((text) =>
      text
        .toLowerCase()
        .replace(/[^\w -]/g, "")
        .replaceAll(" ", "-"),
    );
    assert.equal(each.length, alerts.length);
    for (const { alert, for: wait = "", annotations, labels } of each) {
      assert.match(wait, /^[1-9]\d*[mh]$/, alert);
      const [page, anchor = ""] = (annotations.runbook_url ?? "").split("#");
      assert.equal(page, "https://github.com/OWNER/gh-runner/blob/main/docs/operations.md", alert);
      assert.equal(anchor, alert.toLowerCase());
      assert.ok(anchors.includes(anchor), anchor);
      assert.ok(annotations.summary && annotations.description && /^(warning|critical)$/.test(labels.severity ?? ""));
    }
  });

  it("have one heading each in docs/operations.md, which has no other headings", () => {
    assert.ok(alerts.length > 5);
    assert.deepEqual(namesIn(read("docs/operations.md"), /^### (GhRunner\w+)$/gm).sort(), [...alerts].sort());
  });
});

describe("the rules and the dashboard", () => {
  it("name only metrics that the service exposes", async (t) => {
    const { github, url } = await startService(t, { github: { limits: { primaryPerHour: 5000 } } });
    github.token(TOKEN, { expiresAt: Date.now() + 86_400_000_000 });
    deploy(github, "pr-1", "abc");
    await notify(url, { application: "pr-1" });
    const { text } = await send(url, { path: "/metrics" });
    const exposed = new Set(namesIn(text, /^(\w+)[{ ]/gm));
    for (const [file, content] of Object.entries({ rules, dashboard })) {
      const named = namesIn(content, /\b((?:gh_runner|process)_\w+)/g);
      assert.ok(named.length > 5);
      for (const name of named) assert.ok(exposed.has(name), `${file}: ${name}`);
    }
  });

  it("show every metric of the service", async (t) => {
    const { url } = await startService(t);
    const { text } = await send(url, { path: "/metrics" });
    for (const name of namesIn(text, /^# TYPE (gh_runner_\w+)/gm)) assert.ok(dashboard.includes(name), name);
  });
});
