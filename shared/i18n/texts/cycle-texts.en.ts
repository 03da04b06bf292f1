import type { CycleTexts } from "./cycle-texts.ts";

export const cycleTextsEn: CycleTexts = {
  current: "Current cycles",
  left: { one: "{n} task left", other: "{n} tasks left" },
  allClosed: "all tasks closed",
  starts: "starts {date}",
  ends: "ends {date}",
  ended: "ended {date}",
  noDates: "no dates",
  noneCurrent: "No cycle is current.",
  upcoming: "Upcoming",
  none: "There are no cycles in Plane.",
  forecast: "forecast {date}",
  onTime: "on time",
  late: { one: "{n} day late", other: "{n} days late" },
  pace: "at {n} tasks a day",
  noForecast: "not enough data for a forecast",
  stale: "Plane did not respond: these are stored data.",
};
