import type { Ms } from "../../shared/time.ts";
import { wait as pause } from "../../shared/wait.ts";
import { createRunnerSimulator } from "../../simulators/runner/create-runner-simulator.ts";
import type { Story } from "../story.ts";
import { createTicketHuman } from "./ticket-human.ts";
import { findDemoTicketScript, TICKET_PROJECT } from "./ticket-scripts.ts";

interface DemoTicketsOptions {
  /** Groundcrew's address. */
  url: string;
  /** RUNNER_TOKEN. */
  token: string;
  story: Pick<Story, "narrate">;
  /** Duration of a step in milliseconds. */
  pace: Ms;
  answerDelay: Ms;
  approvalDelay: Ms;
}

/** Starts what the tickets of the demo need outside the product: a runner with simulated sessions, and their human. */
export function startDemoTickets({ url, token, story, pace, answerDelay, approvalDelay }: DemoTicketsOptions) {
  const stopping = new AbortController();
  const runner = createRunnerSimulator({
    ...{ url, token, repositories: [TICKET_PROJECT] },
    findScript({ key, file }) {
      story.narrate("agent", `Claude Code starts ${key} in a simulated terminal`);
      return findDemoTicketScript(file, pace);
    },
  });
  const human = createTicketHuman({
    ...{ url, clock: Date.now, answerDelay, approvalDelay },
    narrate: (text) => story.narrate("page", text),
  });

  async function actRepeatedly() {
    while (!stopping.signal.aborted) {
      // While Groundcrew is killed, the human waits for it.
      await human.act().catch(() => {});
      await pause(pace / 2, stopping.signal);
    }
  }

  runner.connect();
  const acting = actRepeatedly();
  return {
    isOver: human.isOver,
    async stop() {
      stopping.abort();
      await Promise.all([runner.stop(), acting]);
    },
  };
}
