import { randomUUID } from "node:crypto";
import type { TestContext } from "vitest";
import type { ExchangeAnswer } from "../../../shared/tickets/exchange.ts";
import { createRunnerSimulator } from "../../../simulators/runner/create-runner-simulator.ts";
import { RUNNER_TOKEN, startExchangeServer } from "../../runtime/runner/exchange-server.ts";

type Desired = ExchangeAnswer["sessions"][number];

const STATE_TIMEOUT_MS = 40_000;

/** Connects a simulated runner to a scripted server, which checks every message with the product's schemas. */
export async function createSimulatorRig({ expect, onTestFinished }: Pick<TestContext, "expect" | "onTestFinished">) {
  const server = await startExchangeServer();
  const runner = createRunnerSimulator({
    url: server.url,
    token: RUNNER_TOKEN,
    repositories: ["ONB"],
    findScript: () => ({ startMs: 0, steps: [] }),
  });
  runner.connect();
  onTestFinished(async () => {
    await runner.stop();
    await server.close();
  });

  /** A session as Groundcrew wants it. */
  function want(key: string, change: Partial<Desired> = {}): Desired {
    return {
      ...{
        ticket: key,
        run: 1,
        round: 1,
        session_id: randomUUID(),
        resume: false,
        plans: false,
        project: "ONB",
        minutes: 30,
        inputs: [],
      },
      ...{ watched: false, token: `session-token-${key}`, ticket_file: `# ${key}`, ...change },
    };
  }

  return {
    server,
    runner,
    want,
    report: server.getReport,
    waitFor: <T>(read: () => T) => expect.poll(read, { timeout: STATE_TIMEOUT_MS, interval: 20 }),
  };
}
