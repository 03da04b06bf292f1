import { randomBytes } from "node:crypto";
import { rm } from "node:fs/promises";
import { createServer } from "node:net";
import { wait as pause } from "../runtime/wait.ts";
import { parseSettings, type Settings } from "../shared/config.ts";
import { messageOf } from "../shared/errors.ts";
import { scriptedAgent } from "./agents.ts";
import { createActs } from "./console/acts.ts";
import { createTally } from "./console/tally.ts";
import { scriptedHuman } from "./human.ts";
import { createPlane } from "./plane/plane.ts";
import { seedDemo } from "./plane/seed.ts";
import { startRuntimeProcess } from "./runtime-process.ts";
import { SCENES, type Stage, TURNS } from "./scenes.ts";
import { createStory } from "./story.ts";
import { createTelegram } from "./telegram/server.ts";

/** The chat of the demo's human: a private one, so it has their own number. */
const CHAT = 4711;
/** Requests a minute and key: enough for hours of work told in two minutes. */
const RATE_LIMIT = 600;
const FOLDER = "data/demo";
/** So many steps the script leaves a question to the person who watches. */
const PATIENCE = 8;

export interface DemoOptions {
  /** Where the story is told; default standard output. */
  write?: (text: string) => void;
  colour?: boolean;
  /** Milliseconds a step takes; default 2,500. */
  pace?: number;
  /** The store's folder; made anew at each start. */
  folder?: string;
}

export interface Demo {
  url: string;
  /** Resolves when the last scene is over and nobody has anything left to do. */
  finished: Promise<void>;
  /** What the chat shows, oldest first. */
  chat(): readonly string[];
  stop(): Promise<void>;
}

/**
 * Runs the product against an in-memory Plane and an in-memory Telegram over real HTTP, with two scripted agents and
 * a human who follows a script, and tells what happens. Only what is outside is imitated.
 */
