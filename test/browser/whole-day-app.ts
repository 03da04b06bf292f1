import { onTestFinished } from "vitest";
import { createAgentTeam } from "../../demo/agents/agent-team.ts";
import { WORKSPACE_TEXTS } from "../../demo/workspace-texts.ts";
import { wait } from "../../shared/time.ts";
import { createRunnerSimulator } from "../../simulators/runner/create-runner-simulator.ts";
import { findFreePort } from "../support/redis-server.ts";
import { PAGE_CHAT, startPageTestApp } from "./page-test-app.ts";

const RUNNER_TOKEN = "runner-token-of-the-whole-day";

const AGENTS = [
  { name: "Concierge", role: "concierge", about: "Plans." },
  { name: "Ptah", role: "worker", about: "Can design and test." },
  { name: "Seshat", role: "worker", about: "Can build." },
];

/** What each task of the plan needs of a person, by the verb of its title. */
const SCRIPTS = {
  Design: { ask: { text: "Which colour shall it have?", choices: ["Blue", "Green"] } },
  Build: { confidence: 0.4, secondConfidence: 0.6 },
  Test: { ask: { text: "Which phones shall I test?", choices: ["All", "New ones"] } },
};

/** More than is shown at once, so that it has to be unfolded. */
export const LONG_COMMAND = `npm test -- ${"every-page ".repeat(400)}&& npm run deploy`;

/**
 * Starts what a person's day needs: the product against simulated Plane, Telegram and OpenClaw servers, a simulated
 * ticket runner, and scripted agents, which call the bridge as real ones do. A wish and a ticket wait already.
 */
export async function startWholeDay() {
  const port = await findFreePort();
  const url = `http://127.0.0.1:${port}`;
  const narrated: string[] = [];
  const ending = new AbortController();
  const tokens = Object.fromEntries(AGENTS.map(({ name }) => [name, `bridge-token-of-${name}-on-this-day`]));
  const team = createAgentTeam({
    ...{ tokens, hookToken: "hook-token-of-the-whole-day", url, words: WORKSPACE_TEXTS.en.agents, pace: 1_000 },
    narrate: (text) => void narrated.push(text),
    wait: (ms) => wait(ms, ending.signal),
    isOver: () => ending.signal.aborted,
    findScript: (title) => Object.entries(SCRIPTS).find(([verb]) => title.startsWith(`${verb}: `))?.[1],
  });
  const gatewayUrl = await team.gateway.start();
  onTestFinished(() => team.gateway.stop());
  const app = await startPageTestApp(
    {
      PORT: String(port),
      TELEGRAM_ALLOWED_USERS: String(PAGE_CHAT),
      OPENCLAW_URL: gatewayUrl,
      OPENCLAW_HOOK_TOKEN: team.gateway.token,
      RUNNER_TOKEN,
      ...Object.fromEntries(AGENTS.map(({ name }) => [`AGENT_TOKEN_${name.toUpperCase()}`, tokens[name] ?? ""])),
    },
    (plane, project) => {
      for (const { name } of AGENTS) plane.addUser({ name, email: toEmail(name) });
      plane.addLabel(project, "claude");
    },
    {
      agents: AGENTS.map((agent) => ({ ...agent, email: toEmail(agent.name), wake: "openclaw" })),
      tickets: { repositories: { ONB: "/srv/onb" }, labels: ["claude"] },
    },
  );
  const runner = createRunnerSimulator({
    ...{ url, token: RUNNER_TOKEN, repositories: ["ONB"] },
    findScript: () => ({
      startMs: 100,
      steps: [
        { do: "ask_permission", tool: "Bash", input: { command: LONG_COMMAND }, allowed: [], denied: [] },
        { do: "complete", summary: "All pages are tested." },
      ],
    }),
  });
  runner.connect();
  onTestFinished(async () => {
    ending.abort();
    await runner.stop();
  });
  app.plane.addItem(app.project, { name: "Test all pages", state: "Todo", labels: ["claude"] });
  app.telegram.postAsUser(PAGE_CHAT, PAGE_CHAT, "/plane new add a contact form to the website");
  return { ...app, narrated };
}

function toEmail(name: string): string {
  return `${name.toLowerCase()}@example.com`;
}
