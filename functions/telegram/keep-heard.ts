import type { Deps } from "../../shared/deps.ts";
import type { Job, Key, Ms, Put } from "../../shared/store/port.ts";
import { plain } from "../../shared/telegram/text.ts";
import { messagePut, saidKey } from "../../shared/why/chat.ts";
import { answersLane } from "./chat.ts";
import type { Heard, Outcome } from "./handler.ts";

/** What was understood of an update, and what came of it. */
export interface Understood {
  /** Empty: it was not for us. */
  outcome: Outcome;
  /** What the person wrote, for the page. */
  said?: string;
  /** Where the answer belongs. */
  replyTo?: number;
  topic?: number;
  /** Telegram waits to be told that the press was heard. */
  callback?: string;
}

/** Longer than the engine remembers the id of a done job (2 days). */
const HEARD_MS: Ms = 3 * 86_400_000;

const keyOf = (id: string): Key => `heard:${id}`;

export async function wasHeard({ store }: Pick<Deps, "store">, id: string): Promise<boolean> {
  const [known] = await store.read([keyOf(id)]);
  return known !== undefined;
}

/** Keeps that it was heard with all that comes of it: the answer on its way, and what both sides said, for the page. */
export async function keepHeard(
  { deps, id, chat, correlation, from, look }: Heard,
  { outcome, said, replyTo, topic, callback }: Understood,
): Promise<"kept" | "stale" | "fenced"> {
  const { say, show, toast } = outcome;
  const place = { ...(topic !== undefined && { topic }), language: look.texts.locale };
  const job = (kind: "answer" | "show", body: object): Job => ({
    id: `${kind}:${id}`,
    queue: "outbox",
    lane: answersLane(chat),
    body: JSON.parse(JSON.stringify({ [kind]: { ...body, ...place }, correlation })),
  });
  const jobs = [
    ...(outcome.jobs ?? []),
    ...(say ? [job("answer", { ...say, ...(replyTo !== undefined && { replyTo }) })] : []),
    ...(show ? [job("show", show)] : []),
  ];
  const now = await deps.store.now();
  const inChat = (name: string, text: string, by?: string): Put => {
    const message = { ...plain(text), chat: String(chat), messageId: 0, at: now, repeat: false };
    return messagePut(saidKey(chat, name, now), { ...message, shown: [[1, deps.clock()]], ...(by && { by }) });
  };
  const put = [
    { key: keyOf(id), value: { at: now }, expires: HEARD_MS },
    ...(outcome.put ?? []),
    ...(said === undefined ? [] : [inChat(id, said, from.name)]),
    // Nobody at the page sees what Telegram shows for a moment.
    ...(toast === undefined || callback !== undefined ? [] : [inChat(`${id}:toast`, toast)]),
  ];
  return deps.store.commit({ expect: [[keyOf(id), 0], ...(outcome.expect ?? [])], put, jobs });
}
