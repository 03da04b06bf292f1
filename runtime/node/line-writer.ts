import type { Writable } from "node:stream";
import type { Ms } from "../../shared/time.ts";

/** So late is a line at most. */
const FLUSH_DELAY: Ms = 10;

/**
 * Writes lines to a stream, all of ten milliseconds at once: for a log, a system call for each line costs more than
 * making it. The rest is written when the process ends, unless it is killed. Lines that a full disk or a reader that is
 * gone does not take are lost, and end nothing else.
 */
export function createLineWriter(stream: Pick<Writable, "write" | "on">): (line: string) => void {
  let pendingLines: string[] = [];

  function flush() {
    if (pendingLines.length === 0) return;
    const text = `${pendingLines.join("\n")}\n`;
    pendingLines = [];
    stream.write(text);
  }

  // Without a listener the error would end the process.
  stream.on("error", () => {});
  process.on("exit", flush);
  return (line) => {
    if (pendingLines.push(line) === 1) setTimeout(flush, FLUSH_DELAY).unref();
  };
}
