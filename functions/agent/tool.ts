/**
 * What a tool is: its name, description, schemas and operation; which caller may call it; and the operations on tasks
 * that it may use. Also the parsing of an input with an error that says what to correct, and how a tool is described to
 * a client.
 */

import { z } from "zod";
import type { TaskDeps } from "../../shared/app/deps.ts";
import { GroundcrewError } from "../../shared/errors.ts";
import { findNearestName } from "../../shared/names.ts";
import { omitUndefined } from "../../shared/omit-undefined.ts";
import type { Task } from "../../shared/records/plane-records.ts";
import {
  addComment,
  type NewComment,
  reportProgress,
  startTimer,
  stopTimer,
} from "../../shared/tasks/agent-reports.ts";
import { type CallContext, type Caller, createCallContext, isAgent } from "../../shared/tasks/call-context.ts";
import { claimTask, throwIfClaimLost } from "../../shared/tasks/claims.ts";
import { deliverFile, downloadFile, findAttachment } from "../../shared/tasks/deliverables/deliver-file.ts";
import type { NewDeliverable } from "../../shared/tasks/deliverables/file-check.ts";
import { createTask, type TaskChanges, updateTask } from "../../shared/tasks/edit-task.ts";
import { findTask } from "../../shared/tasks/find-task.ts";
import { setStatus } from "../../shared/tasks/lifecycle/set-status.ts";
import { blockWhenRefused } from "../../shared/tasks/lifecycle/status-change.ts";
import { messageHuman } from "../../shared/tasks/people/messages.ts";
import { askHuman, type NewQuestion } from "../../shared/tasks/people/questions.ts";
import { planProject, requestProject, scheduleWork } from "../../shared/tasks/planning/start-plan.ts";
import { listAgents, listProjects } from "../../shared/tasks/task-counts.ts";
import { readTaskBrief, readTaskDetails } from "../../shared/tasks/views/task-details.ts";
import { listTasks, readTaskAnswer, searchTasks } from "../../shared/tasks/views/task-list.ts";
import { formatIsoTime, type Ms } from "../../shared/time.ts";

/** What a tool may use: the task operations, bound to the caller, and the caller itself. */
export interface ToolContext {
  work: TaskOperations;
  caller: Caller;
}

/** One operation for agents, served in the same way over MCP, HTTP and the CLI. */
export interface Tool<I extends z.ZodObject = z.ZodObject, O extends z.ZodType = z.ZodType> {
  name: string;
  /** A short text in the imperative, by which a model chooses the tool. */
  description: string;
  input: I;
  output: O;
  /** Who may call the tool and sees it in lists: every agent, unless this excludes worker agents. */
  allow?: "concierge";
  /** It changes nothing. All other tools are idempotent. */
  isReadOnly?: true;
  /** Its answer contains texts of others, which are marked as data for the model. */
  hasOthersText?: true;
  /** Throws a GroundcrewError that says what to do, or a PlaneError when Plane refuses or fails. */
  run(context: ToolContext, input: z.output<I>): Promise<z.input<O>>;
}

/** The operations on tasks in one call of one caller; used by tools, commands and tickets. */
export type TaskOperations = ReturnType<typeof createTaskOperations>;

type JsonSchema = z.core.JSONSchema.JSONSchema;

/** A tool's definition as a model receives it. */
interface ToolDefinition {
  name: string;
  description: string;
  inputSchema: { type: "object"; properties: Record<string, JsonSchema>; required?: string[] };
}

/** What the session of a ticket may call: it reads its ticket and the inputs of it, and completes it. */
const SESSION_TOOLS = ["get_task_details", "download_deliverable", "update_task_status"];

/** Checks a tool against its own schemas, then drops their types so that tools of different types fit in one list. */
export function defineTool<I extends z.ZodObject, O extends z.ZodType>(definition: Tool<I, O>): Tool {
  return definition as unknown as Tool;
}

/**
 * Parses the input of a tool. An unknown field is refused with the name that was probably meant; otherwise its value
 * would be lost silently. `null` is dropped where the schema does not allow it: models write it for a field they omit.
 * Throws `bad_request`.
 */
export function parseToolInput({ name, input }: Tool, rawInput: unknown): Record<string, unknown> {
  if (typeof rawInput !== "object" || rawInput === null || Array.isArray(rawInput))
    throw new GroundcrewError("bad_request", `${name} takes a JSON object, such as {"task": "ONB-12"}.`);
  const knownFields = Object.keys(input.shape);
  for (const field of Object.keys(rawInput)) {
    if (!knownFields.includes(field)) throw createUnknownFieldError(name, field, knownFields);
  }
  const present = Object.entries(rawInput).filter(
    ([field, value]) => value !== null || input.shape[field]?.safeParse(null).success,
  );
  const parsed = input.safeParse(Object.fromEntries(present));
  if (parsed.success) return parsed.data;
  const problems = parsed.error.issues.map((issue) => formatIssue(issue, present));
  throw new GroundcrewError("bad_request", `${name}: ${problems.slice(0, 5).join("; ")}.`);
}

function createUnknownFieldError(tool: string, field: string, knownFields: readonly string[]): GroundcrewError {
  const fieldName = field.slice(0, 40);
  if (knownFields.length === 0)
    return new GroundcrewError("bad_request", `${tool} has no field "${fieldName}". It takes no input.`);
  const nearest = findNearestName(fieldName, knownFields);
  const hint = nearest ? `Did you mean ${nearest}? ` : "";
  return new GroundcrewError(
    "bad_request",
    `${tool} has no field "${fieldName}". ${hint}Its fields: ${knownFields.join(", ")}.`,
  );
}

