import { type AgentClient, type CallResult, createFetchClient, createMcpClient } from "../reliability/agent-clients.ts";
import { createEffectGate, type EffectPoint } from "./effect-gate.ts";
import { type OpenHost, openEvictableHost } from "./hosts.ts";
import { startPortableTeam, type TeamSize, toToken } from "./portable-team.ts";

export type EvictableTeam = Awaited<ReturnType<typeof startEvictableTeam>>;

/**
 * Starts the product in workerd behind a gate that evicts its object at a chosen request to Plane or Telegram.
 * @param first where the object is evicted that has just started for the first time
 */
export async function startEvictableTeam({ first, ...size }: TeamSize & { first?: EffectPoint }) {
  const gate = createEffectGate();
  let evictions = 0;
  let evicted = Promise.withResolvers<void>();

  function evictAt(point: EffectPoint, evict: () => Promise<void>) {
    evicted = Promise.withResolvers();
    gate.killAt(point, () =>
      evict().then(() => {
        evictions += 1;
        evicted.resolve();
      }, evicted.reject),
    );
  }

  const openGatedHost: OpenHost = async (env, config) => {
    const [plane, telegram] = [
      await gate.open(env["PLANE_URL"] ?? ""),
      await gate.open(env["TELEGRAM_API_ROOT"] ?? ""),
    ];
    const host = await openEvictableHost({ ...env, PLANE_URL: plane, TELEGRAM_API_ROOT: telegram }, config);
    if (first) evictAt(first, host.restart);
    // The object starts with its first request.
    await fetch(host.url);
    return host;
  };
  const team = await startPortableTeam(openGatedHost, size);

  return {
    ...team,
    countEvictions: () => evictions,
    /** Resolves when the object was evicted at the chosen request. */
    waitForEviction: () => evicted.promise,
    /** Evicts the object now, whatever it is doing. */
    async evict() {
      await team.host.restart();
      evictions += 1;
    },
    /**
     * Runs this with an eviction at a request that it causes; resolves with whether there was such a request.
     * @param later queues with jobs that are due in hours, such as the reminders of questions
     */
    async runWithEviction(
      point: EffectPoint,
      run: () => Promise<void>,
      later: readonly string[] = [],
    ): Promise<boolean> {
      const before = evictions;
      evictAt(point, team.host.restart);
      await run();
      await persist(() => team.waitUntilIdle(later));
      gate.disarm();
      return evictions > before;
    },
    /** Sends the webhooks of Plane's changes so far, each again until it is accepted, as Plane does. */
    async deliverWebhooks() {
      for (const body of team.takeWebhookBodies())
        await persist(async () => {
          const headers = team.createDeliveryHeaders(body);
          const answer = await team.request("/webhooks/plane", { method: "POST", headers, body });
          if (answer.status !== 200) throw new Error(`The webhook was answered with ${answer.status}.`);
          await answer.text();
        });
    },
    pressButtonUntilTaken: (part: string, label: string) => persist(() => team.pressButton(part, label)),
    pollUntilDone: () => persist(() => team.runTick("poll")),
  };
}

/** Two agents, one that uses MCP and one that uses HTTP; a call that an eviction broke off is repeated, as an agent does. */
export async function createPersistentAgents({ host }: EvictableTeam): Promise<AgentClient["call"][]> {
  const clients = [
    await createMcpClient(host.url, toToken("Thot")),
    await createFetchClient(host.url, toToken("Ptah")),
  ];
  return clients.map(
    (client) =>
      (tool, input): Promise<CallResult> =>
        persist(() => client.call(tool, input)),
  );
}

/** Repeats an action that an eviction breaks off. */
async function persist<T>(action: () => Promise<T>): Promise<T> {
  const MAX_TRIES = 50;
  for (let tries = 1; ; tries += 1) {
    try {
      return await action();
    } catch (thrown) {
      if (tries === MAX_TRIES) throw thrown;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }
}
