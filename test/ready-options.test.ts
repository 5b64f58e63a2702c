import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, it } from "node:test";
import { autoMerge, labeler, lockThreads, pullRequestTitle, stale } from "../src/workflows/index.ts";
import { send, startService } from "./support/service.ts";
import { workflowsFolder } from "./support/workflows.ts";

/** The inputs of each action in its `action.yml`, and a value for inputs that are not strings. */
const ACTIONS = {
  stale: {
    make: stale as Make,
    inputs: `repo-token stale-issue-message stale-pr-message close-issue-message close-pr-message days-before-stale
      days-before-issue-stale days-before-pr-stale days-before-close days-before-issue-close days-before-pr-close
      stale-issue-label close-issue-label exempt-issue-labels close-issue-reason stale-pr-label close-pr-label
      exempt-pr-labels exempt-milestones exempt-issue-milestones exempt-pr-milestones exempt-all-milestones
      exempt-all-issue-milestones exempt-all-pr-milestones only-labels any-of-labels any-of-issue-labels any-of-pr-labels
      only-issue-labels only-pr-labels operations-per-run remove-stale-when-updated remove-issue-stale-when-updated
      remove-pr-stale-when-updated debug-only ascending sort-by delete-branch start-date exempt-assignees
      exempt-issue-assignees exempt-pr-assignees exempt-all-assignees exempt-all-issue-assignees exempt-all-pr-assignees
      exempt-draft-pr enable-statistics labels-to-add-when-unstale labels-to-remove-when-stale
      labels-to-remove-when-unstale ignore-updates ignore-issue-updates ignore-pr-updates include-only-assigned
      only-issue-types`,
    sample: (name: string): unknown => {
      if (/^days|^operations/.test(name)) return 30;
      if (/^(exempt-all|exempt-draft|ignore|remove|debug|delete|enable|ascending|include)/.test(name)) return true;
      if (name === "close-issue-reason") return "completed";
      if (name === "sort-by") return "updated";
      return name === "start-date" ? "2026-04-18T00:00:00Z" : "one, two";
    },
    wrong: [{ timezone: "UTC", cron: 5 }, /is not known: did you mean timeZone\?; cron must be text$/],
  },
  lockThreads: {
    make: lockThreads as Make,
    inputs: [
      "github-token process-only log-output",
      "issue-inactive-days pr-inactive-days discussion-inactive-days issue-comment pr-comment discussion-comment",
      "issue-lock-reason pr-lock-reason",
      ...["issue", "pr", "discussion"].map(
        (kind) => `exclude-${kind}-created-before exclude-${kind}-created-after exclude-${kind}-created-between
          exclude-${kind}-closed-before exclude-${kind}-closed-after exclude-${kind}-closed-between
          include-any-${kind}-labels include-all-${kind}-labels exclude-any-${kind}-labels
          add-${kind}-labels remove-${kind}-labels`,
      ),
    ].join(" "),
    sample: (name: string): unknown => {
      if (name.endsWith("days")) return 90;
      if (name.endsWith("between")) return "2018-01-01T00:00:00Z/2019-12-31T23:59:59.999Z";
      if (/(before|after)$/.test(name)) return "2018-01-01T00:00:00Z";
      if (name.endsWith("reason")) return "too heated";
      if (name === "log-output") return true;
      return name === "process-only" ? "issues, prs" : "one, two";
    },
    wrong: [{ timezone: "UTC", cron: 5 }, /is not known: did you mean timeZone\?; cron must be text$/],
  },
  labeler: {
    make: labeler as Make,
    inputs: "repo-token configuration-path sync-labels dot pr-number",
    sample: (name: string): unknown => (/sync|dot/.test(name) ? true : "one"),
    wrong: [{ synclabels: true, dot: "yes" }, /is not known: did you mean syncLabels\?; dot must be true or false$/],
  },
  pullRequestTitle: {
    make: pullRequestTitle as Make,
    inputs: `types scopes requireScope disallowScopes subjectPattern subjectPatternError validateSingleCommit
      validateSingleCommitMatchesPrTitle githubBaseUrl ignoreLabels headerPattern headerPatternCorrespondence wip`,
    sample(name: string): unknown {
      if (/^(require|validate|wip)/.test(name)) return true;
      return /^subject|Pattern$|Url$/.test(name) ? "^a" : ["one", "two"];
    },
    wrong: [{ scope: ["a"], types: ["("] }, /is not known: did you mean scopes\?; types must be a list of words/],
  },
  autoMerge: {
    make: autoMerge as Make,
    // Options of dependabot/fetch-metadata and of peter-evans/enable-pull-request-automerge.
    inputs: `alert-lookup compat-lookup github-token skip-commit-verification skip-verification
      token repository pull-request-number merge-method`,
    sample(name: string): unknown {
      if (/^(alert|compat|skip)/.test(name)) return true;
      return name === "merge-method" ? "squash" : "one";
    },
    wrong: [
      { updateType: [], mergeMethod: "fast" },
      /did you mean updateTypes\?; mergeMethod must be one of merge, squash/,
    ],
  },
} satisfies Record<string, Replaced>;

