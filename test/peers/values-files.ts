import { type Chance, chanceOf } from "../support/random.ts";

/**
 * Values files as people write them, and as people break them. The shapes come from published charts: comments of helm-docs
 * and of Bitnami, empty maps, lists in the column of their key, block texts, brackets over several lines, anchors, and
 * leftovers of editors.
 * @returns `count` files, the same for the same seed.
 */
export function valuesFiles(count: number, seed: number): readonly string[] {
  const chance = chanceOf(seed);
  return Array.from({ length: count }, () => {
    const file = valuesFile(chance);
    return (chance.next() < 0.5 ? file : spoilt(file, chance)).toWellFormed();
  });
}

const maybe = (chance: Chance, share: number, text: string) => (chance.next() < share ? text : "");

const TAGS = [
  ...[
    "5b7c9e1",
    "0012345",
    "1e10",
    "123e4567",
    "true",
    "null",
    "~",
    "0x1F",
    "1_000",
    ".inf",
    "12:30:45",
    "<<",
    "v1.2.3",
  ],
  ...[
    "a b  c",
    "a: b".replace(": ", ":"),
    "x#y",
    "x #y",
    "-x",
    "- x",
    "?x",
    ":x",
    "@x",
    "%x",
    "!x",
    "*x",
    "&x y",
    "a\tb",
    "…",
    "😀",
  ],
  ...[
    '"5b7c9e1"',
    "'5b7c9e1'",
    '"a\\tb\\u00e9"',
    "'it''s'",
    '"a \\\n    b"',
    '"a\n\n  b"',
    "'a\n    b\n  c'",
    '""',
    "''",
    '"\\x41\\/"',
  ],
  ...[
    "|\n      5b7c9e1\n",
    "|-\n      5b7c9e1",
    ">-\n      a\n      b\n\n      c",
    "|+\n      a\n\n",
    "|2-\n      a",
    ">\n      a\n       b\n",
  ],
  ...[
    "!!str 012",
    "!vault x",
    "! x",
    "!!binary aGk=",
    "&tag 5b7c9e1",
    "*known",
    "[a]",
    "{a: b}",
    "",
    "a\n      b",
    "a\n      # no\n",
  ],
];

const OTHERS = [
  "replicaCount: 1",
  'image:\n  repository: nginx\n  pullPolicy: IfNotPresent\n  # Overrides the image tag.\n  tag: ""',
  '## @section Common parameters\n##\n\n## @param nameOverride String to override\n##\nnameOverride: ""',
  "# -- (int) Number of replicas\n# @default -- `1`\nreplicas:",
  "imagePullSecrets: []\npodAnnotations: {}",
  "podSecurityContext: {}\n  # fsGroup: 2000",
  "securityContext: {}\n# capabilities:\n#   drop:\n#   - ALL",
  "ingress:\n  hosts:\n    - host: chart-example.local\n      paths: []\n  tls: []\n  #  - secretName: x\n  #    hosts:\n  #      - y",
  'env:\n- name: A\n  value: "1"\n- name: B\n  valueFrom: {fieldRef: {fieldPath: metadata.name}}',
  "list:\n-\n- a\n-   - b\n    - c\n- {x: 1,}",
  "args: [\n  --a,\n  --b=c,\n]",
  "args: [\n  \"--a\",\n  '--b'\n  ]",
  "map: {\n  a: 1,\n  b: [x, y],\n}",
  "map: { a: {b: c\n}, d\n}",
  "config: |\n  # not a comment\n  a: b\n\n    c\n  \td\n\nnext: 1",
  "config: |-\n\n   first is empty\n   second\nafter: x",
  "script: >\n  a\n  b\n\n  c\n   d\n",
  "text: |4\n      four\n",
  'quoted: "first\nsecond\n  third"',
  "quoted: 'first\n\n\nsecond'",
  'quoted: "a\\\n   b\\n"',
  "plain: a\n  b\n\n  c",
  "url: http://example.com:80/a?b=c#d",
  "\"quoted key\": 1\n'other': 2\n? explicit\n: value\n? |\n  block\n: - x",
  "base: &base\n  DEPLOYMENT_TAG: merged\n  x: 1",
  "bases: &bases\n  - &one {config: {DEPLOYMENT_TAG: one}}\n  - *one",
  "alias: *known",
  "empty:\nnulled: ~\nnothing: null",
  "unicode: Ünïcödé 😀 “x”",
  "😀: {b: c}",
  'nel: a\u0085  b\nls: "a\u2028b"',
  "tab:\tvalue\t# comment",
  "   ",
  "",
  "key with spaces: yes\nkey:with:colons: x\n-key: 1\n1: 2\ntrue: false",
  `long: ${"x".repeat(200)}`,
  "tagged: !!map {a: !!int 1}\nset: !!set {a, b}\nother: !<tag:example.com,2000:x> y",
  "    # a comment that stands elsewhere",
  "# one\n\t# two\n\t\n \t# three",
  "deep: [[[[[[{a: [{b: [c]}]}]]]]]]",
];

