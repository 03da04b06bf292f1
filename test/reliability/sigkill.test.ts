import { expect, test } from "vitest";
import { findDuplicated, findMissing, findUnexpected, readCompletions } from "./completions.ts";
import { PIPELINE_STEPS } from "./crash-at-pipeline-step.ts";
import { IS_FULL_RUN } from "./random-source.ts";
import { NO_TELEGRAM_LIMITS, SIMULATED_CHAT, startSimulators, toItemKey } from "./simulators.ts";
import { spawnRuntime } from "./spawned-runtime.ts";

const CHOSEN_STEPS = IS_FULL_RUN
  ? PIPELINE_STEPS
  : (["after the snapshot is kept", "after the message is sent"] as const);

for (const step of CHOSEN_STEPS) {
  test(`2: kill -9 ${step} changes nothing in the end`, async () => {
    const outside = await startSimulators({ telegram: NO_TELEGRAM_LIMITS });
    const project = outside.addProject();
    const items = outside.addItems(project, 5);
    outside.addItems(project, 1, "Left open");
    outside.takeWebhookBodies();
    const config = { notifications: [{ events: ["completed"] }] };
    const runtime = await spawnRuntime({ env: outside.env, config, childOptions: { burst: 0 } });
    await runtime.poll();
    await runtime.waitUntilIdle();
    await runtime.kill();

    // Its first look is over and left nothing to do, so that what it dies of is the webhooks.
    await runtime.start({ die: { step, nth: 2 } });
    await runtime.poll();
    for (const item of items) outside.plane.editItem(item, { state: "Done" });
    const unanswered: string[] = [];
    for (const body of outside.takeWebhookBodies()) {
      const sent = { method: "POST", headers: outside.createDeliveryHeaders(body), body };
      const isKept = await runtime.request("/webhooks/plane", sent).then(
        (answer) => answer.ok,
        () => false,
      );
      if (!isKept) unanswered.push(body);
    }
    await runtime.waitForExit();

    await runtime.start();
    for (const body of unanswered)
      await runtime.request("/webhooks/plane", { method: "POST", headers: outside.createDeliveryHeaders(body), body });
    await runtime.waitUntilIdle();
    const told = readCompletions(outside.telegram, SIMULATED_CHAT);
    const wanted = items.map((item) => toItemKey(project, item));
    expect(findMissing(told, wanted)).toEqual([]);
    expect(findUnexpected(told, wanted)).toEqual([]);
    expect(findDuplicated(told)).toEqual([]);
    expect(told.marked).toBeLessThanOrEqual(1);
  }, 120_000);
}
