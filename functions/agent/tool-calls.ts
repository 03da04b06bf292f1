import type { Deps } from "../../shared/app/deps.ts";
import { type AuditEntry, createAuditLog } from "../../shared/audit/audit-log.ts";
import { cleanLine, cleanText } from "../../shared/clean-text.ts";
import { GroundcrewError, getErrorMessage } from "../../shared/errors.ts";
import { omitUndefined } from "../../shared/omit-undefined.ts";
import { createRedactor } from "../../shared/redact.ts";
import { sanitizeOutput } from "../../shared/sanitize-output.ts";
import { parseTaskKey } from "../../shared/task-key.ts";
import { completeAsSession } from "../../shared/tickets/complete-as-session.ts";
import { createAcknowledgements } from "../../shared/wake/acknowledgement.ts";
import type { WorkDeps } from "../../shared/work/context/call-context.ts";
import type { Caller } from "../../shared/work/context/caller.ts";
import { createTaskOperations, type TaskOperations } from "../../shared/work/task-operations.ts";
import { findKeptTask } from "../../shared/work/tasks/find-task.ts";
import { type ToolRefusal, toToolRefusal } from "./refusal.ts";
import type { Tool, ToolContext } from "./tool.ts";
import { mayCallTool } from "./tool-definitions.ts";
import { parseToolInput } from "./tool-input.ts";
import { TOOLS } from "./tools.ts";

export type ToolCallDeps = WorkDeps & Pick<Deps, "clock" | "metrics" | "log" | "newId">;

/** Who makes a call, and through which interface (MCP, HTTP or CLI). */
export interface CallSource {
  caller: Caller;
  via: AuditEntry["via"];
  correlation: string;
  /** Keeps the host running until work that continues after the answer has ended. */
  waitUntil: (work: Promise<unknown>) => void;
}

export type ToolOutcome = { ok: true; output: unknown } | { ok: false; refusal: ToolRefusal };

export type ToolCalls = ReturnType<typeof createToolCalls>;

/** Limit of a refusal in characters: room for a list of missing criteria, without echoing a long input in full. */
const MAX_REFUSAL_LENGTH = 2_000;

const UUID_PATTERN = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/**
 * Runs tools in the same way for every interface: checks the permission, runs the tool, sanitizes the answer and
 * records the call in the audit log. The returned functions never throw; an error becomes a refusal.
 */
