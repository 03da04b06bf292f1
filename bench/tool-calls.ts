import type { Item } from "../simulators/plane/types.ts";
import { type Floor, ONE_WRITE_FLOOR, READ_FLOOR, TWO_READS_FLOOR, TWO_WRITES_FLOOR } from "./tool-floor.ts";

/** One measured call of a tool. Calls without a floor need no request to Plane. */
export interface ToolCall {
  what: string;
  tool: string;
  input: Record<string, unknown>;
  floor?: Floor | undefined;
}

/** The calls of one agent in one round, in the order in which it makes them on its task `item`. */
export function createToolCalls(project: string, item: Item, other: Item, suffix: string): ToolCall[] {
  const task = `${project}-${item.sequence_id}`;
  const blocker = `${project}-${other.sequence_id}`;
  const file = Buffer.from(`# Report of ${suffix}`).toString("base64");
  const call = (tool: string, input: Record<string, unknown>, floor?: Floor, detail = ""): ToolCall => ({
    what: `${tool}${detail}`,
    tool,
    input,
    floor,
  });
  return [
    call("get_task_details", { task }, TWO_READS_FLOOR, " of a changed task"),
    call("get_task_details", { task }, READ_FLOOR, " of an unchanged task"),
    call("claim_task", { task }),
    call("update_task_status", { task, status: "in_progress" }, TWO_WRITES_FLOOR, " in_progress"),
    call("start_timer", { task }),
    call("report", { task, percent: 50 }),
    call("add_comment", { task, text: `Half way, ${suffix}.` }, ONE_WRITE_FLOOR),
    call("ask_human", { task, text: `Which colour, ${suffix}?` }, ONE_WRITE_FLOOR),
    call("update_task", { task: blocker, priority: "high", add_blockers: [task] }, ONE_WRITE_FLOOR),
    call(
      "create_task",
      { project, title: `Page of ${suffix}`, assignee: suffix.split(" ")[0], blocked_by: [task] },
      TWO_WRITES_FLOOR,
      " with a blocker and an assignee",
    ),
    call("upload_deliverable", { task, name: "report.md", file }, TWO_WRITES_FLOOR),
    call("stop_timer", { task }),
    call("update_task_status", { task, status: "done", text: `Written, ${suffix}.` }, TWO_WRITES_FLOOR, " done"),
  ];
}
