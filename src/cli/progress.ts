/** Says on a terminal how a long wait goes, on one line that replaces itself; in a pipe it says nothing. */
export type Progress = { show(text: string): void; clear(): void };

export function progress(stream: NodeJS.WriteStream = process.stderr): Progress {
  if (!stream.isTTY) return { show() {}, clear() {} };
  const clear = () => void stream.write("\r\u001b[2K");
  return {
    show(text) {
      clear();
      stream.write([...text].slice(0, (stream.columns || 80) - 1).join(""));
    },
    clear,
  };
}
