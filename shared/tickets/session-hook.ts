/**
 * What Claude Code's hooks report from a session: questions, permissions, stops. A hook waits for the answer of a
 * person, given for exactly its input, and returns it in Claude Code's form.
 */

import { z } from "zod";
import type { Deps, TaskDeps } from "../app/deps.ts";
import { GroundcrewError } from "../errors.ts";
import { omitUndefined } from "../omit-undefined.ts";
import { findRequest } from "../requests/requests.ts";
import {
  joinChoices,
  type OfferedQuestion,
  type RequestRecord,
  type SessionWait,
  splitChoices,
} from "../task/request.ts";
import { cleanLine, cleanText, removeInvisible } from "../text.ts";
import { DAY, HOUR, MINUTE, type Ms, SECOND } from "../time.ts";
import { completeTicket, findNotDone } from "./completion.ts";
import { findCoveringRule, suggestRule } from "./permission-rules.ts";
import { type PolicyValues, readPolicy } from "./policy.ts";
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
  getTicketCliName,
  hasOpenPlan,
  isAllowing,
  isChecking,
  type SessionRequest,
  type Ticket,
  ticketKeys,
} from "./ticket.ts";
import { hashToolCall, isWholeInput, readToolInput, renderToolInput, type ToolCall } from "./tool-input.ts";

