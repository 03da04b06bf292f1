import { z } from "zod";
import { cleanText } from "../clean-text.ts";
import { GroundcrewError } from "../errors.ts";
import { omitUndefined } from "../omit-undefined.ts";
import type { WorkDeps } from "../work/context/call-context.ts";
import { changeTicket, getTicket } from "./change-ticket.ts";
import { completeTicket } from "./complete-ticket.ts";
import { answerOfferedQuestions, findOfferedQuestions } from "./offered-question.ts";
import { findHeldQuestion, hasSameQuestions, listAnswers, toQuestionFields } from "./question-series.ts";
import type { Ticket, TicketQuestion } from "./ticket.ts";

/** The fields of Claude Code's hooks that matter here; all texts in them are data. */
export const sessionHookSchema = z.looseObject({
  hook_event_name: z.string().max(100),
  tool_name: z.string().exactOptional(),
  tool_input: z.unknown().optional(),
  command_name: z.string().exactOptional(),
  command_args: z.string().exactOptional(),
  message: z.string().exactOptional(),
  notification_type: z.string().exactOptional(),
  last_assistant_message: z.string().nullish(),
  error: z.string().exactOptional(),
});
type SessionHook = z.infer<typeof sessionHookSchema>;

/** Limit of a question's text in UTF-16 units: 2,000, what a page and a message can show. */
const MAX_QUESTION_LENGTH = 2_000;
/** Limit of a tool's input in a question in UTF-16 units. */
const MAX_INPUT_LENGTH = 1_500;

/** A hook's JSON answer; `wait`: a permission question that the request waits for; neither: 204. */
export type HookAnswer = { json: object } | { wait: string } | undefined;

/** Applies a hook of a session to its ticket. */
export async function applySessionHook(
  deps: WorkDeps,
  ticket: Ticket,
  hook: SessionHook,
  correlation: string,
): Promise<HookAnswer> {
  const { key } = ticket;
  const ask = async (question: Omit<TicketQuestion, "at">) => {
    const at = await deps.store.now();
    await changeTicket(deps, key, { kind: "asked", at, question: { ...question, at } }, correlation);
  };
  switch (hook.hook_event_name) {
    case "PermissionRequest": {
      const id = deps.newId();
      const offered = toQuestionFields(findOfferedQuestions(hook) ?? []);
      await ask({
        id,
        held: true,
        ...(offered ? { kind: "input", ...offered } : { kind: "permission", text: describeTool(hook) }),
      });
      return { wait: id };
    }
    case "UserPromptExpansion":
      return hook.command_name === "complete" ? complete(deps, key, hook.command_args ?? "", correlation) : undefined;
    case "Notification": {
      const kind = hook.notification_type === "permission_prompt" ? "permission" : "input";
      const isKnown = hook.notification_type === "permission_prompt" || hook.notification_type === "idle_prompt";
      if (!isKnown) return undefined;
      // A session that waits for text shows no dialog any more: somebody has denied what it asked.
      if (kind === "input") await settleQuestions(deps, key, isFree("permission"), correlation);
      if (await hasQuestion(deps, key, kind)) return undefined;
      return void (await ask({ id: deps.newId(), kind, text: cleanQuestion(hook.message ?? ""), isNotice: true }));
    }
    case "Stop":
    case "StopFailure": {
      await settleQuestions(deps, key, isFree("permission", "input"), correlation);
      const text = [hook.error, hook.last_assistant_message].filter(Boolean).join(": ");
      return void (await ask({ id: deps.newId(), kind: "input", text: cleanQuestion(text) }));
    }
    case "PostToolUse":
    case "PostToolUseFailure": {
      // The tool has run, so somebody decided in the terminal, also where a request still waits for the answer.
      const tool = describeTool(hook);
      const offered = findOfferedQuestions(hook);
      const isDecided = (question: TicketQuestion) =>
        question.kind === "permission"
          ? question.isNotice || question.text === tool
          : offered !== undefined && hasSameQuestions(question, offered);
      return void (await settleQuestions(deps, key, isDecided, correlation));
    }
    case "UserPromptSubmit":
      return void (await settleQuestions(deps, key, isFree("permission", "input"), correlation));
    default:
      return undefined;
  }
}

/** What people have answered to a request of a session: one answer, or one for each question of its question tool. */
interface RequestAnswers {
  kind: TicketQuestion["kind"];
  answers: string[];
}

/**
 * Takes the answers for the request that waits for them: `open` while one is missing, `closed` when none is awaited any
 * more, as when the request was repeated.
 */
export async function takeAnswers(
  deps: WorkDeps,
  key: string,
  question: string,
  correlation: string,
): Promise<RequestAnswers | "open" | "closed"> {
  const found = findHeldQuestion(await getTicket(deps, key), question);
  if (!found) return "closed";
  if (!found.answer) return "open";
  const event = { kind: "fetched", at: await deps.store.now(), question } as const;
  try {
    await changeTicket(deps, key, event, correlation);
  } catch (thrown) {
    if (!(thrown instanceof GroundcrewError) || thrown.code !== "conflict") throw thrown;
    return "closed";
  }
  return { kind: found.kind, answers: listAnswers(found, found.answer.text) };
}

/** The JSON by which a hook allows or denies a permission, or answers a question in place of its dialog. */
export function toPermissionDecision(hook: SessionHook, { kind, answers }: RequestAnswers): object {
  const updatedInput = kind === "input" ? answerOfferedQuestions(hook, answers) : undefined;
  const isAllowed = updatedInput !== undefined || (kind === "permission" && answers[0] === "allow");
  const allowance = { behavior: "allow", ...omitUndefined({ updatedInput }) };
  const decision = isAllowed ? allowance : { behavior: "deny", message: "A person denied it." };
  return { hookSpecificOutput: { hookEventName: "PermissionRequest", decision } };
}

async function complete(deps: WorkDeps, key: string, args: string, correlation: string): Promise<HookAnswer> {
  if (args.trim() === "") return { json: { decision: "block", reason: "Give a summary: /complete <summary>" } };
  await completeTicket(deps, key, { summary: args, source: "command", by: "Claude Code" }, correlation);
  return { json: { decision: "block", reason: "Recorded" } };
}

async function hasQuestion(deps: WorkDeps, key: string, kind: TicketQuestion["kind"]): Promise<boolean> {
  return (await getTicket(deps, key)).questions.some((question) => question.kind === kind);
}

/** Matches questions of these kinds for whose answer no request waits: such a request closes its question itself. */
function isFree(...kinds: TicketQuestion["kind"][]) {
  return ({ kind, held }: TicketQuestion) => kinds.includes(kind) && !held;
}

/** Closes questions that the session does not wait for any more, as when somebody answered in its terminal. */
async function settleQuestions(
  deps: WorkDeps,
  key: string,
  isSettled: (question: TicketQuestion) => boolean | undefined,
  correlation: string,
): Promise<void> {
  const { questions } = await getTicket(deps, key);
  const ids = questions.filter(isSettled).map(({ id }) => id);
  if (ids.length === 0) return;
  await changeTicket(deps, key, { kind: "settled", at: await deps.store.now(), questions: ids }, correlation);
}

function describeTool({ tool_name = "?", tool_input }: SessionHook): string {
  const input = tool_input === undefined ? "" : JSON.stringify(tool_input, null, 1);
  return cleanQuestion(`${tool_name}\n${cleanText(input, MAX_INPUT_LENGTH)}`);
}

function cleanQuestion(text: string): string {
  return cleanText(text, MAX_QUESTION_LENGTH);
}
