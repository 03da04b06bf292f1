import { onTestFinished } from "vitest";
import { createScriptedHuman } from "../../../demo/scripted-human.ts";
import { createDemoTickets, type DemoTicket, findDemoTicketScript } from "../../../demo/tickets/ticket-scripts.ts";
import { WORKSPACE_TEXTS } from "../../../demo/workspace-texts.ts";
import { wait } from "../../../shared/time.ts";
import { createRunnerSimulator } from "../../../simulators/runner/create-runner-simulator.ts";
import { createTicketsApp, RUNNER_TOKEN } from "../../functions/tickets/tickets-app.ts";
import { HTTP_ADMIN_TOKEN } from "../../support/http-test-app.ts";

const DELAY = 4_000;

export const DEMO_TICKETS = createDemoTickets(WORKSPACE_TEXTS.en);

/** Creates the product over HTTP with the demo's runner and human, whose time passes only by `play`. */
export async function createDemoTicketApp({ title, description }: DemoTicket) {
  const app = await createTicketsApp();
  // Held requests wait in real time, but briefly.
  app.deps.wait = (ms, signal) => wait(Math.min(ms, 20), signal);
  let now = 0;
  const clock = () => now;
  const runner = createRunnerSimulator({
    ...{ url: app.url, token: RUNNER_TOKEN, repositories: ["ONB"], clock },
    findScript: ({ file }) => findDemoTicketScript(DEMO_TICKETS, file, 1_000),
  });
  onTestFinished(() => runner.stop());
  const story: string[] = [];
  const human = createScriptedHuman({
    ...{ url: app.url, clock, delay: DELAY, chat: 1 },
    telegram: { chat: () => ({ messages: [] }), press: () => Promise.reject(new Error("no button is there")) },
    narrate: (where, text) => void story.push(`${where}: ${text}`),
    fetch: (input, init) =>
      fetch(input, { ...init, headers: { ...init?.headers, authorization: `Bearer ${HTTP_ADMIN_TOKEN}` } }),
  });
  const item = await app.requestTicket(title, { description_html: `<p>${description}</p>` });
  return {
    app,
    item,
    human,
    runner,
    /** What the scripted human has done. */
    story,
    /** Lets this time pass for the runner and its sessions, and the human if it is there. */
    async play(ms: number, isHumanThere = true) {
      now += ms;
      if (isHumanThere) await human.act();
      await runner.exchange();
    },
  };
}
