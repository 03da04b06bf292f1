import type { Writable } from "node:stream";

/**
 * Writes lines to a stream, all of one turn of the event loop at once: for a log, a system call for each line costs
 * more than making it. The rest is written when the process ends, unless it is killed.
 */
export function lineWriter(stream: Pick<Writable, "write">): (line: string) => void {
  let waiting: string[] = [];

  function flush() {
    if (waiting.length === 0) return;
    const text = `${waiting.join("\n")}\n`;
    waiting = [];
    stream.write(text);
  }

  process.on("exit", flush);
  return (line) => {
    if (waiting.push(line) === 1) setImmediate(flush);
  };
}
