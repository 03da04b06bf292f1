import type { Page } from "playwright-core";
import { afterAll, beforeAll, expect, onTestFinished } from "vitest";
import { createTaskOperations } from "../../functions/agent/tool.ts";
import { manifest } from "../../functions/index.ts";
import { type Runtime, startRuntime } from "../../runtime/start-runtime.ts";
import { createMemoryStore } from "../../runtime/stores/sqlite-store.ts";
import { createPlaneSimulator } from "../../simulators/plane/create-plane-simulator.ts";
import type { PlaneSimulator } from "../../simulators/plane/plane-simulator.ts";
import type { Project, User } from "../../simulators/plane/types.ts";
import { createTelegramSimulator } from "../../simulators/telegram/telegram-simulator.ts";
import { createTestSettings } from "../support/settings.ts";
import { closeSharedBrowser, openPage, type TestPage } from "./browser.ts";

export const PAGE_ADMIN_TOKEN = "admin-token-of-the-browser-tests";
export const PAGE_CHAT = 4711;

export const WAIT = { timeout: 45_000 };

export type PageTestApp = Awaited<ReturnType<typeof runPageApp>>;

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

/** Starts an app for all tests of a block. The browser, whose pages listen for events, is closed before it. */
export function shareApp<App extends { close(): Promise<void> }>(start: () => Promise<App>): () => App {
  let app: App | undefined;
  beforeAll(async () => {
    app = await start();
  }, 120_000);
  afterAll(async () => {
    await closeSharedBrowser();
    await app?.close();
  });
  return () => {
    if (!app) throw new Error("The app is not started.");
    return app;
  };
}

/** Starts the product with real settings and simulated Plane and Telegram servers. Its port survives restarts. */
export async function runPageApp(
  env: Record<string, string> = {},
  setUpPlane: SetUpPlane = () => {},
  config: object = {},
) {
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
  const store = createMemoryStore({ clock: Date.now });
  const logLines: string[] = [];
  const write = (line: string) => void logLines.push(line);
  const start = (port: number) =>
    startRuntime({ ...settings, port }, { manifest, write, overrides: { store: { ...store, close: async () => {} } } });
  let runtime: Runtime = await start(settings.port);
  const { url } = runtime;
  // Items that are created in the same second as the first poll count as existing ones, so Plane's clock moves past it.
  const firstPoll = runtime.deps.ticks.runNow("poll").catch(() => {});
  // One with a wrong key is repeated for a while.
  if (!env["PLANE_API_KEY"]) await firstPoll;
  planeAhead = 1_100;
  return {
    ...{ url, plane, telegram, project, ada, thot, store },
    /** The lines of the log, across restarts. */
    logLines,
    deps: () => runtime.deps,
    /** The operations of one call of Thot. */
    actAsThot: () => createTaskOperations(runtime.deps, { name: "Thot", role: "worker" }),
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

/** Signs in with the keyboard. */
export async function enterToken(page: Page, token = PAGE_ADMIN_TOKEN): Promise<void> {
  await page.fill("#token", token);
  await page.press("#token", "Enter");
}

/** The same, and goes to the board. */
export async function signIn(page: TestPage): Promise<TestPage> {
  await enterToken(page);
  await page.waitForSelector("#inbox .requests");
  await page.click('#views [data-view="board"]');
  await page.waitForSelector(".column");
  return page;
}

export async function openSignedInPage(url: string, options?: Parameters<typeof openPage>[1]): Promise<TestPage> {
  return signIn(await openPage(url, options));
}

/** Signs in at an address and stays there, with a clock that the test moves on. */
export async function openAt(url: string, options?: Parameters<typeof openPage>[1]): Promise<TestPage> {
  const page = await openPage(url, options);
  await page.clock.install();
  await enterToken(page);
  await page.waitForSelector("#sign-in", { state: "hidden" });
  return page;
}

/** Polls an expression in the page for its expected value. */
export const expectInPage = (page: TestPage, expression: string) => expect.poll(() => page.evaluate(expression), WAIT);

/** Lets Thot ask about a new task; returns its key. */
export async function askQuestion(app: PageTestApp, title: string, text: string, choices: string[]): Promise<string> {
  const key = `ONB-${app.plane.addItem(app.project, { name: title, assignees: [app.thot] }).sequence_id}`;
  await app.deps().ticks.runNow("poll");
  await expect.poll(() => app.actAsThot().claim(key), WAIT).toBeDefined();
  await app.actAsThot().ask(key, { text, choices });
  return key;
}

/** Lets the time pass in which an answer can be undone. The page's clock was installed before the answer. */
export async function passUndoTime(page: TestPage): Promise<void> {
  await page.waitForSelector(".decided", WAIT);
  await page.clock.runFor(5_500);
}