/** Syntax that yaml.v3 reads rarely or never. */
const DOUBTFUL = [
  `${"k".repeat(1030)}: too long for a key`,
  "{{- if .Values.x }}",
  "a: b: c",
  "a:\n b:\n   c: 1\n  d: 2",
  "flow: [a: b, ? c, ? d : e, : f]",
  "flow: [? ]]",
  "dup: 1\ndup: 2",
  "\t",
  "bad: @x",
  "bad: 'x\n---\ny'",
];

function valuesFile(chance: Chance): string {
  // Each once, because a duplicate key is an error.
  const others = new Set(Array.from({ length: chance.between(0, 6) }, () => chance.pick(OTHERS)));
  if (chance.next() < 0.1) others.add(chance.pick(DOUBTFUL));
  const [before, after] = [[...others].slice(0, 3), [...others].slice(3)];
  const text = [
    maybe(chance, 0.2, chance.pick(["---", "--- # values", "%YAML 1.1\n---", "# comment\n---", "---\n---", "--- "])),
    maybe(chance, 0.3, "known: &known 5b7c9e1"),
    ...before,
    wanted(chance),
    ...after,
    maybe(
      chance,
      0.15,
      chance.pick(["---\nglobal: {config: {DEPLOYMENT_TAG: second}}", "...", "---\na: [", "...\n%TAG", "---\n\ta: 1"]),
    ),
  ]
    .filter((part) => part !== "" || chance.next() < 0.5)
    .join("\n");
  const ended = text + maybe(chance, 0.8, "\n");
  const breaks = chance.next() < 0.1 ? ended.replaceAll("\n", "\r\n") : ended;
  return maybe(chance, 0.05, "\ufeff") + (chance.next() < 0.02 ? breaks.replaceAll("\n", "\r") : breaks);
}

function wanted(chance: Chance): string {
  const tag = chance.pick(TAGS);
  const comment = maybe(chance, 0.2, chance.pick([" # deployed", "\t# deployed", "  #", " #x\n    # y"]));
  const more = maybe(
    chance,
    0.3,
    chance.pick(["\n    other: 1", "\n    <<: *base", "\n    DEPLOYMENT_TAGS: x", "\n  beside: {}"]),
  );
  return chance.pick([
    `global:\n  config:\n    DEPLOYMENT_TAG: ${tag}${comment}${more}`,
    `global:\n  config:\n    DEPLOYMENT_TAG: ${tag}${comment}${more}`,
    `global:\n  config:\n    DEPLOYMENT_TAG: ${tag}${comment}${more}`,
    `global:\n  # the commit\n  config:\n    a: b\n\n    "DEPLOYMENT_TAG": ${tag}${comment}`,
    `global: {config: {DEPLOYMENT_TAG: ${tag}}}${comment}`,
    `global: {\n  config: {\n    DEPLOYMENT_TAG: ${tag}\n}\n}`,
    `global:\n  <<: [{config: {DEPLOYMENT_TAG: ${tag}}}, {config: {DEPLOYMENT_TAG: b}}]`,
    `x: &x {DEPLOYMENT_TAG: ${tag}}\nglobal:\n  config:\n    <<: *x\n    y: 1`,
    `x: &x\n  DEPLOYMENT_TAG: ${tag}\nglobal: &g\n  config: *x`,
    `? global\n: ? config\n  : DEPLOYMENT_TAG: ${tag}`,
    `global: !app\n  config: &c !conf\n    DEPLOYMENT_TAG:\n      ${tag}`,
  ]);
}

/** Adds one to three small mistakes. Many of them change nothing. */
function spoilt(file: string, chance: Chance): string {
  let text = file;
  for (let left = chance.between(1, 3); left > 0; left--) {
    const at = chance.between(0, text.length);
    const lines = text.split("\n");
    const line = chance.between(0, lines.length - 1);
    const change = chance.between(0, 4);
    if (change === 0) text = text.slice(0, at) + chance.pick([..." \t\n:-?,[]{}#&*!|>'\"%@`\\~a0."]) + text.slice(at);
    else if (change === 1) text = text.slice(0, at) + text.slice(at + 1);
    else {
      const old = lines[line] ?? "";
      lines[line] = [` ${old}`, old.slice(1), `${old}${chance.pick([" ", "\t", " # x", ":", ","])}`][change - 2] ?? "";
      text = lines.join("\n");
    }
  }
  return text;
}
