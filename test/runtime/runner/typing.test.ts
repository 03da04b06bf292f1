import { expect, onTestFinished, test, vi } from "vitest";
import { createRunnerRig } from "./runner-rig.ts";

vi.setConfig({ testTimeout: 120_000 });

test.skipIf(!process.env["FULL"])(
  "keys that arrive while earlier ones are being typed are typed once, in order",
  async () => {
    const rig = await createRunnerRig({ expect, onTestFinished });
    const desired = rig.want("ONB-1");
    rig.server.set({ sessions: [desired] });
    await rig.waitFor(() => rig.report("ONB-1")?.screen.includes("all done")).toBe(true);
    const inputs = [..."abcdefghij"].map((text) => ({ id: `key-${text}`, kind: "keys" as const, text }));
    for (let count = 1; count <= inputs.length; count += 1) {
      const exchanges = rig.server.requests.length;
      rig.server.set({ sessions: [{ ...desired, inputs: inputs.slice(0, count) }] });
      await rig.waitFor(() => rig.server.requests.length).toBeGreaterThan(exchanges);
    }
    inputs.push({ id: "enter", kind: "keys", text: "Enter" });
    rig.server.set({ sessions: [{ ...desired, inputs }] });
    await rig.waitFor(() => rig.report("ONB-1")?.screen).toMatch(/Fake answer: abcdefghij$/);
  },
);
