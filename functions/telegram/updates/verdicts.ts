/**
 * /approve, /reject and /done: a person's verdict on a task's review, its ticket, or the result of a ticket. When
 * several wait, buttons ask which one. What this chat has not shown is shown instead of approved.
 */

import { createLiveRefreshJob } from "../../../shared/jobs/outgoing-jobs.ts";
import type { Task } from "../../../shared/records/plane-records.ts";
import { findRequest, readTaskRequests } from "../../../shared/requests/requests.ts";
import { getSubjectId, isRequestOpen, type RequestDecision, type RequestRecord } from "../../../shared/task/request.ts";
import { isInReview } from "../../../shared/task/snapshot.ts";
import { toSafeText } from "../../../shared/telegram/rich-text.ts";
import { isApproving } from "../../../shared/tickets/ticket.ts";
import { createTaskCommand, isTaskKey } from "../commands/arguments.ts";
import { changeStatus } from "../commands/changing.ts";
import {
  type ChoiceCommand,
  type CommandContext,
  type CommandOption,
  type CommandResult,
  offerChoices,
  replyText,
  type TelegramCommand,
} from "../commands/command.ts";
import { readLiveMessages } from "../live-messages/live-message.ts";
import { showRequest, submitDecision } from "../live-messages/live-messages.ts";
import { renderTaskTitle } from "../presentation/presentation.ts";
import { renderTaskLink } from "../presentation/task-lists.ts";

/** What of a task can be judged by a command, in the order in which it is offered: the answers that approve and reject. */
const ANSWERS = {
  ticket: ["approve", "reject"],
  result: ["approve", undefined],
  review: ["approve", "send_back"],
} as const;

type JudgedKind = keyof typeof ANSWERS;

/** A person's answer to what waits. `hash` is that of what this chat has shown; `NOT_SHOWN` without a message. */
type Verdict = Pick<RequestDecision, "answer" | "hash"> & { comment: string };

const NOT_SHOWN = "-";

/** The command of a button that says what a verdict is about. Nobody can type it: it is only stored with the button. */
export const verdictCommand: ChoiceCommand = {
  name: "verdict",
  async run(context, args) {
    const [, id = "", answer = "", hash = "", comment = ""] = /^(\S+) (\w+) (\S+) ([\s\S]*)$/.exec(args) ?? [];
    const request = (await findRequest(context.deps, id))?.value;
    if (!request) return { toast: context.presentation.texts.answers.expiredButton };
    return applyVerdict(context, request, { answer, hash, comment });
  },
};

/** Approves a ticket, or a task in review, which completes the task. */
export const approveCommand: TelegramCommand = {
  ...createTaskCommand("approve", ["approuver", "ok"], (context, task) => judgeTask(context, task, 0, "")),
  isMeant: (_, args) => isTaskKey(args),
};

/** Completes a task. One in review is approved, with the summary as the reason. */
export const doneCommand = createTaskCommand(
  "done",
  ["termine", "terminé", "terminer", "fini", "close"],
  (context, task, summary) =>
    isInReview(task.item)
      ? judgeTask(context, task, 0, summary, ["review"])
      : changeStatus(context, task, "done", summary),
);

/** Rejects a ticket, or sends a task in review back to its agent. */
export const rejectCommand = createTaskCommand("reject", ["rejeter", "renvoyer"], (context, task, reason) =>
  judgeTask(context, task, 1, reason),
);

/**
 * Approves or rejects what of a task waits: its ticket, or its review. When both wait, buttons ask which one. A result
 * is never approved by the command alone: a button asks, because it may not have been read.
 * @param side that of `ANSWERS`
 */
async function judgeTask(
  context: CommandContext,
  task: Task,
  side: 0 | 1,
  comment: string,
  kinds: readonly JudgedKind[] = ["ticket", "result", "review"],
): Promise<CommandResult> {
  const { answers, live } = context.presentation.texts;
  const verdicts: { kind: JudgedKind; request: RequestRecord; verdict: Verdict }[] = [];
  for (const kind of kinds) {
    const request = (await readTaskRequests(context.deps, task.id, kind)).at(-1)?.value;
    const answer = ANSWERS[kind][side];
    // What an earlier try of this command has decided is confirmed.
    const isRepeated =
      context.isRetry && request?.verdict?.by === context.from.name && request.verdict.answer === answer;
    if (!request || !answer || !(isRequestOpen(request) || isRepeated)) continue;
    const hash = isApproving(answer) && !isRepeated ? await findShownHash(context, request) : request.hash;
    verdicts.push({ kind, request, verdict: { answer, hash, comment } });
  }
  const [first, ...others] = verdicts;
  if (!first) return replyText(`ℹ️ ${live.ticket.nothingWaits}`, { task: renderTaskLink(context, task) });
  const needsPress = first.kind === "result" && first.verdict.hash !== NOT_SHOWN;
  if (others.length === 0 && !needsPress) return applyVerdict(context, first.request, first.verdict);
  const options = verdicts.map(({ kind, request, verdict: { answer, hash } }): CommandOption => {
    const label = live.ticket.options[kind].replace("{title}", () => `${task.key} ${task.item.snapshot.name}`);
    return { label, command: "verdict", args: `${request.id} ${answer} ${hash} ${comment}` };
  });
  return offerChoices(context, others.length === 0 ? answers.nearest : live.ticket.which, options);
}

/** The hash of what the message of a request has shown in this chat. */
async function findShownHash({ deps, chat }: CommandContext, request: RequestRecord): Promise<string> {
  const rows = await readLiveMessages(deps.store, chat, getSubjectId(request));
  const shown = rows.flatMap(({ value }) => ("request" in value && value.request === request.id ? [value.hash] : []));
  return shown.at(-1) ?? NOT_SHOWN;
}

async function applyVerdict(context: CommandContext, request: RequestRecord, verdict: Verdict): Promise<CommandResult> {
  if (verdict.hash === NOT_SHOWN && isRequestOpen(request)) return showRequest(context, request);
  const { toast, action } = await submitDecision(context, request, verdict);
  if (!action) return replyText("ℹ️ {toast}", { toast: toSafeText(toast, 200) });
  const { chat, id, correlation, presentation } = context;
  const { key = "", title, url = "" } = request.subject;
  const values = { task: renderTaskTitle(presentation, { key, title, url }), toast: toSafeText(toast, 200) };
  const emoji = isApproving(verdict.answer) ? "✅" : "↩️";
  const jobs = [createLiveRefreshJob(chat, getSubjectId(request), `heard.${id}`, correlation)];
  return { ...replyText(`${emoji} {task}${presentation.texts.colon}{toast}`, values), jobs };
}
