import { expect, test } from "vitest";
import { STEPS } from "./mortal.ts";
import { CHAT, keyOf, PATIENT, startOutside } from "./outside.ts";
import { startProcess } from "./process.ts";
import { FULL } from "./random.ts";
import { doubled, invented, lost, toldOf } from "./told.ts";

const CHOSEN = FULL ? STEPS : (["after the snapshot is kept", "after the message is sent"] as const);

for (const step of CHOSEN) {
  test(`2: kill -9 ${step} changes nothing in the end`, async () => {
    const outside = await startOutside({ telegram: PATIENT });
    const project = outside.project();
    const items = outside.items(project, 5);
    outside.items(project, 1, "Left open");
    outside.bodies();
    const config = { notifications: [{ events: ["completed"] }] };
    const runtime = await startProcess({ env: outside.env, config, handed: { burst: 0 } });
    await runtime.poll();
    await runtime.quiet();
    await runtime.kill();

    // Its first look is over and left nothing to do, so that what it dies of is the webhooks.
    await runtime.start({ die: { step, nth: 2 } });
    await runtime.poll();
    for (const item of items) outside.plane.editItem(item, { state: "Done" });
    const unanswered: string[] = [];
    for (const body of outside.bodies()) {
      const sent = { method: "POST", headers: outside.headers(body), body };
      const isKept = await runtime.ask("/webhooks/plane", sent).then(
        (answer) => answer.ok,
        () => false,
      );
      if (!isKept) unanswered.push(body);
    }
    await runtime.ended();

    await runtime.start();
    for (const body of unanswered)
      await runtime.ask("/webhooks/plane", { method: "POST", headers: outside.headers(body), body });
    await runtime.quiet();
    const told = toldOf(outside.telegram, CHAT);
    const wanted = items.map((item) => keyOf(project, item));
    expect(lost(told, wanted)).toEqual([]);
    expect(invented(told, wanted)).toEqual([]);
    expect(doubled(told)).toEqual([]);
    expect(told.marked).toBeLessThanOrEqual(1);
  }, 120_000);
}
