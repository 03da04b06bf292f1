import { describe, expect, test } from "vitest";
import { CHAT, plainly } from "./commands/rig.ts";
import { createLiveRig, type LiveRig } from "./live-rig.ts";

/** The message that follows a task. */
const followed = (rig: LiveRig) => rig.shown().find((one) => plainly(one).includes("Status: "));
const edits = (rig: LiveRig) => rig.telegram.calls.filter(({ method }) => method === "editMessageText");
const gaps = (times: number[]) => times.slice(1).map((at, i) => at - (times[i] ?? 0));

describe("live progress (NOTIF-07)", () => {
  test("a claimed task has one message, edited in place: state, share, agent, time spent and its last line", async () => {
    const rig = await createLiveRig();
    const key = await rig.started("Imhotep", "Write the mail");
    expect(plainly(followed(rig))).toBe(`🔵 ${key} Write the mail\nStatus: in progress\nAgent: Imhotep, since 08:00`);
    await rig.work("Imhotep").startTimer(key);
    await rig.go(12 * 60_000);
    await rig.work("Imhotep").report(key, { percent: 50, text: "Half of it is written" });
    await rig.go();
    expect(plainly(followed(rig))).toBe(
      `🔵 ${key} Write the mail\nStatus: in progress\n▓▓▓▓▓░░░░░ 50%\nAgent: Imhotep, since 08:00\n` +
        "Time spent: 12 min\n💬 Half of it is written",
    );
    expect(rig.shown()).toHaveLength(1);
  });

  test("fifty reports in ten seconds are at most one edit per five seconds, and the last one is shown", async () => {
    const rig = await createLiveRig();
    const key = await rig.started("Imhotep");
    for (let n = 1; n <= 50; n += 1) {
      await rig.work("Imhotep").report(key, { percent: n, text: `Step ${n}` });
      await rig.drain();
      rig.pass(200);
    }
    await rig.go(10_000);
    expect(plainly(followed(rig))).toContain("50%");
    expect(plainly(followed(rig))).toContain("Step 50");
    const times = rig.telegram.calls.map(({ at }) => at);
    expect(edits(rig).length).toBeLessThanOrEqual(4);
    expect(Math.min(...gaps(times))).toBeGreaterThanOrEqual(5_000);
  });

  test("what says the same is not edited", async () => {
    const rig = await createLiveRig();
    const key = await rig.started("Imhotep");
    for (let n = 0; n < 3; n += 1) {
      await rig.work("Imhotep").report(key, { percent: 10 });
      await rig.go(6_000);
    }
    expect(edits(rig).filter(({ text }) => text.includes("10%"))).toHaveLength(1);
  });

  test.each([
    ["done", "✅", "Status: done"],
    ["blocked", "⛔", "Status: blocked"],
    ["todo", "⬜", "Status: to do, nobody is at it"],
  ] as const)("a task that becomes %s has a last edit and is quiet from then on", async (status, emoji, state) => {
    const rig = await createLiveRig();
    const key = await rig.started("Imhotep");
    await rig.work("Imhotep").setStatus(key, { status, text: "That is that", confidence: 1 });
    await rig.go(20_000);
    expect(plainly(followed(rig))).toContain(`${emoji} ${key}`);
    expect(plainly(followed(rig))).toContain(state);
    const calls = rig.telegram.calls.length;
    await rig.go(120_000);
    expect(rig.telegram.calls).toHaveLength(calls);
  });

  test("a task that is taken up again goes on in the same message", async () => {
    const rig = await createLiveRig();
    const key = await rig.started("Imhotep");
    await rig.work("Imhotep").setStatus(key, { status: "blocked", text: "Waiting for paint" });
    await rig.go(10_000);
    await rig.work("Imhotep").setStatus(key, { status: "in_progress" });
    await rig.go(10_000);
    expect(plainly(followed(rig))).toContain("Status: in progress");
    expect(rig.shown().filter((one) => plainly(one).includes("Status: "))).toHaveLength(1);
  });

  test("goes on after a restart, and a message that somebody deleted does not come back", async () => {
    const rig = await createLiveRig();
    const key = await rig.started("Imhotep");
    await rig.restart();
    await rig.work("Imhotep").report(key, { percent: 20 });
    await rig.go(6_000);
    expect(plainly(followed(rig))).toContain("20%");
    rig.telegram.remove(CHAT, followed(rig)?.id ?? 0);
    await rig.work("Imhotep").report(key, { percent: 30 });
    await rig.go(20_000);
    expect(rig.shown()).toEqual([]);
  });

  test("a sending whose answer was lost is repeated once, marked, and edited from then on", async () => {
    const rig = await createLiveRig();
    rig.telegram.meet({ kind: "lost" });
    const key = await rig.started("Imhotep");
    await rig.work("Imhotep").report(key, { percent: 20 });
    await rig.go(10_000);
    expect(rig.shown().map((one) => plainly(one).includes("(may be a repeat)"))).toEqual([false, true]);
    expect(plainly(rig.shown()[1])).toContain("20%");
  });

  test("leaves the group's calls to notices: ten busy tasks never hold a question up (reliability 14)", async () => {
    const rig = await createLiveRig();
    const keys: string[] = [];
    for (let n = 0; n < 10; n += 1) {
      const key = rig.keyOf(rig.task(`Task ${n}`, "Imhotep"));
      await rig.poll();
      await rig.work("Imhotep").setStatus(key, { status: "in_progress" });
      keys.push(key);
    }
    for (let n = 1; n <= 60; n += 1) {
      for (const key of keys) await rig.work("Imhotep").report(key, { percent: n });
      await rig.go(1_000);
    }
    const before = rig.time.now;
    const [first = ""] = keys;
    await rig.question("Imhotep", first, { text: "May I go on?", choices: ["Yes"] });
    const message = rig.message("May I go on?");
    expect((message?.at ?? Number.POSITIVE_INFINITY) - before).toBeLessThan(5_000);
    expect(rig.telegram.calls.filter(({ outcome }) => outcome !== "ok")).toEqual([]);
  });

  test("is not shown when the settings say so, nor of a task that is muted", async () => {
    const off = await createLiveRig({ config: { progress: false } });
    await off.started("Imhotep");
    expect(off.telegram.calls).toEqual([]);
    const muted = await createLiveRig();
    await muted.telegram.say(CHAT, 4711, "/plane mute ONB");
    await muted.hear();
    await muted.started("Imhotep");
    expect(followed(muted)).toBeUndefined();
  });

  test("speaks French, and shows a hostile title and line as text (reliability 18)", async () => {
    const rig = await createLiveRig({ env: { LOCALE: "fr" } });
    const title = "<b>_*[x](http://evil.example) @all \u202e`$(id)`; --flag";
    const key = await rig.started("Imhotep", title);
    await rig.work("Imhotep").report(key, { percent: 5, text: "#tag /start http://evil.example" });
    await rig.go(8_000);
    const [message] = rig.shown();
    expect(plainly(message)).toContain("État : en cours");
    expect(plainly(message)).toContain("depuis 08:00");
    expect(plainly(message)).toContain("💬 #tag /start http://evil.example");
    expect(message?.entities.map(({ type }) => type).sort()).toEqual(["bold", "text_link"]);
  });
});
