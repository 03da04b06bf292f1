import { expect, test } from "vitest";
import { findDuplicated, findMissing, findUnexpected, readCompletions } from "./completions.ts";
import { PIPELINE_STEPS } from "./crash-at-pipeline-step.ts";
import { IS_FULL_RUN } from "./random-source.ts";
import { NO_TELEGRAM_LIMITS, SIMULATED_CHAT, startSimulators, toItemKey } from "./simulators.ts";
import { spawnRuntime } from "./spawned-runtime.ts";

const CHOSEN_STEPS = IS_FULL_RUN ? PIPELINE_STEPS : (["after the message is sent"] as const);

for (const step of CHOSEN_STEPS) {
  test(`reliability 2: kill -9 ${step} loses, invents and doubles nothing`, async () => {
    const simulators = await startSimulators({ telegram: NO_TELEGRAM_LIMITS });
    const project = simulators.addProject();
    const items = simulators.addItems(project, 5);
    simulators.addItems(project, 1, "Left open");
    simulators.takeWebhookBodies();
    const config = { notifications: [{ events: ["completed"] }] };
    const runtime = await spawnRuntime({ env: simulators.env, config, childOptions: { burst: 0 } });
    await runtime.poll();
    await runtime.waitUntilIdle();
    await runtime.kill();

    // The first poll has ended and no job remains, so that the webhooks cause the steps that are counted.
    await runtime.start({ crash: { step, nth: 2 } });
    await runtime.poll();
    for (const item of items) simulators.plane.editItem(item, { state: "Done" });
    const unanswered: string[] = [];
    for (const body of simulators.takeWebhookBodies()) {
      const sent = { method: "POST", headers: simulators.createDeliveryHeaders(body), body };
      const isKept = await runtime.request("/webhooks/plane", sent).then(
        (answer) => answer.ok,
        () => false,
      );
      if (!isKept) unanswered.push(body);
    }
    await runtime.waitForExit();

    await runtime.start();
    for (const body of unanswered)
      await runtime.request("/webhooks/plane", {
        method: "POST",
        headers: simulators.createDeliveryHeaders(body),
        body,
      });
    await runtime.waitUntilIdle();
    const completions = readCompletions(simulators.telegram, SIMULATED_CHAT);
    const wanted = items.map((item) => toItemKey(project, item));
    expect(findMissing(completions, wanted)).toEqual([]);
    expect(findUnexpected(completions, wanted)).toEqual([]);
    expect(findDuplicated(completions)).toEqual([]);
    expect(completions.marked).toBeLessThanOrEqual(1);
  }, 120_000);
}
