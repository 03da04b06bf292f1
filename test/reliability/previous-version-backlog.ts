import type { SimulatedMessage } from "../../simulators/telegram/chats.ts";
import { type createPreviousVersionApp, getPlainText } from "./previous-version-app.ts";

export const MINUTE_MS = 60_000;
/** Each of these tests works a whole store. */
export const TIMEOUT = { timeout: 120_000 };

type PreviousVersionApp = Awaited<ReturnType<typeof createPreviousVersionApp>>;

/** Everything that was waiting is worked, and every tick has looked. */
export async function workBacklog(app: PreviousVersionApp): Promise<void> {
  app.start();
  await app.time.advance(3 * MINUTE_MS);
  await app.runTicks("poll", "claims", "cycles", "digest", "trim", "jobs");
}

/** What could be sent or written by mistake. */
export function countEffects({ telegram, posts, plane }: PreviousVersionApp) {
  return {
    telegram: telegram.calls.length,
    posts: posts.length,
    plane: plane.ledger.requests.filter(({ method }) => method !== "GET").length,
  };
}

/** The keys of tasks in a text, each once. */
export const listKeys = (text: string) => [...new Set(text.match(/\b(?:ONB|OPS|GAR|LAT)-\d+\b/g))];

/** The keys that all messages together report as completed, each as often as it is reported. */
export function listReportedCompletions(messages: readonly SimulatedMessage[]): string[] {
  const lines = messages.flatMap((message) => getPlainText(message).split("\n"));
  return lines.flatMap((line) => /^✅ Completed: (\S+)/.exec(line)?.[1] ?? []).sort();
}
