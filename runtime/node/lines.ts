import type { Writable } from "node:stream";
import type { Ms } from "../../shared/store/port.ts";

/** So late is a line at most. */
const GATHER: Ms = 10;

/**
 * Writes lines to a stream, all of ten milliseconds at once: for a log, a system call for each line costs more than
 * making it. The rest is written when the process ends, unless it is killed. Lines that a full disk or a reader that is
 * gone does not take are lost, and end nothing else.
 */
export function lineWriter(stream: Pick<Writable, "write" | "on">): (line: string) => void {
  let waiting: string[] = [];

  function flush() {
    if (waiting.length === 0) return;
    const text = `${waiting.join("\n")}\n`;
    waiting = [];
    stream.write(text);
  }

  // Without a listener the error would end the process.
  stream.on("error", () => {});
  process.on("exit", flush);
  return (line) => {
    if (waiting.push(line) === 1) setTimeout(flush, GATHER).unref();
  };
}
