/**
 * The document with this text between its marks `<!-- NAME: … -->` and `<!-- /NAME -->`. Unchanged if it has no such
 * marks.
 */
export function writeBetween(document: string, name: string, text: string): string {
  const begin = new RegExp(`<!-- ${name}: .* -->`).exec(document);
  const end = document.indexOf(`<!-- /${name} -->`);
  if (!begin || end < 0) return document;
  return `${document.slice(0, begin.index)}${begin[0]}\n\n${text}\n\n${document.slice(end)}`;
}
