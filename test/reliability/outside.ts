import { onTestFinished } from "vitest";
import { createPlane } from "../../demo/plane/plane.ts";
import type { Item, Project, Version } from "../../demo/plane/types.ts";
import type { TelegramLimits } from "../../demo/telegram/limits.ts";
import { createTelegram } from "../../demo/telegram/server.ts";
import { sign } from "../runtime/plane-headers.ts";
import { PLENTY } from "./manifest.ts";

export const CHAT = 4711;
export const ADMIN = "admin-token-of-the-reliability-tests";
export const TICK = "tick-token-of-the-reliability-tests";

interface OutsideOptions {
  clock?: () => number;
  version?: Version;
  /** Requests a minute that Plane allows and Groundcrew keeps to; default plenty. */
  rateLimit?: number;
  chats?: readonly number[];
  telegram?: Partial<TelegramLimits>;
  random?: () => number;
}

export type Outside = Awaited<ReturnType<typeof startOutside>>;

/** A Telegram that never says no, for tests of something else. */
export const PATIENT: Partial<TelegramLimits> = {
  perSecondInChat: PLENTY,
  perMinuteInGroup: PLENTY,
  perSecond: PLENTY,
};

/** Everything outside the product: a Plane and a Telegram that keep ledgers of what they really received. */
export async function startOutside(options: OutsideOptions = {}) {
  const { clock = Date.now, rateLimit = PLENTY, chats = [CHAT], version, random } = options;
  const plane = createPlane({ clock, rateLimit, ...(version && { version }), ...(random && { random }) });
  const telegram = createTelegram({
    clock,
    token: `1000:${"reliability".repeat(3)}`,
    chats,
    limits: { tolerance: 0, ...options.telegram },
  });
  const [url, apiRoot] = await Promise.all([plane.start(), telegram.start()]);
  onTestFinished(async () => {
    await Promise.all([plane.stop(), telegram.stop()]);
  });
  const ada = plane.addUser({ name: "Ada" });
  const apiKey = plane.apiKey(ada);
  const webhook = plane.addWebhook("http://127.0.0.1:9/webhooks/plane");

  return {
    plane,
    telegram,
    ada,
    secret: webhook.secret,
    /** What the product must be told to work with both. */
    env: {
      PLANE_URL: url,
      PLANE_API_KEY: apiKey,
      PLANE_WORKSPACE: plane.workspace.slug,
      PLANE_WEBHOOK_SECRET: webhook.secret,
      PLANE_RATE_LIMIT: String(rateLimit),
      TELEGRAM_BOT_TOKEN: telegram.token,
      TELEGRAM_CHAT_ID: String(CHAT),
      TELEGRAM_API_ROOT: apiRoot,
      ADMIN_TOKEN: ADMIN,
      TICK_TOKEN: TICK,
      // Once a year: a test polls when it wants to.
      POLL_CRON: "0 0 1 1 *",
    } as Record<string, string>,
    project: (identifier = "ONB", name = "Onboarding"): Project => plane.addProject({ name, identifier }),
    items: (project: Project, count: number, name = "Task"): Item[] =>
      Array.from({ length: count }, (_, i) => plane.addItem(project, { name: `${name} ${i + 1}` })),
    /** Plane's worker works; the bodies it would send, which do not go out by themselves. */
    bodies(): string[] {
      plane.settle();
      const bodies = plane.deliveries.pending.map(({ body }) => body);
      plane.deliveries.dropAll();
      return bodies;
    },
    /** A delivery's headers as Plane writes them: a fresh delivery id each time. */
    headers: (body: string, signature = sign(body, webhook.secret)) => ({
      "content-type": "application/json",
      "user-agent": "Autopilot",
      "x-plane-delivery": crypto.randomUUID(),
      "x-plane-event": "issue",
      "x-plane-signature": signature,
    }),
  };
}

export const keyOf = (project: Project, item: Item): string => `${project.identifier}-${item.sequence_id}`;
