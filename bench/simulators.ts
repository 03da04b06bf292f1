import { DAY } from "../shared/time.ts";
import { createPlaneSimulator } from "../simulators/plane/create-plane-simulator.ts";
import type { Item, Project, User } from "../simulators/plane/types.ts";
import { createTelegramSimulator } from "../simulators/telegram/telegram-simulator.ts";

/** The product's limit of requests per minute, so high that it affects no figure. */
const UNLIMITED = 100_000;
export const ADMIN_TOKEN = "admin-token-of-the-bench";

interface BenchSimulatorsOptions {
  chats?: readonly number[];
  /** Whether Plane sends webhooks automatically. Default: false. */
  autoDeliver?: boolean;
  /** Requests a minute that Plane allows each key. Default: any number. */
  rateLimit?: number;
}

export type BenchSimulators = Awaited<ReturnType<typeof startSimulators>>;

/** Starts the simulated Plane and Telegram and returns them with the settings that connect the product to them. */
export async function startSimulators(options: BenchSimulatorsOptions = {}) {
  const { chats = [4711], autoDeliver = false, rateLimit } = options;
  let clockOffset = DAY;
  const plane = createPlaneSimulator({
    clock: () => Date.now() - clockOffset,
    rateLimit: rateLimit ?? Number.POSITIVE_INFINITY,
    autoDeliver,
  });
  const telegram = createTelegramSimulator({
    clock: Date.now,
    chats,
    token: `1000:${"bench".repeat(7)}`,
    limits: { tolerance: 0 },
  });
  const [url, apiRoot] = await Promise.all([plane.start(), telegram.start()]);
  const ada = plane.addUser({ name: "Ada" });
  const env: Record<string, string> = {
    PORT: "0",
    PLANE_URL: url,
    PLANE_API_KEY: plane.createApiKey(ada),
    PLANE_WORKSPACE: plane.workspace.slug,
    PLANE_RATE_LIMIT: String(rateLimit ?? UNLIMITED),
    TELEGRAM_BOT_TOKEN: telegram.token,
    TELEGRAM_CHAT_ID: String(chats[0]),
    TELEGRAM_API_ROOT: apiRoot,
    ADMIN_TOKEN,
    // Once a year, because the benches request their polls.
    POLL_CRON: "0 0 1 1 *",
  };
  return {
    plane,
    telegram,
    env,
    /** Creates a project with items. Before `useCurrentTime` is called, they are created yesterday. */
    fillProject(
      identifier: string,
      count: number,
      createItemOptions: (index: number) => { state: string; assignees?: User[]; labels?: string[] },
      labels: readonly string[] = [],
    ) {
      const project: Project = plane.addProject({ name: `Project ${identifier}`, identifier });
      for (const label of labels) plane.addLabel(project, label);
      const items: Item[] = Array.from({ length: count }, (_, i) =>
        plane.addItem(project, { name: `Task ${i + 1} of ${identifier}`, ...createItemOptions(i) }),
      );
      plane.runWorker();
      plane.deliveries.dropAll();
      return { project, items };
    },
    /** Sets Plane's clock, which is a day late until then, to the current time. */
    useCurrentTime() {
      clockOffset = 0;
    },
    async stop() {
      await Promise.all([plane.stop(), telegram.stop()]);
    },
  };
}

/**
 * Fills a large workspace: every third task is open and assigned to an agent in turn, with the agent's label, as in a
 * workspace that agents already use.
 */
export function fillWorkspace(
  simulators: BenchSimulators,
  { agents, projects, items }: { agents: number; projects: number; items: number },
) {
  const agentUsers = Array.from({ length: agents }, (_, i) => simulators.plane.addUser({ name: `Agent${i + 1}` }));
  const getAgentLabel = ({ display_name }: User) => `agent:${display_name}`;
  const filled = Array.from({ length: projects }, (_, p) =>
    simulators.fillProject(
      `P${String(p + 1).padStart(2, "0")}`,
      items,
      (i) => {
        const agent = agentUsers[i % agentUsers.length];
        if (i % 3 !== 0 || !agent) return { state: "Done" };
        return { state: "Todo", assignees: [agent], labels: [getAgentLabel(agent)] };
      },
      agentUsers.map(getAgentLabel),
    ),
  );
  const config = { agents: agentUsers.map(({ display_name: name, email }) => ({ name, email })) };
  return { filled, config };
}
