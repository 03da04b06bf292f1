import { omitUndefined } from "../../../shared/omit-undefined.ts";
import { MINUTE, type Ms } from "../../../shared/time.ts";

type Input = Record<string, unknown>;

/** The content of a file in base64. */
export const guide = btoa("# Guide");
const start = (task: string) => ["Imhotep", "update_task_status", { task, status: "in_progress" }] as const;

/** One call of a tool that writes, by Imhotep unless `agent` names another one. */
interface Case {
  title: string;
  agent?: string;
  tool: string;
  input: Input;
  /** Calls before the measured one. */
  before?: (readonly [agent: string, tool: string, input: Input])[];
  /** Time between those calls and the measured one. */
  idle?: Ms;
  /** Expected status of the answer. */
  status?: number;
}

/** A change of status of ONB-1 or ONB-2, which Imhotep has started. */
function changeStarted(title: string, input: Input & { task: string }, more: Partial<Case> = {}): Case {
  return { title, tool: "update_task_status", before: [start(input.task)], input, ...more };
}

/** A start that is refused with this status. */
function refuseStart(title: string, task: string, status: number): Case {
  return { title, tool: "update_task_status", input: { task, status: "in_progress" }, status };
}

/** A call of the Concierge. */
function plan(title: string, tool: string, input: Input, status?: number): Case {
  return { title, agent: "Concierge", tool, input, ...omitUndefined({ status }) };
}

const upload = ["Imhotep", "upload_deliverable", { task: "ONB-1", name: "guide.md", file: guide }] as const;
const website = { name: "Website relaunch" };

/** Calls of all tools that write, also refused ones, on the tasks of `createPacedApp`. */
export const PACED_CALLS: readonly Case[] = [
  { title: "claims a task", tool: "claim_task", input: { task: "ONB-1" } },
  {
    title: "starts a task",
    tool: "update_task_status",
    input: { task: "ONB-1", status: "in_progress", session: "openclaw-session-6e2f8f0a-6a0e-4c0b-9d53-0e6c1a3b9f10" },
  },
  changeStarted("finishes a task", {
    task: "ONB-2",
    status: "done",
    text: "Printed.",
    cost: 2,
    commit: "abc",
    tests: "12 passed",
  }),
  changeStarted("finishes a task that a human must review", {
    task: "ONB-2",
    status: "done",
    text: "Printed.",
    confidence: 0.1,
  }),
  changeStarted(
    "finishes a task with a required file",
    { task: "ONB-1", status: "done", text: "Written." },
    { before: [start("ONB-1"), upload] },
  ),
  changeStarted("blocks a task", { task: "ONB-1", status: "blocked", text: "The printer is broken." }),
  changeStarted("cancels a task", { task: "ONB-1", status: "cancelled", text: "Not needed." }),
  changeStarted("returns a task", { task: "ONB-1", status: "todo", text: "Later." }),
  plan("blocks another agent's task as the Concierge", "update_task_status", {
    task: "ONB-1",
    status: "blocked",
    text: "Wait for the budget.",
  }),
  changeStarted("repeats a status with a text", { task: "ONB-1", status: "in_progress", text: "Still." }),
  changeStarted(
    "is refused to finish a task without its file",
    { task: "ONB-1", status: "done", text: "Written." },
    { status: 409 },
  ),
  refuseStart("is refused to start a task that waits", "ONB-5", 409),
  refuseStart("is refused to start another agent's task", "ONB-3", 403),
  refuseStart("is refused a task that does not exist", "ONB-99", 404),
  changeStarted(
    "has lost its claim",
    { task: "ONB-1", status: "blocked", text: "The printer is broken." },
    { idle: 16 * MINUTE, status: 409 },
  ),
  {
    title: "comments",
    tool: "add_comment",
    input: { task: "ONB-1", text: "Half way.", kind: "progress", percent: 50, critical: true },
  },
  {
    title: "asks the human",
    tool: "ask_human",
    input: { task: "ONB-1", text: "Which colour?", choices: ["red", "blue"] },
  },
  { title: "reports", tool: "report", input: { task: "ONB-1", percent: 50, cost: 1 } },
  { title: "starts a timer", tool: "start_timer", input: { task: "ONB-1" } },
  {
    title: "stops a timer",
    tool: "stop_timer",
    before: [["Imhotep", "start_timer", { task: "ONB-1" }]],
    input: { task: "ONB-1" },
  },
  { title: "uploads a file", tool: "upload_deliverable", input: { ...upload[2], text: "The guide." } },
  { title: "uploads the same file again", tool: "upload_deliverable", before: [upload], input: upload[2] },
  {
    title: "is refused a file type",
    tool: "upload_deliverable",
    input: { ...upload[2], name: "guide.exe" },
    status: 415,
  },
  plan("creates a task", "create_task", { project: "ONB", title: "Read it", assignee: "Thot" }),
  plan("creates a task with blockers and an assignee", "create_task", {
    project: "ONB",
    title: "Sell it",
    assignee: "Thot",
    blocked_by: ["ONB-1", "ONB-3"],
    priority: "high",
  }),
  plan(
    "is refused a task for an unknown assignee",
    "create_task",
    { project: "ONB", title: "Read it", assignee: "Nobody" },
    400,
  ),
  plan("changes all fields of a task", "update_task", {
    task: "ONB-4",
    title: "Paint it",
    text: "Red.",
    assignee: "Thot",
    add_blockers: ["ONB-1"],
  }),
  plan("replaces a blocker of a task", "update_task", {
    task: "ONB-5",
    add_blockers: ["ONB-1"],
    remove_blockers: ["ONB-3"],
    priority: "low",
  }),
  plan("puts a task into a cycle and a module", "update_task", {
    task: "ONB-4",
    title: "Paint it",
    cycle: "Sprint 1",
    module: "House",
    add_blockers: ["ONB-1"],
  }),
  plan("is refused a dependency cycle", "update_task", { task: "ONB-3", add_blockers: ["ONB-5"] }, 400),
  plan("creates a project", "create_project", website),
  {
    ...plan("repeats the creation of a project", "create_project", website),
    before: [["Concierge", "create_project", website]],
  },
];
