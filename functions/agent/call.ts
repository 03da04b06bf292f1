import { type Call, createAudit } from "../../shared/audit.ts";
import { cleaned, cleanedText } from "../../shared/clean.ts";
import type { Deps } from "../../shared/deps.ts";
import { GroundcrewError, messageOf } from "../../shared/errors.ts";
import { createRedact } from "../../shared/redact.ts";
import type { WorkDeps } from "../../shared/work/acting.ts";
import type { Caller } from "../../shared/work/caller.ts";
import { keptTask } from "../../shared/work/find.ts";
import { workFor } from "../../shared/work/work.ts";
import { mayCall } from "./definitions.ts";
import { inert } from "./inert.ts";
import { parseInput } from "./input.ts";
import { type Refusal, refusalOf } from "./refusal.ts";
import type { Tool, ToolContext } from "./tool.ts";
import { TOOLS } from "./tools.ts";

export type CallDeps = WorkDeps & Pick<Deps, "clock" | "metrics" | "log" | "newId">;

/** Who calls, and through which door. */
export interface Door {
  caller: Caller;
  via: Call["via"];
  correlation: string;
  /** Takes what goes on after the answer. */
  after: (work: Promise<unknown>) => void;
}

export type Outcome = { ok: true; output: unknown } | { ok: false; refusal: Refusal };

export type Calls = ReturnType<typeof createCalls>;

/** Characters of a refusal: a list of what is missing fits, what somebody sent does not come back whole. */
const LONGEST = 2_000;

const KEY = /^[\p{L}\p{N}_]{1,12}-[1-9]\d{0,9}$/u;
const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** Runs tools for every door alike: checks who may, runs, shapes the answer, keeps the call in the audit. Never throws. */
export function createCalls(deps: CallDeps) {
  const audit = createAudit(deps);
  const redact = createRedact(deps.settings.secrets);

  /** `input` is what was given: it names the task for the audit. */
  async function run(door: Door, name: string, input: unknown, act: () => Promise<unknown>): Promise<Outcome> {
    const at = deps.clock();
    const outcome = await act().then(
      (output): Outcome => ({ ok: true, output: inert(output) }),
      (thrown: unknown): Outcome => ({ ok: false, refusal: refused(door, name, thrown) }),
    );
    const ms = deps.clock() - at;
    door.after(note(door, { name, input, outcome, at, ms }));
    return outcome;
  }

  function refused({ correlation, caller }: Door, tool: string, thrown: unknown): Refusal {
    const refusal = refusalOf(thrown);
    if (refusal) return { ...refusal, message: cleanedText(redact(refusal.message), LONGEST) };
    const stack = thrown instanceof Error ? thrown.stack : undefined;
    const told = { correlation, agent: caller.name, tool };
    deps.log.error("agent call failed unexpectedly", { ...told, error: messageOf(thrown), stack });
    const message =
      `Something went wrong in Groundcrew, and it is not known how much was done: look at the task before you call ` +
      `again. Its log tells more under ${correlation}.`;
    return { code: "internal", message };
  }

  async function note(door: Door, done: { name: string; input: unknown; outcome: Outcome; at: number; ms: number }) {
    const { caller, correlation, via } = door;
    const { name, outcome, at, ms } = done;
    const isKnown = TOOLS.some((tool) => tool.name === name);
    const word = outcome.ok ? "ok" : outcome.refusal.code;
    const label = isKnown ? name : "unknown";
    deps.metrics.count("groundcrew_agent_calls_total", { tool: label, outcome: word });
    deps.metrics.observe("groundcrew_agent_call_duration_seconds", ms / 1000, { tool: label });
    const item = await itemOf(done.input, outcome).catch(() => undefined);
    const tool = isKnown ? name : cleaned(redact(name), 64);
    const who = { agent: caller.name, tool, ...(item !== undefined && { item }) };
    const why = outcome.ok ? {} : { reason: outcome.refusal.message };
    deps.log[word === "forbidden" ? "warn" : "info"]("agent call", {
      correlation,
      ...who,
      outcome: word,
      ms,
      via,
      ...why,
    });
    await audit({ at, ...who, outcome: word, ms, via, correlation });
  }

  /** The key of the task a call was about, as its answer or its input names it. */
  async function itemOf(input: unknown, outcome: Outcome): Promise<string | undefined> {
    const output = outcome.ok ? outcome.output : undefined;
    const names = [text(output, "key"), text(output, "task"), text(input, "task")].map((name) => name?.trim());
    const key = names.map((name) => name?.toUpperCase()).find((name) => name && KEY.test(name));
    if (key) return key;
    const id = names.map((name) => name?.toLowerCase()).find((name) => name && UUID.test(name));
    return id && ((await keptTask(deps, id))?.key ?? id);
  }

  /**
   * Does what a tool does in a way of its own door: `act` answers as the tool's `run` does. Who may, the answer's
   * shape and the audit are as with any call.
   */
  function through(door: Door, tool: Tool, input: unknown, act: (context: ToolContext) => Promise<unknown>) {
    return run(door, tool.name, input, async () => {
      const { caller, correlation } = door;
      if (!mayCall(caller, tool))
        throw new GroundcrewError("forbidden", `${tool.name} is for the Concierge; ${caller.name} may not call it.`);
      return tool.output.parse(await act({ work: workFor(deps, caller, correlation), caller }));
    });
  }

  return {
    through,
    /** Calls a tool by its name with input as it came in. */
    call(door: Door, name: string, input: unknown): Promise<Outcome> {
      const tool = TOOLS.find((one) => one.name === name);
      if (tool) return through(door, tool, input, async (context) => tool.run(context, parseInput(tool, input)));
      return run(door, name, input, async () => {
        const known = TOOLS.filter((one) => mayCall(door.caller, one)).map((one) => one.name);
        const given = name.slice(0, 64);
        throw new GroundcrewError("not_found", `There is no tool "${given}". There are ${known.join(", ")}.`);
      });
    },
  };
}

function text(value: unknown, name: string): string | undefined {
  const found: unknown = typeof value === "object" && value !== null ? Reflect.get(value, name) : undefined;
  return typeof found === "string" ? found : undefined;
}