export function createToolCalls(deps: ToolCallDeps) {
  // The audit of a call also acknowledges the wakes of its agent.
  const audit = createAuditLog(deps, (calls) => createAcknowledgements(deps, calls));
  const redact = createRedactor(deps.settings.secrets);

  /** `input` is the unparsed input, from which the audit log takes the task of a refused call. */
  async function runAudited(
    source: CallSource,
    name: string,
    input: unknown,
    action: () => Promise<unknown>,
  ): Promise<ToolOutcome> {
    const at = deps.clock();
    const outcome = await action().then(
      (output): ToolOutcome => ({ ok: true, output: sanitizeOutput(output) }),
      (thrown: unknown): ToolOutcome => ({ ok: false, refusal: createRefusal(source, name, thrown) }),
    );
    const ms = deps.clock() - at;
    source.waitUntil(recordCall(source, { name, input, outcome, at, ms }));
    return outcome;
  }

  function createRefusal({ correlation, caller }: CallSource, tool: string, thrown: unknown): ToolRefusal {
    const refusal = toToolRefusal(thrown);
    if (refusal) return { ...refusal, message: cleanText(redact(refusal.message), MAX_REFUSAL_LENGTH) };
    const stack = thrown instanceof Error ? thrown.stack : undefined;
    const logFields = { correlation, agent: caller.name, tool };
    deps.log.error("agent call failed unexpectedly", { ...logFields, error: getErrorMessage(thrown), stack });
    const message =
      `Internal error in Groundcrew. Part of the call may have been done: look at the task before you call again. ` +
      `Details are in the log under ${correlation}.`;
    return { code: "internal", message };
  }

  async function recordCall(
    source: CallSource,
    finished: { name: string; input: unknown; outcome: ToolOutcome; at: number; ms: number },
  ) {
    const { caller, correlation, via } = source;
    const { name, outcome, at, ms } = finished;
    const isKnown = TOOLS.some((tool) => tool.name === name);
    const outcomeCode = outcome.ok ? "ok" : outcome.refusal.code;
    const label = isKnown ? name : "unknown";
    deps.metrics.count("groundcrew_agent_calls_total", { tool: label, outcome: outcomeCode });
    deps.metrics.observe("groundcrew_agent_call_duration_seconds", ms / 1000, { tool: label });
    const item = await findItemKey(finished.input, outcome).catch(() => undefined);
    const tool = isKnown ? name : cleanLine(redact(name), 64);
    const callFields = { agent: caller.name, tool, ...omitUndefined({ item }) };
    const reasonField = outcome.ok ? {} : { reason: outcome.refusal.message };
    deps.log[outcomeCode === "forbidden" ? "warn" : "info"]("agent call", {
      correlation,
      ...callFields,
      outcome: outcomeCode,
      ms,
      via,
      ...reasonField,
    });
    await audit({ at, ...callFields, outcome: outcomeCode, ms, via, correlation });
  }

  /** Finds the key of the task of a call in its answer or in its input; the id when no task with that id is known. */
  async function findItemKey(input: unknown, outcome: ToolOutcome): Promise<string | undefined> {
    const output = outcome.ok ? outcome.output : undefined;
    const names = [readTextField(output, "key"), readTextField(output, "task"), readTextField(input, "task")].map(
      (name) => name?.trim(),
    );
    const key = names.map((name) => parseTaskKey(name ?? "")?.key).find((name) => name !== undefined);
    if (key !== undefined) return key;
    const id = names.map((name) => name?.toLowerCase()).find((name) => name && UUID_PATTERN.test(name));
    return id && ((await findKeptTask(deps, id))?.key ?? id);
  }

  /**
   * Runs `action` in place of the tool's own `run`, for an interface with its own way of passing the input. Permission,
   * the schema of the answer and the audit log are the same as for any call.
   */
  function runTool(source: CallSource, tool: Tool, input: unknown, action: (context: ToolContext) => Promise<unknown>) {
    return runAudited(source, tool.name, input, async () => {
      const { caller, correlation } = source;
      if (!mayCallTool(caller, tool)) throw createForbiddenError(caller, tool);
      return tool.output.parse(await action({ work: createOperations(deps, caller, correlation), caller }));
    });
  }

  return {
    runTool,
    /** Calls a tool by its name with unparsed input. */
    call(source: CallSource, name: string, input: unknown): Promise<ToolOutcome> {
      const tool = TOOLS.find((candidate) => candidate.name === name);
      if (tool) return runTool(source, tool, input, async (context) => tool.run(context, parseToolInput(tool, input)));
      return runAudited(source, name, input, async () => {
        const allowedTools = TOOLS.filter((candidate) => mayCallTool(source.caller, candidate)).map(
          (allowed) => allowed.name,
        );
        const requestedName = name.slice(0, 64);
        throw new GroundcrewError(
          "not_found",
          `There is no tool "${requestedName}". Available tools: ${allowedTools.join(", ")}.`,
        );
      });
    },
  };
}

/** The operations of a call; for the session of a ticket, the status is that of its ticket. */
function createOperations(deps: ToolCallDeps, caller: Caller, correlation: string): TaskOperations {
  const work = createTaskOperations(deps, caller, correlation);
  if (!caller.ticket) return work;
  const { ticket } = caller;
  return { ...work, setStatus: (task, change) => completeAsSession(deps, ticket, task, change, correlation) };
}

function createForbiddenError({ name, ticket }: Caller, tool: Tool): GroundcrewError {
  const reason = ticket
    ? `${tool.name} is not for sessions: the token of a session reads and completes its own ticket, ${ticket.key}.`
    : `${tool.name} is for the Concierge only; ${name} may not call it.`;
  return new GroundcrewError("forbidden", reason);
}

function readTextField(value: unknown, name: string): string | undefined {
  const field: unknown = typeof value === "object" && value !== null ? Reflect.get(value, name) : undefined;
  return typeof field === "string" ? field : undefined;
}
