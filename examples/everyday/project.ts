import { defineWorkflow } from "gh-runner";

const PROJECT = { org: "acme", number: 1 };

/** Adds issues and pull requests to the organisation's project. Sets a field if only one plugin or theme changes. */
export default defineWorkflow({
  name: "project",
  on: {
    github: [
      { events: "issues", actions: ["opened", "reopened"] },
      { events: "pull_request", actions: ["opened", "reopened", "synchronize"] },
    ],
  },
  concurrency: { group: ({ repository, issue }) => `${repository}#${issue}`, cancelRunning: true },
  githubApp: "PROJECT_APP",
  async run({ event, github, changedFiles }) {
    const { organization } = await github.graphql<{
      organization: { projectV2: { id: string; fields: { nodes: Field[] } } };
    }>(
      `query ($org: String!, $number: Int!) {
        organization(login: $org) {
          projectV2(number: $number) { id fields(first: 20) { nodes { ... on ProjectV2Field { id name } } } }
        }
      }`,
      PROJECT,
    );
    const { id: project, fields } = organization.projectV2;
    const content = event.name === "issues" ? event.payload.issue.node_id : event.payload.pull_request.node_id;
    const { add } = await github.graphql<{ add: { item: { id: string } } }>(
      `mutation ($project: ID!, $content: ID!) {
        add: addProjectV2ItemById(input: { projectId: $project, contentId: $content }) { item { id } }
      }`,
      { project, content },
    );
    if (event.name === "issues") return;
    const files = await changedFiles();
    for (const [folder, name] of [
      ["plugins", "Plugin"],
      ["themes", "Theme"],
    ] as const) {
      const parts = new Set(files.filter((file) => file.startsWith(`${folder}/`)).map((file) => file.split("/")[1]));
      const field = fields.nodes.find((each) => each.name === name)?.id;
      const [text] = parts;
      if (parts.size !== 1 || !field || !text) continue;
      await github.graphql(
        `mutation ($project: ID!, $item: ID!, $field: ID!, $text: String!) {
          updateProjectV2ItemFieldValue(input: { projectId: $project, itemId: $item, fieldId: $field, value: { text: $text } }) {
            projectV2Item { id }
          }
        }`,
        { project, item: add.item.id, field, text: text.replace(/\.theme$/, "") },
      );
    }
  },
});

type Field = { id: string; name: string };
