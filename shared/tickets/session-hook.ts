/**
 * What Claude Code's hooks report from a session: questions, permissions, stops. A hook waits for the answer of a
 * person and returns it in Claude Code's form.
 */

import { z } from "zod";
import type { TaskDeps } from "../app/deps.ts";
import { GroundcrewError } from "../errors.ts";
import { omitUndefined } from "../omit-undefined.ts";
import { findRequest } from "../requests/requests.ts";
import { joinChoices, splitChoices } from "../task/choices.ts";
import type { OfferedQuestion, RequestRecord, SessionWait } from "../task/request.ts";
import { cleanLine, cleanText, removeInvisible } from "../text.ts";
import { DAY, MINUTE, type Ms } from "../time.ts";
import { getTicketCliName } from "./cli.ts";
import { completeTicket, findNotDone } from "./completion.ts";
import { findCoveringRule, suggestRule } from "./permission-rules.ts";
import { readPolicy } from "./policies.ts";
import type { PolicyValues } from "./policy.ts";
import {
  createSessionRequest,
  findHeldQuestion,
  getAnswer,
  hasSameQuestions,
  listAnswers,
  toQuestionFields,
} from "./questions.ts";
import { MAX_OPEN_REQUESTS } from "./session-machine.ts";
import { changeTicket, getTicket, ignoreConflict } from "./stored-tickets.ts";
import {
  ALLOW_IN_REPO,
  hasOpenPlan,
  isAllowing,
  isChecking,
  isRequestOver,
  type SessionRequest,
  type Ticket,
  ticketKeys,
} from "./ticket.ts";
import { hashToolCall, isWholeInput, readToolInput, renderToolInput, type ToolCall } from "./tool-input.ts";

/** A hook's JSON answer; `wait`: a permission question that the request waits for; neither: 204. */
type HookAnswer = { json: object } | { wait: string } | undefined;

/** What people have answered to a request of a session: one answer, or one for each question of its question tool. */
interface RequestAnswers {
  waits: SessionWait["waits"];
  answers: string[];
  /** A person's words with the answer, and the text that it is about. */
  comment: string;
  text: string;
  /** Of a plan: what its repository's policy lets the session do without asking. */
  policy?: Pick<PolicyValues, "permission_mode" | "allow">;
}

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
  /** A request of a CLI that asks with the same id until it has an answer. */
  request_id: z
    .string()
    .regex(/^[0-9a-f]{32}$/)
    .exactOptional(),
});

export type SessionHook = z.infer<typeof sessionHookSchema>;

/** Limit of a question's text in UTF-16 units: 2,000, what a page and a message can show. */
const MAX_QUESTION_LENGTH = 2_000;

/** The answer to a request beyond the limit, at once. The message is for the model. */
export const TOO_MANY_REQUESTS = toDecision({
  behavior: "deny",
  message:
    `Not asked: ${MAX_OPEN_REQUESTS} requests of this session wait for a person already. ` +
    "Wait for their answers, then ask again.",
});

/** Claude Code's tool that asks people. Its permission request arrives before its dialog appears. */
const QUESTION_TOOL = "AskUserQuestion";

/** Claude Code's tool that shows a plan, and leaves plan mode when it is approved. */
const PLAN_TOOL = "ExitPlanMode";

const planSchema = z.looseObject({ plan: z.string() });

/** Limit of a plan that can be approved in UTF-16 units: 50,000, as of other inputs that are shown whole. */
const MAX_PLAN_LENGTH = 50_000;

const NO_PLAN = "There is no plan. Write it to the plan file, then call ExitPlanMode again.";

/** What a session waits for, by the type of its notification. */
const NOTIFICATIONS = new Map<string, "permission" | "input">([
  ["permission_prompt", "permission"],
  ["idle_prompt", "input"],
]);

/** Limits of an option's label and description in UTF-16 units. */
const MAX_OPTION_LENGTH = 200;

const MAX_DESCRIPTION_LENGTH = 500;

