/** `main.ts` imports this first, because the other files need features that older versions of Node lack. */
const OLDEST_NODE = 24;

if (Number.parseInt(process.versions.node, 10) < OLDEST_NODE) {
  process.stderr.write(
    `gh-runner needs Node ${OLDEST_NODE} or newer; this is Node ${process.versions.node} (${process.execPath}).\n`,
  );
  process.exit(1);
}
