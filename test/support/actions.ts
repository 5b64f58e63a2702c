import { readFileSync } from "node:fs";
import { registerHooks } from "node:module";
import { fileURLToPath } from "node:url";

/** Its JSON is imported as bundlers want it, without the attribute that Node asks for. */
const hooks = registerHooks({
  load(url, context, next) {
    if (!/workflow-parser\/.*\.json$/.test(url)) return next(url, context);
    const source = `export default ${readFileSync(fileURLToPath(url), "utf8")}`;
    return { format: "module", source, shortCircuit: true };
  },
});
const { NoOperationTraceWriter, parseWorkflow } = await import("@actions/workflow-parser");
hooks.deregister();

/** What GitHub's own parser, the one behind its editor, has against a workflow file of Actions. */
export function actionsProblems(name: string, text: string): string[] {
  const { context } = parseWorkflow({ name, content: text }, new NoOperationTraceWriter());
  return context.errors.getErrors().map(({ message }) => message);
}
