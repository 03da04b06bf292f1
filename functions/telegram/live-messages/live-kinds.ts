/** The kinds of live messages, and what all of them do: show, take a press, take a reply. */

import { createLiveRefreshJob } from "../../../shared/jobs/outgoing-jobs.ts";
import type { StoredValue } from "../../../shared/store/port.ts";
import type { ButtonHandler, CommandContext, CommandResult, ReplyHandler } from "../commands/command.ts";
import type { DeliveryContext } from "../delivery/context.ts";
import { appendRepeatMark } from "../presentation/presentation.ts";
import {
  createLiveMessagePut,
  type LiveEvent,
  type LiveKind,
  type LiveMessage,
  type LiveResult,
  liveMessageKey,
  type MessageView,
  renderView,
} from "./live-message.ts";
import { planKind } from "./plans.ts";
import { questionKind } from "./questions.ts";
import { reviewKind } from "./reviews.ts";
import { ticketKind } from "./ticket-decisions.ts";

export const LIVE_KINDS: Readonly<Record<LiveEvent["kind"], LiveKind>> = {
  asked: questionKind,
  review: reviewKind,
  plan_proposed: planKind,
  ticket: ticketKind,
};

/** Renders what a message should show now, with the repeat mark if it may be in the chat twice. */
export async function renderLiveMessage(context: DeliveryContext, message: LiveMessage): Promise<MessageView> {
  const kind = LIVE_KINDS[message.event.kind];
  const view = renderView(context, kind.verb, await kind.render(context, message));
  const { repeat } = context.presentation.texts;
  return message.repeat ? { ...view, rich: appendRepeatMark(view.rich, repeat) } : view;
}

/** Handlers of the buttons of live messages, by the verb that a button's data begins with. */
export const LIVE_BUTTON_HANDLERS: Readonly<Record<string, ButtonHandler>> = Object.fromEntries(
  Object.values(LIVE_KINDS).map((kind) => [kind.verb, createButtonHandler(kind)]),
);

function createButtonHandler(kind: LiveKind): ButtonHandler {
  return async (context, { messageId, id, arg }) => {
    const [action = "", hash = ""] = arg.split(".", 2);
    const row = await readLiveMessage(context, messageId);
    if (row && LIVE_KINDS[row.value.event.kind] !== kind)
      return { toast: context.presentation.texts.answers.expiredButton };
    return recordResult(context, messageId, row, await kind.press(context, { id, action, hash, message: row?.value }));
  };
}

/** Handles a reply to a live message. A word of approval or an answer is worth as much as the press of a button. */
export const liveReplyHandler: ReplyHandler = async (context, { to: messageId, text }) => {
  const row = await readLiveMessage(context, messageId);
  const result = row && (await LIVE_KINDS[row.value.event.kind].reply(context, row.value, text));
  return result && recordResult(context, messageId, row, result);
};

async function readLiveMessage(
  { deps, chat }: CommandContext,
  messageId: number,
): Promise<StoredValue<LiveMessage> | undefined> {
  return (await deps.store.read<LiveMessage>([liveMessageKey(chat, messageId)]))[0];
}

/** Adds to a result that the message is recorded if it shows something else now, and that it is refreshed. */
function recordResult(
  { chat, id, correlation }: CommandContext,
  messageId: number,
  row: StoredValue<LiveMessage> | undefined,
  { message = row?.value, ...result }: LiveResult,
): CommandResult {
  if (!message) return result;
  const refresh = createLiveRefreshJob(chat, message.subject.id, `heard.${id}`, correlation);
  const jobs = [...(result.jobs ?? []), refresh];
  if (message === row?.value) return { ...result, jobs };
  return {
    ...result,
    expect: [[liveMessageKey(chat, messageId), row?.rev ?? 0]],
    put: [createLiveMessagePut(chat, messageId, message, false)],
    jobs,
  };
}
