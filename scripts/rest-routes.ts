import { restEndpointMethods } from "@octokit/plugin-rest-endpoint-methods";

type Given = { readonly method: string; readonly url: string };
type Names = Readonly<Record<string, Readonly<Record<string, () => string>>>>;

/**
 * The text of `src/model/rest-routes.ts`. Octokit's types for its names accept a parameter of any name, and would bring
 * Octokit's core into every project that imports gh-runner. The types of `request` are stricter, by route.
 */
export function restRoutes(): string {
  const defaults = (given: Given) =>
    Object.assign(() => `${given.method} ${given.url}`, { endpoint: { merge: () => ({}) } });
  let warned: string | undefined;
  const log = {
    warn(text: string) {
      warned = text;
    },
  };
  const { rest } = restEndpointMethods({ request: { defaults }, log } as never) as unknown as { rest: Names };
  const line = (name: string, route: () => string) => {
    warned = undefined;
    const text = `    ${name}: ${JSON.stringify(route())};\n`;
    return warned === undefined ? text : `    /** @deprecated ${warned} */\n${text}`;
  };
  const scopes = Object.entries(rest).map(([scope, names]) => {
    // `repos.uploadReleaseAsset` uses another host than the API.
    const routes = Object.entries(names).filter(([name]) => name !== "uploadReleaseAsset");
    return `  ${scope}: {\n${routes.map(([name, route]) => line(name, route)).join("")}  };\n`;
  });
  const about = "Octokit's names, each with its route. Generated from its table: `npm run docs` writes it.";
  return `/** ${about} */\nexport type RestRoutes = {\n${scopes.join("")}};\n`;
}
