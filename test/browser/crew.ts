import { onTestFinished } from "vitest";
import { createPlane } from "../../demo/plane/plane.ts";
import { createTelegram } from "../../demo/telegram/server.ts";
import { type Runtime, startRuntime } from "../../runtime/node.ts";
import { memoryStore } from "../../shared/store/memory.ts";
import { settingsOf } from "../shared/config/given.ts";
import { type Opened, openPage } from "./browser.ts";

export const ADMIN = "admin-token-of-the-browser-tests";
const CHAT = 4711;

/** The product as it is with real settings, in front of an in-memory Plane and Telegram, on a fixed free port. */
export async function startCrew(env: Record<string, string> = {}) {
  const plane = createPlane({ autoDeliver: true, rateLimit: 10_000 });
  const telegram = createTelegram({ clock: Date.now, chats: [CHAT], token: `1000:${"test".repeat(9)}` });
  const [planeUrl, apiRoot] = await Promise.all([plane.start(), telegram.start()]);
  const ada = plane.addUser({ name: "Ada", email: "ada@example.com" });
  const thot = plane.addUser({ name: "Thot", email: "thot@example.com" });
  const project = plane.addProject({ name: "Onboarding", identifier: "ONB", by: ada });
  plane.addState(project, { name: "Blocked", group: "started" });
  const agents = { agents: [{ name: "Thot", email: "thot@example.com" }] };
  const settings = settingsOf(
    {
      PORT: "0",
      ADMIN_TOKEN: ADMIN,
      PLANE_URL: planeUrl,
      PLANE_API_KEY: plane.apiKey(ada),
      PLANE_WORKSPACE: plane.workspace.slug,
      PLANE_WEBHOOK_SECRET: "",
      PLANE_RATE_LIMIT: "10000",
      TELEGRAM_BOT_TOKEN: telegram.token,
      TELEGRAM_CHAT_ID: String(CHAT),
      TELEGRAM_API_ROOT: apiRoot,
      STORE_URL: "memory:",
      POLL_CRON: "* * * * * *",
      GROUNDCREW_CONFIG: "crew.json",
      ...env,
    },
    { "crew.json": JSON.stringify(agents) },
  );
  const store = memoryStore({ clock: Date.now });
  const start = (port: number) =>
    startRuntime({ ...settings, port }, { write: () => {}, overrides: { store: { ...store, close: async () => {} } } });
  let runtime: Runtime = await start(0);
  const { url } = runtime;
  onTestFinished(async () => {
    await runtime.stop();
    await Promise.all([plane.stop(), telegram.stop()]);
  });
  // The first look at Plane is over; what comes in its second counts as there before.
  await runtime.deps.ticks.now("poll").catch(() => {});
  await new Promise((resolve) => setTimeout(resolve, 1_100));
  return {
    url,
    plane,
    telegram,
    project,
    ada,
    thot,
    store,
    deps: () => runtime.deps,
    stop: () => runtime.stop(),
    async restart() {
      runtime = await start(Number(new URL(url).port));
    },
  };
}

/** Signs this page in, with the keyboard. */
export async function signIn(page: Opened): Promise<Opened> {
  await page.fill("#token", ADMIN);
  await page.press("#token", "Enter");
  await page.waitForSelector(".column");
  return page;
}

/** A page that has signed in. */
export async function signedIn(url: string, options?: Parameters<typeof openPage>[1]): Promise<Opened> {
  return signIn(await openPage(url, options));
}
