import { randomUUID } from "node:crypto";
import type { ServerResponse } from "node:http";

/** What the model answers: a text, or a tool to run. */
export type ModelReply = { text: string } | { tool: string; input: Record<string, unknown> };

/** Tokens of each answer, those of the recorded sessions. */
const USAGE = { input_tokens: 120, cache_creation_input_tokens: 10, cache_read_input_tokens: 1_000 };
const OUTPUT_TOKENS = 25;

/** Renders an answer as the JSON of the Messages API. */
export function renderMessage(model: string, reply: ModelReply) {
  return {
    id: `msg_${randomUUID().replaceAll("-", "")}`,
    type: "message",
    role: "assistant",
    model,
    content: [toBlock(reply)],
    stop_reason: "text" in reply ? "end_turn" : "tool_use",
    stop_sequence: null,
    usage: { ...USAGE, output_tokens: OUTPUT_TOKENS },
  };
}

/** Sends an answer as the event stream of the Messages API: each block is opened empty, filled and closed. */
export function streamMessage(response: ServerResponse, model: string, reply: ModelReply) {
  const message = renderMessage(model, reply);
  const isText = "text" in reply;
  const block = toBlock(reply);
  const empty = isText ? { ...block, text: "" } : { ...block, input: {} };
  const delta = isText
    ? { type: "text_delta", text: reply.text }
    : { type: "input_json_delta", partial_json: JSON.stringify(reply.input) };
  const opened = { ...message, content: [], stop_reason: null, usage: { ...USAGE, output_tokens: 1 } };
  response.writeHead(200, { "content-type": "text/event-stream", "request-id": "req_fake1" });
  for (const event of [
    { type: "message_start", message: opened },
    { type: "content_block_start", index: 0, content_block: empty },
    { type: "content_block_delta", index: 0, delta },
    { type: "content_block_stop", index: 0 },
    {
      type: "message_delta",
      delta: { stop_reason: message.stop_reason, stop_sequence: null },
      usage: { output_tokens: OUTPUT_TOKENS },
    },
    { type: "message_stop" },
  ])
    response.write(`event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`);
  response.end();
}

function toBlock(reply: ModelReply) {
  if ("text" in reply) return { type: "text", text: reply.text };
  return { type: "tool_use", id: `toolu_${randomUUID().replaceAll("-", "")}`, name: reply.tool, input: reply.input };
}
