import type { Deps } from "../../shared/app/deps.ts";
import { type AuditEntry, createAuditLog } from "../../shared/audit/audit-log.ts";
import { cleanLine, cleanText } from "../../shared/clean-text.ts";
import { GroundcrewError, getErrorMessage } from "../../shared/errors.ts";
import { omitUndefined } from "../../shared/omit-undefined.ts";
import { createRedactor } from "../../shared/redact.ts";
import type { WorkDeps } from "../../shared/work/context/call-context.ts";
import type { Caller } from "../../shared/work/context/caller.ts";
import { createTaskOperations } from "../../shared/work/task-operations.ts";
import { findKeptTask } from "../../shared/work/tasks/find-task.ts";
import { type ToolRefusal, toToolRefusal } from "./refusal.ts";
import { sanitizeOutput } from "./sanitize-output.ts";
import type { Tool, ToolContext } from "./tool.ts";
import { mayCallTool } from "./tool-definitions.ts";
import { parseToolInput } from "./tool-input.ts";
import { TOOLS } from "./tools.ts";

export type ToolCallDeps = WorkDeps & Pick<Deps, "clock" | "metrics" | "log" | "newId">;

/** Who calls, and through which door. */
export interface CallSource {
  caller: Caller;
  via: AuditEntry["via"];
  correlation: string;
  /** Takes what goes on after the answer. */
  waitUntil: (work: Promise<unknown>) => void;
}

export type ToolOutcome = { ok: true; output: unknown } | { ok: false; refusal: ToolRefusal };

export type ToolCalls = ReturnType<typeof createToolCalls>;

/** Characters of a refusal: a list of what is missing fits, what somebody sent does not come back whole. */
const MAX_REFUSAL_LENGTH = 2_000;

const TASK_KEY_PATTERN = /^[\p{L}\p{N}_]{1,12}-[1-9]\d{0,9}$/u;
const UUID_PATTERN = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** Runs tools for every door alike: checks who may, runs, shapes the answer, keeps the call in the audit. Never throws. */
export function createToolCalls(deps: ToolCallDeps) {
  const audit = createAuditLog(deps);
  const redact = createRedactor(deps.settings.secrets);

  /** `input` is what was given: it names the task for the audit. */
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
      `Something went wrong in Groundcrew, and it is not known how much was done: look at the task before you call ` +
      `again. Its log tells more under ${correlation}.`;
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

  /** The key of the task a call was about, as its answer or its input names it. */
  async function findItemKey(input: unknown, outcome: ToolOutcome): Promise<string | undefined> {
    const output = outcome.ok ? outcome.output : undefined;
    const names = [readTextField(output, "key"), readTextField(output, "task"), readTextField(input, "task")].map(
      (name) => name?.trim(),
    );
    const key = names.map((name) => name?.toUpperCase()).find((name) => name && TASK_KEY_PATTERN.test(name));
    if (key) return key;
    const id = names.map((name) => name?.toLowerCase()).find((name) => name && UUID_PATTERN.test(name));
    return id && ((await findKeptTask(deps, id))?.key ?? id);
  }

  /**
   * Does what a tool does in a way of its own door: `act` answers as the tool's `run` does. Who may, the answer's
   * shape and the audit are as with any call.
   */
  function runTool(source: CallSource, tool: Tool, input: unknown, action: (context: ToolContext) => Promise<unknown>) {
    return runAudited(source, tool.name, input, async () => {
      const { caller, correlation } = source;
      if (!mayCallTool(caller, tool))
        throw new GroundcrewError("forbidden", `${tool.name} is for the Concierge; ${caller.name} may not call it.`);
      return tool.output.parse(await action({ work: createTaskOperations(deps, caller, correlation), caller }));
    });
  }

  return {
    runTool,
    /** Calls a tool by its name with input as it came in. */
    call(source: CallSource, name: string, input: unknown): Promise<ToolOutcome> {
      const tool = TOOLS.find((one) => one.name === name);
      if (tool) return runTool(source, tool, input, async (context) => tool.run(context, parseToolInput(tool, input)));
      return runAudited(source, name, input, async () => {
        const allowedTools = TOOLS.filter((one) => mayCallTool(source.caller, one)).map((one) => one.name);
        const requestedName = name.slice(0, 64);
        throw new GroundcrewError(
          "not_found",
          `There is no tool "${requestedName}". There are ${allowedTools.join(", ")}.`,
        );
      });
    },
  };
}

function readTextField(value: unknown, name: string): string | undefined {
  const found: unknown = typeof value === "object" && value !== null ? Reflect.get(value, name) : undefined;
  return typeof found === "string" ? found : undefined;
}
