/** A page as a person without JavaScript sees it: its links and its forms. */
export type Walked = {
  readonly path: string;
  /** The page with the link or form that leads here. */
  readonly from: string;
  readonly status: number;
  readonly type: string;
  readonly text: string;
  readonly forms: readonly WalkedForm[];
};

export type WalkedForm = {
  readonly method: "get" | "post" | "dialog";
  /** The path that it is sent to. */
  readonly path: string;
  /** Its values before anyone fills it in. */
  readonly fields: URLSearchParams;
  readonly html: string;
};

type Walking = {
  /** Answers a GET of a path. */
  readonly get: (path: string) => Promise<{ status: number; type: string; text: string }>;
  readonly from: readonly string[];
  readonly most: number;
};

/**
 * Follows every link and sends every search form, breadth first, up to `most` pages. Pages that differ only by ids count as one
 * after the first few: a list has many runs, and the walk should reach every kind of page.
 */
export async function walk({ get, from, most }: Walking): Promise<readonly Walked[]> {
  const queue = from.map((path) => ({ path, from: "" }));
  const seen = new Set(from);
  const ofKind = new Map<string, number>();
  const walked: Walked[] = [];
  for (let next = queue.shift(); next && walked.length < most; next = queue.shift()) {
    const { path, from: before } = next;
    const kind = path.replaceAll(/[0-9a-f-]{36}|\d+/g, "N").replaceAll(/=[^&]*/g, "");
    const count = (ofKind.get(kind) ?? 0) + 1;
    if (count > PAGES_OF_A_KIND) continue;
    ofKind.set(kind, count);
    const answer = await get(path);
    const isPage = answer.type.startsWith("text/html");
    const forms = isPage ? formsIn(answer.text, path) : [];
    walked.push({ path, from: before, ...answer, forms });
    const links = isPage ? linksIn(answer.text, path) : [];
    const searches = forms.filter(({ method }) => method === "get").map((form) => `${form.path}?${form.fields}`);
    for (const found of [...links, ...searches]) {
      if (seen.has(found)) continue;
      seen.add(found);
      queue.push({ path: found, from: path });
    }
  }
  return walked;
}

const PAGES_OF_A_KIND = 3;

const unescaped = (text: string) =>
  text
    .replaceAll("&lt;", "<")
    .replaceAll("&gt;", ">")
    .replaceAll("&quot;", '"')
    .replaceAll("&#39;", "'")
    .replaceAll("&amp;", "&");

const attribute = (tag: string, name: string) => {
  const [, value] = new RegExp(`\\s${name}="([^"]*)"`).exec(tag) ?? [];
  return value === undefined ? undefined : unescaped(value);
};

/** Paths of the service that a page links to. */
function linksIn(page: string, path: string): string[] {
  return [...page.matchAll(/<a\s[^>]*>/g)].flatMap(([tag]) => {
    const href = attribute(tag, "href");
    if (href === undefined) return [];
    const { origin, pathname, search } = new URL(href, `http://here${path}`);
    return origin === "http://here" ? [pathname + search] : [];
  });
}

function formsIn(page: string, path: string): WalkedForm[] {
  return [...page.matchAll(/<form\b([^>]*)>(.*?)<\/form>/gs)].map(([whole, tag = "", inside = ""]) => {
    const method = (attribute(tag, "method") ?? "get") as WalkedForm["method"];
    const { pathname, search } = new URL(attribute(tag, "action") ?? path, `http://here${path}`);
    return { method, path: method === "get" ? pathname : pathname + search, fields: fieldsIn(inside), html: whole };
  });
}

function fieldsIn(inside: string): URLSearchParams {
  const fields = new URLSearchParams();
  for (const [tag] of inside.matchAll(/<input\b[^>]*>/g)) {
    const [name, type] = [attribute(tag, "name"), attribute(tag, "type")];
    const isOff = (type === "checkbox" || type === "radio") && !/\schecked/.test(tag);
    if (name !== undefined && !isOff) fields.append(name, attribute(tag, "value") ?? "");
  }
  for (const [, tag = "", options = ""] of inside.matchAll(/<select\b([^>]*)>(.*?)<\/select>/gs)) {
    const all = [...options.matchAll(/<option\b([^>]*)>([^<]*)/g)];
    const [, chosen = "", text = ""] = all.find(([, each = ""]) => /\sselected/.test(each)) ?? all[0] ?? [];
    fields.append(attribute(tag, "name") ?? "", attribute(chosen, "value") ?? unescaped(text));
  }
  for (const [, tag = "", text = ""] of inside.matchAll(/<textarea\b([^>]*)>([^<]*)/g)) {
    fields.append(attribute(tag, "name") ?? "", unescaped(text));
  }
  return fields;
}
