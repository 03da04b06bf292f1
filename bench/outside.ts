import { createPlane } from "../demo/plane/plane.ts";
import type { Item, Plane, Project } from "../demo/plane/types.ts";
import { createTelegram, type Telegram } from "../demo/telegram/server.ts";

/** Requests a minute: so many that Plane's limit is in no figure. */
export const UNLIMITED = 100_000;
export const ADMIN = "admin-token-of-the-bench";

/** A Plane and a Telegram in memory, and the settings with which the product works with them. */
export async function startOutside(options: { chats?: readonly number[]; autoDeliver?: boolean } = {}) {
  const { chats = [4711], autoDeliver = false } = options;
  const plane = createPlane({ rateLimit: Number.POSITIVE_INFINITY, autoDeliver });
  const telegram = createTelegram({
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
    PLANE_API_KEY: plane.apiKey(ada),
    PLANE_WORKSPACE: plane.workspace.slug,
    PLANE_RATE_LIMIT: String(UNLIMITED),
    TELEGRAM_BOT_TOKEN: telegram.token,
    TELEGRAM_CHAT_ID: String(chats[0]),
    TELEGRAM_API_ROOT: apiRoot,
    ADMIN_TOKEN: ADMIN,
    // Once a year: the bench polls when it wants to.
    POLL_CRON: "0 0 1 1 *",
  };
  return {
    plane,
    telegram,
    ada,
    env,
    async stop() {
      await Promise.all([plane.stop(), telegram.stop()]);
    },
  };
}

export type Outside = Awaited<ReturnType<typeof startOutside>>;

export function fill(plane: Plane, project: Project, count: number, state = "Todo"): Item[] {
  const items = Array.from({ length: count }, (_, i) => plane.addItem(project, { name: `Task ${i + 1}`, state }));
  plane.settle();
  plane.deliveries.dropAll();
  return items;
}

export type { Telegram };
