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

/** Calls of all tools that write, also refused ones, on the tasks of `createPacedApp`. */
export const PACED_CALLS: readonly Case[] = [
  { title: "claims a task", tool: "claim_task", input: { task: "ONB-1" } },
  {
    title: "starts a task",
    tool: "update_task_status",
    input: { task: "ONB-1", status: "in_progress", session: "openclaw-session-6e2f8f0a-6a0e-4c0b-9d53-0e6c1a3b9f10" },
  },
  {
    title: "finishes a task",
    tool: "update_task_status",
    before: [start("ONB-2")],
    input: { task: "ONB-2", status: "done", text: "Printed.", cost: 2, commit: "abc", tests: "12 passed" },
  },
  {
    title: "finishes a task that a human must review",
    tool: "update_task_status",
    before: [start("ONB-2")],
    input: { task: "ONB-2", status: "done", text: "Printed.", confidence: 0.1 },
  },
  {
    title: "finishes a task with a required file",
    tool: "update_task_status",
    before: [start("ONB-1"), ["Imhotep", "upload_deliverable", { task: "ONB-1", name: "guide.md", file: guide }]],
    input: { task: "ONB-1", status: "done", text: "Written." },
  },
  {
    title: "blocks a task",
    tool: "update_task_status",
    before: [start("ONB-1")],
    input: { task: "ONB-1", status: "blocked", text: "The printer is broken." },
  },
  {
    title: "cancels a task",
    tool: "update_task_status",
    before: [start("ONB-1")],
    input: { task: "ONB-1", status: "cancelled", text: "Not needed." },
  },
  {
    title: "returns a task",
    tool: "update_task_status",
    before: [start("ONB-1")],
    input: { task: "ONB-1", status: "todo", text: "Later." },
  },
  {
    title: "blocks another agent's task as the Concierge",
    agent: "Concierge",
    tool: "update_task_status",
    input: { task: "ONB-1", status: "blocked", text: "Wait for the budget." },
  },
  {
    title: "repeats a status with a text",
    tool: "update_task_status",
    before: [start("ONB-1")],
    input: { task: "ONB-1", status: "in_progress", text: "Still." },
  },
  {
    title: "is refused to finish a task without its file",
    tool: "update_task_status",
    before: [start("ONB-1")],
    input: { task: "ONB-1", status: "done", text: "Written." },
    status: 409,
  },
  {
    title: "is refused to start a task that waits",
    tool: "update_task_status",
    input: { task: "ONB-5", status: "in_progress" },
    status: 409,
  },
  {
    title: "is refused to start another agent's task",
    tool: "update_task_status",
    input: { task: "ONB-3", status: "in_progress" },
    status: 403,
  },
  {
    title: "is refused a task that does not exist",
    tool: "update_task_status",
    input: { task: "ONB-99", status: "in_progress" },
    status: 404,
  },
  {
    title: "has lost its claim",
    tool: "update_task_status",
    before: [start("ONB-1")],
    idle: 16 * MINUTE,
    input: { task: "ONB-1", status: "blocked", text: "The printer is broken." },
    status: 409,
  },
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
  {
    title: "uploads a file",
    tool: "upload_deliverable",
    input: { task: "ONB-1", name: "guide.md", file: guide, text: "The guide." },
  },
  {
    title: "uploads the same file again",
    tool: "upload_deliverable",
    before: [["Imhotep", "upload_deliverable", { task: "ONB-1", name: "guide.md", file: guide }]],
    input: { task: "ONB-1", name: "guide.md", file: guide },
  },
  {
    title: "is refused a file type",
    tool: "upload_deliverable",
    input: { task: "ONB-1", name: "guide.exe", file: guide },
    status: 415,
  },
  {
    title: "creates a task",
    agent: "Concierge",
    tool: "create_task",
    input: { project: "ONB", title: "Read it", assignee: "Thot" },
  },
  {
    title: "creates a task with blockers and an assignee",
    agent: "Concierge",
    tool: "create_task",
    input: { project: "ONB", title: "Sell it", assignee: "Thot", blocked_by: ["ONB-1", "ONB-3"], priority: "high" },
  },
  {
    title: "is refused a task for an unknown assignee",
    agent: "Concierge",
    tool: "create_task",
    input: { project: "ONB", title: "Read it", assignee: "Nobody" },
    status: 400,
  },
  {
    title: "changes all fields of a task",
    agent: "Concierge",
    tool: "update_task",
    input: { task: "ONB-4", title: "Paint it", text: "Red.", assignee: "Thot", add_blockers: ["ONB-1"] },
  },
  {
    title: "replaces a blocker of a task",
    agent: "Concierge",
    tool: "update_task",
    input: { task: "ONB-5", add_blockers: ["ONB-1"], remove_blockers: ["ONB-3"], priority: "low" },
  },
  {
    title: "puts a task into a cycle and a module",
    agent: "Concierge",
    tool: "update_task",
    input: { task: "ONB-4", title: "Paint it", cycle: "Sprint 1", module: "House", add_blockers: ["ONB-1"] },
  },
  {
    title: "is refused a dependency cycle",
    agent: "Concierge",
    tool: "update_task",
    input: { task: "ONB-3", add_blockers: ["ONB-5"] },
    status: 400,
  },
  { title: "creates a project", agent: "Concierge", tool: "create_project", input: { name: "Website relaunch" } },
  {
    title: "repeats the creation of a project",
    agent: "Concierge",
    tool: "create_project",
    before: [["Concierge", "create_project", { name: "Website relaunch" }]],
    input: { name: "Website relaunch" },
  },
];
