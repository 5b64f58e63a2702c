import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { getOperationAST, parse } from "graphql";
import { operationIn, parseDocument } from "../src/github/graphql/document.ts";
import { heldBack, isQuery } from "../src/github/graphql/request.ts";

const numRuns = Number(process.env.PROPERTY_RUNS ?? 300);

const kindOf = (text: string, name?: string) => operationIn(parseDocument(text), name)?.kind;

/** What the reference implementation of GraphQL would execute. Undefined if it would not. */
function byReference(text: string, name?: string): string | undefined {
  try {
    return getOperationAST(parse(text), name)?.operation;
  } catch {
    return undefined;
  }
}

describe("whether a GraphQL document changes something", () => {
  const mutation = "mutation { addStar(input: { starrableId: 1 }) { clientMutationId } }";
  const cases: readonly [string, string, string?][] = [
    ["query", "{ viewer { login } }"],
    ["query", "query { viewer { login } }"],
    ["query", "query mutation { viewer { login } }"],
    [
      "query",
      'query Q($a: [Int!]! = [1, 2] @x(y: { z: 1 }), $b: In = { c: "}" }) @d { a: b(c: $a) { ...F } } fragment F on T { id }',
    ],
    ["query", "# mutation {\n{ viewer { login } }"],
    ["query", "#}\r{ mutation }"],
    ["query", "\ufeff,, { a(b: -1.5e3, c: null, d: ENUM, e: [true]) }"],
    ["query", '{ a(b: "} mutation {") }'],
    ["query", '{ a(b: "\\"} mutation { ") }'],
    ["query", '{ a(b: """} mutation { \\""" } """) }'],
    ["query", '{ a(b: """""") }'],
    ["query", "{ ... { a } ... @include(if: true) { b } ... on T { c } ...on }"],
    ["query", `query A { a } ${mutation}`, "A"],
    ["mutation", mutation],
    ["mutation", `fragment F on T { id } ${mutation}`],
    ["mutation", `# a comment\n, ${mutation}`],
    ["mutation", `query A { a } mutation B { b }`, "B"],
    ["subscription", "subscription { a }"],
  ];
  for (const [kind, text, name] of cases) {
    it(`${JSON.stringify(text)}${name ? `, ${name}` : ""}: ${kind}`, () => {
      // A fragment cannot have the name "on"; the reference agrees.
      if (!text.includes("...on }")) assert.equal(byReference(text, name), kind);
      assert.equal(kindOf(text.replace(" ...on }", " }"), name), kind);
    });
  }

  const unsure: readonly [string, string?][] = [
    [""],
    ["   # nothing"],
    ["fragment F on T { id }"],
    ["query A { a } query B { b }"],
    ["query A { a } mutation B { b }"],
    ["query A { a } mutation A { b }", "A"],
    ["query A { a }", "B"],
    ["{ a }", ""],
    ["{ a } mutation { b }"],
    ["{ a"],
    ["{ a }}"],
    ["{}"],
    ["{ a(b: ) "],
    ["{ a(b: [}] ) }"],
    ['{ a(b: "} }'],
    ['{ a(b: "\n") }'],
    ['{ a(b: """ \\""" }'],
    ["{ a(b: 01) }"],
    ["{ a ? }"],
    ["type T { a: Int }"],
    ["extend type Query { a: Int }"],
    ["Query { a }"],
    ["MUTATION { a }"],
    [`${"{ a ".repeat(10_000)}${"}".repeat(10_000)}`],
  ];
  for (const [text, name] of unsure) {
    it(`${JSON.stringify(text.slice(0, 60))}${name === undefined ? "" : `, ${name}`}: not certain`, () => {
      assert.equal(kindOf(text, name), undefined);
      assert.equal(isQuery({ query: text, operationName: name }), false);
    });
  }

  it("takes only a moment for 5 MB", () => {
    const long = "x".repeat(5_000_000);
    for (const text of [
      `{ a(b: "${long}") }`,
      `{ a(b: """${long}""") }`,
      `{ a } #${long}`,
      `{ ${" ".repeat(5e6)} a }`,
    ]) {
      assert.equal(kindOf(text), "query");
    }
    assert.equal(kindOf(`{ a(b: """${long}`), undefined);
  });

  const name = fc.constantFrom("a", "query", "mutation", "subscription", "fragment", "_1", "on2", "type");
  const ignored = fc.constantFrom(" ", ",", "\n", "\r\n", "\t", "# mutation { x }\n", '# " """\r', "\ufeff");
  const text = fc.oneof(
    fc.string({ maxLength: 6 }).map((each) => JSON.stringify(each.replace(/[^ -~]/g, ""))),
    fc.constantFrom('"} mutation {"', '"\\""', '"""', '""""""', '"""a\\"""b"""', '"""} # mutation { """', '"\\u0022"'),
  );
  const word = fc.oneof(
    name,
    text,
    fc.constantFrom("{", "}", "(", ")", "[", "]", ":", "$", "!", "=", "@", "...", "|", "&", "on", "0", "-1.5e3", "1a"),
    fc.constantFrom(
      "mutation M { a }",
      "query Q { a }",
      "{ a }",
      "fragment F on T { a }",
      "($a: Int = 1)",
      "(b: {c: [1]})",
    ),
  );

  it("is never taken for a query when it is not one, for random words", () => {
    const words = fc.array(fc.tuple(word, ignored), { maxLength: 14 }).map((all) => all.flat().join(""));
    fc.assert(
      fc.property(words, fc.constantFrom(undefined, "M", "Q"), (document, operationName) => {
        const reference = byReference(document, operationName);
        const ours = kindOf(document, operationName);
        if (reference !== undefined) assert.ok(ours === reference || ours === undefined, `${ours}: ${document}`);
      }),
      { numRuns: numRuns * 10 },
    );
  });

  /** Valid documents in many spellings. */
  const documents = fc.letrec<{ value: string; args: string; selection: string; selections: string }>((tie) => ({
    value: fc.oneof(
      { maxDepth: 3 },
      text.filter((each) => each !== '"""'),
      fc.constantFrom("1", "-0.5", "null", "true", "ENUM", "$v"),
      tie("value").map((each) => `[${each} ${each}]`),
      tie("value").map((each) => `{ k: ${each} }`),
    ),
    args: fc.oneof(
      fc.constant(""),
      tie("value").map((each) => `(x: ${each}, y: 1)`),
    ),
    selection: fc.oneof(
      { maxDepth: 4 },
      fc.tuple(name, tie("args")).map((all) => all.join("")),
      fc
        .tuple(name, name, tie("args"), tie("selections"))
        .map(([a, b, c, d]) => `${a}: ${b}${c} @skip(if: false) ${d}`),
      fc.constantFrom("...F", "... F @d", "__typename"),
      tie("selections").map((each) => `... on T ${each}`),
      tie("selections").map((each) => `... @include(if: true) ${each}`),
    ),
    selections: fc
      .tuple(fc.array(tie("selection"), { minLength: 1, maxLength: 3 }), ignored)
      .map(([all, between]) => `{${all.join(` ${between}`)}}`),
  }));
  const definition = fc.oneof(
    fc
      .tuple(
        fc.constantFrom("query", "mutation", "subscription"),
        fc.constantFrom("", " A", " B"),
        documents.selections,
      )
      .map(([kind, operation, rest]) => `${kind}${operation} ($v: [In!]! = 1 @d) @d(a: ")") ${rest}`),
    documents.selections,
    documents.selections.map((rest) => `fragment F on T @d ${rest}`),
  );

  it("is found in every valid document", () => {
    const all = fc
      .array(fc.tuple(definition, ignored), { minLength: 1, maxLength: 3 })
      .map((each) => each.flat().join(""));
    fc.assert(
      fc.property(all, fc.constantFrom(undefined, "A", "B"), (document, operationName) => {
        const reference = byReference(document, operationName);
        const ours = kindOf(document, operationName);
        // With duplicate names the result is not certain.
        const names = [...document.matchAll(/(?:query|mutation|subscription) [AB] |fragment F /g)].map(String);
        const isValid = new Set(names.map((each) => each.slice(-2))).size === names.length;
        if (isValid && reference !== undefined) assert.equal(ours, reference, document);
        else assert.ok(ours === reference || ours === undefined, document);
      }),
      { numRuns },
    );
  });
});

describe("the result of a mutation that was not sent", () => {
  it("has the requested fields", () => {
    const query = `mutation($a: ID!) {
      added: addProjectV2ItemById(input: { projectId: $a, contentId: $a }) { item { id isArchived ...More ... on T { number } } }
      closeIssue(input: { issueId: $a }) { issue { databaseId labels(first: 9) { totalCount nodes { name } pageInfo { hasNextPage endCursor } } } }
    }
    fragment More on ProjectV2Item { project { id title } ...More }`;
    assert.deepEqual(heldBack({ query }), {
      added: {
        item: { id: "not-sent", isArchived: null, project: { id: "not-sent", title: null }, number: 0 },
      },
      closeIssue: {
        issue: {
          databaseId: 0,
          labels: { totalCount: 0, nodes: [], pageInfo: { hasNextPage: false, endCursor: null } },
        },
      },
    });
  });

  it("is empty when it cannot be read", () => {
    assert.deepEqual(heldBack({ query: "mutation {" }), {});
    assert.deepEqual(heldBack({}), {});
  });
});
