import type { Worker } from "node:worker_threads";

/** A thread that was not asked for so long ends: it takes some MB. */
const IDLE_MS = 10_000;
/** Its results are numbers of runs. */
const MEMORY = { maxOldGenerationSizeMb: 24, maxYoungGenerationSizeMb: 1 };

type Question = { readonly text: string; readonly values: readonly (string | number)[] };
type Answer = { readonly rows?: readonly Record<string, unknown>[]; readonly error?: string };

/** Reads a database in a thread, which has a connection that only reads. The thread begins with the first question. */
export class ReadingThread {
  readonly #file: string;
  #worker: Worker | undefined;
  #idle: NodeJS.Timeout | undefined;
  /** In the order of the questions, which is that of the answers. */
  #asked: PromiseWithResolvers<readonly Record<string, unknown>[]>[] = [];

  constructor(file: string) {
    this.#file = file;
  }

  /**
   * @param text with values as `?1`, `?2`.
   * @throws Error when there is no thread, such as with Node's permission model, or it cannot answer.
   */
  async ask(text: string, ...values: readonly (string | number)[]): Promise<readonly Record<string, unknown>[]> {
    clearTimeout(this.#idle);
    this.#worker ??= this.#started();
    const answer = Promise.withResolvers<readonly Record<string, unknown>[]>();
    this.#asked.push(answer);
    this.#worker.ref();
    this.#worker.postMessage({ text, values } satisfies Question);
    return answer.promise;
  }

  /** Questions that are not answered are rejected, once the thread has ended. */
  async close(): Promise<void> {
    clearTimeout(this.#idle);
    await this.#worker?.terminate();
  }

  #started(): Worker {
    // As a text, so that it is the same in the sources and in the release.
    const options = { eval: true, workerData: this.#file, resourceLimits: MEMORY, execArgv: [], env: {} };
    // Loaded here: it takes 0.6 MB.
    const { Worker } = process.getBuiltinModule("node:worker_threads");
    const worker = new Worker(`(${answerQuestions})()`, options);
    let failure = new Error("the thread has ended");
    return worker
      .on("message", (answer: Answer) => this.#answered(answer))
      .on("error", (error) => {
        failure = error as Error;
      })
      .on("exit", () => {
        const unanswered = this.#asked;
        this.#asked = [];
        this.#worker = undefined;
        for (const { reject } of unanswered) reject(failure);
      });
  }

  #answered({ rows, error }: Answer): void {
    const asked = this.#asked.shift();
    if (rows) asked?.resolve(rows);
    else asked?.reject(new Error(error));
    if (this.#asked.length > 0) return;
    this.#worker?.unref();
    this.#idle = setTimeout(() => void this.close(), IDLE_MS).unref();
  }
}

/** What the thread does. It has nothing but its own text. */
function answerQuestions(): void {
  const { parentPort, workerData } = process.getBuiltinModule("node:worker_threads");
  const { DatabaseSync } = process.getBuiltinModule("node:sqlite");
  const db = new DatabaseSync(workerData as string, { readOnly: true });
  parentPort?.on("message", ({ text, values }: Question) => {
    try {
      parentPort.postMessage({ rows: db.prepare(text).all(...values) });
    } catch (error) {
      parentPort.postMessage({ error: (error as Error).message });
    }
  });
}
