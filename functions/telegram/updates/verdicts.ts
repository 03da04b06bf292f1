/**
 * /approve and /reject: a person's verdict on a task's review, its ticket, or the result of a ticket. When several
 * wait, buttons ask which one.
 */

import { createLiveRefreshJob } from "../../../shared/jobs/outgoing-jobs.ts";
import type { Task } from "../../../shared/records/plane-records.ts";
import { readTaskRequests } from "../../../shared/requests/requests.ts";
import { isRequestOpen, type RequestRecord } from "../../../shared/task/request.ts";
import { findStoredTask } from "../../../shared/tasks/find-task.ts";
import { toSafeText } from "../../../shared/telegram/rich-text.ts";
import { createTaskCommand, isTaskKey } from "../commands/arguments.ts";
import { replyConfirmation, replyRefusal } from "../commands/changing.ts";
import { type CommandOption, offerChoices } from "../commands/choices.ts";
import {
  type ChoiceCommand,
  type CommandContext,
  type CommandResult,
  replyText,
  type TelegramCommand,
} from "../commands/command.ts";
import { renderTaskLink } from "../commands/task-lists.ts";
import { submitDecision } from "../live-messages/requests.ts";

/** A verdict of a person: what is approved or rejected of a task, and why. */
interface Verdict {
  isApproved: boolean;
  reason: string;
}

/** What of a task can be judged by a command: the answers that approve and reject it. */
const ANSWERS = {
  ticket: ["approve", "reject"],
  result: ["approve", undefined],
  review: ["approve", "send_back"],
} as const;

/** What of a task waits for a verdict; `hash` binds a button to what was shown. */
interface Judged {
  kind: keyof typeof ANSWERS;
  hash: string;
}

/** The command of a button that says what a verdict is about. Nobody can type it: it is only stored with the button. */
export const verdictCommand: ChoiceCommand = {
  name: "verdict",
  async run(context, args) {
    const [, verb, name, id = "", hash = "", reason = ""] =
      /^(ok|no) (ticket|review|result) (\S+) (\S+) ([\s\S]*)$/.exec(args) ?? [];
    const task = await findStoredTask(context.deps, id);
    if (!task) return { toast: context.presentation.texts.answers.expiredButton };
    const kind = name === "ticket" || name === "result" ? name : "review";
    return applyVerdict(context, task, { kind, hash }, { isApproved: verb === "ok", reason });
  },
};

/** Approves a ticket, or a task in review, which completes the task. */
export const approveCommand: TelegramCommand = {
  ...createTaskCommand("approve", ["approuver", "ok"], (context, task) =>
    judgeTask(context, task, { isApproved: true, reason: "" }),
  ),
  isMeant: (_, args) => isTaskKey(args),
};

/** Rejects a ticket, or sends a task in review back to its agent. */
export const rejectCommand = createTaskCommand("reject", ["rejeter", "renvoyer"], (context, task, reason) =>
  judgeTask(context, task, { isApproved: false, reason }),
);

/**
 * Approves or rejects what of a task waits: its ticket, or its review. When both wait, buttons ask which one. A result
 * is never approved by the command alone: a button asks, because it may not have been read.
 */
async function judgeTask(context: CommandContext, task: Task, verdict: Verdict): Promise<CommandResult> {
  const { deps, presentation } = context;
  const { answers, live } = presentation.texts;
  const waiting = await listJudged(context, task, verdict);
  const [first, ...others] = waiting;
  if (!first && !deps.settings.tickets) return replyRefusal(context, task, "notInReview");
  if (!first) return replyText(`ℹ️ ${live.ticket.nothingWaits}`, { task: renderTaskLink(context, task) });
  if (others.length === 0 && first.kind !== "result") return applyVerdict(context, task, first, verdict);
  const question = others.length === 0 ? answers.nearest : live.ticket.which;
  return offerChoices(
    context,
    question,
    waiting.map((judged) => toOption(context, task, judged, verdict)),
  );
}

/** Lists the open requests about a task, and one that an earlier try of this command has decided, which is confirmed. */
async function listJudged(context: CommandContext, task: Task, verdict: Verdict): Promise<Judged[]> {
  const judged: Judged[] = [];
  for (const kind of ["ticket", "result", "review"] as const) {
    const request = await findLatest(context, task, kind);
    const answer = getAnswer(kind, verdict);
    const isRepeated = context.isRetry && request?.verdict?.by === context.from.name;
    if (request && answer && (isRequestOpen(request) || (isRepeated && request.verdict?.answer === answer)))
      judged.push({ kind, hash: request.hash });
  }
  return judged;
}

const getAnswer = (kind: Judged["kind"], { isApproved }: Verdict) => ANSWERS[kind][isApproved ? 0 : 1];

async function findLatest(
  { deps }: CommandContext,
  { id }: Task,
  kind: Judged["kind"],
): Promise<RequestRecord | undefined> {
  return (await readTaskRequests(deps, id, kind)).at(-1)?.value;
}

async function applyVerdict(
  context: CommandContext,
  task: Task,
  { kind, hash }: Judged,
  verdict: Verdict,
): Promise<CommandResult> {
  const request = await findLatest(context, task, kind);
  const answer = getAnswer(kind, verdict);
  if (!request || !answer) return replyRefusal(context, task, "notInReview");
  const { toast, isDecided } = await submitDecision(context, request, { answer, comment: verdict.reason, hash });
  if (!isDecided) return replyText("ℹ️ {toast}", { toast: toSafeText(toast, 200) });
  const jobs = [createLiveRefreshJob(context.chat, task.id, `heard.${context.id}`, context.correlation)];
  return { ...confirmVerdict(context, task, kind, verdict), jobs };
}

function confirmVerdict(
  context: CommandContext,
  task: Task,
  kind: Judged["kind"],
  { isApproved }: Verdict,
): CommandResult {
  if (kind === "review")
    return replyConfirmation(context, task, isApproved ? "approved" : "sentBack", isApproved ? "✅" : "↩️");
  const name = kind === "result" ? "updating" : isApproved ? "approved" : "rejected";
  const text = context.presentation.texts.live.ticket.confirmations[name];
  return replyText(`${isApproved ? "✅" : "✖️"} ${text}`, { task: renderTaskLink(context, task) });
}

function toOption(
  { presentation }: CommandContext,
  { id, key, item }: Task,
  { kind, hash }: Judged,
  { isApproved, reason }: Verdict,
): CommandOption {
  const label = presentation.texts.live.ticket.options[kind].replace("{title}", () => `${key} ${item.snapshot.name}`);
  return { label, command: "verdict", args: `${isApproved ? "ok" : "no"} ${kind} ${id} ${hash} ${reason}` };
}
