/** Closes what was opened, newest first. Everything is closed even when some of it fails; then all failures are thrown. */
export type ClosingStack = {
  /** Registers how to close what was just opened, on the line that opens it. */
  onClose(name: string, close: () => unknown): void;
  close(): Promise<void>;
};

export function closingStack(): ClosingStack {
  const opened: { name: string; close: () => unknown }[] = [];
  return {
    onClose: (name, close) => void opened.push({ name, close }),
    async close() {
      const failures: Error[] = [];
      for (let entry = opened.pop(); entry; entry = opened.pop()) {
        try {
          await entry.close();
        } catch (cause) {
          failures.push(new Error(`Could not close ${entry.name}`, { cause }));
        }
      }
      if (failures.length > 0)
        throw new AggregateError(failures, failures.map((failure) => failure.message).join("; "));
    },
  };
}
