/**
 * /approve and /reject: a person's verdict on a task's review, its ticket, or the result of a ticket. When several
 * wait, buttons ask which one.
 */

import { createLiveRefreshJob } from "../../../shared/jobs/outgoing-jobs.ts";
import type { Task } from "../../../shared/records/plane-records.ts";
import { readTaskRequests } from "../../../shared/requests/requests.ts";
import { getSubjectId, isRequestOpen, type RequestDecision, type RequestRecord } from "../../../shared/task/request.ts";
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
import { readLiveMessages } from "../live-messages/live-message.ts";
import { submitDecision } from "../live-messages/requests.ts";

/** What of a task can be judged by a command, in the order in which it is offered: the answers that approve and reject. */
const ANSWERS = {
  ticket: ["approve", "reject"],
  result: ["approve", undefined],
  review: ["approve", "send_back"],
} as const;

type JudgedKind = keyof typeof ANSWERS;

const KINDS = Object.keys(ANSWERS) as JudgedKind[];

/** A verdict of a person on what of a task waits; `hash` is that of what was shown. */
interface Verdict extends Pick<RequestDecision, "answer" | "hash"> {
  kind: JudgedKind;
  reason: string;
}

/** The command of a button that says what a verdict is about. Nobody can type it: it is only stored with the button. */
export const verdictCommand: ChoiceCommand = {
  name: "verdict",
  async run(context, args) {
    const [, answer = "", name, id = "", hash = "", reason = ""] =
      /^(\w+) (\w+) (\S+) (\S+) ([\s\S]*)$/.exec(args) ?? [];
    const task = await findStoredTask(context.deps, id);
    const kind = KINDS.find((one) => one === name);
    if (!task || !kind) return { toast: context.presentation.texts.answers.expiredButton };
    return applyVerdict(context, task, { kind, answer, hash, reason });
  },
};

/** Approves a ticket, or a task in review, which completes the task. */
export const approveCommand: TelegramCommand = {
  ...createTaskCommand("approve", ["approuver", "ok"], (context, task) => judgeTask(context, task, 0, "")),
  isMeant: (_, args) => isTaskKey(args),
};

/** Rejects a ticket, or sends a task in review back to its agent. */
export const rejectCommand = createTaskCommand("reject", ["rejeter", "renvoyer"], (context, task, reason) =>
  judgeTask(context, task, 1, reason),
);

/**
 * Approves or rejects what of a task waits: its ticket, or its review. When both wait, buttons ask which one. A result
 * is never approved by the command alone: a button asks, because it may not have been read.
 * @param side that of `ANSWERS`
 */
async function judgeTask(context: CommandContext, task: Task, side: 0 | 1, reason: string): Promise<CommandResult> {
  const { deps, presentation } = context;
  const { answers, live } = presentation.texts;
  const verdicts: Verdict[] = [];
  for (const kind of KINDS) {
    const request = await findLatest(context, task, kind);
    const answer = ANSWERS[kind][side];
    // What an earlier try of this command has decided is confirmed.
    const { verdict } = request ?? {};
    const isRepeated = context.isRetry && verdict?.by === context.from.name && verdict.answer === answer;
    if (request && answer && (isRequestOpen(request) || isRepeated))
      verdicts.push({ kind, answer, hash: await findShownHash(context, request), reason });
  }
  const [first, ...others] = verdicts;
  if (!first && !deps.settings.tickets) return replyRefusal(context, task, "notInReview");
  if (!first) return replyText(`ℹ️ ${live.ticket.nothingWaits}`, { task: renderTaskLink(context, task) });
  if (others.length === 0 && first.kind !== "result") return applyVerdict(context, task, first);
  const options = verdicts.map(({ kind, answer, hash }): CommandOption => {
    const label = live.ticket.options[kind].replace("{title}", () => `${task.key} ${task.item.snapshot.name}`);
    return { label, command: "verdict", args: `${answer} ${kind} ${task.id} ${hash} ${reason}` };
  });
  return offerChoices(context, others.length === 0 ? answers.nearest : live.ticket.which, options);
}

async function findLatest({ deps }: CommandContext, { id }: Task, kind: JudgedKind) {
  return (await readTaskRequests(deps, id, kind)).at(-1)?.value;
}

/** The hash of what the message of a request has shown; without one in this chat that of the request as it is now. */
async function findShownHash({ deps, chat }: CommandContext, request: RequestRecord): Promise<string> {
  const rows = await readLiveMessages(deps.store, chat, getSubjectId(request));
  const shown = rows.flatMap(({ value }) => ("request" in value && value.request === request.id ? [value.hash] : []));
  return shown.at(-1) ?? request.hash;
}

async function applyVerdict(
  context: CommandContext,
  task: Task,
  { kind, answer, hash, reason }: Verdict,
): Promise<CommandResult> {
  const request = await findLatest(context, task, kind);
  if (!request) return replyRefusal(context, task, "notInReview");
  const { toast, isDecided } = await submitDecision(context, request, { answer, comment: reason, hash });
  if (!isDecided) return replyText("ℹ️ {toast}", { toast: toSafeText(toast, 200) });
  const jobs = [createLiveRefreshJob(context.chat, task.id, `heard.${context.id}`, context.correlation)];
  const isApproved = answer === "approve";
  if (kind === "review") {
    const [name, emoji] = isApproved ? (["approved", "✅"] as const) : (["sentBack", "↩️"] as const);
    return { ...replyConfirmation(context, task, name, emoji), jobs };
  }
  const name = kind === "result" ? "updating" : isApproved ? "approved" : "rejected";
  const text = context.presentation.texts.live.ticket.confirmations[name];
  return { ...replyText(`${isApproved ? "✅" : "✖️"} ${text}`, { task: renderTaskLink(context, task) }), jobs };
}
