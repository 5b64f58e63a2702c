import type { GitHub } from "../../index.ts";
import { markerOf } from "../../model/comment-key.ts";
import { ownerAndName } from "../../model/github-names.ts";
import { type Comment, keyOf, type Thread } from "./threads.ts";

type Discussion = Pick<
  Thread,
  "number" | "isOpen" | "isLocked" | "createdAt" | "updatedAt" | "closedAt" | "labels" | "url"
> & {
  readonly id: string;
  /** The latest comments. */
  readonly comments: readonly Comment[];
};

/** The results of one page, and the cursor of the next page. Null if there is none. */
export type Found = {
  readonly items: readonly { readonly number: number; readonly updatedAt: number }[];
  readonly after: string | null;
};

/** The discussions of a repository. GitHub offers them only in GraphQL. */
export function discussionsOf(github: GitHub, repository: string, { runId, isDry }: { runId: string; isDry: boolean }) {
  const { owner, repo } = ownerAndName(repository);
  const labels = new Map<string, string>();

  /** The id of a label. Creates the label if the repository does not have it. */
  async function labelId(name: string): Promise<string> {
    const known = labels.get(name);
    if (known !== undefined) return known;
    const found = await github.request(
      "GET /repos/{owner}/{repo}/labels/{name}",
      { owner, repo, name },
      { allow: [404] },
    );
    const { data } =
      found.status === 200
        ? found
        : await github.request("POST /repos/{owner}/{repo}/labels", { owner, repo, name, color: "ffffff" });
    labels.set(name, data.node_id);
    return data.node_id;
  }

  return {
    async search(query: string, after: string | null): Promise<Found> {
      const { search } = await github.graphql<{ search: SearchAnswer }>(SEARCH, { query, after }, { repository });
      const { nodes, pageInfo } = search;
      return {
        items: nodes.map(({ number, updatedAt }) => ({ number, updatedAt: Date.parse(updatedAt) })),
        after: pageInfo.hasNextPage ? pageInfo.endCursor : null,
      };
    },
    async read(number: number): Promise<Discussion | undefined> {
      const options = { repository, allow: ["NOT_FOUND"] };
      const answer = await github.graphql<ReadAnswer>(READ, { owner, repo, number }, options);
      const found = answer.repository?.discussion;
      if (!found) return undefined;
      return {
        ...{ id: found.id, number, url: found.url, isOpen: !found.closed, isLocked: found.locked },
        createdAt: Date.parse(found.createdAt),
        updatedAt: Date.parse(found.updatedAt),
        closedAt: found.closedAt === null ? undefined : Date.parse(found.closedAt),
        labels: found.labels?.nodes.map(({ name }) => name) ?? [],
        comments: found.comments.nodes.map(({ body, createdAt, author }) => ({
          at: Date.parse(createdAt),
          isByPerson: author?.__typename === "User",
          body,
        })),
      };
    },
    async comment({ id }: Discussion, what: string, body: string): Promise<void> {
      if (isDry) return;
      const text = `${markerOf(keyOf(what, runId))}\n${body}`;
      // After a lost answer, the next attempt checks whether the comment exists.
      await github.graphql(COMMENT, { id, body: text }, { repository, retry: false });
    },
    async label({ id }: Discussion, add: readonly string[], remove: readonly string[]): Promise<void> {
      if (isDry) return;
      for (const [mutation, names] of [[ADD, add] as const, [REMOVE, remove] as const]) {
        if (names.length === 0) continue;
        const ids: string[] = [];
        for (const name of names) ids.push(await labelId(name));
        await github.graphql(mutation, { id, labels: ids }, { repository });
      }
    },
    async lock({ id }: Discussion): Promise<void> {
      if (!isDry) await github.graphql(LOCK, { id }, { repository });
    },
  };
}

const SEARCH = `
query ($query: String!, $after: String) {
  search(type: DISCUSSION, first: 100, query: $query, after: $after) {
    nodes { ... on Discussion { number updatedAt } }
    pageInfo { hasNextPage endCursor }
  }
}`;

type SearchAnswer = {
  readonly nodes: readonly { readonly number: number; readonly updatedAt: string }[];
  readonly pageInfo: { readonly hasNextPage: boolean; readonly endCursor: string | null };
};

const READ = `
query ($owner: String!, $repo: String!, $number: Int!) {
  repository(owner: $owner, name: $repo) {
    discussion(number: $number) {
      id url closed locked createdAt updatedAt closedAt
      labels(first: 100) { nodes { name } }
      comments(last: 50) { nodes { body createdAt author { __typename } } }
    }
  }
}`;

type ReadAnswer = {
  readonly repository: {
    readonly discussion: {
      readonly id: string;
      readonly url: string;
      readonly closed: boolean;
      readonly locked: boolean;
      readonly createdAt: string;
      readonly updatedAt: string;
      readonly closedAt: string | null;
      readonly labels: { readonly nodes: readonly { readonly name: string }[] } | null;
      readonly comments: {
        readonly nodes: readonly {
          readonly body: string;
          readonly createdAt: string;
          readonly author: { readonly __typename: string } | null;
        }[];
      };
    } | null;
  } | null;
};

const COMMENT = `
mutation ($id: ID!, $body: String!) {
  addDiscussionComment(input: { discussionId: $id, body: $body }) { comment { id } }
}`;

const ADD = `
mutation ($id: ID!, $labels: [ID!]!) {
  addLabelsToLabelable(input: { labelableId: $id, labelIds: $labels }) { clientMutationId }
}`;

const REMOVE = `
mutation ($id: ID!, $labels: [ID!]!) {
  removeLabelsFromLabelable(input: { labelableId: $id, labelIds: $labels }) { clientMutationId }
}`;

const LOCK = `
mutation ($id: ID!) {
  lockLockable(input: { lockableId: $id }) { clientMutationId }
}`;