/** A hook of the session of a ticket's present run. */
interface HookContext {
  deps: TaskDeps & Pick<Deps, "stopping">;
  ticket: Ticket;
  hook: SessionHook;
  correlation: string;
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

/**
 * Time for which a request of a session waits for a person: 2 h, the longest that was tried with Claude Code (2.1.330).
 * Then its dialog in the terminal decides, and an answer is typed there.
 */
const PERMISSION_WAIT_MS: Ms = 2 * HOUR;

/** Intervals between looks for an answer: 500 ms in the first 10 minutes, when most are given, then 10 s. */
const ANSWER_INTERVAL: Ms = 500;

const LATE_ANSWER_INTERVAL: Ms = 10 * SECOND;

const LATE_AFTER_MS: Ms = 10 * MINUTE;

/** The answer to a request beyond the limit, at once. The message is for the model. */
const TOO_MANY_REQUESTS =
  `Not asked: ${MAX_OPEN_REQUESTS} requests of this session wait for a person already. ` +
  "Wait for their answers, then ask again.";

/** Claude Code's tool that asks people. Its permission request arrives before its dialog appears. */
const QUESTION_TOOL = "AskUserQuestion";

/** Claude Code's tool that shows a plan, and leaves plan mode when it is approved. */
const PLAN_TOOL = "ExitPlanMode";

const NO_PLAN = "There is no plan. Write it to the plan file, then call ExitPlanMode again.";

/** What a session waits for, by the type of its notification. */
const NOTIFICATIONS = new Map<string, "permission" | "input">([
  ["permission_prompt", "permission"],
  ["idle_prompt", "input"],
]);

/** Limits of texts in UTF-16 units. A question: what a page and a message can show; a plan: as other whole inputs. */
const MAX_LENGTHS = { question: 2_000, option: 200, description: 500, plan: 50_000 };

const planSchema = z.looseObject({ plan: z.string() });

const optionSchema = z.looseObject({ label: z.string(), description: z.string().exactOptional() });

/** Nine options, those that have a key of their own in the dialog; four questions in one call, as many as the tool. */
const questionSchema = z.looseObject({
  question: z.string(),
  options: z.array(optionSchema).max(9),
  multiSelect: z.boolean().exactOptional(),
});

const inputSchema = z.looseObject({ questions: z.array(questionSchema).min(1).max(4) });

/** Applies a hook to its ticket. Returns its JSON answer, for which a request waits while `client` does. */
export async function answerSessionHook(context: HookContext, client: AbortSignal): Promise<object | undefined> {
  const { deps, ticket, hook, correlation } = context;
  const { key } = ticket;
  switch (hook.hook_event_name) {
    case "PermissionRequest":
      return answerRequest(context, client);
    case "UserPromptExpansion":
      return hook.command_name === "complete" ? complete(context) : undefined;
    case "Notification": {
      const waits = NOTIFICATIONS.get(hook.notification_type ?? "");
      // A session that waits for text shows no dialog any more: somebody has denied what it asked.
      if (waits === "input") await settleQuestions(context, isFree("permission", "plan"));
      const { questions } = await getTicket(deps, key);
      const isAsked = questions.some(({ session }) => session.waits === waits);
      if (!waits || isAsked || (waits === "permission" && hasOpenPlan(ticket))) return undefined;
      const answers = waits === "permission" ? { answers: ["deny"] } : {};
      return ask(context, { waits, isNotice: true }, { text: cleanQuestion(hook.message ?? ""), ...answers });
    }
    case "Stop":
    case "StopFailure": {
      // Its end was reported before, and a person may have answered since.
      if (hook.request_id && (await findRequest(deps, hook.request_id))) return undefined;
      await settleQuestions(context, isFree("permission", "plan", "input"));
      const text = [hook.error, hook.last_assistant_message].filter(Boolean).join(": ");
      return ask(context, { waits: "input" }, { text: cleanQuestion(text) });
    }
    case "PostToolUse":
    case "PostToolUseFailure": {
      await recordProgress(deps, key);
      const isPlan = findPlan(hook) !== undefined && hook.hook_event_name === "PostToolUse";
      if (isPlan) return void (await changeTicket(deps, key, { kind: "plan_left" }, correlation));
      // The tool has run, so somebody decided in the terminal, also where a request still waits for the answer.
      const hash = await hashToolCall(hook);
      const offered = findOfferedQuestions(hook);
      return settleQuestions(context, (question) =>
        question.session.waits === "permission"
          ? question.session.isNotice || question.hash === hash
          : offered !== undefined && hasSameQuestions(question, offered),
      );
    }
    case "RequestResolved":
      return settleQuestions(context, ({ session }) => session.call === hook.request_id);
    case "UserPromptSubmit":
      return settleQuestions(context, isFree("permission", "plan", "input"));
    default:
      return undefined;
  }
}

/** Asks people about a request, unless a rule allows it, and waits for their answer. */
async function answerRequest(context: HookContext, client: AbortSignal): Promise<object | undefined> {
  const { deps, ticket, hook } = context;
  const call = hook.request_id ?? createId(deps);
  const repeated = hook.request_id && (await findRepeated(context, call));
  if (repeated) return repeated === "waits" ? waitForAnswer(context, call, client) : repeated;
  const plan = findPlan(hook);
  if (plan === "") return deny(NO_PLAN);
  // Rules come with the approval of the plan: in plan mode they would let commands run.
  if (ticket.plan !== "open" && (await allowByRule(context))) return toDecision({ behavior: "allow" });
  try {
    await askRequest(context, call, plan);
  } catch (thrown) {
    if (!(thrown instanceof GroundcrewError) || thrown.code !== "rate_limited") throw thrown;
    return deny(TOO_MANY_REQUESTS);
  }
  return waitForAnswer(context, call, client);
}

async function askRequest(context: HookContext, call: string, plan: string | undefined): Promise<undefined> {
  const offered = toQuestionFields(findOfferedQuestions(context.hook) ?? []);
  if (plan !== undefined) {
    const answers = plan.length <= MAX_LENGTHS.plan ? {} : { answers: ["send_back", "reject"] };
    return ask(context, { waits: "plan", call }, { text: plan.slice(0, MAX_LENGTHS.plan), ...answers });
  }
  if (offered) {
    const { text, options, ...session } = offered;
    return ask(context, { waits: "input", call, ...session }, { text, options });
  }
  const { rule, ...request } = await describePermission(context.hook);
  return ask(context, { waits: "permission", call, ...omitUndefined({ rule }) }, request);
}

async function ask(
  { deps, ticket, hook, correlation }: HookContext,
  session: Omit<SessionWait, "run">,
  request: Partial<RequestRecord> & { text: string },
): Promise<undefined> {
  const id = session.call ?? hook.request_id ?? createId(deps);
  const repeated = hook.request_id !== undefined && session.call !== undefined ? { isRepeated: true as const } : {};
  const at = await deps.store.now();
  const question = createSessionRequest(ticket, at, { ...session, ...repeated }, { id, ...request });
  await changeTicket(deps, ticket.key, { kind: "asked", question }, correlation);
}

/**
 * The answer to a request that is repeated: it waits, or has its verdict, which did not reach the session. Undefined
 * for a new one.
 */
async function findRepeated(context: HookContext, call: string): Promise<object | "waits" | undefined> {
  const { deps, ticket, hook } = context;
  if (findHeldQuestion(ticket, call)) return "waits";
  const asked = (await findRequest(deps, call))?.value;
  if (!asked) return undefined;
  // An id of another ticket's request tells nothing of it.
  if (asked.subject.key !== ticket.key) return deny("Not asked.");
  const count = asked.session?.series?.questions.length ?? 1;
  const last = count === 1 ? asked : (await findRequest(deps, `${call}.${count}`))?.value;
  if (!last?.session || !last.verdict) return deny("Not answered.");
  const question = { ...last, session: last.session };
  return (await isAboutInput(question, hook)) ? toAnswer(context, question) : undefined;
}

/** Waits until a person has answered; undefined when the dialog in the terminal has to decide. */
async function waitForAnswer(context: HookContext, call: string, client: AbortSignal): Promise<object | undefined> {
  const { deps, ticket, hook, correlation } = context;
  const { key } = ticket;
  for (let waited = 0; waited < PERMISSION_WAIT_MS; ) {
    const question = findHeldQuestion(await getTicket(deps, key), call);
    // None is awaited any more, as when the request was repeated.
    if (!question || !(await isAboutInput(question, hook))) return undefined;
    if (question.verdict) {
      const fetched = { kind: "fetched", question: call } as const;
      return (await changeTicket(deps, key, fetched, correlation).catch(ignoreConflict)) && toAnswer(context, question);
    }
    if (deps.stopping.aborted || client.aborted) break;
    const interval = waited < LATE_AFTER_MS ? ANSWER_INTERVAL : LATE_ANSWER_INTERVAL;
    await deps.wait(interval, deps.stopping);
    waited += interval;
  }
  await changeTicket(deps, key, { kind: "released", question: call }, correlation);
  return undefined;
}

/** Whether the answer to a question is one to this request: a permission is given for one input. */
async function isAboutInput({ session, hash }: SessionRequest, hook: SessionHook): Promise<boolean> {
  return session.waits !== "permission" || hash === (await hashToolCall(hook));
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
  const { text, input } = readToolInput(call);
  const isWhole = isWholeInput(input);
  const rule = isWhole ? suggestRule(call) : undefined;
  const always = rule === undefined ? [] : ["allow_always", ALLOW_IN_REPO];
  const answers = isWhole ? ["allow", ...always, "deny"] : ["deny"];
  return { text, input, answers, hash: await hashToolCall(call), rule };
}

/** Allows what a rule covers, at once; the ticket's log names the rule. */
async function allowByRule({ deps, ticket, hook, correlation }: HookContext): Promise<boolean> {
  const covering = await findCoveringRule(deps, ticket, hook);
  if (!covering) return false;
  const { id: rule, by } = covering;
  const text = cleanLine(`${covering.rule}: ${renderToolInput(readToolInput(hook))}`, MAX_LENGTHS.description);
  const used = { kind: "allowed_by_rule", rule, text, by } as const;
  return (await changeTicket(deps, ticket.key, used, correlation).catch(ignoreConflict)) !== undefined;
}

/** Finds the questions that a session asks with one call of its question tool; undefined for another tool. */
function findOfferedQuestions(call: ToolCall): OfferedQuestion[] | undefined {
  return parseInput(call)?.questions.map(({ question, options, multiSelect }) => {
    const offered = options.map(({ label, description = "" }) => {
      return { label: toOption(label), description: cleanLine(description, MAX_LENGTHS.description) || undefined };
    });
    return {
      text: cleanQuestion(question),
      options: offered.filter(({ label }) => label !== "").map(omitUndefined),
      ...(multiSelect ? { isMultiple: true } : {}),
    };
  });
}

function parseInput({ tool_name, tool_input }: ToolCall): z.infer<typeof inputSchema> | undefined {
  return tool_name === QUESTION_TOOL ? inputSchema.safeParse(tool_input).data : undefined;
}

/** The text of an option as people see it. */
function toOption(label: string): string {
  return cleanLine(label, MAX_LENGTHS.option);
}

function cleanQuestion(text: string): string {
  return cleanText(text, MAX_LENGTHS.question);
}

async function complete({ deps, ticket, hook, correlation }: HookContext): Promise<object> {
  const { command_args: summary = "" } = hook;
  const block = (reason: string) => ({ decision: "block", reason });
  if (ticket.plan === "open") return block("The plan has not been approved yet: approve it first");
  if (summary.trim() === "") return block("Give a summary: /complete <summary>");
  try {
    const completion = { summary, source: "command", by: getTicketCliName(ticket) } as const;
    const checks = isChecking(await completeTicket(deps, ticket.key, completion, correlation));
    return block(checks ? "Recorded once the test command has passed; the runner runs it now" : "Recorded");
  } catch (thrown) {
    const reason = findNotDone(thrown);
    if (reason === undefined) throw thrown;
    return block(reason);
  }
}

/** Closes questions that the session does not wait for any more, as when somebody answered in its terminal. */
async function settleQuestions(
  { deps, ticket: { key }, correlation }: HookContext,
  isSettled: (question: SessionRequest) => boolean | undefined,
): Promise<undefined> {
  const { questions } = await getTicket(deps, key);
  const ids = questions.filter(isSettled).map(({ id }) => id);
  if (ids.length > 0) await changeTicket(deps, key, { kind: "settled", questions: ids }, correlation);
}

/** Matches questions of these kinds for whose answer no request waits: such a request closes its question itself. */
function isFree(...kinds: SessionWait["waits"][]) {
  return ({ session: { waits, call } }: SessionRequest) => kinds.includes(waits) && call === undefined;
}

/** What people have answered, in Claude Code's form. */
async function toAnswer({ deps, ticket, hook }: HookContext, question: SessionRequest): Promise<object> {
  const { session, verdict, text } = question;
  const answer = getAnswer(question) ?? "";
  const { comment = "" } = verdict ?? {};
  if (session.waits === "plan")
    return answer === "approve"
      ? approvePlan(text, (await readPolicy(deps, ticket.item.identifier)).values)
      : deny(comment);
  if (session.waits === "permission" && isAllowing(answer)) return toDecision({ behavior: "allow" });
  if (session.waits === "permission" && comment !== "") return deny(`A person denied it: ${comment}`);
  const updatedInput = answerOfferedQuestions(hook, listAnswers(question, answer));
  return updatedInput ? toDecision({ behavior: "allow", updatedInput }) : deny("A person denied it.");
}

/**
 * Approves exactly the plan that was shown, with the mode and the rules of the policy, which do not count while
 * planning. Claude Code ignores a bare "allow" here.
 */
function approvePlan(plan: string, { permission_mode, allow }: PolicyValues): object {
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

function toClaudeAnswer({ options, multiSelect }: z.infer<typeof questionSchema>, answer: string): string {
  if (!multiSelect) return options.find(({ label }) => toOption(label) === answer)?.label ?? answer;
  const { chosen, rest } = splitChoices(
    options.map(({ label }) => toOption(label)),
    answer,
  );
  if (chosen.length === 0) return answer;
  const labels = chosen.map((index) => options[index]?.label ?? "");
  return joinChoices(rest === "" ? labels : [...labels, rest]);
}

function toDecision(decision: object): object {
  return { hookSpecificOutput: { hookEventName: "PermissionRequest", decision } };
}

function deny(message: string): object {
  return toDecision({ behavior: "deny", message });
}