type Make = (options: object) => { readonly name: string };
type Replaced = {
  readonly make: Make;
  readonly inputs: string;
  readonly sample: (name: string) => unknown;
  /** Options with a misspelt name and a wrong value, and the message about them. */
  readonly wrong: [object, RegExp];
};

const DOCUMENT = readFileSync(new URL("../docs/ready-made.md", import.meta.url), "utf8");

const camelCase = (name: string) => name.replace(/-(\w)/g, (_, letter: string) => letter.toUpperCase());

/** Option → the text in its row of the table. */
function documented(workflow: string): ReadonlyMap<string, { readonly here: string; readonly words: string }> {
  const [, section = ""] = DOCUMENT.split(`\n## ${workflow}\n`);
  const rows = [...(section.split("\n## ")[0] ?? "").matchAll(/^\| (`.*?) \| (supported|better|rejected) \|(.*)\|$/gm)];
  return new Map(
    rows.flatMap(([, names = "", here = "", words = ""]) =>
      [...names.matchAll(/`(\w+)`/g)].map(([, name = ""]) => [name, { here, words: words.trim() }] as const),
    ),
  );
}

for (const [workflow, { make, inputs, sample, wrong }] of Object.entries(ACTIONS)) {
  describe(`the options of ${workflow}`, () => {
    const table = documented(workflow);
    const names = inputs.split(/\s+/);

    it("are those of the action, all in the table, and no others", () => {
      assert.deepEqual([...table.keys()].sort(), names.map(camelCase).sort());
    });

    for (const name of names) {
      it(`${name} is accepted or rejected, as the table says`, () => {
        const { here, words } = table.get(camelCase(name)) ?? assert.fail("no row");
        const define = () => make({ [camelCase(name)]: sample(name) });
        if (here !== "rejected")
          return assert.equal(
            define().name,
            workflow.replace(/[A-Z]/g, (it) => `-${it.toLowerCase()}`),
          );
        assert.ok(words.length > 0);
        assert.throws(define, (error: Error) => error.message.includes(words.replaceAll("`", "")));
      });

      it(`${name} in the spelling of the action's file causes a message with its name here`, () => {
        if (!name.includes("-")) return;
        assert.throws(
          () => make({ [name]: sample(name) }),
          (error: Error) => error.message.includes(camelCase(name)) || /not supported/.test(error.message),
        );
      });
    }

    it("are checked: a wrong value, a misspelt name, everything together", () => {
      assert.throws(() => make(wrong[0]), wrong[1]);
    });
  });
}

function messageOf(define: () => unknown): string {
  try {
    define();
  } catch (error) {
    return (error as Error).message;
  }
  return assert.fail("it was taken");
}

describe("the options of every ready-made workflow", () => {
  it("include the receivers of its notices", () => {
    const targets = ["SLACK_DEPLOYS", { to: "OPS", on: ["failure"], as: "teams" }] as const;
    assert.deepEqual(lockThreads({ notify: targets }).notify, targets);
    assert.equal(lockThreads({ notify: false }).notify, false);
    assert.equal("notify" in lockThreads({}), false);
    assert.match(
      messageOf(() => lockThreads({ notify: true as never })),
      /notify must be the name of a variable .*, or false$/,
    );
  });
});

