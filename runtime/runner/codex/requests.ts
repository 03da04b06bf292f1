/**
 * Requests of Codex in the form in which sessions ask Groundcrew, and people's answers in Codex's own. No answer writes
 * a rule for other sessions: neither an amendment of its policy nor one that persists.
 */

import { z } from "zod";
import { sha256Hex } from "../../../shared/hashing.ts";
import { omitUndefined } from "../../../shared/omit-undefined.ts";
import type { ServerMessage } from "./connection.ts";

/** A tool call as a session's hook describes it. */
export interface AskedCall {
  tool_name: string;
  tool_input: object;
}

/** The answer to a permission request in the form of a hook. */
export const decisionSchema = z.object({
  hookSpecificOutput: z.object({
    decision: z.object({
      behavior: z.enum(["allow", "deny"]),
      message: z.string().exactOptional(),
      updatedInput: z.looseObject({ answers: z.record(z.string(), z.string()).exactOptional() }).exactOptional(),
    }),
  }),
});

export type Decision = z.infer<typeof decisionSchema>["hookSpecificOutput"]["decision"];

const itemIdSchema = z.looseObject({
  turnId: z.string().nullish(),
  itemId: z.string().nullish(),
  approvalId: z.string().nullish(),
});

const commandSchema = z.looseObject({
  command: z.string().nullish(),
  cwd: z.string().nullish(),
  reason: z.string().nullish(),
  kind: z.string().nullish(),
  networkApprovalContext: z.unknown().optional(),
  additionalPermissions: z.unknown().optional(),
});

const fileSchema = z.looseObject({ itemId: z.string(), reason: z.string().nullish(), grantRoot: z.string().nullish() });

const questionsSchema = z.looseObject({
  questions: z
    .array(
      z.looseObject({
        id: z.string(),
        question: z.string(),
        isSecret: z.boolean().nullish(),
        options: z.array(z.looseObject({ label: z.string(), description: z.string().nullish() })).nullish(),
      }),
    )
    .min(1),
});

const elicitationSchema = z.looseObject({
  serverName: z.string(),
  message: z.string().default(""),
  requestedSchema: z.looseObject({ properties: z.record(z.string(), z.unknown()).default({}) }).nullish(),
  _meta: z
    .looseObject({
      codex_approval_kind: z.string().nullish(),
      tool_name: z.string().nullish(),
      tool_params: z.unknown().optional(),
    })
    .nullish(),
});

const permissionsSchema = z.looseObject({
  permissions: z.looseObject({}),
  cwd: z.string().nullish(),
  reason: z.string().nullish(),
});

/** A change of files, as an item of a turn carries it. */
export const fileChangesSchema = z.array(
  z.looseObject({
    path: z.string(),
    kind: z.looseObject({ type: z.string(), move_path: z.string().nullish() }),
    diff: z.string(),
  }),
);

export type FileChanges = z.infer<typeof fileChangesSchema>;

/**
 * An id for a request, the same each time that it is sent again. A server counts anew after its start, so the ids of
 * turn and item belong to it.
 */
export async function createRequestId(thread: string, { id, params }: ServerMessage): Promise<string> {
  const { turnId, itemId, approvalId } = itemIdSchema.parse(params);
  return (await sha256Hex(JSON.stringify([thread, turnId, itemId, approvalId, id]))).slice(0, 32);
}

/** What a request asks for; undefined for one that is not for people. */
export function readRequest(
  { method, params }: ServerMessage,
  getChanges: (item: string) => FileChanges | undefined,
): AskedCall | undefined {
  switch (method) {
    case "item/commandExecution/requestApproval": {
      const { command, cwd, reason, kind, networkApprovalContext, additionalPermissions } = commandSchema.parse(params);
      const extra = { network: networkApprovalContext ?? undefined, permissions: additionalPermissions ?? undefined };
      const input = { command: command ?? "", cwd: cwd ?? undefined, reason: reason ?? undefined, ...extra };
      return { tool_name: kind === "writeStdin" ? "write_stdin" : "Bash", tool_input: omitUndefined(input) };
    }
    case "item/fileChange/requestApproval": {
      const { itemId, reason, grantRoot } = fileSchema.parse(params);
      const changes = getChanges(itemId);
      const diff = changes?.map(({ path, kind, diff }) => {
        const moved = kind.move_path ? ` → ${kind.move_path}` : "";
        return `${kind.type} ${path}${moved}\n${diff}`;
      });
      if (!diff) return undefined;
      const input = { diff: diff.join("\n"), grant_root: grantRoot ?? undefined, reason: reason ?? undefined };
      return { tool_name: "apply_patch", tool_input: omitUndefined(input) };
    }
    case "item/tool/requestUserInput": {
      const { questions } = questionsSchema.parse(params);
      const asked = questions.map(({ question, options }) => ({
        question,
        options: (options ?? []).map(({ label, description }) => ({ label, description: description ?? "" })),
      }));
      return { tool_name: "AskUserQuestion", tool_input: { questions: asked } };
    }
    case "mcpServer/elicitation/request": {
      const { serverName, message, _meta } = elicitationSchema.parse(params);
      const tool = _meta?.codex_approval_kind === "mcp_tool_call" ? _meta.tool_name : undefined;
      if (!tool) return { tool_name: `mcp__${serverName}`, tool_input: { message } };
      const input = typeof _meta?.tool_params === "object" && _meta.tool_params !== null ? _meta.tool_params : {};
      return { tool_name: `mcp__${serverName}__${tool}`, tool_input: input };
    }
    case "item/permissions/requestApproval": {
      const { permissions, cwd, reason } = permissionsSchema.parse(params);
      const input = { permissions, cwd: cwd ?? undefined, reason: reason ?? undefined };
      return { tool_name: "request_permissions", tool_input: omitUndefined(input) };
    }
    default:
      return undefined;
  }
}

/** Whether nobody can answer a request from here: a secret that is not for messages, or a form of an MCP server. */
export function isForTerminal({ method, params }: ServerMessage): boolean {
  if (method === "item/tool/requestUserInput")
    return questionsSchema.parse(params).questions.some(({ isSecret }) => isSecret);
  if (method !== "mcpServer/elicitation/request") return false;
  const { requestedSchema } = elicitationSchema.parse(params);
  return Object.keys(requestedSchema?.properties ?? {}).length > 0;
}

/** The answer to a request as Codex takes it. */
export function buildAnswer({ method, params }: ServerMessage, { behavior, updatedInput }: Decision): object {
  const isAllowed = behavior === "allow";
  switch (method) {
    case "item/tool/requestUserInput": {
      const given = updatedInput?.answers ?? {};
      const entries = questionsSchema.parse(params).questions.map(({ id, question }) => {
        const answer = isAllowed ? given[question] : undefined;
        return [id, { answers: answer === undefined ? [] : [answer] }];
      });
      return { answers: Object.fromEntries(entries) };
    }
    case "mcpServer/elicitation/request":
      return { action: isAllowed ? "accept" : "decline", content: isAllowed ? {} : null, _meta: null };
    case "item/permissions/requestApproval":
      return { permissions: isAllowed ? permissionsSchema.parse(params).permissions : {}, scope: "turn" };
    default:
      return { decision: isAllowed ? "accept" : "decline" };
  }
}
