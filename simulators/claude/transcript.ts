import { randomUUID } from "node:crypto";
import { appendFileSync, mkdirSync, readFileSync } from "node:fs";
import { dirname } from "node:path";

/** Adds a line to the stored conversation; `{"type":"step"}` is a step of the ticket that was begun or done. */
export function appendToTranscript(path: string, line: object): void {
  mkdirSync(dirname(path), { recursive: true });
  appendFileSync(path, `${JSON.stringify(line)}\n`);
}

/** Adds the entry that Claude stores when somebody denies a dialog, or stops a turn, in the terminal. */
export function storeInterruption(path: string, at = new Date()): void {
  const content = [{ type: "text", text: "[Request interrupted by user for tool use]" }];
  appendToTranscript(path, {
    isSidechain: false,
    type: "user",
    message: { role: "user", content },
    uuid: randomUUID(),
    timestamp: at.toISOString(),
  });
}

/** Counts the steps of a conversation, so that a resumed one continues after them. */
export function countDoneSteps(path: string): number {
  return readFileSync(path, "utf8").split('{"type":"step"}').length - 1;
}
