import type { ArtifactFiles } from "../../model/artifact.ts";
import { PermanentFailure, TransientFailure } from "../../model/failure.ts";
import { ownerAndName } from "../../model/github-names.ts";
import { type Fetch, networkFault } from "../../model/network.ts";
import { QUICK_RETRIES_MS } from "../../model/retry.ts";
import type { Brief } from "../answer.ts";
import type { Asking, Wait } from "../ask.ts";
import { type Attempted, type Listed, listIn, notUnderstood } from "../failures.ts";
import { textOf } from "../files.ts";
import { unzip, ZipError } from "./zip.ts";

type Parts = Pick<Asking, "ask"> & {
  /** For the host where GitHub keeps artifacts. It gets no token: the address itself grants access. */
  readonly fetch: Fetch;
  readonly apiUrl: string;
  readonly wait: Wait;
  readonly brief: Brief;
};

/** Packed and unpacked. Both are in memory, outside the heap. */
const MAX_BYTES = 50_000_000;

/** For the whole download. */
const TIMEOUT_MS = 120_000;

/** @see https://docs.github.com/en/rest/actions/artifacts */
export async function artifactOf(
  parts: Parts,
  repository: string,
  runId: number,
  name: string,
): Promise<ArtifactFiles> {
  const what = `the artifact ${name} of the Actions run ${runId} in ${repository}`;
  const attempted = { tried: `reading ${what}`, repository, permission: "Actions: read" };
  const id = await newestOf(parts, attempted, runId, name);
  const zip = await downloaded(parts, attempted, id);
  try {
    const files = await unzip(zip, MAX_BYTES);
    const text = (path: string) => {
      const bytes = files.get(path);
      return bytes && textOf(bytes, { ...attempted, tried: `reading ${path} in ${what}` });
    };
    return Object.assign(files, { text });
  } catch (error) {
    if (!(error instanceof ZipError)) throw error;
    const remedy = `Keep its files below ${MAX_BYTES / 1e6} MB in total, and upload it with actions/upload-artifact.`;
    throw new PermanentFailure({
      tried: attempted.tried,
      happened: `the zip cannot be used: ${error.message}`,
      remedy,
    });
  }
}

/** A run has up to 500 artifacts, and a re-run adds others with the same name. */
async function newestOf({ ask, brief }: Parts, attempted: Attempted, runId: number, name: string): Promise<number> {
  const list = async (more: object) => {
    const given = { ...ownerAndName(attempted.repository), run_id: runId, per_page: 100, ...more };
    const route = "GET /repos/{owner}/{repo}/actions/runs/{run_id}/artifacts";
    return listIn(attempted, await ask(attempted, route, given, [200]), "artifacts");
  };
  const found = (await list({ name })).filter((each) => each.name === name && typeof each.id === "number");
  const [newest] = found.toSorted((a, b) => Number(b.id) - Number(a.id));
  if (newest === undefined) throw missing(attempted, await list({}), brief);
  if (newest.expired === true) throw expired(attempted);
  if (Number(newest.size_in_bytes) > MAX_BYTES) {
    throw new PermanentFailure({
      tried: attempted.tried,
      happened: `it has ${Math.ceil(Number(newest.size_in_bytes) / 1e6)} MB`,
      remedy: `Up to ${MAX_BYTES / 1e6} MB are read: upload the files that you need as a separate artifact.`,
    });
  }
  return Number(newest.id);
}

async function downloaded(parts: Parts, attempted: Attempted, id: number): Promise<Buffer> {
  const { wait } = parts;
  const signal = AbortSignal.timeout(TIMEOUT_MS);
  for (const delay of [...QUICK_RETRIES_MS, undefined]) {
    // The address is valid for one minute, so each try gets a new one.
    const address = await addressOf(parts, attempted, id);
    try {
      return await bytesAt(parts.fetch, address, attempted, signal);
    } catch (error) {
      if (!(error instanceof TransientFailure) || delay === undefined) throw error;
      await wait(delay);
    }
  }
  throw new Error("the last try has no delay after it");
}

async function addressOf({ ask, apiUrl }: Parts, attempted: Attempted, id: number): Promise<URL> {
  const route = "GET /repos/{owner}/{repo}/actions/artifacts/{artifact_id}/{archive_format}";
  const given = { ...ownerAndName(attempted.repository), artifact_id: id, archive_format: "zip" };
  const { status, headers } = await ask(attempted, route, given, [302, 410]);
  if (status === 410) throw expired(attempted);
  const address = URL.parse(headers.location ?? "", apiUrl);
  const isSafe = address?.protocol === "https:" || address?.protocol === new URL(apiUrl).protocol;
  if (!address || !isSafe) throw notUnderstood(attempted);
  return address;
}

async function bytesAt(fetch: Fetch, address: URL, { tried }: Attempted, signal: AbortSignal): Promise<Buffer> {
  // Never show the whole address: anyone who has it can download the artifact.
  const failed = (happened: string) =>
    new TransientFailure({ tried, happened: `${address.host}, where GitHub keeps it, ${happened}`, remedy: PASSES });
  const chunks: Uint8Array[] = [];
  let size = 0;
  try {
    const { status, body } = await fetch(address, { redirect: "manual", signal });
    if (status !== 200 || !body) {
      await body?.cancel();
      throw failed(`answered ${status}`);
    }
    for await (const chunk of body) {
      size += chunk.byteLength;
      if (size > MAX_BYTES) break;
      chunks.push(chunk);
    }
  } catch (error) {
    const fault = networkFault(error);
    throw fault ? failed(`gave no complete answer (${fault.words})`) : error;
  }
  if (size <= MAX_BYTES) return Buffer.concat(chunks);
  const remedy = "Upload the files that you need as a separate artifact.";
  throw new PermanentFailure({ tried, happened: `it has more than ${MAX_BYTES / 1e6} MB`, remedy });
}

const PASSES =
  "This is usually temporary. If it continues, see https://www.githubstatus.com, and check that any proxy allows that host.";

function expired({ tried }: Attempted): PermanentFailure {
  const remedy = "Re-run the Actions run, or keep the artifact longer (retention-days).";
  return new PermanentFailure({ tried, happened: "it has expired: GitHub has deleted it", remedy });
}

/** Enough to find the right name. */
const MAX_NAMES = 300;

function missing({ tried }: Attempted, others: readonly Listed[], brief: Brief): PermanentFailure {
  const names = [...new Set(others.map(({ name }) => String(name)))];
  const has =
    names.length === 0 ? "has no artifacts" : `has only these artifacts: ${brief(names.join(", "), MAX_NAMES)}`;
  const remedy = "Check the name, and that the run has ended: artifacts appear when the step that uploads them ends.";
  return new PermanentFailure({ tried, happened: `the run ${has}`, remedy });
}
