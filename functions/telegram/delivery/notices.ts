/** The message of an operational notice: sent when the notice begins, edited while it changes and when it is over. */

import type { NoticeBody } from "../../../shared/jobs/outgoing-jobs.ts";
import { ENDED_RETENTION, type NoticeRecord } from "../../../shared/notices/notice-record.ts";
import { renderNoticeMessage, toNoticeExtras } from "../../../shared/notices/notices.ts";
import type { JobResult, Put, StoredValue, StoreKey } from "../../../shared/store/port.ts";
import { DAY, type Ms } from "../../../shared/time.ts";
import { appendRepeatMark } from "../presentation/presentation.ts";
import { commitWithRetry, type DeliveryContext, JOB_DONE, readDeliveryState, sendAttemptKey } from "./context.ts";
import { editMessage, recordEdit, sendSeparateMessage } from "./messages.ts";

/** The message of a notice in a chat. */
interface NoticeMessageRecord {
  messageId: number;
  /** The notice that it shows: what begins later than this and does not return soon has a message of its own. */
  firstSince: Ms;
  repeat: boolean;
  /** Revision of the notice that it shows. */
  rev: number;
}

/** Retention of a message's record after its last edit: longer than that of a current notice. */
const MESSAGE_RETENTION: Ms = 90 * DAY + ENDED_RETENTION;

/** Brings the message of a notice up to date; a notice that is over before it was sent is sent as over. */
export async function showNotice(context: DeliveryContext, { notice, correlation }: NoticeBody): Promise<JobResult> {
  const { deps, chat } = context;
  const messageKey: StoreKey = `notice-message:${chat}:${notice}`;
  const [[stored], [message], { isDelivered, attempt }] = await Promise.all([
    deps.store.read<NoticeRecord>([notice]),
    deps.store.read<NoticeMessageRecord>([messageKey]),
    readDeliveryState(context),
  ]);
  if (!stored || isDelivered) return JOB_DONE;
  const { value: record, rev } = stored;
  const { timezone = "UTC", locale } = deps.settings;
  const rich = renderNoticeMessage(record, { timezone, locale }, await deps.store.now());
  const { firstSince } = record;
  if (message?.value.firstSince === firstSince)
    return editNotice(context, messageKey, message, { rich, rev, correlation });
  // The problem is not announced yet, or was over before anything was said.
  if (record.times === 0) return JOB_DONE;
  return sendSeparateMessage(context, {
    attempt,
    priority: "notification",
    fields: { correlation },
    rich,
    extras: toNoticeExtras(record),
    async createRecord({ messageId, repeat }) {
      const value = { messageId, firstSince, repeat, rev };
      return { expect: [[messageKey, message?.rev ?? 0]], put: [createMessagePut(messageKey, value)] };
    },
  });
}

function createMessagePut(key: StoreKey, value: NoticeMessageRecord): Put {
  return { key, value, expires: MESSAGE_RETENTION };
}

async function editNotice(
  context: DeliveryContext,
  key: StoreKey,
  { value, rev }: StoredValue<NoticeMessageRecord>,
  notice: { rich: ReturnType<typeof renderNoticeMessage>; rev: number; correlation: string },
): Promise<JobResult> {
  if (value.rev >= notice.rev) return JOB_DONE;
  const { messageId, repeat } = value;
  const rich = repeat ? appendRepeatMark(notice.rich, context.presentation.texts.repeat) : notice.rich;
  const record = async (puts: Put[]): Promise<JobResult> => {
    await commitWithRetry(context, {
      expect: [[key, rev]],
      put: [
        createMessagePut(key, { ...value, rev: notice.rev }),
        ...puts,
        { key: sendAttemptKey(context.job), value: undefined },
      ],
    });
    return JOB_DONE;
  };
  return editMessage(context, {
    attempt: "unread",
    messageId,
    rich,
    priority: "notification",
    fields: { correlation: notice.correlation },
    onEdited: async () => record((await recordEdit(context, messageId, { rich })).put),
    // Somebody deleted the message: the notice is on the page.
    onPermanentFailure: () => record([]),
  });
}
