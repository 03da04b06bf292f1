import type { Writable } from "node:stream";
import type { Ms } from "../../shared/store/port.ts";

/** So late is a line at most. */
const GATHER: Ms = 10;

/**
 * Writes lines to a stream, all of ten milliseconds at once: for a log, a system call for each line costs more than
 * making it. The rest is written when the process ends, unless it is killed.
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
    if (waiting.push(line) === 1) setTimeout(flush, GATHER).unref();
  };
}
