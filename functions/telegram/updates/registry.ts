import { findNearestName } from "../../../shared/nearest-name.ts";
import { agentCommand } from "../commands/agent.ts";
import { assignCommand } from "../commands/assign.ts";
import { blockCommand } from "../commands/block.ts";
import { cancelCommand } from "../commands/cancel.ts";
import type { ButtonHandler, ChoiceCommand, ReplyHandler, TelegramCommand } from "../commands/command.ts";
import { commentCommand } from "../commands/comment.ts";
import { cycleCommand } from "../commands/cycle.ts";
import { digestCommand } from "../commands/digest.ts";
import { doneCommand } from "../commands/done.ts";
import { dueCommand } from "../commands/due.ts";
import { helpCommand } from "../commands/help.ts";
import { normalizeName } from "../commands/match-name.ts";
import { muteCommand } from "../commands/mute.ts";
import { newCommand } from "../commands/new.ts";
import { createChoiceHandler } from "../commands/offer-choices.ts";
import { pageButtonHandler } from "../commands/paginate.ts";
import { priorityCommand } from "../commands/priority.ts";
import { projectCommand } from "../commands/project.ts";
import { statusCommand } from "../commands/status.ts";
import { taskCommand } from "../commands/task.ts";
import { unblockCommand } from "../commands/unblock.ts";
import { unmuteCommand } from "../commands/unmute.ts";
import { answerCommand } from "../free-text/answer-command.ts";
import { planButtonHandler } from "../live-messages/plan-buttons.ts";
import { choiceButtonHandler, liveReplyHandler } from "../live-messages/question-buttons.ts";
import { verdictButtonHandler } from "../live-messages/review-buttons.ts";
import { taskReplyHandler } from "../live-messages/task-reply.ts";
import { ticketButtonHandler } from "../live-messages/ticket-buttons.ts";
import { approveCommand } from "../verdicts/approve.ts";
import { rejectCommand } from "../verdicts/reject.ts";
import { verdictCommand } from "../verdicts/verdict.ts";

/** All commands of `/plane`. */
export const TELEGRAM_COMMANDS: readonly TelegramCommand[] = [
  ...[statusCommand, projectCommand, agentCommand, taskCommand, cycleCommand],
  ...[newCommand, assignCommand, doneCommand, commentCommand, dueCommand, priorityCommand],
  ...[blockCommand, unblockCommand, cancelCommand, approveCommand, rejectCommand],
  ...[muteCommand, unmuteCommand, digestCommand, helpCommand],
];

/** Finds a command by its name or an alias, ignoring case and accents. */
export function findCommand(word: string): TelegramCommand | undefined {
  const wanted = normalizeName(word);
  return TELEGRAM_COMMANDS.find(
    ({ name, aliases }) => name === wanted || aliases.some((other) => normalizeName(other) === wanted),
  );
}

/** Finds the command whose name or alias a mistyped word most likely means. */
export function findSimilarCommand(word: string): TelegramCommand | undefined {
  const names = TELEGRAM_COMMANDS.flatMap(({ name, aliases }) => [name, ...aliases]);
  const nearest = findNearestName(normalizeName(word), names);
  return nearest === undefined ? undefined : findCommand(nearest);
}

/** The commands that only buttons run. */
const CHOICE_COMMANDS: readonly ChoiceCommand[] = [answerCommand, verdictCommand];

/** Button handlers by the verb that the button's data begins with. */
export const BUTTON_HANDLERS: Readonly<Record<string, ButtonHandler>> = {
  page: pageButtonHandler,
  pick: createChoiceHandler((name) => CHOICE_COMMANDS.find((one) => one.name === name) ?? findCommand(name)),
  ask: choiceButtonHandler,
  review: verdictButtonHandler,
  plan: planButtonHandler,
  ticket: ticketButtonHandler,
};

/** Handlers of replies to messages of the bot, in order: the first one that recognizes the message handles it. */
export const REPLY_HANDLERS: readonly ReplyHandler[] = [liveReplyHandler, taskReplyHandler];
