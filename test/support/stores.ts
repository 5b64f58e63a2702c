import type { TestContext } from "node:test";
import type { RunStore } from "../../src/model/store.ts";
import { openPostgresStore } from "../../src/store/postgres/store.ts";
import { openSqliteStore } from "../../src/store/sqlite/store.ts";
import type { MovedClock } from "./clock.ts";
import { databaseClock } from "./database-clock.ts";
import { temporaryFolder } from "./folder.ts";
import type { PostgresServer } from "./postgres.ts";

export type OpenedStore = {
  readonly store: RunStore;
  /** Lets time pass on both clocks, in milliseconds. The database's clock stays right when the process's clock is set. */
  pass(milliseconds: number): Promise<void>;
};

export type OpenStore = (t: TestContext, clock: MovedClock) => Promise<OpenedStore>;

/** An empty store of each kind, by its name, for tests that hold for both. */
export function bothStores(postgres: PostgresServer): readonly (readonly [name: string, open: OpenStore])[] {
  return [
    [
      "SQLite",
      async (t, clock) => ({
        store: openSqliteStore(temporaryFolder(t), clock),
        pass: async (milliseconds) => clock.move(milliseconds),
      }),
    ],
    [
      "PostgreSQL",
      async (_t, clock) => {
        const { url } = postgres;
        const schema = postgres.schema();
        const { databaseNow, now, setTime } = await databaseClock(url, schema, clock.now());
        return {
          store: await openPostgresStore({ url, schema, clock, databaseNow, onError: () => {} }),
          async pass(milliseconds) {
            await setTime(now() + milliseconds);
            clock.move(milliseconds);
          },
        };
      },
    ],
  ];
}
