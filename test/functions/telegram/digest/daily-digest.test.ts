import { expect, test } from "vitest";
import { digestTick } from "../../../../functions/telegram/digest/digest.ts";
import { pickSize } from "../../../reliability/random-source.ts";
import { toPlainText } from "../commands/commands-app.ts";
import { createLiveMessagesApp, type LiveMessagesApp } from "../live-messages-app.ts";

const toTime = (time: string) => Date.parse(time);
const getDigests = (app: LiveMessagesApp) => app.getBotMessages().filter(({ text }) => /^📋/.test(text));

async function finishTask(
  app: LiveMessagesApp,
  agent: string,
  title: string,
  ms: number,
  more: object = {},
): Promise<string> {
  const key = await app.startTask(agent, title);
  await app.actAs(agent).startTimer(key);
  for (let remaining = ms; remaining > 0; remaining -= 600_000) {
    app.time.now += Math.min(remaining, 600_000);
    await app.actAs(agent).report(key, {});
  }
  await app.actAs(agent).setStatus(key, { status: "done", text: "Done", confidence: 1, cost: 1.25, ...more });
  await app.advanceAndDrain(8_000);
  return key;
}

test("the daily digest (NOTIF-08) shows completed tasks with time and cost, blocked tasks since when, due tasks, forecast and cost", async () => {
  const app = await createLiveMessagesApp({ config: { budget: { amount: 50, currency: "EUR" } } });
  for (const title of ["Write the mail", "Send the mail", "Read the answer"])
    await finishTask(app, "Imhotep", title, 1_200_000);
  app.addTask("Think about it", "Imhotep");
  const late = app.addTask("Pay the bill", "Thot", { target_date: "2026-11-20" });
  app.addTask("Call the printer", [], { target_date: "2026-11-22" });
  await app.poll();
  await app.actAs("Thot").setStatus(app.toTaskKey(late), { status: "in_progress" });
  await app.askQuestion("Thot", app.toTaskKey(late), { text: "From which account?" });
  const block = await app.startTask("Thot", "Paint the door");
  await app.actAs("Thot").setStatus(block, { status: "blocked", text: "No paint" });
  await finishTask(app, "Imhotep", "Write the terms", 600_000, { confidence: 0.55 });
  app.time.now = toTime("2026-11-22T08:00:00Z");
  await digestTick.run(app.deps);
  await app.advanceAndDrain(60_000);
  expect(getDigests(app)).toHaveLength(1);
  expect(toPlainText(getDigests(app)[0])).toMatchInlineSnapshot(`
    "📋 Daily digest – Nov 22, 2026

    ✅ Completed yesterday (3): 1 hr, €3.75
    • ONB-1 Write the mail – Imhotep, 20 min, €1.25
    • ONB-2 Send the mail – Imhotep, 20 min, €1.25
    • ONB-3 Read the answer – Imhotep, 20 min, €1.25

    ⛔ Blocked (1)
    • ONB-7 Paint the door – since Nov 21, 2026 09:00

    📅 Due today (1)
    • ONB-6 Call the printer

    ⏰ Overdue (1)
    • ONB-5 Pay the bill – Nov 20, 2026, Thot

    🔍 Waiting for your review (1)
    • ONB-8 Write the terms – Imhotep, confidence 55%, since Nov 21, 2026 09:10

    ❓ Questions waiting for your answer (1)
    • ONB-5 Pay the bill – Thot, since Nov 21, 2026 09:00: From which account?

    🔮 Forecast from history and estimates
    • Imhotep: 1 open task, about 20 min, €1.25 (based on 3 completed tasks)
    • Thot: 2 open tasks, not enough data for an estimate (based on 0 completed tasks)

    💶 Cost in November: €5.00 spent + €1.25 estimated for open tasks, of €50.00 (13%), cost of 2 open tasks unknown, €5.00 of it as reported by agents"
  `);
});

test("the daily digest (NOTIF-08) is split into messages that Telegram accepts, each sent once", async () => {
  const app = await createLiveMessagesApp();
  const long = "An overdue task with a long title, <b>_*[x](http://evil.example) @all \u202e`$(id)` ".repeat(2);
  for (let n = 0; n < 30; n += 1) {
    app.addTask(`${long}${n}`, [], { target_date: "2026-11-20" });
    app.addTask(`${long}${n}`, [], { target_date: "2026-11-21" });
  }
  await app.poll();
  await digestTick.run(app.deps);
  await app.advanceAndDrain(30_000);
  const all = app.getBotMessages();
  expect(all.length).toBeGreaterThan(1);
  expect(all.map(toPlainText).join("\n")).toContain("… and 5 more");
  expect(app.telegram.calls.filter(({ outcome }) => outcome !== "ok")).toEqual([]);
  for (const { entities } of all) for (const { type } of entities) expect(["bold", "text_link"]).toContain(type);
});

const listSendTimes = async (env: Record<string, string>, from: string, to: string) => {
  const app = await createLiveMessagesApp({ env });
  const times: string[] = [];
  for (app.time.now = toTime(from); app.time.now < toTime(to); app.time.now += pickSize(60_000, 900_000)) {
    const { told: pages } = await digestTick.run(app.deps);
    if (pages) times.push(new Date(app.time.now).toISOString());
  }
  return times;
};

test("the digest is sent once a day at 08:00 of the time zone, also when summer time begins or ends", async () => {
  expect(await listSendTimes({ TIMEZONE: "Europe/Paris" }, "2027-03-27T00:00:00Z", "2027-03-30T00:00:00Z")).toEqual([
    "2027-03-27T07:00:00.000Z",
    "2027-03-28T06:00:00.000Z",
    "2027-03-29T06:00:00.000Z",
  ]);
  expect(await listSendTimes({ TIMEZONE: "Europe/Paris" }, "2027-10-30T00:00:00Z", "2027-11-01T00:00:00Z")).toEqual([
    "2027-10-30T06:00:00.000Z",
    "2027-10-31T07:00:00.000Z",
  ]);
});

test("the digest is sent once a day: by several runtimes at once, over restarts and a clock that is set back, even by a day", async () => {
  const app = await createLiveMessagesApp();
  await Promise.all([1, 2, 3].map(() => digestTick.run(app.deps)));
  app.time.now = toTime("2026-11-22T08:30:00Z");
  await digestTick.run(app.deps);
  await app.advanceAndDrain(10_000);
  await app.restart();
  for (const time of ["2026-11-22T08:00:00Z", "2026-11-21T08:59:00Z", "2026-11-22T08:59:59Z"]) {
    app.time.now = toTime(time);
    await digestTick.run(app.deps);
  }
  await app.advanceAndDrain(10_000);
  expect(getDigests(app)).toHaveLength(2);
});
