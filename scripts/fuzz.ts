import { spawn } from "node:child_process";
import { once } from "node:events";
import { parseArgs } from "node:util";

/**
 * `npm run fuzz -- --minutes 10 --seed 7` does for longer what `test/fuzz.test.ts` does in seconds. Each round has new
 * services and the next seed. Ends with 1 at the first failure, and prints what was sent.
 */
const { values } = parseArgs({
  options: {
    minutes: { type: "string", default: "10" },
    seed: { type: "string", default: String(Date.now() % 1_000_000) },
  },
});
const end = Date.now() + Number(values.minutes) * 60_000;
for (let seed = Number(values.seed); Date.now() < end && !process.exitCode; seed++) {
  const seconds = Math.max(1, Math.min(30, (end - Date.now()) / 2000));
  const round = spawn(process.execPath, ["--test", "--test-timeout=300000", "test/fuzz.test.ts"], {
    stdio: "inherit",
    env: { ...process.env, FUZZ_SEED: String(seed), FUZZ_SECONDS: String(seconds) },
  });
  const [code] = await once(round, "exit");
  process.exitCode = code ?? 1;
}
