import { expect, test } from "vitest";
import { schedulesTick } from "../../functions/schedules.ts";
import { listNextTimes } from "../../shared/cron.ts";
import { DAY, HOUR, MINUTE, SECOND } from "../../shared/time.ts";
import { createLoggedRandom, IS_FULL_RUN, pickSize } from "../reliability/random-source.ts";
import { type AgentTestApp, createAgentTestApp } from "../support/agent-test-app.ts";
import { crashAfterChange } from "../support/crash-after-change.ts";

/** The full run has a year, the usual one the weeks around the changes of summer time in spring. */
const BEGIN = Date.parse(IS_FULL_RUN ? "2026-11-21T08:00:00Z" : "2027-03-08T08:00:00Z");
const DAYS = pickSize(365, 45);
const END = BEGIN + DAYS * DAY;
const PARIS = "Europe/Paris";

/** Ten schedules, of which some come in the hours in which summer time begins and ends. */
const SCHEDULES = [
  { name: "night", cron: "30 2 * * 0,6", time_zone: PARIS },
  { name: "gap", cron: "0,45 2 * * 0", time_zone: PARIS },
  { name: "steps", cron: "30 2-3/1 * * 0", time_zone: PARIS },
  { name: "morning", cron: "0 9 * * 1,4", time_zone: PARIS },
  { name: "weekly", cron: "0 9 * * 1" },
  { name: "new-york", cron: "30 1,2 * * 0", time_zone: "America/New_York" },
  { name: "monthly", cron: "0 9 1 * *", time_zone: "Australia/Lord_Howe" },
  { name: "quarter", cron: "15 6 1 1,4,7,10 *", time_zone: PARIS },
  { name: "twice", cron: "0 7,19 1,15 * *" },
  { name: "friday", cron: "0 16 * * 5", time_zone: "America/New_York" },
].map((schedule) => ({ ...schedule, project: "ONB", title: `${schedule.name} {n}`, if_open: "create" as const }));

function listTimes(cron: string, zone: string): number[] {
  return listPlainTimes(cron, listWallMinutes(zone, BEGIN - DAY, END + DAY)).filter((at) => at > BEGIN && at <= END);
}

test("RECUR-01 the times of cron expressions in a year are the same by croner and by plain arithmetic", () => {
  const random = createLoggedRandom("cron");
  const field = (low: number, high: number) => {
    const value = () => low + random.below(high - low + 1);
    const [a, b] = [value(), value()].sort((x, y) => x - y) as [number, number];
    return random.pick(["*", String(a), `${a},${b}`, `${a}-${b}`]);
  };
  for (const zone of ["UTC", PARIS, "America/New_York", "America/Havana", "Asia/Kolkata", "Pacific/Auckland"]) {
    const minutes = listWallMinutes(zone, BEGIN - DAY, END + DAY);
    for (let i = 0; i < pickSize(40, 4); i += 1) {
      // Fixed times of day, in the night above all, or each hour.
      const time = random.pick([
        `${random.below(60)} ${random.below(4)}`,
        `${random.below(60)} 1,2,3`,
        "30 *",
        "0 */3",
      ]);
      const cron = `${time} ${field(1, 28)} ${random.pick(["*", "3,4,10,11"])} ${random.pick(["*", "0", "0,6", "1-5"])}`;
      const plain = listPlainTimes(cron, minutes).filter((at) => at > BEGIN && at <= END);
      const ours = listNextTimes({ cron, timeZone: zone }, BEGIN, plain.length + 1, END);
      expect(ours.map(toText), `${cron} in ${zone}`).toEqual(plain.map(toText));
    }
  }
});

const toText = (at: number) => new Date(at).toISOString().slice(0, 16);

/** The product in two processes on one store, and a Plane that can be away. */
async function createYearApp() {
  const away = { isAway: false, losesAnswer: false };
  const app = await createAgentTestApp({
    config: { schedules: SCHEDULES },
    async fetch(input, init) {
      if (away.isAway) throw new TypeError("fetch failed", { cause: { code: "ECONNREFUSED" } });
      const response = await fetch(input, init);
      if (!away.losesAnswer || init?.method !== "POST") return response;
      away.losesAnswer = false;
      await response.arrayBuffer();
      throw new TypeError("fetch failed", { cause: { code: "ECONNRESET" } });
    },
  });
  await app.runFirstPoll();
  if (app.time.now < BEGIN) app.advance(BEGIN - app.time.now);
  return { app, away };
}

/** Runs the tick until it succeeds, a minute after the other. */
async function runUntilDone(app: AgentTestApp) {
  for (let i = 0; i < 5; i += 1) {
    if (await schedulesTick.run(app.deps).then(Boolean, () => false)) return;
    app.advance(MINUTE);
  }
  throw new Error("the tick fails");
}