/** Limit of options: 9, those that have a key of their own in the dialog. */
const MAX_OPTIONS = 9;

/** Limit of questions in one call: 4, that of the tool. */
const MAX_QUESTIONS = 4;

const inputSchema = z.looseObject({
  questions: z
    .array(
      z.looseObject({
        question: z.string(),
        options: z
          .array(z.looseObject({ label: z.string(), description: z.string().exactOptional() }))
          .max(MAX_OPTIONS),
        multiSelect: z.boolean().exactOptional(),
      }),
    )
    .min(1)
    .max(MAX_QUESTIONS),
});

type AskedQuestion = z.infer<typeof inputSchema>["questions"][number];

/** Applies a hook of a session to its ticket. */
export async function applySessionHook(
  deps: TaskDeps,
  ticket: Ticket,
  hook: SessionHook,
  correlation: string,
): Promise<HookAnswer> {
  const { key } = ticket;
  const ask = async (session: Omit<SessionWait, "run">, request: Partial<RequestRecord> & { text: string }) => {
    const id = session.call ?? hook.request_id ?? createId(deps);
    const repeated = hook.request_id !== undefined && session.call !== undefined ? { isRepeated: true as const } : {};
    const fields = { id, ...request };
    const question = createSessionRequest(ticket, await deps.store.now(), { ...session, ...repeated }, fields);
    await changeTicket(deps, key, { kind: "asked", question }, correlation);
  };
  switch (hook.hook_event_name) {
    case "PermissionRequest": {
      const repeated = hook.request_id && (await findRepeated(deps, ticket, hook.request_id, hook));
      if (repeated) return repeated;
      const plan = findPlan(hook);
      if (plan === "") return { json: toDecision({ behavior: "deny", message: NO_PLAN }) };
      // Rules come with the approval of the plan: in plan mode they would let commands run.
      if (ticket.plan !== "open" && (await allowByRule(deps, ticket, hook, correlation)))
        return { json: toDecision({ behavior: "allow" }) };
      const call = hook.request_id ?? createId(deps);
      const offered = toQuestionFields(findOfferedQuestions(hook) ?? []);
      try {
        if (plan !== undefined) {
          const isWhole = plan.length <= MAX_PLAN_LENGTH;
          const answers = isWhole ? {} : { answers: ["send_back", "reject"] };
          await ask({ waits: "plan", call }, { text: plan.slice(0, MAX_PLAN_LENGTH), ...answers });
        } else if (offered) {
          const { text, options, ...session } = offered;
          await ask({ waits: "input", call, ...session }, { text, options });
        } else {
          const { rule, ...request } = await describePermission(hook);
          await ask({ waits: "permission", call, ...omitUndefined({ rule }) }, request);
        }
      } catch (thrown) {
        if (!(thrown instanceof GroundcrewError) || thrown.code !== "rate_limited") throw thrown;
        return { json: TOO_MANY_REQUESTS };
      }
      return { wait: call };
    }
    case "UserPromptExpansion":
      return hook.command_name === "complete"
        ? complete(deps, ticket, hook.command_args ?? "", correlation)
        : undefined;
    case "Notification": {
      const waits = NOTIFICATIONS.get(hook.notification_type ?? "");
      if (!waits) return undefined;
      // A session that waits for text shows no dialog any more: somebody has denied what it asked.
      if (waits === "input") await settleQuestions(deps, key, isFree("permission", "plan"), correlation);
      const { questions } = await getTicket(deps, key);
      if (waits === "permission" && hasOpenPlan(ticket)) return undefined;
      if (questions.some((question) => !isRequestOver(question) && question.session.waits === waits)) return undefined;
      const answers = waits === "permission" ? { answers: ["deny"] } : {};
      return void (await ask({ waits, isNotice: true }, { text: cleanQuestion(hook.message ?? ""), ...answers }));
    }
    case "Stop":
    case "StopFailure": {
      // Its end was reported before, and a person may have answered since.
      if (hook.request_id && (await findRequest(deps, hook.request_id))) return undefined;
      await settleQuestions(deps, key, isFree("permission", "plan", "input"), correlation);
      const text = [hook.error, hook.last_assistant_message].filter(Boolean).join(": ");
      return void (await ask({ waits: "input" }, { text: cleanQuestion(text) }));
    }
    case "PostToolUse":
    case "PostToolUseFailure": {
      await recordProgress(deps, key);
      if (findPlan(hook) !== undefined && hook.hook_event_name === "PostToolUse")
        return void (await changeTicket(deps, key, { kind: "plan_left" }, correlation));
      // The tool has run, so somebody decided in the terminal, also where a request still waits for the answer.
      const hash = await hashToolCall(hook);
      const offered = findOfferedQuestions(hook);
      const isDecided = (question: SessionRequest) =>
        question.session.waits === "permission"
          ? question.session.isNotice || question.hash === hash
          : offered !== undefined && hasSameQuestions(question, offered);
      return void (await settleQuestions(deps, key, isDecided, correlation));
    }
    case "RequestResolved":
      return void (await settleQuestions(deps, key, ({ session }) => session.call === hook.request_id, correlation));
    case "UserPromptSubmit":
      return void (await settleQuestions(deps, key, isFree("permission", "plan", "input"), correlation));
    default:
      return undefined;
  }
}

