import { randomBytes } from "node:crypto";
import { mkdir, rm } from "node:fs/promises";
import { dirname } from "node:path";
import { lockFile } from "../runtime/stores/sqlite-store.ts";
import type { Settings } from "../shared/config/settings.ts";
import { getErrorMessage } from "../shared/errors.ts";
import { resolveLocale } from "../shared/i18n/localize.ts";
import { createPlaneSimulator } from "../simulators/plane/create-plane-simulator.ts";
import { createRunnerSimulator } from "../simulators/runner/create-runner-simulator.ts";
import { createTelegramSimulator } from "../simulators/telegram/telegram-simulator.ts";
import { createAgentTeam } from "./agents/agent-team.ts";
import { createConsoleActions } from "./console/actions.ts";
import { createTally } from "./console/tally.ts";
import { DEMO_AGENTS } from "./demo-agents.ts";
import { createDemoClock } from "./demo-clock.ts";
import { createDemoSettings } from "./demo-settings.ts";
import { findFreePort } from "./find-free-port.ts";
import { listTasks, readComments } from "./list-tasks.ts";
import { hasOpenWork } from "./open-work.ts";
import { playScript } from "./play-script.ts";
import { startProductProcess } from "./product-process.ts";
import { CHAT_ID, createTaskScripts, getWishSummary } from "./scenes.ts";
import { createScriptedHuman } from "./scripted-human.ts";
import { seedDemo } from "./seed.ts";
import { createStory } from "./story.ts";
import { listOpenTicketTasks } from "./tickets/add-ticket-task.ts";
import { findDemoTicketScript, TICKET_PROJECT } from "./tickets/ticket-scripts.ts";
import { waitUntilReady } from "./wait-until-ready.ts";
import { WORKSPACE_TEXTS } from "./workspace-texts.ts";

/** Limit of requests per minute and API key: 600, because the demo shows hours of work in two minutes. */
const RATE_LIMIT = 600;
/** Interval between polls in seconds. */
const POLL_SECONDS = 15;
const STORE_FOLDER = "data/demo";
/** Steps before the scripted human answers: 8, which are 20 s, so that the person watching can read and answer first. */
const ANSWER_DELAY_STEPS = 8;

export interface DemoOptions {
  /** Receives the story's text. Default: standard output. */
  write?: (text: string) => void;
  colour?: boolean;
  /** Duration of a step in milliseconds. Default: 2,500. */
  pace?: number;
  /** How much faster than real time everything runs. Default: 1. */
  speed?: number;
  /** The store's folder, which is deleted at each start. */
  folder?: string;
}

export interface RunningDemo {
  url: string;
  /** Resolves when the last scene is over and no agent has a task left. */
  finished: Promise<void>;
  /** The texts of the chat's messages, oldest first. */
  chat(): readonly string[];
  /** The comments of a task in Plane as HTML, by its key; none when there is no such task. */
  comments(key: string): readonly string[];
  stop(): Promise<void>;
}

/**
 * Runs the demo: the whole product against simulated Plane, Telegram and OpenClaw servers over real HTTP, with
 * scripted agents and a scripted human, and a story in the terminal. Only the systems and people outside the product are
 * simulated.
 */
