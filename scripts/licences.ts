import type { BundledPackage } from "./bundled.ts";

const RULE = `\n\n${"-".repeat(80)}\n\n`;

/** The licences of the packages in a bundle, each text once, below the packages that it is for. */
export function licenceTexts(packages: readonly BundledPackage[]): string {
  const byText = Map.groupBy(packages, ({ texts }) => texts.join("\n\n"));
  const sections = [...byText].map(([text, those]) => {
    const names = those.map(({ name, version, licence }) => `${name} ${version} (${licence})`);
    return `${names.join("\n")}\n\n${text}`;
  });
  return `${["gh-runner contains these packages, or parts of them.", ...sections].join(RULE)}\n`;
}