/**
 * The answer to a request that is repeated: it waits, or has its verdict, which did not reach the session. Undefined for
 * a new one.
 */
async function findRepeated(deps: TaskDeps, ticket: Ticket, call: string, hook: SessionHook) {
  if (findHeldQuestion(ticket, call)) return { wait: call };
  const asked = (await findRequest(deps, call))?.value;
  if (!asked) return undefined;
  // An id of another ticket's request tells nothing of it.
  if (asked.subject.key !== ticket.key) return { json: toDecision({ behavior: "deny", message: "Not asked." }) };
  const questions = asked.session?.series?.questions.length ?? 1;
  const last = questions === 1 ? asked : (await findRequest(deps, `${call}.${questions}`))?.value;
  const answer = last && getAnswer(last);
  if (!last?.session || answer === undefined)
    return { json: toDecision({ behavior: "deny", message: "Not answered." }) };
  if (last.session.waits === "permission" && last.hash !== (await hashToolCall(hook))) return undefined;
  const { verdict, text, session } = last;
  const answers = [...(session.series?.answers ?? []), answer];
  const { waits } = session;
  const taken = {
    waits,
    answers,
    comment: verdict?.comment ?? "",
    text,
    ...(await readPlanPolicy(deps, ticket, waits)),
  };
  return { json: toPermissionDecision(hook, taken) };
}

/** The plan that a session shows for approval; "" where it has written none, undefined for another tool. */
function findPlan({ tool_name, tool_input }: ToolCall): string | undefined {
  if (tool_name !== PLAN_TOOL) return undefined;
  // What is carried out is what was shown.
  return removeInvisible(planSchema.safeParse(tool_input).data?.plan ?? "");
}

/** Records that the tools of a session go on. It is written once a minute, because a session can use many a second. */
async function recordProgress({ store }: Pick<TaskDeps, "store">, ticket: string): Promise<void> {
  const key = ticketKeys.progress(ticket);
  const [[last], at] = await Promise.all([store.read<Ms>([key]), store.now()]);
  if (at - (last?.value ?? 0) >= MINUTE) await store.commit({ put: [{ key, value: at, expires: DAY }] });
}

/** An id for a request of a session, short enough for the id of a later question of the same call. */
function createId({ newId }: Pick<TaskDeps, "newId">): string {
  return newId().replaceAll("-", "");
}

/** What people read of a tool that asks for permission, what they may answer, and the rule that an answer may add. */
async function describePermission(call: ToolCall) {
  const { tool: text, fields: input } = readToolInput(call);
  const isWhole = isWholeInput(input);
  const rule = isWhole ? suggestRule(call) : undefined;
  const always = rule === undefined ? [] : ["allow_always", ALLOW_IN_REPO];
  const answers = isWhole ? ["allow", ...always, "deny"] : ["deny"];
  return { text, input, answers, hash: await hashToolCall(call), rule };
}

