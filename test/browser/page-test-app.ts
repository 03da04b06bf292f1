import { onTestFinished } from "vitest";
import { manifest } from "../../functions/index.ts";
import { type Runtime, startRuntime } from "../../runtime/start-runtime.ts";
import { createMemoryStore } from "../../runtime/stores/sqlite-store.ts";
import { createPlaneSimulator } from "../../simulators/plane/create-plane-simulator.ts";
import type { PlaneSimulator } from "../../simulators/plane/plane-simulator.ts";
import type { Project, User } from "../../simulators/plane/types.ts";
import { createTelegramSimulator } from "../../simulators/telegram/telegram-simulator.ts";
import { createTestSettings } from "../support/settings.ts";
import { openPage, type TestPage } from "./browser.ts";

export const PAGE_ADMIN_TOKEN = "admin-token-of-the-browser-tests";
export const PAGE_CHAT = 4711;

type SetUpPlane = (plane: PlaneSimulator, project: Project, thot: User) => void;

/** Starts the product for a test, until the test ends. `config`: further content of the settings file. */
export async function startPageTestApp(
  env: Record<string, string> = {},
  setUpPlane: SetUpPlane = () => {},
  config: object = {},
) {
  const app = await runPageApp(env, setUpPlane, config);
  onTestFinished(app.close);
  return app;
}

/** Starts the product with real settings and simulated Plane and Telegram servers. Its port survives restarts. */
export async function runPageApp(env: Record<string, string>, setUpPlane: SetUpPlane, config: object) {
  let planeAhead = 0;
  const clock = () => Date.now() + planeAhead;
  const plane = createPlaneSimulator({ clock, autoDeliver: true, rateLimit: 10_000 });
  const telegram = createTelegramSimulator({ clock: Date.now, chats: [PAGE_CHAT], token: `1000:${"test".repeat(9)}` });
  const [planeUrl, apiRoot] = await Promise.all([plane.start(), telegram.start()]);
  const ada = plane.addUser({ name: "Ada", email: "ada@example.com" });
  const thot = plane.addUser({ name: "Thot", email: "thot@example.com" });
  const project = plane.addProject({ name: "Onboarding", identifier: "ONB", by: ada });
  plane.addState(project, { name: "Blocked", group: "started" });
  setUpPlane(plane, project, thot);
  const agents = { agents: [{ name: "Thot", email: "thot@example.com" }] };
  const settings = createTestSettings(
    {
      PORT: "0",
      ADMIN_TOKEN: PAGE_ADMIN_TOKEN,
      PLANE_URL: planeUrl,
      PLANE_API_KEY: plane.createApiKey(ada),
      PLANE_WORKSPACE: plane.workspace.slug,
      PLANE_WEBHOOK_SECRET: "",
      PLANE_RATE_LIMIT: "10000",
      TELEGRAM_BOT_TOKEN: telegram.token,
      TELEGRAM_CHAT_ID: String(PAGE_CHAT),
      TELEGRAM_API_ROOT: apiRoot,
      STORE_URL: "memory:",
      POLL_CRON: "* * * * * *",
      GROUNDCREW_CONFIG: "crew.json",
      LOCALE: "auto",
      ...env,
    },
    { "crew.json": JSON.stringify({ ...agents, ...config }) },
  );
  let ahead = 0;
  const store = createMemoryStore({ clock: () => Date.now() + ahead });
  const logLines: string[] = [];
  const write = (line: string) => void logLines.push(line);
  const start = (port: number) =>
    startRuntime({ ...settings, port }, { manifest, write, overrides: { store: { ...store, close: async () => {} } } });
  let runtime: Runtime = await start(settings.port);
  const { url } = runtime;
  // Items that are created in the same second as the first poll count as existing ones, so Plane's clock moves past it.
  await runtime.deps.ticks.runNow("poll").catch(() => {});
  planeAhead = 1_100;
  return {
    url,
    plane,
    telegram,
    project,
    ada,
    thot,
    store,
    /** The lines of the log, across restarts. */
    logLines,
    /** Sets the store's clock forward, for what it keeps for a time. */
    advanceStore(ms: number) {
      ahead += ms;
    },
    deps: () => runtime.deps,
    stop: () => runtime.stop(),
    async close() {
      await runtime.stop();
      await Promise.all([plane.stop(), telegram.stop()]);
    },
    async restart() {
      runtime = await start(Number(new URL(url).port));
    },
  };
}

/** Signs in with the keyboard, and goes to the board. */
export async function signIn(page: TestPage): Promise<TestPage> {
  await page.fill("#token", PAGE_ADMIN_TOKEN);
  await page.press("#token", "Enter");
  await page.waitForSelector("#inbox .requests");
  await page.click('#views [data-view="board"]');
  await page.waitForSelector(".column");
  return page;
}

export async function openSignedInPage(url: string, options?: Parameters<typeof openPage>[1]): Promise<TestPage> {
  return signIn(await openPage(url, options));
}

/** Lets the time pass in which an answer can be undone. The page's clock was installed before the answer. */
export async function passUndoTime(page: TestPage): Promise<void> {
  await page.waitForSelector(".decided", { timeout: 45_000 });
  await page.clock.runFor(5_500);
}
