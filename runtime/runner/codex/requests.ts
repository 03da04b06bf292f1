/**
 * Requests of Codex in the form in which sessions ask Groundcrew, and people's answers in Codex's own. No answer writes
 * a rule for other sessions: neither an amendment of its policy nor one that persists. What the runner tells Groundcrew
 * for such a session has the form of Claude Code's hooks.
 */

import { z } from "zod";
import { getErrorMessage } from "../../../shared/errors.ts";
import { sha256Hex } from "../../../shared/hashing.ts";
import type { Log } from "../../../shared/log.ts";
import { keepDefined, omitUndefined } from "../../../shared/omit-undefined.ts";
import { type Ms, SECOND, wait } from "../../../shared/time.ts";
import { writePrivateFile } from "../../node/files.ts";
import type { ExchangeClient } from "../exchange-client.ts";
import { readSessionJson, type SessionPaths } from "../session-folder.ts";
import type { ServerMessage } from "./connection.ts";

/** A tool call as a session's hook describes it. */
interface AskedCall {
  tool_name: string;
  tool_input: object;
}

/** A request of Codex. */
interface CodexRequest {
  /** What it asks people for; undefined where that is not known, such as a change that was shown before. */
  call: AskedCall | undefined;
  /** Nobody can answer it from here: a secret that is not for messages, or a form of an MCP server. */
  isForTerminal?: boolean;
  /** A decision as Codex takes it. Default: `accept` or `decline`. */
  toAnswer?(decision: Decision): object;
}

type ReadRequest = (
  params: ServerMessage["params"],
  getChanges: (item: string) => FileChanges | undefined,
) => CodexRequest;

export type FileChanges = z.infer<typeof fileChangesSchema>;

export type Decision = z.infer<typeof decisionSchema>["hookSpecificOutput"]["decision"];

export type HookReporter = ReturnType<typeof createHookReporter>;

/** Timeout for the answer to a report: 10 s. */
const REPORT_TIMEOUT_MS: Ms = 10 * SECOND;

/** Timeout for the answer of a person: 240 s; then it is asked for again, with the same id. */
const ASK_TIMEOUT_MS: Ms = 240 * SECOND;

/** Delay before Groundcrew is asked again that could not be reached: 2 s. */
const RETRY_MS: Ms = 2 * SECOND;

/** Limit of the kept calls in bytes: 4 MB, and their number: 20. */
const MAX_CALLS_BYTES = 4 * 2 ** 20;

const MAX_CALLS = 20;

const callsSchema = z.record(z.string(), z.object({ tool_name: z.string(), tool_input: z.looseObject({}) }));

/** The answer to a permission request in the form of a hook. */
const decisionSchema = z.object({
  hookSpecificOutput: z.object({
    decision: z.object({
      behavior: z.enum(["allow", "deny"]),
      message: z.string().exactOptional(),
      updatedInput: z.looseObject({ answers: z.record(z.string(), z.string()).exactOptional() }).exactOptional(),
    }),
  }),
});

/** Codex sends null for what is absent. */
const textSchema = z
  .string()
  .nullish()
  .transform((text) => text ?? undefined);

const itemIdSchema = z.looseObject({ turnId: textSchema, itemId: textSchema, approvalId: textSchema });

const commandSchema = z.looseObject({
  ...{ command: textSchema, cwd: textSchema, reason: textSchema, kind: textSchema },
  networkApprovalContext: z.unknown().optional(),
  additionalPermissions: z.unknown().optional(),
});

const fileSchema = z.looseObject({ itemId: z.string(), reason: textSchema, grantRoot: textSchema });

const optionSchema = z.looseObject({ label: z.string(), description: z.string().nullish() });

const questionSchema = z.looseObject({
  ...{ id: z.string(), question: z.string(), isSecret: z.boolean().nullish() },
  options: z.array(optionSchema).nullish(),
});

const questionsSchema = z.looseObject({ questions: z.array(questionSchema).min(1) });

const elicitationSchema = z.looseObject({
  ...{ serverName: z.string(), message: z.string().default("") },
  requestedSchema: z.looseObject({ properties: z.record(z.string(), z.unknown()).default({}) }).nullish(),
  _meta: z
    .looseObject({ codex_approval_kind: textSchema, tool_name: textSchema, tool_params: z.unknown().optional() })
    .nullish(),
});

const permissionsSchema = z.looseObject({ permissions: z.looseObject({}), cwd: textSchema, reason: textSchema });

/** A change of files, as an item of a turn carries it. */
export const fileChangesSchema = z.array(
  z.looseObject({
    path: z.string(),
    kind: z.looseObject({ type: z.string(), move_path: z.string().nullish() }),
    diff: z.string(),
  }),
);

