import type { ShownChat } from "../demo/telegram/chats.ts";

const LINE = /^✅ Completed: /gm;
const SUMMARY = /^✅ ([\d,]+) tasks? completed in /m;

/**
 * How long each of a chat's changes took to be shown, in milliseconds: notices of a chat keep their order, so the nth
 * change is shown when the chat has shown n of them, in lines or in a summary's count.
 *
 * @param changes when each change was made, in order
 */
export function deliveries(chat: ShownChat, changes: readonly number[]): number[] {
  const steps = chat.messages.flatMap((message) => {
    // An edit's `text` is what the message said until then.
    const texts = [...message.edits.map(({ text }) => text), message.text];
    const times = [message.at, ...message.edits.map(({ at }) => at)];
    return texts.map((text, i) => ({ id: message.id, at: times[i] ?? 0, shown: countOf(text) }));
  });
  const ofMessage = new Map<number, number>();
  const times: number[] = [];
  for (const { id, at, shown } of steps.sort((a, b) => a.at - b.at)) {
    ofMessage.set(id, Math.max(shown, ofMessage.get(id) ?? 0));
    const all = [...ofMessage.values()].reduce((sum, n) => sum + n, 0);
    for (const changed of changes.slice(times.length, all)) times.push(at - changed);
  }
  return times;
}

function countOf(text: string): number {
  const summary = SUMMARY.exec(text)?.[1];
  return summary === undefined ? (text.match(LINE)?.length ?? 0) : Number(summary.replaceAll(",", ""));
}
