import type { Writable } from "node:stream";
import type { Ms } from "../../shared/time.ts";

/** Limit of a line's delay: 10 ms. */
const FLUSH_DELAY: Ms = 10;

/**
 * Creates a writer of lines that collects lines for 10 ms and writes them at once, because a system call for each line
 * of a log costs more than formatting it. Pending lines are written when the process exits, unless it is killed. Lines
 * that cannot be written (a full disk, a closed pipe) are lost without ending the process.
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
