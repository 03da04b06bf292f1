import { omitUndefined } from "../omit-undefined.ts";
import type { Put, Store } from "../store/port.ts";
import type { Ms } from "../time.ts";
import { type KeptLastCall, wakeKeys } from "./wake-record.ts";

/** A finished call of an agent. */
interface AgentCall {
  agent: string;
  tool: string;
  outcome: string;
  ms: Ms;
}

/** Tools of which a successful call answers a wish: the Concierge planned something or wrote to the person. */
const WISH_ANSWERS: ReadonlySet<string> = new Set([
  "plan_project",
  "create_project",
  "create_task",
  "message_human",
  "ask_human",
]);

/**
 * Creates the records that acknowledge the wakes of the agents who made these calls. A call acknowledges only what was
 * posted before it began: its duration is subtracted from the store's time.
 */
export async function createAcknowledgements(
  { store }: { store: Pick<Store, "now" | "read"> },
  calls: readonly AgentCall[],
): Promise<Put[]> {
  const agents = [...new Set(calls.map(({ agent }) => agent))];
  const keys = agents.map(wakeKeys.lastCall);
  const [now, known] = await Promise.all([store.now(), store.read<KeptLastCall>(keys)]);
  return keys.map((key, i) => {
    const own = calls.filter(({ agent }) => agent === agents[i]);
    const answers = own.filter(({ tool, outcome }) => outcome === "ok" && WISH_ANSWERS.has(tool));
    const value: KeptLastCall = {
      at: getLatest(now, own, known[i]?.value.at) ?? now,
      ...omitUndefined({ answered: getLatest(now, answers, known[i]?.value.answered) }),
    };
    return { key, value };
  });
}

function getLatest(now: Ms, calls: readonly AgentCall[], known: Ms | undefined): Ms | undefined {
  const times = [...calls.map(({ ms }) => now - ms), ...(known === undefined ? [] : [known])];
  return times.length > 0 ? Math.max(...times) : undefined;
}