/** Allows what a rule covers, at once; the ticket's log names the rule. */
async function allowByRule(deps: TaskDeps, ticket: Ticket, call: ToolCall, correlation: string): Promise<boolean> {
  const covering = await findCoveringRule(deps, ticket, call);
  if (!covering) return false;
  const { id: rule, by } = covering;
  const text = cleanLine(`${covering.rule}: ${renderToolInput(readToolInput(call))}`, MAX_DESCRIPTION_LENGTH);
  const used = await changeTicket(deps, ticket.key, { kind: "allowed_by_rule", rule, text, by }, correlation).catch(
    ignoreConflict,
  );
  return used !== undefined;
}

/**
 * Finds the questions that a session asks with one call of its question tool, and the answers that it offers. Undefined
 * for another tool.
 */
function findOfferedQuestions(call: ToolCall): OfferedQuestion[] | undefined {
  return parseInput(call)?.questions.map(({ question, options, multiSelect }) => {
    const offered = options.filter((option) => toOption(option) !== "");
    const descriptions = offered.map(({ description = "" }) => cleanLine(description, MAX_DESCRIPTION_LENGTH));
    return {
      text: cleanQuestion(question),
      options: offered.map((option, i) => {
        return { label: toOption(option), ...(descriptions[i] ? { description: descriptions[i] } : {}) };
      }),
      ...(multiSelect ? { isMultiple: true } : {}),
    };
  });
}

function parseInput({ tool_name, tool_input }: ToolCall): z.infer<typeof inputSchema> | undefined {
  return tool_name === QUESTION_TOOL ? inputSchema.safeParse(tool_input).data : undefined;
}

/** The text of an option as people see it. */
function toOption({ label }: { label: string }): string {
  return cleanLine(label, MAX_OPTION_LENGTH);
}

function cleanQuestion(text: string): string {
  return cleanText(text, MAX_QUESTION_LENGTH);
}

async function complete(deps: TaskDeps, ticket: Ticket, args: string, correlation: string): Promise<HookAnswer> {
  const { key } = ticket;
  if (ticket.plan === "open")
    return { json: { decision: "block", reason: "The plan has not been approved yet: approve it first" } };
  if (args.trim() === "") return { json: { decision: "block", reason: "Give a summary: /complete <summary>" } };
  try {
    const completion = { summary: args, source: "command", by: getTicketCliName(ticket) } as const;
    const checks = isChecking(await completeTicket(deps, key, completion, correlation));
    const reason = checks ? "Recorded once the test command has passed; the runner runs it now" : "Recorded";
    return { json: { decision: "block", reason } };
  } catch (thrown) {
    const reason = findNotDone(thrown);
    if (reason === undefined) throw thrown;
    return { json: { decision: "block", reason } };
  }
}

/** Closes questions that the session does not wait for any more, as when somebody answered in its terminal. */
async function settleQuestions(
  deps: TaskDeps,
  key: string,
  isSettled: (question: SessionRequest) => boolean | undefined,
  correlation: string,
): Promise<void> {
  const { questions } = await getTicket(deps, key);
  const ids = questions.filter((question) => !isRequestOver(question) && isSettled(question)).map(({ id }) => id);
  if (ids.length === 0) return;
  await changeTicket(deps, key, { kind: "settled", questions: ids }, correlation);
}

/** Matches questions of these kinds for whose answer no request waits: such a request closes its question itself. */
function isFree(...kinds: SessionWait["waits"][]) {
  return ({ session: { waits, call } }: SessionRequest) => kinds.includes(waits) && call === undefined;
}

/**
 * Takes the answers for the request that waits for them, given for exactly its input: `open` while one is missing, `closed` when none is awaited any
 * more, as when the request was repeated.
 */
