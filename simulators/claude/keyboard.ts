type Waiter = (line: string | undefined) => void;

/**
 * Reads keys as Claude does: Enter submits only when it arrives alone; within a longer chunk it is a line end of a pasted
 * text. Escape empties the line.
 */
export function createKeyboard(input: NodeJS.ReadStream) {
  let line = "";
  const lines: (string | undefined)[] = [];
  let keyWaiter: Waiter | undefined;
  const waiters: Waiter[] = [];
  const deliver = (value: string | undefined) => {
    const waiter = waiters.shift();
    if (waiter) waiter(value);
    else lines.push(value);
  };
  if (input.isTTY) input.setRawMode(true);
  input.setEncoding("utf8");
  input.on("data", (chunk: string) => {
    if (keyWaiter) {
      keyWaiter(chunk);
      keyWaiter = undefined;
    } else if (chunk === "\r") {
      deliver(line);
      line = "";
    } else if (chunk.startsWith("\u001b")) {
      line = "";
      deliver("\u001b");
    } else line += chunk.replaceAll("\r", "\n");
  });
  input.on("end", () => (keyWaiter ?? deliver)(undefined));
  return {
    /** Resolves with the next key, as dialogs do: without Enter. */
    readKey: (): Promise<string | undefined> =>
      new Promise((resolve) => {
        keyWaiter = resolve;
      }),
    /** Resolves with the next submitted line, `\u001b` for Escape; undefined when the terminal was closed. */
    readLine: (): Promise<string | undefined> =>
      lines.length > 0 ? Promise.resolve(lines.shift()) : new Promise((resolve) => waiters.push(resolve)),
  };
}