export async function startDemo(given: Settings, options: DemoOptions = {}): Promise<Demo> {
  const { write = (text) => void process.stdout.write(text), pace = 2_500, folder = FOLDER } = options;
  const story = createStory({ write, colour: options.colour ?? process.stdout.isTTY === true });
  await rm(folder, { recursive: true, force: true });
  const port = given.port === 0 ? await freePort() : given.port;

  const plane = createPlane({ autoDeliver: true, rateLimit: RATE_LIMIT });
  const telegram = createTelegram({ clock: Date.now, chats: [CHAT], token: `1000:${"demo".repeat(9)}` });
  const [planeUrl, apiRoot] = await Promise.all([plane.start(), telegram.start()]);
  const outside = () => Promise.all([plane.stop(), telegram.stop()]);
  const seeded = seedDemo(plane, Date.now());
  const stage: Stage = { ...seeded, plane, projects: [seeded.office, seeded.platform] };
  const secret = plane.addWebhook(`http://127.0.0.1:${port}/webhooks/plane`).secret;

  const tokens = { Imhotep: randomToken(), Thot: randomToken() };
  const settings = demoSettings(given, {
    PORT: String(port),
    PLANE_URL: planeUrl,
    PLANE_API_KEY: stage.keys.human,
    PLANE_WORKSPACE: plane.workspace.slug,
    PLANE_WEBHOOK_SECRET: secret,
    TELEGRAM_BOT_TOKEN: telegram.token,
    TELEGRAM_CHAT_ID: String(CHAT),
    TELEGRAM_ALLOWED_USERS: String(CHAT),
    TELEGRAM_API_ROOT: apiRoot,
    STORE_URL: `file:./${folder}`,
    PLANE_RATE_LIMIT: String(RATE_LIMIT),
    POLL_CRON: "*/15 * * * * *",
    AGENT_TOKEN_IMHOTEP: tokens.Imhotep,
    AGENT_TOKEN_THOT: tokens.Thot,
    PLANE_API_KEY_CONCIERGE: stage.keys.concierge,
    PLANE_API_KEY_IMHOTEP: stage.keys.imhotep,
    PLANE_API_KEY_THOT: stage.keys.thot,
  });
  const tally = createTally(stage, () => telegram.chat(CHAT).messages);
  tally.look();
  const you = createActs({
    stage,
    telegram,
    tally,
    kill: () => runtime.kill(),
    restarts: () => runtime.restarts,
    tell: (text) => story.tell("Plane", text),
  });
  const runtime = await startRuntimeProcess(settings, {
    log: (line) => story.log(line),
    act: (name, input) => you.act(name, input),
    tell: (text) => story.tell("demo", text),
  }).catch(async (thrown: unknown) => {
    await outside();
    throw thrown;
  });
  story.tell("demo", "No settings are given: this is Groundcrew with a Plane, a Telegram and a team of its own.");
  story.tell("demo", `Open ${runtime.url} in a browser. Stop it with Ctrl+C.\n`);

  const tell = (text: string) => story.tell("chat", text);
  const patience = pace * PATIENCE;
  const ada = scriptedHuman({ telegram, chat: CHAT, turns: TURNS, tell, clock: Date.now, patience });
  const shown = new Map<number, string>();
  const watch = setInterval(() => {
    tally.look();
    ada.look();
    for (const { id, text } of telegram.chat(CHAT).messages) {
      if (shown.get(id) === text) continue;
      story.chat(text, shown.has(id));
      shown.set(id, text);
    }
  }, 200);

  const over = new AbortController();
  const wait = (ms: number) => pause(ms, over.signal);
  const agents = (["Imhotep", "Thot"] as const).map((name) =>
    scriptedAgent({
      name,
      url: runtime.url,
      token: tokens[name],
      tell: (text) => story.tell("agent", text),
      wait,
      isOver: () => over.signal.aborted,
      pace,
      turns: TURNS,
    }),
  );

  async function play() {
    await wait(pace);
    for (const scene of SCENES) {
      if (over.signal.aborted) return;
      story.tell("Plane", scene.title);
      scene.play(stage);
      await wait(pace * 3);
    }
  }

  /** Resolves when there is nothing left to do for the script; what the person thinks of later is done as well. */
  function work(agent: (typeof agents)[number], isOver: () => boolean) {
    return new Promise<void>((resolve, reject) => {
      async function go() {
        await wait(pace);
        while (!over.signal.aborted) {
          const worked = await agent.workOne();
          if (!worked && isOver()) resolve();
          await wait(pace);
        }
        resolve();
      }
      go().catch(reject);
    });
  }

  let played = false;
  const script = play().finally(() => {
    played = true;
  });
  const finished = Promise.all([script, ...agents.map((agent) => work(agent, () => played))]).then(
    () => {
      if (!over.signal.aborted) story.tell("demo", "The script is over; Groundcrew goes on until you stop it.");
    },
    (thrown: unknown) => story.tell("demo", `The script stopped: ${messageOf(thrown)}`),
  );

  return {
    url: runtime.url,
    finished,
    chat: () => telegram.chat(CHAT).messages.map((message) => message.text),
    async stop() {
      over.abort();
      clearInterval(watch);
      you.stop();
      await runtime.stop();
      await outside();
    },
  };
}

/** The product's settings for the demo, parsed like anyone's; what the person has set besides is kept. */
function demoSettings(given: Settings, env: Record<string, string>): Settings {
  const agents = [
    { name: "Concierge", email: "concierge@javisi.local.test", role: "concierge" },
    { name: "Imhotep", email: "imhotep@javisi.local.test" },
    { name: "Thot", email: "thot@javisi.local.test" },
  ];
  const config = "demo.json";
  const files = {
    read: (path: string) => (path === config ? { text: JSON.stringify({ agents }), mode: 0o600 } : undefined),
  };
  const parsed = parseSettings({ ...env, HOST: given.host, GROUNDCREW_CONFIG: config }, files);
  if (!parsed.ok) throw new Error(parsed.problems.map(({ name, wanted }) => `${name}: wanted ${wanted}`).join("; "));
  const { host, locale, timezone, allowedHosts } = given;
  return { ...parsed.settings, demo: true, host, locale, timezone, allowedHosts, logLevel: "info" };
}

function randomToken(): string {
  return randomBytes(24).toString("base64url");
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer();
    probe.once("error", reject);
    probe.listen(0, "127.0.0.1", () => {
      const address = probe.address();
      probe.close(() => resolve(typeof address === "object" && address ? address.port : 0));
    });
  });
}
