import type { SimulatedChat } from "../simulators/telegram/chats.ts";

const LINE = /^✅ Completed: /gm;
const SUMMARY = /^✅ ([\d,]+) tasks? completed in /m;

/**
 * Returns for each change of a chat the milliseconds until the chat showed it. Notifications of a chat keep their
 * order, so the nth change is shown when the chat has shown n of them, as lines or in the count of a summary.
 *
 * @param changes times of the changes, in order
 */
export function measureDeliveryTimes(chat: SimulatedChat, changes: readonly number[]): number[] {
  const steps = chat.messages.flatMap((message) => {
    // `edits` holds the earlier versions: the text of an entry was shown until its time.
    const texts = [...message.edits.map(({ text }) => text), message.text];
    const times = [message.at, ...message.edits.map(({ at }) => at)];
    return texts.map((text, i) => ({ id: message.id, at: times[i] ?? 0, shown: countCompletions(text) }));
  });
  const completionsByMessage = new Map<number, number>();
  const times: number[] = [];
  for (const { id, at, shown } of steps.sort((a, b) => a.at - b.at)) {
    completionsByMessage.set(id, Math.max(shown, completionsByMessage.get(id) ?? 0));
    const totalShown = [...completionsByMessage.values()].reduce((sum, n) => sum + n, 0);
    for (const changedAt of changes.slice(times.length, totalShown)) times.push(at - changedAt);
  }
  return times;
}

function countCompletions(text: string): number {
  const summary = SUMMARY.exec(text)?.[1];
  return summary === undefined ? (text.match(LINE)?.length ?? 0) : Number(summary.replaceAll(",", ""));
}
