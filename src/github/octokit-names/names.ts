import type { OctokitNames } from "../../model/rest.ts";
import { paginating } from "./paginate.ts";
import { openTable, restOver } from "./rest.ts";

/** Octokit's names over the `request` of an attempt. Its limits, lease, dry run and failures apply to them too. */
export function octokitNames(apiUrl: string): OctokitNames {
  return (request, call) => {
    const table = openTable();
    return { rest: restOver(table, request, call), paginate: paginating(table, request, call, apiUrl) };
  };
}
