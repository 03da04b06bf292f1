/** The message of an operational notice: sent when the notice begins, edited while it changes and when it is over. */

import type { NoticeBody } from "../../../shared/jobs/outgoing-jobs.ts";
import { ENDED_RETENTION, type NoticeRecord } from "../../../shared/notices/notice-record.ts";
import { renderNoticeMessage, toNoticeExtras } from "../../../shared/notices/notices.ts";
import type { JobResult, StoreKey } from "../../../shared/store/port.ts";
import { resolveChatLocale } from "../../../shared/telegram/chat-settings.ts";
import { DAY, type Ms } from "../../../shared/time.ts";
import { type DeliveryContext, JOB_DONE, readDeliveryState } from "./context.ts";
import { type ShownMessage, sendSeparateMessage, updateMessage } from "./messages.ts";

/** The message of a notice in a chat. */
interface NoticeMessageRecord extends ShownMessage {
  /** The notice that it shows: what begins later than this and does not return soon has a message of its own. */
  firstSince: Ms;
}

/** Retention of a message's record after its last edit: longer than that of a current notice. */
const MESSAGE_RETENTION: Ms = 90 * DAY + ENDED_RETENTION;

/** Brings the message of a notice up to date; a notice that is over before it was sent is sent as over. */
export async function showNotice(context: DeliveryContext, { notice, correlation }: NoticeBody): Promise<JobResult> {
  const { deps, chat } = context;
  const key: StoreKey = `notice-message:${chat}:${notice}`;
  const [[stored], [message], { isDelivered, attempt }] = await Promise.all([
    deps.store.read<NoticeRecord>([notice]),
    deps.store.read<NoticeMessageRecord>([key]),
    readDeliveryState(context),
  ]);
  if (!stored || isDelivered) return JOB_DONE;
  const { value: record } = stored;
  const { timezone = "UTC" } = deps.settings;
  const locale = resolveChatLocale(deps.settings, chat);
  const rich = renderNoticeMessage(record, { timezone, locale }, await deps.store.now());
  const { firstSince } = record;
  const request = { rich, priority: "notification", fields: { correlation } } as const;
  const createRecord = async (shown: ShownMessage) => ({
    expect: [[key, message?.rev ?? 0] as [StoreKey, number]],
    put: [{ key, value: { ...shown, firstSince } satisfies NoticeMessageRecord, expires: MESSAGE_RETENTION }],
  });
  if (message?.value.firstSince === firstSince) {
    const { value: shown } = message;
    // A message that somebody deleted is not sent again: the notice is on the page.
    const record = ({ viewHash }: { viewHash: string }) => createRecord({ ...shown, viewHash });
    return (await updateMessage(context, { ...request, shown, createRecord: record })) ?? JOB_DONE;
  }
  // The problem is not announced yet, or was over before anything was said.
  if (record.times === 0) return JOB_DONE;
  return sendSeparateMessage(context, { ...request, attempt, extras: toNoticeExtras(record), createRecord });
}
