type Waiter = (line: string | undefined) => void;

/** Asks the terminal to mark pasted texts, and the marks. */
const PASTE_MODE = "\u001b[?2004h";
const PASTE_START = "\u001b[200~";
const PASTE_END = "\u001b[201~";

const CTRL_C = "\u0003";
/** Keys that end the program when they are pressed twice in a row. */
const EXIT_KEYS = [CTRL_C, "\u0004"];

/**
 * Reads keys as Claude does: Enter submits only when it arrives alone; within a longer chunk it is a line end of a pasted
 * text, as everything is between the marks of a paste. Escape leaves the line, Ctrl-C empties it. Ctrl-C or Ctrl-D twice
 * counts as `/exit`. `echo` shows what is typed into the line.
 */
export function createKeyboard(input: NodeJS.ReadStream, echo: (text: string) => void) {
  let line = "";
  let paste: string | undefined;
  let last: string | undefined;
  const lines: (string | undefined)[] = [];
  let keyWaiter: Waiter | undefined;
  const waiters: Waiter[] = [];
  const deliver = (value: string | undefined) => {
    const waiter = waiters.shift();
    if (waiter) waiter(value);
    else lines.push(value);
  };
  if (input.isTTY) {
    input.setRawMode(true);
    echo(PASTE_MODE);
  }
  input.setEncoding("utf8");
  input.on("data", (chunk: string) => {
    if (paste !== undefined || chunk.startsWith(PASTE_START)) {
      paste = (paste ?? "") + chunk;
      const end = paste.indexOf(PASTE_END);
      if (end < 0) return;
      const text = paste.slice(PASTE_START.length, end).replaceAll("\r", "\n");
      paste = undefined;
      line += text;
      echo(text);
      return;
    }
    const [key = ""] = chunk;
    const isRepeated = last === key || chunk[1] === key;
    last = chunk.at(-1);
    if (keyWaiter) {
      keyWaiter(chunk);
      keyWaiter = undefined;
    } else if (EXIT_KEYS.includes(key)) {
      if (key === CTRL_C) line = "";
      if (isRepeated) deliver("/exit");
    } else if (chunk === "\r") {
      echo("\n");
      deliver(line);
      line = "";
    } else if (chunk.startsWith("\u001b")) {
      deliver("\u001b");
    } else {
      line += chunk.replaceAll("\r", "\n");
      echo(chunk.replaceAll("\r", "\n"));
    }
  });
  input.on("end", () => (keyWaiter ?? deliver)(undefined));
  return {
    /** Resolves with the next key, as dialogs do: without Enter. After the signal keys belong to the line again. */
    readKey: (signal?: AbortSignal): Promise<string | undefined> =>
      new Promise((resolve) => {
        keyWaiter = resolve;
        signal?.addEventListener("abort", () => {
          if (keyWaiter === resolve) keyWaiter = undefined;
        });
      }),
    /** Resolves with the next submitted line, `\u001b` for Escape; undefined when the terminal was closed. */
    readLine: (): Promise<string | undefined> =>
      lines.length > 0 ? Promise.resolve(lines.shift()) : new Promise((resolve) => waiters.push(resolve)),
  };
}
