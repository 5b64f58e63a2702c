/** Imported before all else by `main.ts`: what follows needs parts of Node that older ones do not have. */
const OLDEST_NODE = 24;

if (Number.parseInt(process.versions.node, 10) < OLDEST_NODE) {
  process.stderr.write(
    `gh-runner needs Node ${OLDEST_NODE} or newer; this is Node ${process.versions.node} (${process.execPath}).\n`,
  );
  process.exit(1);
}
