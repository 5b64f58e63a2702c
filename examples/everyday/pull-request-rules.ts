import { defineWorkflow, fail } from "gh-runner";

/** One required check for three rules of pull requests: labels, a changelog, and a title that names the branch. */
export default defineWorkflow({
  name: "pull-request-rules",
  on: { github: { events: "pull_request", actions: ["opened", "edited", "labeled", "unlabeled", "synchronize"] } },
  report: "check",
  async run({ event, report }) {
    const { labels, title, body, base } = event.payload.pull_request;
    const has = (prefix: string) => labels.some(({ name }) => name.startsWith(prefix));
    const note = /^```markdown changelog\r?\n([\s\S]*?)^```\r?$/m.exec(body ?? "")?.[1]?.trim() ?? "";
    const meant = /^\[(\d*\.)[^\]]*\]/.exec(title)?.[1] ?? "";
    const branch = /^\d*\./.exec(base.ref)?.[0] ?? base.ref;

    const problems = [
      has("impact/") && !has("area/") && "Every pull request with an impact/ label needs an area/ label.",
      has("impact/") && !has("kind/") && "Every pull request with an impact/ label needs a kind/ label.",
      has("impact/") && note === "" && "The changelog section is empty.",
      has("impact/") && note !== "" && note.length <= 6 && `The changelog looks too short: ${note}`,
      !has("impact/") && note !== "" && "There is a changelog, but no impact/ label.",
      branch !== meant && !(base.ref === "master" && meant === "") && `The title does not name the branch ${base.ref}.`,
    ].filter((problem) => problem !== false);

    if (problems.length > 0) return fail(problems.join("\n"));
    report({ title: "All rules are kept", summary: note && `The release notes will say: ${note}` });
  },
});