function formatIssue({ path, message }: z.core.$ZodIssue, present: readonly [string, unknown][]): string {
  const [field] = path;
  if (path.length === 1 && !present.some(([name]) => name === field)) return `${String(field)} is missing`;
  return `${path.join(".")}: ${message}`;
}

/**
 * Binds what the tools can do to the caller of one call. Create it for each call, because its limit of waiting for
 * Plane is per call.
 */
export function createTaskOperations(deps: TaskDeps, caller: Caller, correlation?: string) {
  const context = createCallContext(deps, caller, correlation);
  const bind =
    <A extends unknown[], R>(operation: (context: CallContext, ...input: A) => Promise<R>) =>
    (...input: A) =>
      operation(context, ...input);
  let subject: Task | undefined;
  /** Finds the task that the call is about. An agent whose work on it was stopped learns that first. */
  const openTask = async (reference: string) => {
    subject = await findTask(context, reference);
    if (isAgent(caller) && subject.item.stopped) await throwIfClaimLost(context, subject, ["stopped"]);
    return subject;
  };
  const bindToTask =
    <A extends unknown[], R>(operation: (context: CallContext, task: Task, ...input: A) => Promise<R>) =>
    async (task: string, ...input: A) =>
      operation(context, await openTask(task), ...input);
  return {
    /** The task that the call is about, once it was found. */
    getSubject: () => subject,
    /** Formats a time as ISO 8601 in TIMEZONE. */
    formatTime: (at: Ms) => formatIsoTime(at, deps.settings.timezone),
    create: async (newTask: Parameters<typeof createTask>[1]) =>
      readTaskAnswer(context, await createTask(context, newTask)),
    update: bindToTask(async (_, task, changes: TaskChanges) =>
      readTaskAnswer(context, await updateTask(context, task, changes)),
    ),
    createProject: bind(requestProject),
    plan: bind(planProject),
    schedule: bind(scheduleWork),
    search: bind(searchTasks),
    projects: bind(listProjects),
    team: bind(listAgents),
    deliver: bind(async (_, deliverable: NewDeliverable) => {
      await openTask(deliverable.task);
      return blockWhenRefused(context, deliverable.task, "upload", () => deliverFile(context, deliverable));
    }),
    download: bind(downloadFile),
    findFile: bind(findAttachment),
    setStatus: bindToTask(setStatus),
    comment: bindToTask(async (_, task, newComment: NewComment) => {
      const post = () => addComment(context, task, newComment);
      return { task: task.key, comment: await blockWhenRefused(context, task.id, "comment", post), url: task.url };
    }),
    ask: bindToTask(async (_, task, newQuestion: NewQuestion) => {
      const ask = () => askHuman(context, task, newQuestion);
      return { key: task.key, ...(await blockWhenRefused(context, task.id, "comment", ask)) };
    }),
    message: bind(messageHuman),
    report: bindToTask(reportProgress),
    startTimer: bindToTask(startTimer),
    stopTimer: bindToTask(stopTimer),
    list: bind(listTasks),
    details: bindToTask(readTaskDetails),
    brief: bindToTask(readTaskBrief),
    claim: bindToTask(async (_, task) => ({ key: task.key, ...(await claimTask(context, task)) })),
  };
}

/** Whether this caller may call the tool. A caller sees only the tools it may call. */
export function mayCallTool({ role }: Caller, { allow, name }: Tool): boolean {
  if (role === "session") return SESSION_TOOLS.includes(name);
  return allow === undefined || role !== "worker";
}

const definitionCache = new WeakMap<Tool, ToolDefinition>();

/** Returns a tool's definition, cached: converting a zod schema to JSON Schema costs more than many calls. */
export function getToolDefinition(tool: Tool): ToolDefinition {
  const definition = definitionCache.get(tool) ?? createToolDefinition(tool);
  definitionCache.set(tool, definition);
  return definition;
}

function createToolDefinition({ name, description, input }: Tool): ToolDefinition {
  const { properties = {}, required } = simplifySchema(z.toJSONSchema(input, { io: "input", unrepresentable: "any" }));
  const fields = Object.entries(properties).map(([field, schema]) => [field, typeof schema === "object" ? schema : {}]);
  return {
    name,
    description,
    inputSchema: { type: "object", properties: Object.fromEntries(fields), ...omitUndefined({ required }) },
  };
}

/** Drops keywords that mean nothing to a model: every agent reads each character at every start. */
function simplifySchema(schema: JsonSchema): JsonSchema {
  const json: JsonSchema = JSON.parse(
    JSON.stringify(schema, (key, value: unknown) =>
      key === "$schema" ||
      (key === "additionalProperties" && value === false) ||
      Math.abs(Number(value)) === Number.MAX_SAFE_INTEGER
        ? undefined
        : value,
    ),
  );
  return json;
}

/** What every answer about a task contains beside the tool's own fields: what people wrote and the caller has not read. */
const remarksSchema = z.object({
  unread: z.number().optional(),
  remarks: z.array(z.object({ at: z.string(), by: z.string(), text: z.string() })).optional(),
});

/** The JSON Schema of a tool's answer. */
export function createOutputSchema({ input, output }: Tool): JsonSchema {
  const answer = "task" in input.shape && output instanceof z.ZodObject ? output.extend(remarksSchema.shape) : output;
  return simplifySchema(z.toJSONSchema(answer, { io: "output", unrepresentable: "any" }));
}
