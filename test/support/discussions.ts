import { graphQLJudge } from "../../sandbox/graphql-schema.ts";
import type { Ready } from "./ready.ts";

/** Times are epoch milliseconds. */
export type Discussion = {
  readonly number: number;
  closed: boolean;
  locked: boolean;
  readonly createdAt: number;
  updatedAt: number;
  closedAt: number | null;
  readonly labels: string[];
  readonly comments: { readonly body: string; readonly at: number; readonly by: string }[];
};

/** Discussions for the queries of lockThreads. */
export async function withDiscussions(ready: Ready): Promise<Map<number, Discussion>> {
  const judge = (await graphQLJudge()) ?? (() => []);
  const { github, shop, clock } = ready;
  const discussions = new Map<number, Discussion>();
  const iso = (ms: number) => `${new Date(ms).toISOString().slice(0, 19)}Z`;
  const until = (query: string) => Date.parse(/updated:<=(\S+)/.exec(query)?.[1] ?? "") + 999;

  function found<Item extends { readonly updatedAt: number }>(all: readonly Item[], query: string): readonly Item[] {
    return all.filter(({ updatedAt }) => updatedAt <= until(query)).sort((a, b) => b.updatedAt - a.updatedAt);
  }

  github.answers({
    "POST /graphql": ({ body: { query, variables } }) => {
      const errors = judge({ query, variables });
      if (errors.length > 0) return { errors };
      const of = (id: string) => discussions.get(Number(id.slice(2)))!;
      const touch = (id: string) => {
        of(id).updatedAt = clock.now();
      };
      if (query.includes("search(")) {
        const open = [...discussions.values()].filter(({ closed, locked }) => closed && !locked);
        const nodes = found(open, String(variables.query)).map((each) => ({
          ...{ number: each.number, updatedAt: iso(each.updatedAt) },
        }));
        return { data: { search: { nodes, pageInfo: { hasNextPage: false, endCursor: null } } } };
      }
      if (query.includes("discussion(")) {
        const its = discussions.get(Number(variables.number));
        if (!its) return { errors: [{ message: "Could not resolve to a Discussion", type: "NOT_FOUND" }] };
        const discussion = {
          ...{ id: `D_${its.number}`, url: `https://github.com/acme/shop/discussions/${its.number}` },
          ...{ closed: its.closed, locked: its.locked, createdAt: iso(its.createdAt), updatedAt: iso(its.updatedAt) },
          closedAt: its.closedAt === null ? null : iso(its.closedAt),
          labels: { nodes: its.labels.map((name) => ({ name })) },
          comments: {
            nodes: its.comments.map(({ body, at, by }) => ({ body, createdAt: iso(at), author: { __typename: by } })),
          },
        };
        return { data: { repository: { discussion } } };
      }
      const { id, labels = [] } = variables as { id: string; labels?: string[] };
      const names = labels.map(
        (label) => [...shop.labels.values()].find((each) => `LA_${each.id}` === label)?.name ?? "?",
      );
      if (query.includes("addDiscussionComment"))
        of(id).comments.push({ body: variables.body, at: clock.now(), by: "User" });
      if (query.includes("addLabels")) of(id).labels.push(...names);
      if (query.includes("removeLabels"))
        for (const name of names) of(id).labels.splice(of(id).labels.indexOf(name), 1);
      if (query.includes("lockLockable")) of(id).locked = true;
      if (!query.includes("lockLockable")) touch(id);
      return { data: {} };
    },
  });
  return discussions;
}