describe("the options of lockThreads", () => {
  it("cause a message for a wrong value", () => {
    const wrong = {
      processOnly: "issue",
      prInactiveDays: 5000,
      excludePrCreatedBetween: "2020-01-01/2019-01-01",
      excludeIssueClosedBefore: "soon",
      issueLockReason: "rude",
    };
    assert.throws(
      () => lockThreads(wrong as never),
      /processOnly must be a list of .*issues, prs, discussions; prInactiveDays must be a number of days from 0 to 3650; excludePrCreatedBetween must be two dates, the earlier one first, such as .*; excludeIssueClosedBefore must be a date, such as .*; issueLockReason must be one of/,
    );
  });

  it("are mapped from old names to new ones, with one list of all", () => {
    const earlier = { issueLockInactiveDays: 30, issueExcludeCreatedBefore: "2019-01-01", wrong: 1, other: 2 };
    const message = messageOf(() => lockThreads(earlier as never));
    assert.match(message, /issueLockInactiveDays is not known: did you mean issueInactiveDays\?/);
    assert.match(message, /issueExcludeCreatedBefore is not known: did you mean excludeIssueCreatedBefore\?/);
    assert.match(message, /; wrong is not known; other is not known; use one of name, githubToken, /);
    assert.equal(message.split("use one of").length, 2);
  });

  it("are numbers and booleans, not strings as in a file", () => {
    const quoted = { issueInactiveDays: "30", logOutput: "true", issueComment: "30" };
    assert.equal(
      messageOf(() => lockThreads(quoted as never)),
      "lockThreads(): issueInactiveDays must be a number of days from 0 to 3650, without quotation marks; logOutput must be true or false, without quotation marks",
    );
  });

  it("are typed", () => {
    // @ts-expect-error: discussions have no reason
    assert.throws(() => lockThreads({ discussionLockReason: "spam" }), /discussionLockReason is not known/);
    // @ts-expect-error: misspelt
    assert.throws(() => lockThreads({ issueInactiveDay: 90 }), /did you mean issueInactiveDays\?/);
    lockThreads({ excludeIssueCreatedBetween: ["2018-01-01", "2019-01-01"], addPrLabels: ["a"], processOnly: "prs" });
  });
});

describe("the examples of docs/ready-made.md", () => {
  it("are workflows of a service", async (t) => {
    const blocks = [...DOCUMENT.matchAll(/```ts\n([\s\S]*?)```/g)].map(([, code = ""]) => code);
    const whole = blocks.filter((code) => code.includes("export default"));
    assert.ok(whole.length >= 5);
    const names = [...new Set(whole.join().match(/\b(?:autoMerge|labeler|lockThreads|pullRequestTitle|stale)\b/g))];
    const files = whole.map((code, at) => {
      const its = code.includes("import ")
        ? code
        : `import { ${names.join(", ")} } from "gh-runner/workflows";\n${code}`;
      // Two workflows of one kind need two names.
      return [
        `example-${at}.ts`,
        its.replace(/export default (\w+)\(/, `const made = $1(`) +
          `\nexport default { ...made, name: \`\${made.name}-${at}\` };\n`,
      ];
    });
    const settings = {
      WORKFLOWS_DIR: workflowsFolder(t, Object.fromEntries(files)),
      GITHUB_WEBHOOK_SECRET: "of the webhook",
    };
    const { url } = await startService(t, { settings });
    const { workflows } = (await send(url, { path: "/api/workflows" })).json;
    assert.equal(workflows.filter(({ name }: { name: string }) => /-\d+$/.test(name)).length, whole.length);
  });
});

describe("the options of stale", () => {
  it("cause a message for a wrong value", () => {
    const wrong = {
      daysBeforeStale: "60",
      startDate: "soon",
      sortBy: "age",
      ascending: "true",
      onlyLabels: 5,
      operationsPerRun: 0,
    };
    assert.throws(
      () => stale(wrong as never),
      (error: Error) => {
        for (const part of [
          "daysBeforeStale must be a number of days, such as 60; -1 is never",
          'startDate must be a date, such as "2026-04-18T00:00:00Z"',
          "sortBy must be one of created, updated, comments",
          "ascending must be true or false",
          'onlyLabels must be names, such as ["one", "two"] or "one, two"',
          "operationsPerRun must be a whole number, 1 or more",
        ]) {
          assert.ok(error.message.includes(part), `${part} in ${error.message}`);
        }
        return true;
      },
    );
  });

  it("are typed", () => {
    assert.throws(
      // @ts-expect-error: the token's variable is named by githubToken
      () => stale({ repoToken: "GITHUB_TOKEN" }),
      /repoToken is not supported: githubToken names the variable/,
    );
    // @ts-expect-error: misspelt
    assert.throws(() => stale({ daysBeforeStal: 30 }), /daysBeforeStal is not known: did you mean daysBeforeStale\?/);
    // @ts-expect-error: a number
    assert.throws(() => stale({ daysBeforeStale: "30" }), /must be a number of days/);
    stale({ onlyLabels: ["a", "b"], exemptIssueLabels: "a,b", closeIssueReason: "" });
  });
});
