import { describe, expect, test } from "vitest";
import { workKeys } from "../../../shared/work/keys.ts";
import { ADA, plainly, STRANGER } from "./commands/rig.ts";
import { createLiveRig, type LiveRig } from "./live-rig.ts";

/** A task that its agent has finished with little confidence. */
async function inReview(rig: LiveRig, title = "Write the terms") {
  const key = await rig.started("Imhotep", title);
  await rig.work("Imhotep").setStatus(key, { status: "done", confidence: 0.55, text: "Two clauses are guesses." });
  await rig.go(8_000);
  const [item] = rig.plane.items(rig.onb);
  if (!item) throw new Error("no item");
  return { key, item, message: () => rig.message("Please review") };
}

const dataOf = (message: ReturnType<LiveRig["message"]>, n: number) => message?.buttons.flat()[n]?.callback_data ?? "";

describe("a review (OPENCLAW-12)", () => {
  test("is a message of its own that says how sure the agent is, with Approve and Send back", async () => {
    const rig = await createLiveRig();
    const { key, message } = await inReview(rig);
    expect(plainly(message())).toBe(
      `🔍 Please review: ${key} Write the terms\nImhotep is 55% sure\nTwo clauses are guesses.\n` +
        "Approve it, or reply to this message with what is missing.",
    );
    expect(rig.labels(message())).toEqual(["✅ Approve", "↩️ Send back"]);
    expect(message()?.replyTo).toBe(rig.shown()[0]?.id);
  });

  test("approved by a button: the task is done, and the message shows who approved it", async () => {
    const rig = await createLiveRig();
    const { key, item, message } = await inReview(rig);
    expect(await rig.tap(message(), "✅ Approve")).toBe(`${key} is approved.`);
    expect(rig.inPlane(item)).toMatchObject({ state: "Done", labels: ["agent:Imhotep"] });
    expect(plainly(message())).toContain("✅ Approved by Ada (Telegram)");
    expect(rig.labels(message())).toEqual([]);
  });

  test("sent back with the reason that is replied", async () => {
    const rig = await createLiveRig();
    const { item, message } = await inReview(rig);
    await rig.reply(message(), "Clause 3 is missing");
    expect(rig.inPlane(item)).toMatchObject({ state: "Todo", labels: ["agent:Imhotep"] });
    expect(plainly(message())).toContain("↩️ Sent back by Ada (Telegram): \nClause 3 is missing");
    expect(rig.comments(item).join()).toContain("Clause 3 is missing");
  });

  test.each(["ok", "OK!", "Approved.", "👍🏽", " ✅ "])(
    "approved by the reply %j, not sent back for it",
    async (text) => {
      const rig = await createLiveRig();
      const { item, message } = await inReview(rig);
      await rig.reply(message(), text);
      expect(rig.inPlane(item).state).toBe("Done");
      expect(plainly(message())).toContain("✅ Approved by Ada (Telegram)");
    },
  );

  test("a reply of approval is of what was shown, and a press is needed where that has changed", async () => {
    const rig = await createLiveRig();
    const { key, item, message } = await inReview(rig);
    rig.plane.editItem(item, { name: "Sign the terms" });
    for (let n = 0; n < 2; n += 1) {
      await rig.reply(message(), "ok");
      expect(plainly(rig.shown().at(-1))).toBe(`${key} has changed since: please look at it again.`);
      expect(rig.inPlane(item).labels).toContain("review");
    }
    await rig.tap(message(), "✅ Approve");
    expect(rig.inPlane(item).state).toBe("Done");
  });

  test("Send back asks for the reason; a reply gives it", async () => {
    const rig = await createLiveRig();
    const { item, message } = await inReview(rig);
    expect(await rig.tap(message(), "↩️ Send back")).toBe("Why? Reply to the message, or press again.");
    expect(rig.inPlane(item).labels).toContain("review");
    expect(rig.labels(message())).toEqual(["↩️ Send back without a reason", "✅ Approve"]);
    await rig.restart();
    await rig.reply(message(), "Too long");
    expect(plainly(message())).toContain("Too long");
    expect(rig.inPlane(item).state).toBe("Todo");
  });

  test("Send back pressed again sends it back without a reason", async () => {
    const rig = await createLiveRig();
    const { key, item, message } = await inReview(rig);
    await rig.tap(message(), "↩️ Send back");
    expect(await rig.tap(message(), "↩️ Send back without a reason")).toBe(`${key} is sent back.`);
    expect(rig.inPlane(item).state).toBe("Todo");
    expect(plainly(message())).toContain("Sent back by Ada (Telegram)");
  });

  test("is of what was shown: a task that changed since is not approved but shown anew (reliability 27)", async () => {
    const rig = await createLiveRig();
    const { key, item, message } = await inReview(rig);
    rig.plane.editItem(item, { description_html: "<p>Something else entirely</p>", name: "Sign the terms" });
    expect(await rig.tap(message(), "✅ Approve")).toBe(`${key} has changed since: please look at it again.`);
    expect(rig.inPlane(item).labels).toContain("review");
    expect(plainly(message())).toContain("Changed since it was shown: title, description. Please look at it again.");
    expect(plainly(message())).toContain("Sign the terms");
    await rig.tap(message(), "✅ Approve");
    expect(rig.inPlane(item).state).toBe("Done");
  });

  test("the button of what was shown before does not approve what is shown now", async () => {
    const rig = await createLiveRig();
    const { item, message } = await inReview(rig);
    const old = dataOf(message(), 0);
    rig.plane.editItem(item, { name: "Sign the terms" });
    await rig.tap(message(), "✅ Approve");
    await rig.tapData(message()?.id ?? 0, old);
    expect(rig.inPlane(item).labels).toContain("review");
  });

  test("the button of an earlier review does not approve a later one", async () => {
    const rig = await createLiveRig();
    const { key, item, message } = await inReview(rig);
    const first = message();
    const old = dataOf(first, 0);
    await rig.reply(first, "Again, please");
    await rig.work("Imhotep").setStatus(key, { status: "in_progress" });
    await rig.work("Imhotep").setStatus(key, { status: "done", confidence: 0.6, text: "Still a guess." });
    await rig.go(8_000);
    expect(await rig.tapData(first?.id ?? 0, old)).toBe(`${key} is sent back.`);
    expect(rig.inPlane(item).labels).toContain("review");
    expect(rig.labels(message())).toEqual(["✅ Approve", "↩️ Send back"]);
  });

  test("approved in Plane shows so, and an old button says kindly that it is over", async () => {
    const rig = await createLiveRig();
    const { item, message } = await inReview(rig);
    const [old, id] = [dataOf(message(), 0), message()?.id ?? 0];
    const done = rig.plane.states(rig.onb.id).find(({ name }) => name === "Done");
    rig.plane.editItem(item, { state: done?.id ?? "" });
    await rig.poll();
    await rig.go(8_000);
    expect(plainly(message())).toContain("No review is needed any more: the task is done.");
    expect(rig.labels(message())).toEqual([]);
    expect(await rig.tapData(id, old)).toBe("This is over: nothing is waited for any more.");
  });

  test("approved with /plane approve shows in the message as well", async () => {
    const rig = await createLiveRig();
    const { key, message } = await inReview(rig);
    await rig.telegram.say(-100_200, ADA, `/plane approve ${key}`);
    await rig.hear();
    expect(plainly(message())).toContain("Approved by Ada (Telegram)");
  });

  test("nobody else's press or reply judges anything (reliability 17)", async () => {
    const rig = await createLiveRig();
    const { item, message } = await inReview(rig);
    expect(await rig.tap(message(), "✅ Approve", STRANGER)).toBe("");
    await rig.reply(message(), "No", STRANGER);
    expect(rig.inPlane(item).labels).toContain("review");
  });

  test("a restart in the middle of an approval loses neither the approval nor the message", async () => {
    const rig = await createLiveRig();
    const { item, message } = await inReview(rig);
    let cut = true;
    const commit = rig.store.commit;
    rig.store.commit = async (what) => {
      const outcome = await commit(what);
      if (cut && what.put?.some(({ key }) => key === workKeys.review(item.id))) {
        cut = false;
        throw new Error("killed");
      }
      return outcome;
    };
    await rig.telegram.press(-100_200, ADA, message()?.id ?? 0, dataOf(message(), 0));
    await rig.hear();
    await rig.restart();
    await rig.go(60_000);
    expect(rig.inPlane(item).state).toBe("Done");
    expect(plainly(message())).toContain("Approved by Ada (Telegram)");
  });
});
