import { readFileSync } from "node:fs";
import type { ServerResponse } from "node:http";
import { z } from "zod";

/** The part of a request to the Responses API that the model looks at. */
export const responsesRequestSchema = z.looseObject({ input: z.array(z.looseObject({ type: z.string().optional() })) });

type Step = Record<string, unknown> & { type: string };

const USAGE = {
  ...{ input_tokens: 1_000, input_tokens_details: { cached_tokens: 200 }, output_tokens: 50, total_tokens: 1_050 },
  output_tokens_details: { reasoning_tokens: 10 },
};

let responses = 0;

/**
 * Does what the ticket file says, in place of thinking, for Codex: lines `do: run <command>` in the sandbox, `do:
 * permission <command>` outside of it, `do: patch <file> <text>`, `do: question <text>|<option>|…`, `do: plan <text>`, and
 * `do: call <tool> <JSON>` of the MCP server `groundcrew`, one after the other; then those of texts that send the result
 * back. The state is the conversation itself.
 */
export function streamResponse(response: ServerResponse, { input }: z.infer<typeof responsesRequestSchema>) {
  const text = JSON.stringify(input);
  const path = /(\/[^\s"\\]+\/ticket\.md)/.exec(text)?.[1];
  const file = path === undefined ? "" : readFileSync(path, "utf8");
  // The file has the texts of the last round only, the conversation those of all.
  const [own = ""] = file.split("\n## Round ");
  const sentBack = input.flatMap(({ role, content }) => {
    const said = role === "user" && Array.isArray(content) ? content.map((part) => String(part?.text ?? "")) : [];
    return said.filter((part) => part.includes("sends it back"));
  });
  const steps = [...[own, ...sentBack].join("\n").matchAll(/^do: (\w+) (.+)$/gm)].map(([, word = "", rest = ""]) =>
    toStep(word, rest),
  );
  const isDone = (item: object) => {
    const { type, role } = item as { type?: string; role?: string };
    const isCall = type === "function_call" || type === "custom_tool_call";
    return isCall || (role === "assistant" && JSON.stringify(item).includes("<proposed_plan>"));
  };
  const step = steps[input.filter(isDone).length] ?? toMessage("All done.");
  responses += 1;
  const id = `resp_${responses}`;
  const ids =
    step.type === "message" ? { id: `msg_${responses}` } : { id: `fc_${responses}`, call_id: `call_${responses}` };
  response.writeHead(200, { "content-type": "text/event-stream" });
  for (const event of [
    { type: "response.created", response: { id } },
    { type: "response.output_item.done", item: { ...step, ...ids } },
    { type: "response.completed", response: { id, usage: USAGE } },
  ])
    response.write(`event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`);
  response.end();
}

function toMessage(text: string): Step {
  return { type: "message", role: "assistant", content: [{ type: "output_text", text }] };
}

function toCall(name: string, input: object, namespace?: string): Step {
  return { type: "function_call", name, arguments: JSON.stringify(input), ...(namespace ? { namespace } : {}) };
}

function toStep(word: string, rest: string): Step {
  const [, first = "", more = ""] = /^(\S+) ?(.*)$/.exec(rest) ?? [];
  switch (word) {
    case "permission":
      return toCall("exec_command", { cmd: rest, sandbox_permissions: "require_escalated", justification: "need it" });
    case "patch": {
      const input = `*** Begin Patch\n*** Add File: ${first}\n+${more}\n*** End Patch`;
      return { type: "custom_tool_call", name: "apply_patch", input };
    }
    case "question": {
      const [question = "", ...labels] = rest.split("|");
      const options = labels.map((label) => ({ label, description: "an option" }));
      return toCall("request_user_input", { questions: [{ id: "first", header: "Q", question, options }] });
    }
    case "plan":
      return toMessage(`<proposed_plan>\n${rest}\n</proposed_plan>`);
    case "call":
      return toCall(first, JSON.parse(more), "mcp__groundcrew");
    default:
      return toCall("exec_command", { cmd: rest });
  }
}
