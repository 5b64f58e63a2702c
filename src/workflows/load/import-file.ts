/** Loads a module by its address. The release is a script, which cannot import. There, `release.ts` does it. */
export function importFile(url: string): Promise<Record<string, unknown>> {
  return import(url);
}
