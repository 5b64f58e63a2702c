import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Command } from "commander";
import { commandLine } from "../src/cli/command-line.ts";
import { configurationReference } from "../src/service/config/config.ts";
import { command as runCommand } from "./support/command.ts";

/** A terminal has this number of columns. */
const COLUMNS = 80;

const tree = (command: Command): readonly Command[] => [command, ...command.commands.flatMap(tree)];

const nameOf = (command: Command): string =>
  command.parent ? `${nameOf(command.parent)} ${command.name()}` : command.name();

function helpOf(command: Command): string {
  let help = "";
  const writeOut = (text: string) => {
    help += text;
  };
  command.configureOutput({ writeOut, getOutHelpWidth: () => COLUMNS });
  command.outputHelp();
  return help;
}

/** The command lines under "Examples:". */
function examplesIn(help: string): readonly string[] {
  const [, section = ""] = /^Examples:\n((?: .*\n)+)/m.exec(help) ?? [];
  return [...section.matchAll(/^ {2}\$ (.*)$/gm)].map(([, line = ""]) => line);
}

/** The words of a command line as a shell passes them, without redirections and piped commands. */
function wordsOf(line: string): readonly string[] {
  const [command = ""] = line.split(/ [<>|] /);
  return [...command.matchAll(/'([^']*)'|"([^"]*)"|(\S+)/g)].map(
    ([, single, double, plain = ""]) => single ?? double ?? plain,
  );
}

/** The command that would run, after commander's checks of arguments and options. */
async function parsed(words: readonly string[]): Promise<string> {
  const program = commandLine();
  let ran = "";
  for (const each of tree(program)) {
    each.exitOverride().configureOutput({ writeErr() {}, outputError() {} });
    if (each.commands.length > 0) continue;
    each.action(() => {
      ran = nameOf(each);
    });
  }
  await program.parseAsync([...words], { from: "user" });
  return ran;
}

/** The variables under "Environment:", with their meanings. */
function environmentIn(help: string): ReadonlyMap<string, string> {
  const [, section = ""] = /^Environment:\n((?: .*\n)+)/m.exec(help) ?? [];
  return new Map([...section.matchAll(/^ {2}(\w+) {2,}(.*)$/gm)].map(([, name = "", meaning = ""]) => [name, meaning]));
}

/** Values that no setting accepts. A command that reads one names it, and does nothing. */
const INVALID = { GH_RUNNER_URL: "x", PORT: "x", DATABASE_SCHEMA: "X", DATABASE_URL: "x" };

/** The default and the meaning of each setting in docs/configuration.md. */
const described = new Map(
  [...configurationReference().matchAll(/^\| `(\w+)`.*? \| (.*?) \| (.*) \|$/gm)].map(
    ([, name = "", fallback = "", about = ""]) => [name, { fallback, about }],
  ),
);

describe("the help of each command", () => {
  const all = tree(commandLine());

  it("covers every command", () => {
    assert.ok(all.length >= 26, String(all.length));
  });

  it("is named after wrong arguments and options", async () => {
    for (const [args, said] of [
      [["nope"], "error: unknown command 'nope'\ngh-runner --help lists the commands.\n"],
      [
        ["runs", "show"],
        "error: missing required argument 'run'\ngh-runner runs show --help lists its arguments and options.\n",
      ],
    ] as const) {
      assert.deepEqual(await runCommand(args), { code: 1, stdout: "", stderr: said });
    }
  });

  for (const command of all) {
    const name = nameOf(command);
    const help = helpOf(command);

    it(`says in one line what it is for: ${name}`, () => {
      const [usage = "", empty, purpose = "", after] = help.split("\n");
      assert.match(usage, /^Usage: /);
      assert.equal(empty, "");
      assert.match(purpose, /^[A-Z].*[^.]$/);
      assert.equal(after, "", `the purpose takes more than a line: ${purpose}`);
      const { parent } = command;
      if (parent)
        assert.ok(helpOf(parent).includes(` ${purpose}\n`), `more than a line in the help of ${nameOf(parent)}`);
    });

    it(`explains every option in plain words: ${name}`, () => {
      for (const { flags, description } of command.createHelp().visibleOptions(command)) {
        assert.match(description, /^[A-Z].*[^.;]$/, flags);
        assert.ok(description.length <= 110, `${flags}: ${description.length} characters`);
      }
    });

    if (command.commands.length === 0)
      it(`names the variables that it reads: ${name}`, async () => {
        const [line = ""] = examplesIn(help);
        const [, ...args] = wordsOf(line.replace(/^(?:[A-Z_]+=\S+ )+/, ""));
        const { stdout, stderr } = await runCommand(args, INVALID);
        const said = stdout + stderr;
        const names = [...environmentIn(help).keys()];
        const reads = Object.keys(INVALID).filter((each) => said.includes(`${each}: `));
        assert.ok(reads.length > 0, said);
        if (reads.includes("GH_RUNNER_URL")) {
          assert.deepEqual(names, ["GH_RUNNER_URL", "GH_RUNNER_TOKEN", "GH_RUNNER_TOKEN_FILE"]);
        } else {
          assert.ok(names.length > 0, help);
          assert.match(help, /^All settings: docs\/configuration\.md$/m);
          if (!reads.includes("PORT")) assert.deepEqual(names, ["DATA_DIR", "DATABASE_URL"]);
        }
      });

    it(`explains variables in the words of docs/configuration.md: ${name}`, () => {
      for (const [variable, text] of environmentIn(help)) {
        assert.ok(`  ${variable}  ${text}`.length <= COLUMNS);
        if (variable.endsWith("_FILE")) continue;
        const [, meaning = "", fallback] = /^(.*?)(?: \(default: (.*)\))?$/.exec(text) ?? [];
        const its = described.get(variable);
        assert.ok(its?.about.replaceAll("`", "").startsWith(meaning), `${variable}: ${meaning}`);
        const isShown = its?.fallback !== "unset" && !variable.endsWith("_REPO");
        assert.equal(fallback, isShown ? its?.fallback.replaceAll("`", "") : undefined, variable);
      }
    });

    it(`has two examples that work: ${name}`, async () => {
      const examples = examplesIn(help);
      assert.ok(examples.length >= 2, help);
      for (const line of examples) {
        assert.ok(line.length <= COLUMNS - 4, line);
        const [program, ...args] = wordsOf(line.replace(/^(?:[A-Z_]+=\S+ )+/, ""));
        assert.equal(program, "gh-runner");
        const ran = await parsed(args);
        assert.ok(ran === name || (command.commands.length > 0 && ran.startsWith(`${name} `)), `${line} runs ${ran}`);
      }
    });
  }
});