/** Reads each kind of request that is for people, by its method. */
const REQUESTS = new Map<string, ReadRequest>([
  [
    "item/commandExecution/requestApproval",
    (params) => {
      const { command = "", cwd, reason, kind, ...more } = commandSchema.parse(params);
      const network = more.networkApprovalContext ?? undefined;
      const permissions = more.additionalPermissions ?? undefined;
      const tool_name = kind === "writeStdin" ? "write_stdin" : "Bash";
      return { call: { tool_name, tool_input: omitUndefined({ command, cwd, reason, network, permissions }) } };
    },
  ],
  [
    "item/fileChange/requestApproval",
    (params, getChanges) => {
      const { itemId, reason, grantRoot: grant_root } = fileSchema.parse(params);
      const diff = getChanges(itemId)?.map(
        ({ path, kind, diff: lines }) =>
          `${kind.type} ${path}${kind.move_path ? ` → ${kind.move_path}` : ""}\n${lines}`,
      );
      const input = diff && omitUndefined({ diff: diff.join("\n"), grant_root, reason });
      return { call: input && { tool_name: "apply_patch", tool_input: input } };
    },
  ],
  [
    "item/tool/requestUserInput",
    (params) => {
      const { questions } = questionsSchema.parse(params);
      const asked = questions.map(({ question, options }) => ({
        question,
        options: (options ?? []).map(({ label, description }) => ({ label, description: description ?? "" })),
      }));
      const toAnswer = ({ behavior, updatedInput }: Decision) => {
        const given = behavior === "allow" ? (updatedInput?.answers ?? {}) : {};
        const entries = questions.map(({ id, question }) => [id, { answers: keepDefined([given[question]]) }]);
        return { answers: Object.fromEntries(entries) };
      };
      const call = { tool_name: "AskUserQuestion", tool_input: { questions: asked } };
      return { call, toAnswer, isForTerminal: questions.some(({ isSecret }) => isSecret) };
    },
  ],
  [
    "mcpServer/elicitation/request",
    (params) => {
      const { serverName, message, _meta, requestedSchema } = elicitationSchema.parse(params);
      const tool = _meta?.codex_approval_kind === "mcp_tool_call" ? _meta.tool_name : undefined;
      const given = typeof _meta?.tool_params === "object" && _meta.tool_params !== null ? _meta.tool_params : {};
      return {
        call: tool
          ? { tool_name: `mcp__${serverName}__${tool}`, tool_input: given }
          : { tool_name: `mcp__${serverName}`, tool_input: { message } },
        toAnswer: ({ behavior }) =>
          behavior === "allow"
            ? { action: "accept", content: {}, _meta: null }
            : { action: "decline", content: null, _meta: null },
        isForTerminal: Object.keys(requestedSchema?.properties ?? {}).length > 0,
      };
    },
  ],
  [
    "item/permissions/requestApproval",
    (params) => {
      const { permissions, cwd, reason } = permissionsSchema.parse(params);
      return {
        call: { tool_name: "request_permissions", tool_input: omitUndefined({ permissions, cwd, reason }) },
        toAnswer: ({ behavior }) => ({ permissions: behavior === "allow" ? permissions : {}, scope: "turn" }),
      };
    },
  ],
]);

/** Reads a request; undefined for one that is not for people. */
export function readRequest({ method, params }: ServerMessage, getChanges: Parameters<ReadRequest>[1]) {
  const request = REQUESTS.get(method)?.(params, getChanges);
  const toDecision = ({ behavior }: Decision) => ({ decision: behavior === "allow" ? "accept" : "decline" });
  return request && { isForTerminal: false, toAnswer: toDecision, ...request };
}

/**
 * An id for a request, the same each time that it is sent again. A server counts anew after its start, so the ids of
 * turn and item belong to it.
 */
export async function createRequestId(thread: string, { id, params }: ServerMessage): Promise<string> {
  const { turnId, itemId, approvalId } = itemIdSchema.parse(params);
  return (await sha256Hex(JSON.stringify([thread, turnId, itemId, approvalId, id]))).slice(0, 32);
}

/** The call of a request, which is kept for it: when it is sent again, the change that it is about may be missing. */
export function recallRequest({ requests }: SessionPaths, id: string, call: AskedCall | undefined) {
  const kept = readSessionJson(requests, callsSchema, MAX_CALLS_BYTES) ?? {};
  if (!call || kept[id]) return call ?? kept[id];
  const newest = [...Object.entries(kept), [id, call]].slice(-MAX_CALLS);
  writePrivateFile(requests, JSON.stringify(Object.fromEntries(newest)));
  return call;
}

/** Creates what tells Groundcrew of sessions, and asks it. */
export function createHookReporter({ postHook }: Pick<ExchangeClient, "postHook">, log: Log) {
  return {
    /** Reports an event. A report that does not arrive is logged: the session goes on. */
    async report(ticket: string, token: string, hook: object): Promise<void> {
      try {
        const response = await postHook(ticket, token, hook, AbortSignal.timeout(REPORT_TIMEOUT_MS));
        await response.body?.cancel();
        if (!response.ok) throw new Error(`Groundcrew answered ${response.status}`);
      } catch (thrown) {
        log.warn("event of a session was not taken", { ticket, reason: getErrorMessage(thrown) });
      }
    },
    /**
     * Asks people until they have answered, or the signal. A request has an id, by which it stays one however often it
     * is repeated. Undefined when nobody is asked any more.
     */
    async ask(
      ticket: string,
      getToken: () => string,
      call: AskedCall & { request_id: string },
      signal: AbortSignal,
    ): Promise<Decision | undefined> {
      const hook = { hook_event_name: "PermissionRequest", ...call };
      while (!signal.aborted) {
        try {
          const limited = AbortSignal.any([signal, AbortSignal.timeout(ASK_TIMEOUT_MS)]);
          const response = await postHook(ticket, getToken(), hook, limited);
          if (response.status === 200) return decisionSchema.parse(await response.json()).hookSpecificOutput.decision;
          await response.body?.cancel();
          // The ticket takes no request any more: it is over, or has another run.
          if (response.status === 401 || response.status === 409) return undefined;
        } catch (thrown) {
          if (!signal.aborted) log.warn("request waits", { ticket, reason: getErrorMessage(thrown) });
        }
        await wait(RETRY_MS, signal);
      }
      return undefined;
    },
  };
}
