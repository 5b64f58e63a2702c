import type { Worker } from "node:worker_threads";

/** An idle thread ends after this time, because it uses some MB. */
const IDLE_MS = 10_000;
/** The results are only numbers of runs. */
const MEMORY = { maxOldGenerationSizeMb: 24, maxYoungGenerationSizeMb: 1 };

type Question = { readonly text: string; readonly values: readonly (string | number)[] };
type Asked = PromiseWithResolvers<readonly Record<string, unknown>[]> & { readonly question: Question };
type Answer = { readonly rows?: readonly Record<string, unknown>[]; readonly error?: string };

/** Reads a database in a thread with a read-only connection. The thread starts with the first question. */
export class ReadingThread {
  readonly #file: string;
  #worker: Worker | undefined;
  #idle: NodeJS.Timeout | undefined;
  /** The thread is working on the first one. */
  #asked: Asked[] = [];

  constructor(file: string) {
    this.#file = file;
  }

  /**
   * @param text with values as `?1`, `?2`.
   * @throws Error if there is no thread, such as with Node's permission model, or if it cannot answer.
   */
  ask(text: string, ...values: readonly (string | number)[]): Promise<readonly Record<string, unknown>[]> {
    clearTimeout(this.#idle);
    const asked = { ...Promise.withResolvers<readonly Record<string, unknown>[]>(), question: { text, values } };
    try {
      this.#worker ??= this.#started();
    } catch (error) {
      asked.reject(error);
      return asked.promise;
    }
    this.#asked.push(asked);
    this.#worker.ref();
    if (this.#asked.length === 1) this.#worker.postMessage(asked.question);
    return asked.promise;
  }

  /**
   * Drops a question that nothing waits for, so that it does not delay others. It then never gets an answer.
   * @param answer the result of `ask`.
   * @returns false if the thread already works on it.
   */
  drop(answer: Promise<unknown>): boolean {
    const place = this.#asked.findIndex(({ promise }) => promise === answer);
    if (place < 1) return false;
    this.#asked.splice(place, 1);
    return true;
  }

  /** Unanswered questions reject after the thread has ended. */
  async close(): Promise<void> {
    clearTimeout(this.#idle);
    await this.#worker?.terminate();
  }

  #started(): Worker {
    // As text, so that it works the same in the sources and in the release.
    const options = { eval: true, workerData: this.#file, resourceLimits: MEMORY, execArgv: [], env: {} };
    // Loaded here because it uses 0.6 MB.
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
    const [next] = this.#asked;
    if (next) return void this.#worker?.postMessage(next.question);
    this.#worker?.unref();
    this.#idle = setTimeout(() => void this.close(), IDLE_MS).unref();
  }
}

/** The thread's code. It can use nothing outside this function. */
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
