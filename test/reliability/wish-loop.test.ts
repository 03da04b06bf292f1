import { expect, test, vi } from "vitest";
import { createScriptedHuman } from "../../demo/scripted-human.ts";
import { startAgentTeam, TEAM } from "../support/agent-team.ts";
import type { CrashPoint } from "../support/crashing-process.ts";
import { findFreePort } from "../support/redis-server.ts";
import { createLoggedRandom, IS_FULL_RUN } from "./random-source.ts";
import {
  findBotTexts,
  NO_TELEGRAM_LIMITS,
  RELIABILITY_ADMIN_TOKEN,
  SIMULATED_CHAT,
  startSimulators,
} from "./simulators.ts";
import { spawnRuntime } from "./spawned-runtime.ts";

vi.setConfig({ testTimeout: 800_000 });

/** The wish names no purpose, so the Concierge asks back. */
const WISH = "write a newsletter";
const PROJECT = "Write a newsletter";
const STEPS = ["Design", "Build", "Test"].map((verb) => `${verb}: ${WISH}`);

/**
 * Starts the product in its own process against simulated Plane, Telegram and OpenClaw servers, with scripted agents
 * and a scripted human. Nothing but the servers connects them with the product.
 */
async function startLoop(childOptions: Record<string, unknown>) {
  const { plane, telegram, env } = await startSimulators({ telegram: NO_TELEGRAM_LIMITS });
  const port = await findFreePort();
  const url = `http://127.0.0.1:${port}`;
  const { team, env: teamEnv } = await startAgentTeam(url, {
    retryDelay: 100,
    findScript: (title) => (title.startsWith("Test: ") ? { confidence: 0.65 } : undefined),
  });
  const { runs } = team.gateway;
  const keys = TEAM.map(({ name, email }) => [
    `PLANE_API_KEY_${name.toUpperCase()}`,
    plane.createApiKey(plane.addUser({ name, email })),
  ]);
  const human = createScriptedHuman({
    ...{ url, telegram, chat: SIMULATED_CHAT, clock: Date.now, delay: 0 },
    narrate: () => {},
    fetch: (input, init) =>
      fetch(input, { ...init, headers: { ...init?.headers, authorization: `Bearer ${RELIABILITY_ADMIN_TOKEN}` } }),
  });
  const webhook = plane.addWebhook(`${url}/webhooks/plane`);
  const runtime = await spawnRuntime({
    port,
    env: {
      ...env,
      PLANE_WEBHOOK_SECRET: webhook.secret,
      TELEGRAM_ALLOWED_USERS: String(SIMULATED_CHAT),
      // By webhook, because a process that takes over from a killed one polls Telegram only after its lease of 45 s.
      PUBLIC_URL: url,
      TELEGRAM_MODE: "webhook",
      ...teamEnv,
      ...Object.fromEntries(keys),
    },
    config: { agents: TEAM },
    childOptions: { unpaced: true, ...childOptions },
  });
  const getTexts = (part: string) => findBotTexts(telegram, part);
  const countRuns = (pattern: RegExp) => runs.filter(({ message }) => pattern.test(message)).length;

  return {
    runtime,
    writeWish: () => telegram.postAsUser(SIMULATED_CHAT, SIMULATED_CHAT, `/plane new ${WISH}`),
    /** Delivers Plane's webhooks, lets the human press buttons, and starts the next poll. */
    async advance(): Promise<void> {
      await plane.deliverAll();
      // While the product is killed, the human waits for it.
      await human.act().catch(() => undefined);
      await telegram.redeliverUpdates();
      await runtime.poll().catch(() => undefined);
    },
    /** What exists at the end: everything that must not exist twice. */
    readResult() {
      const projects = plane.projects().filter(({ name }) => name.startsWith(PROJECT));
      const items = projects.flatMap((project) => plane.items(project));
      const titles = new Map(items.map(({ id, name }) => [id, name]));
      // A message whose send a kill interrupted may arrive twice, and is then marked as a possible repeat.
      const count = (part: string) => {
        const texts = getTexts(part);
        return texts.length && Math.max(1, texts.filter((text) => !text.includes("(may be a repeat)")).length);
      };
      return {
        projects: projects.map(({ name }) => name),
        tasks: items.map(({ name }) => name),
        blockers: items.map((item) => plane.blockers(item).map((id) => titles.get(id))),
        files: items.map((item) => plane.attachments(item).filter(({ is_uploaded }) => is_uploaded).length),
        wakes: {
          wish: countRuns(/^(?!.*- Answer: ).*- Request: /s),
          answer: countRuns(/- Answer: /),
          tasks: STEPS.map((title) => countRuns(new RegExp(`"title":"${title}"`))),
          end: countRuns(/send one summary|write a summary,/),
        },
        messages: {
          questions: count("what is it for?"),
          proposals: count("Plan to approve"),
          reviews: count("Review requested"),
          summaries: count(`${PROJECT} is done.`),
        },
      };
    },
    readSummary: () => getTexts(`${PROJECT} is done.`)[0],
    isSummedUp: () => getTexts(`${PROJECT} is done.`).length > 0,
    isQuiet: () => team.activeRuns === 0,
  };
}

/** What exists after one wish, however often the product was killed. */
const WHOLE_RESULT = {
  projects: [PROJECT],
  tasks: STEPS,
  blockers: [[], [STEPS[0]], [STEPS[1]]],
  files: [1, 1, 1],
  wakes: { wish: 1, answer: 1, tasks: [1, 1, 1], end: 1 },
  messages: { questions: 1, proposals: 1, reviews: 1, summaries: 1 },
};

/** Lease of a job: 3 s, after which a restarted process takes up the jobs of the killed one. */
const SHORT_LEASE_MS = 3_000;
const SUMMARY_WAIT = { timeout: 350_000, interval: 100 };

/** Lets the loop run to the summary; each time the product ends itself, it is restarted to end at the next effect. */
async function runLoop(crashes: readonly CrashPoint[]) {
  const loop = await startLoop({ ttl: SHORT_LEASE_MS });
  const { runtime } = loop;
  await runtime.poll();
  await loop.writeWish();
  let kills = 0;
  let isEnding = false;
  const restarts = (async () => {
    for (const crash of crashes) {
      if (isEnding) break;
      await runtime.kill();
      // It may end before it listens, and is restarted all the same.
      await runtime.start({ crash }).catch(() => undefined);
      await runtime.waitForExit();
      kills += 1;
    }
    await runtime.start();
  })();
  await expect.poll(async () => loop.advance().then(loop.isSummedUp), SUMMARY_WAIT).toBe(true);
  isEnding = true;
  if (kills < crashes.length) await runtime.kill();
  await restarts;
  // What would come twice comes with the next polls.
  for (let polls = 0; polls < 3; polls += 1) await loop.advance();
  await expect.poll(async () => loop.advance().then(loop.isQuiet), SUMMARY_WAIT).toBe(true);
  return { kills, result: loop.readResult(), summary: loop.readSummary() };
}

// The usual run has the same way, with a person's hands on the page, in test/browser/whole-day.test.ts.
test.for(["before", "after"] as const)(
  "reliability 35: kill -9 %s effects of a wish doubles nothing",
  async (when, context) => {
    context.skip(!IS_FULL_RUN);
    const random = createLoggedRandom(`kills of a wish, ${when}`);
    const crashes = Array.from({ length: 8 }, () => ({ when, nth: 20 + random.below(120) }));
    const { kills, result, summary } = await runLoop(crashes);
    console.info(`kills: ${kills}`);
    expect(result).toEqual(WHOLE_RESULT);
    expect(summary).toMatch(/\nTime: /);
  },
);
