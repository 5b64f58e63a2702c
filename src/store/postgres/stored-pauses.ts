import type { StoredPause } from "../../model/limits.ts";
import { type Connecting, connect } from "./connect.ts";
import { namesFor } from "./names.ts";
import { codeOf, refusedStart } from "./refused.ts";

/** The table or the schema of it is not there. */
const ABSENT = ["42P01", "3F000"];

/**
 * The pauses that the store of a schema holds; none without a store. Only reads.
 * @throws Error that says what to do when the database cannot be used.
 */
export async function storedPausesInSchema(options: Connecting & { schema: string }): Promise<readonly StoredPause[]> {
  const database = connect(options, () => {});
  try {
    const { schema } = namesFor(options.schema);
    return (await database.sql(`SELECT account, until, strikes FROM ${schema}.github_pauses`)) as StoredPause[];
  } catch (error) {
    if (ABSENT.includes(codeOf(error))) return [];
    throw refusedStart(options, error);
  } finally {
    await database.close();
  }
}
