import { expect, test } from "vitest";
import { gatewaysTick } from "../../../functions/wake/gateway-tick.ts";
import { createRemarkSetup, type RemarkSetup } from "./remark-setup.ts";

/** Runs the tick as often as a host does in this time. */
async function watch(setup: RemarkSetup, seconds: number) {
  for (let passed = 0; passed < seconds; passed += 10) {
    await gatewaysTick.run(setup.app.deps);
    await setup.advanceSeconds(10);
  }
}

/** Imhotep works on its task. */
async function createWorkingSetup() {
  const setup = await createRemarkSetup();
  await setup.call("Imhotep", "update_task_status", { task: "ONB-1", status: "in_progress" });
  return setup;
}

const INTERRUPTED = [{ agent: "imhotep", message: expect.stringContaining("ONB-1: Your run was interrupted") }];

test("an agent whose gateway ended during its run is woken within 60 s of the gateway's return, once, and goes on", async () => {
  const setup = await createWorkingSetup();
  await watch(setup, 30);
  await setup.gateway.stop();
  await watch(setup, 120);
  expect(setup.takeWakes()).toEqual([]);
  await setup.gateway.start();
  await watch(setup, 50);
  expect(setup.takeWakes()).toEqual(INTERRUPTED);
  await setup.call("Imhotep", "claim_task", { task: "ONB-1" });
  await watch(setup, 300);
  expect(setup.takeWakes(), "it works").toEqual([]);
});

test("an agent is woken neither while its gateway drains, which has its run still, nor while it only listens, and within 60 s of when it has started", async () => {
  const setup = await createWorkingSetup();
  const { gateway } = setup;
  gateway.enterPhase("draining");
  await watch(setup, 60);
  gateway.enterPhase("started");
  await watch(setup, 60);
  expect(setup.takeWakes()).toEqual([]);
  await gateway.stop();
  await watch(setup, 40);
  gateway.enterPhase("starting");
  await gateway.start();
  await watch(setup, 200);
  expect(setup.takeWakes()).toEqual([]);
  gateway.enterPhase("started");
  await watch(setup, 50);
  expect(setup.takeWakes()).toEqual(INTERRUPTED);
});