export async function startDemo(baseSettings: Settings, options: DemoOptions = {}): Promise<RunningDemo> {
  const { write = (text) => void process.stdout.write(text), pace = 2_500, folder = STORE_FOLDER, speed = 1 } = options;
  const clockSettings = { startedAt: Date.now(), speed };
  const clock = createDemoClock(clockSettings);
  const story = createStory({ write, colour: options.colour ?? (process.stdout.isTTY && process.stdout.hasColors()) });
  const unlock = await lockFolder(folder);
  await rm(folder, { recursive: true, force: true });
  const port = baseSettings.port === 0 ? await findFreePort() : baseSettings.port;

  const plane = createPlaneSimulator({ autoDeliver: true, rateLimit: RATE_LIMIT, clock: clock.now });
  const telegram = createTelegramSimulator({ clock: clock.now, chats: [CHAT_ID], token: `1000:${"demo".repeat(9)}` });
  const texts = WORKSPACE_TEXTS[resolveLocale(baseSettings.locale)];
  const stage = { ...seedDemo(plane, clock.now(), texts), plane, telegram };
  const productUrl = `http://127.0.0.1:${port}`;
  const stopping = new AbortController();
  const wait = (ms: number) => clock.wait(ms, stopping.signal);
  const tokens = Object.fromEntries(DEMO_AGENTS.map((name) => [name, createRandomToken()]));
  const team = createAgentTeam({
    tokens,
    hookToken: createRandomToken(),
    url: productUrl,
    narrate: (text) => story.narrate("agent", text),
    wait,
    isOver: () => stopping.signal.aborted,
    pace,
    findScript: createTaskScripts(texts),
    words: texts.agents,
  });
  const { gateway } = team;
  const [planeUrl, apiRoot, gatewayUrl] = await Promise.all([plane.start(), telegram.start(), gateway.start()]);
  const stopSimulators = () => Promise.all([plane.stop(), telegram.stop(), gateway.stop()]);
  const secret = plane.addWebhook(`${productUrl}/webhooks/plane`).secret;

  const runnerToken = createRandomToken();
  const settings = createDemoSettings(baseSettings, texts, {
    PORT: String(port),
    PLANE_URL: planeUrl,
    PLANE_API_KEY: stage.keys.human,
    PLANE_WORKSPACE: plane.workspace.slug,
    PLANE_WEBHOOK_SECRET: secret,
    TELEGRAM_BOT_TOKEN: telegram.token,
    TELEGRAM_CHAT_ID: String(CHAT_ID),
    TELEGRAM_ALLOWED_USERS: String(CHAT_ID),
    TELEGRAM_API_ROOT: apiRoot,
    STORE_URL: `file:./${folder}`,
    PLANE_RATE_LIMIT: String(RATE_LIMIT),
    POLL_CRON: `*/${Math.ceil(POLL_SECONDS / speed)} * * * * *`,
    OPENCLAW_URL: gatewayUrl,
    OPENCLAW_HOOK_TOKEN: gateway.token,
    RUNNER_TOKEN: runnerToken,
    ...Object.fromEntries(
      DEMO_AGENTS.flatMap((name) => [
        [`AGENT_TOKEN_${name.toUpperCase()}`, tokens[name] ?? ""],
        [`PLANE_API_KEY_${name.toUpperCase()}`, stage.keys[name.toLowerCase()] ?? ""],
      ]),
    ),
  });
  const tally = createTally(stage, baseSettings.locale, () => telegram.chat(CHAT_ID).messages);
  tally.recordCompletions();
  let isOver = false;
  const consoleActions = createConsoleActions({
    stage,
    telegram,
    tally,
    kill: () => runtime.kill(),
    poll: () => void fetch(`${productUrl}/ticks/poll`, { method: "POST" }).catch(() => {}),
    restarts: () => runtime.restarts,
    isOver: () => isOver,
    narrate: (text) => story.narrate("Plane", text),
  });
  const runtime = await startProductProcess(settings, {
    ...(speed === 1 ? {} : { clock: clockSettings }),
    log: (line) => story.log(line),
    runAction: (name, input) => consoleActions.runAction(name, input),
    narrate: (text) => story.narrate("demo", text),
  }).catch(async (error: unknown) => {
    await stopSimulators();
    unlock();
    throw error;
  });
  story.narrate(
    "demo",
    "No settings are given: Groundcrew runs against simulated Plane, Telegram and OpenClaw servers, with scripted agents.",
  );
  story.narrate("demo", `Open ${runtime.url} in a browser. Stop it with Ctrl+C.\n`);

  const runner = createRunnerSimulator({
    ...{ url: productUrl, token: runnerToken, repositories: [TICKET_PROJECT], clock: clock.now, wait: clock.wait },
    findScript({ key, file }) {
      story.narrate("agent", `Claude Code starts ${key} in a simulated terminal`);
      return findDemoTicketScript(stage.tickets, file, pace);
    },
  });
  runner.connect();
  const human = createScriptedHuman({
    ...{ url: productUrl, telegram, chat: CHAT_ID, clock: clock.now, delay: pace * ANSWER_DELAY_STEPS },
    narrate: (where, text) => story.narrate(where, text),
  });
  async function actRepeatedly() {
    while (!stopping.signal.aborted) {
      // While Groundcrew is killed, the human waits for it.
      await human.act().catch(() => {});
      await wait(pace);
    }
  }
  const acting = actRepeatedly();
  const printed = new Map<number, string>();
  const watchTimer = setInterval(() => {
    tally.recordCompletions();
    for (const { id, text } of telegram.chat(CHAT_ID).messages) {
      if (printed.get(id) === text) continue;
      story.showChatMessage(text, printed.has(id));
      printed.set(id, text);
    }
  }, 200);

  const summary = getWishSummary(texts);
  const isSummedUp = () => telegram.chat(CHAT_ID).messages.some(({ text }) => text.includes(summary));
  const isAtWork = () => team.activeRuns > 0 || human.waiting > 0 || hasOpenWork(stage);
  const isQuiet = () => isSummedUp() && !isAtWork() && listOpenTicketTasks(stage).length === 0;
  const isAnswerDue = () => human.waiting > 0;
  const describeState = () => JSON.stringify([telegram.chat(CHAT_ID).messages, listTasks(plane)]);
  const playing = waitUntilReady(productUrl, { projects: plane.projects().length, wait, signal: stopping.signal }).then(
    () => playScript({ stage, story, pace, wait, stopping: stopping.signal, isQuiet, isAnswerDue, describeState }),
  );
  const finished = playing.then(
    () => {
      if (stopping.signal.aborted) return;
      isOver = true;
      story.narrate("demo", "The script is over; Groundcrew keeps running until you stop it.");
    },
    (error: unknown) => story.narrate("demo", `The script stopped: ${getErrorMessage(error)}`),
  );

  return {
    url: runtime.url,
    finished,
    chat: () => telegram.chat(CHAT_ID).messages.map((message) => message.text),
    comments: (key) => readComments(plane, key),
    async stop() {
      stopping.abort();
      clearInterval(watchTimer);
      consoleActions.stop();
      await Promise.all([runner.stop(), acting]);
      await runtime.stop();
      await stopSimulators();
      unlock();
    },
  };
}

/** Keeps a second demo from deleting the data of this one. */
async function lockFolder(folder: string): Promise<() => void> {
  await mkdir(dirname(folder), { recursive: true });
  const unlock = lockFile(`${folder}.lock`);
  if (unlock) return unlock;
  throw new Error(`A demo that is still running uses ${folder}. Stop it, or start this one in another folder.`);
}

function createRandomToken(): string {
  return randomBytes(24).toString("base64url");
}