test("RECUR-01 in a year of ten schedules each occurrence that should be is made once, over restarts, two processes and outages", async () => {
  const random = createLoggedRandom("year of schedules");
  const { app, away } = await createYearApp();
  await runUntilDone(app);
  const all = SCHEDULES.map(({ name, cron, ...rest }) => ({
    name,
    times: listTimes(cron, "time_zone" in rest ? rest.time_zone : "UTC"),
  }));
  const outages = Array.from({ length: pickSize(12, 3) }, () => {
    const from = BEGIN + random.below(DAYS) * DAY + random.below(24) * HOUR;
    return { from, to: from + (2 + random.below(60)) * HOUR, isPlane: random.happens(0.5) };
  });
  const expected: string[] = [];
  let doneUntil = BEGIN;
  for (const moment of [...new Set(all.flatMap(({ times }) => times))].sort((a, b) => a - b)) {
    const outage = outages.find(({ from, to }) => moment >= from && moment <= to);
    if (app.time.now < moment) app.advance(moment + random.below(50) * SECOND - app.time.now);
    if (outage && !outage.isPlane) continue;
    away.isAway = outage !== undefined;
    if (away.isAway) {
      await schedulesTick.run(app.deps).catch(() => {});
      continue;
    }
    for (const { name, times } of all) {
      const due = times.filter((at) => at > doneUntil && at <= moment).at(-1);
      if (due !== undefined) expected.push(`schedule:${name}:${toText(due)}:00Z`);
    }
    const kind = random.below(6);
    away.losesAnswer = kind === 0;
    if (kind === 1) await app.restart();
    if (kind === 2) {
      const crash = crashAfterChange(app.deps, 1 + random.below(12));
      await crash.orCrash(schedulesTick.run({ ...app.deps, ...crash.deps }).catch(() => {}));
      await app.restart();
    }
    if (kind === 3) {
      const first = app.deps;
      await app.restart();
      await Promise.allSettled([schedulesTick.run(first), schedulesTick.run(app.deps)]);
    }
    await runUntilDone(app);
    away.losesAnswer = false;
    doneUntil = moment;
    app.dropWebhooks();
  }
  const made = app.plane.items(app.onb).map(({ external_id }) => external_id ?? "");
  expect(made.length).toBeGreaterThan(1.3 * DAYS);
  expect([...made].sort()).toEqual([...expected].sort());
  const timesOf = (name: string) => made.filter((id) => id.startsWith(`schedule:${name}:`));
  for (const { name } of all) expect(timesOf(name)).toEqual([...timesOf(name)].sort());
}, 300_000);

// Plain arithmetic for cron expressions, without the code of the product and without croner.

type WallMinute = ReturnType<typeof toWallMinute>;

/** A minute as clocks show it that are ahead of UTC by `offset` milliseconds. */
function toWallMinute(at: number, offset: number) {
  const wall = new Date(at + offset);
  const day = { date: wall.toISOString().slice(0, 10), month: wall.getUTCMonth() + 1, day: wall.getUTCDate() };
  return { at, ...day, weekDay: wall.getUTCDay(), hour: wall.getUTCHours(), minute: wall.getUTCMinutes() };
}

/** Every minute of a period as the clocks of a time zone show it; offsets change at full hours in UTC. */
function listWallMinutes(timeZone: string, from: number, to: number): WallMinute[] {
  const format = new Intl.DateTimeFormat("en", { timeZone, timeZoneName: "longOffset" });
  const minutes: WallMinute[] = [];
  let offset = 0;
  for (let at = from; at <= to; at += MINUTE) {
    if (at === from || at % HOUR === 0) {
      const name = format.formatToParts(at).find(({ type }) => type === "timeZoneName")?.value ?? "";
      const [, sign, hours = "0", rest = "0"] = /([+-])(\d\d):(\d\d)/.exec(name) ?? [];
      offset = (sign === "-" ? -1 : 1) * (Number(hours) * HOUR + Number(rest) * MINUTE);
    }
    minutes.push(toWallMinute(at, offset));
  }
  return minutes;
}

function parseField(text: string, low: number, high: number): Set<number> {
  const values = new Set<number>();
  for (const part of text.split(",")) {
    const [range = "", step = "1"] = part.split("/");
    const [first = "", last = first] = range === "*" ? [String(low), String(high)] : range.split("-");
    for (let value = Number(first); value <= Number(last); value += Number(step)) values.add(value);
  }
  return values;
}

/**
 * The times of an expression: with `*` or `/` in minute or hour, each minute whose clock time matches; else each time of
 * day once a day, the first of two, and at the end of the skipped hour where the clocks never show it.
 */
function listPlainTimes(cron: string, minutes: readonly WallMinute[]): number[] {
  const [minuteText = "", hourText = "", dayText = "", monthText = "", weekDayText = ""] = cron.split(" ");
  const [days, months] = [parseField(dayText, 1, 31), parseField(monthText, 1, 12)];
  const weekDays = new Set([...parseField(weekDayText, 0, 6)].map((day) => day % 7));
  const isDay = ({ day, month, weekDay }: WallMinute) => {
    if (!months.has(month)) return false;
    if (dayText !== "*" && weekDayText !== "*") return days.has(day) || weekDays.has(weekDay);
    return days.has(day) && weekDays.has(weekDay);
  };
  const [hours, minutesOfHour] = [parseField(hourText, 0, 23), parseField(minuteText, 0, 59)];
  if (/[*/]/.test(minuteText + hourText))
    return minutes
      .filter((one) => isDay(one) && hours.has(one.hour) && minutesOfHour.has(one.minute))
      .map(({ at }) => at);
  const times = new Set<number>();
  for (const ofDay of Map.groupBy(minutes, ({ date }) => date).values()) {
    const [noon] = ofDay;
    if (!noon || !isDay(noon)) continue;
    for (const hour of hours)
      for (const minute of minutesOfHour) {
        const exact = ofDay.find((one) => one.hour === hour && one.minute === minute);
        const found = exact ?? ofDay.find((one) => one.hour * 60 + one.minute > hour * 60 + minute);
        // A day that is cut off by the period may lack the time.
        if (found && (exact || ofDay[0]?.minute === 0)) times.add(found.at);
      }
  }
  return [...times].sort((a, b) => a - b);
}
