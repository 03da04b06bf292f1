import { describe, expect, it } from "vitest";
import { createDeadline } from "../../../functions/webhooks/deadline.ts";

/** A deadline whose time passes when the test says so. */
function set() {
  const waits: { ms: number; over: () => void }[] = [];
  const within = createDeadline((ms) => new Promise((over) => waits.push({ ms, over })), 5_000);
  return { waits, within };
}

const never = () => new Promise<never>(() => {});
const settled = async () => {
  for (let i = 0; i < 10; i++) await Promise.resolve();
};

describe("A deadline", () => {
  it("answers as the work does, and throws what it throws", async () => {
    const { within } = set();
    expect(await within(Promise.resolve("kept"))).toBe("kept");
    await expect(within(Promise.reject(new Error("gone")))).rejects.toThrow("gone");
  });

  it("gives up what has had its time, with one wait for all that is under way", async () => {
    const { waits, within } = set();
    const told: string[] = [];
    const late = (name: string) => within(never()).catch((thrown: Error) => told.push(`${name}: ${thrown.message}`));
    void late("first");
    expect(waits.map(({ ms }) => ms)).toEqual([5_000]);
    void late("second");
    void late("third");
    waits[0]?.over();
    await settled();
    expect(told).toEqual(["first: no answer within 5000 ms"]);
    waits[1]?.over();
    await settled();
    expect(told.slice(1)).toEqual(["second: no answer within 5000 ms", "third: no answer within 5000 ms"]);
    expect(waits).toHaveLength(2);
  });

  it("waits for nothing when nothing is under way", async () => {
    const { waits, within } = set();
    await within(Promise.resolve());
    waits[0]?.over();
    await settled();
    expect(waits).toHaveLength(1);
    await within(Promise.resolve());
    expect(waits).toHaveLength(2);
  });
});