export async function takeAnswers(
  deps: TaskDeps,
  key: string,
  question: string,
  hook: SessionHook,
  correlation: string,
): Promise<RequestAnswers | "open" | "closed"> {
  const ticket = await getTicket(deps, key);
  const found = findHeldQuestion(ticket, question);
  if (!found) return "closed";
  const { waits } = found.session;
  if (waits === "permission" && found.hash !== (await hashToolCall(hook))) return "closed";
  const answer = getAnswer(found);
  if (answer === undefined) return "open";
  const taken = await changeTicket(deps, key, { kind: "fetched", question }, correlation).catch(ignoreConflict);
  if (!taken) return "closed";
  const { verdict, text } = found;
  const given = { waits, answers: listAnswers(found, answer), comment: verdict?.comment ?? "", text };
  return { ...given, ...(await readPlanPolicy(deps, ticket, waits)) };
}

/** Reads what a session may do without asking once its plan is approved; nothing for another request. */
async function readPlanPolicy(deps: TaskDeps, { item }: Ticket, waits: SessionWait["waits"]) {
  return waits === "plan" ? { policy: (await readPolicy(deps, item.identifier)).values } : {};
}

/** The JSON by which a hook allows or denies a permission, or answers a question in place of its dialog. */
export function toPermissionDecision(hook: SessionHook, taken: RequestAnswers): object {
  const { waits, answers, comment, text, policy = { permission_mode: "manual", allow: [] } } = taken;
  if (waits === "plan")
    return answers[0] === "approve" ? approvePlan(text, policy) : toDecision({ behavior: "deny", message: comment });
  const updatedInput = waits === "input" ? answerOfferedQuestions(hook, answers) : undefined;
  const isAllowed = updatedInput !== undefined || (waits === "permission" && isAllowing(answers[0] ?? ""));
  const allowance = { behavior: "allow", ...omitUndefined({ updatedInput }) };
  const hasReason = waits === "permission" && comment !== "";
  const message = hasReason ? `A person denied it: ${comment}` : "A person denied it.";
  return toDecision(isAllowed ? allowance : { behavior: "deny", message });
}

/**
 * Approves exactly the plan that was shown, with the mode and the rules of the policy, which do not count while planning.
 * Claude Code ignores a bare "allow" here.
 */
function approvePlan(plan: string, { permission_mode, allow }: NonNullable<RequestAnswers["policy"]>): object {
  const mode = permission_mode === "manual" ? "default" : permission_mode;
  const rules = allow.map((rule) => {
    const [, toolName = rule, ruleContent] = /^([^(]+)\((.*)\)$/s.exec(rule) ?? [];
    return { toolName, ...omitUndefined({ ruleContent }) };
  });
  const destination = "session";
  const updatedPermissions = [
    { type: "setMode", mode, destination },
    ...(rules.length === 0 ? [] : [{ type: "addRules", rules, behavior: "allow", destination }]),
  ];
  return toDecision({ behavior: "allow", updatedInput: { plan }, updatedPermissions });
}

/**
 * The input of the question tool with a person's answers, one for each question, with which the tool succeeds without a
 * dialog: Claude's own text of the chosen options, or what the person has written. Undefined for another tool.
 */
function answerOfferedQuestions(call: ToolCall, answers: readonly string[]): object | undefined {
  const input = parseInput(call);
  if (!input || input.questions.length !== answers.length) return undefined;
  const entries = input.questions.map((asked, i) => [asked.question, toClaudeAnswer(asked, answers[i] ?? "")]);
  return { ...input, answers: Object.fromEntries(entries) };
}

function toClaudeAnswer({ options, multiSelect }: AskedQuestion, answer: string): string {
  if (!multiSelect) return options.find((option) => toOption(option) === answer)?.label ?? answer;
  const { chosen, rest } = splitChoices(options.map(toOption), answer);
  if (chosen.length === 0) return answer;
  const labels = chosen.map((index) => options[index]?.label ?? "");
  return joinChoices(rest === "" ? labels : [...labels, rest]);
}

function toDecision(decision: object): object {
  return { hookSpecificOutput: { hookEventName: "PermissionRequest", decision } };
}
