import type { Ms } from "../../shared/time.ts";
import { createRunnerSimulator } from "../../simulators/runner/create-runner-simulator.ts";
import type { createDemoClock } from "../demo-clock.ts";
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
  clock: ReturnType<typeof createDemoClock>;
  answerDelay: Ms;
  approvalDelay: Ms;
}

/** Starts what the tickets of the demo need outside the product: a runner with simulated sessions, and their human. */
export function startDemoTickets(options: DemoTicketsOptions) {
  const { url, token, story, pace, clock, answerDelay, approvalDelay } = options;
  const stopping = new AbortController();
  const runner = createRunnerSimulator({
    ...{ url, token, repositories: [TICKET_PROJECT], clock: clock.now, wait: clock.wait },
    findScript({ key, file }) {
      story.narrate("agent", `Claude Code starts ${key} in a simulated terminal`);
      return findDemoTicketScript(file, pace);
    },
  });
  const human = createTicketHuman({
    ...{ url, clock: clock.now, answerDelay, approvalDelay },
    narrate: (text) => story.narrate("page", text),
  });

  async function actRepeatedly() {
    while (!stopping.signal.aborted) {
      // While Groundcrew is killed, the human waits for it.
      await human.act().catch(() => {});
      await clock.wait(pace / 2, stopping.signal);
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
