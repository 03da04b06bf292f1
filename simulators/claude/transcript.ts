import { randomUUID } from "node:crypto";
import { appendFileSync, existsSync, mkdirSync, readFileSync } from "node:fs";
import { dirname } from "node:path";
import { REQUEST_COST_USD } from "./payloads.ts";

/** Usage of one request to the model, as in the recorded samples. */
const REQUEST_USAGE = {
  input_tokens: 120,
  cache_creation_input_tokens: 10,
  cache_read_input_tokens: 1_000,
  output_tokens: 25,
};

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

/** Adds the two entries of an answer with two parts. Both have the usage of the one request. */
export function storeAnswer(path: string): void {
  const id = `msg_${randomUUID().replaceAll("-", "")}`;
  const usage = { ...REQUEST_USAGE, service_tier: "standard" };
  for (const content of [
    { type: "thinking", thinking: "" },
    { type: "text", text: "…" },
  ])
    appendToTranscript(path, {
      isSidechain: false,
      type: "assistant",
      message: { id, type: "message", role: "assistant", content: [content], usage },
      uuid: randomUUID(),
      timestamp: new Date().toISOString(),
    });
}

/** Adds the entry with which Claude ends in order. A conversation that is continued counts its cost from there. */
export function storeCost(path: string, requests: number): void {
  appendToTranscript(path, { type: "cost-state", totalCostUSD: REQUEST_COST_USD * requests });
}

/** The requests whose cost was stored when the conversation last ended in order; 0 without a conversation. */
export function readStoredRequests(path: string): number {
  if (!existsSync(path)) return 0;
  const [, cost = "0"] = readFileSync(path, "utf8").match(/.*"totalCostUSD":([\d.]+)/s) ?? [];
  return Math.round(Number(cost) / REQUEST_COST_USD);
}

/** Counts the steps of a conversation, so that a resumed one continues after them. */
export function countDoneSteps(path: string): number {
  return readFileSync(path, "utf8").split('{"type":"step"}').length - 1;
}
