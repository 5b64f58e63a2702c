import { migrateStore } from "../service/open-store.ts";
import { withStore } from "./with-store.ts";

/** Brings the schema in PostgreSQL up to date and says what it did. */
export async function migrate(): Promise<void> {
  const did = await withStore(migrateStore);
  for (const sentence of did) process.stdout.write(`${sentence}\n`);
}
