import { BACKUP } from "./backup.ts";
import { MONITORING } from "./monitoring.ts";
import { NAMES } from "./names.ts";
import { NETWORK } from "./network.ts";
import { PODS } from "./pods.ts";
import type { Row } from "./row.ts";
import { SETTINGS } from "./settings.ts";
import { WORKFLOWS } from "./workflows.ts";

/** Every value of the chart at least once. */
export const ROWS: readonly Row[] = [
  ...SETTINGS,
  ...WORKFLOWS,
  ...NAMES,
  ...PODS,
  ...NETWORK,
  ...MONITORING,
  ...BACKUP,
];

/** The name of a row in a test. */
export const nameOf = ({ values }: Row) => JSON.stringify(values).slice(0, 100);
