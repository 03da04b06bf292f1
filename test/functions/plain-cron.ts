/** Plain arithmetic for cron expressions, without the code of the product and without croner. */

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

type WallMinute = ReturnType<typeof toWallMinute>;

/** A minute as clocks show it that are ahead of UTC by `offset` milliseconds. */
function toWallMinute(at: number, offset: number) {
  const wall = new Date(at + offset);
  const day = { date: wall.toISOString().slice(0, 10), month: wall.getUTCMonth() + 1, day: wall.getUTCDate() };
  return { at, ...day, weekDay: wall.getUTCDay(), hour: wall.getUTCHours(), minute: wall.getUTCMinutes() };
}

/** Every minute of a period as the clocks of a time zone show it; offsets change at full hours in UTC. */
export function listWallMinutes(timeZone: string, from: number, to: number): WallMinute[] {
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
export function listPlainTimes(cron: string, minutes: readonly WallMinute[]): number[] {
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
  const byDate = Map.groupBy(minutes, ({ date }) => date);
  const times = new Set<number>();
  for (const ofDay of byDate.values()) {
    const [noon] = ofDay;
    if (!noon || !isDay(noon)) continue;
    for (const hour of hours)
      for (const minute of minutesOfHour) {
        const exact = ofDay.find((one) => one.hour === hour && one.minute === minute);
        const later = ofDay.find((one) => one.hour * 60 + one.minute > hour * 60 + minute);
        const found = exact ?? later;
        // A day that is cut off by the period may lack the time.
        if (found && (exact || ofDay[0]?.minute === 0)) times.add(found.at);
      }
  }
  return [...times].sort((a, b) => a - b);
}
