import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Command } from "commander";
import { commandLine } from "../src/cli/command-line.ts";

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

describe("the help of each command", () => {
  const all = tree(commandLine());

  it("covers every command", () => {
    assert.ok(all.length >= 26, String(all.length));
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
