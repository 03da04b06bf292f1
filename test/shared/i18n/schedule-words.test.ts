import { Cron } from "croner";
import fc from "fast-check";
import { expect, test } from "vitest";
import { LOCALES } from "../../../shared/i18n/localize.ts";
import { parseScheduleWords as parse } from "../../../shared/i18n/parse-schedule.ts";
import { formatCron, parseCron } from "../../../shared/i18n/recurrence.ts";
import { describeSchedule } from "../../../shared/i18n/schedule-words.ts";

const FULL = process.env["FULL"] !== undefined;
const NOW = Date.UTC(2026, 10, 25);

const accept = (words: string, cron: string, rest = "") => expect(parse(words), words).toEqual({ cron, rest });

const refuse = (words: string, problem: string) => expect(parse(words), words).toEqual({ problem, words });

/** The next times of a cron expression, without its words. */
const listTimes = (cron: string) =>
  new Cron(cron, { timezone: "Europe/Paris", mode: "5-part" }).nextRuns(12, new Date(NOW)).map((at) => at.getTime());

const createList = (parts: fc.Arbitrary<string>) =>
  fc.array(parts, { minLength: 1, maxLength: 4 }).map((all) => all.join(","));

/** Fields as people write them: stars, steps, lists, ranges and names. */
function createField(first: number, last: number): fc.Arbitrary<string> {
  const number = fc.integer({ min: first, max: last });
  const range = fc.tuple(number, number).map(([a, b]) => `${Math.min(a, b)}-${Math.max(a, b)}`);
  const step = fc.integer({ min: 2, max: Math.floor((last - first + 1) / 2) }).map((n) => `*/${n}`);
  return fc.oneof(fc.constant("*"), number.map(String), step, createList(fc.oneof(number.map(String), range)));
}

/** A field, or a list of what only days can be. */
const createDays = (first: number, last: number, ...special: string[]) =>
  fc.oneof(
    createField(first, last),
    createList(fc.oneof(fc.constantFrom(...special), fc.integer({ min: 1, max: last }).map(String))),
  );

const monthDays = createDays(1, 31, "L", "LW", "15W", "1W");
const weekDays = createDays(0, 6, "MON", "TUE-THU", "5#2", "1#L", "FRI#1", "7", "0#5");

const anyCron = fc
  .tuple(createField(0, 59), createField(0, 23), monthDays, createField(1, 12), weekDays, fc.boolean())
  .map(([minute, hour, day, month, weekDay, isAnd]) =>
    [minute, hour, day, month, `${isAnd ? "+" : ""}${weekDay}`].join(" "),
  )
  .filter((cron) => parseCron(cron) !== undefined);

test("a cron expression and its normal form name the same times", () => {
  fc.assert(
    fc.property(anyCron, (cron) => {
      const recurrence = parseCron(cron);
      expect(recurrence && listTimes(formatCron(recurrence))).toEqual(listTimes(cron));
    }),
    { numRuns: FULL ? 150 : 20 },
  );
});

test.each(LOCALES)("the words of any cron expression are read back as the same one (%s)", (locale) => {
  fc.assert(
    fc.property(anyCron, (cron) => {
      const recurrence = parseCron(cron);
      if (!recurrence || listTimes(cron).length === 0) return;
      const words = describeSchedule(cron, locale);
      expect(parse(words), words).toEqual({ cron: formatCron(recurrence), rest: "" });
      expect(parse(`${words} @thot check it`), words).toMatchObject({ rest: "@thot check it" });
    }),
    { numRuns: FULL ? 200 : 25 },
  );
});

test("English and French words are understood, the latter with and without accents", () => {
  accept("every monday 9:00 friday report @thot", "0 9 * * 1", "friday report @thot");
  accept("daily at 7:15: digest", "15 7 * * *", "digest");
  accept("each month on the 1st", "0 9 1 * *");
  accept("Mondays and thursdays at 5pm", "0 17 * * 1,4");
  accept("every month on the last friday at 5 p.m. close", "0 17 * * 5#L", "close");
  accept("every second monday of the month", "0 9 * * 1#2");
  accept("every month on the last working day", "0 9 LW * *");
  accept("every year on the 4th of July", "0 9 4 7 *");
  accept("every year in March: 3 reports", "0 9 1 3 *", "3 reports");
  accept("every day 8 reports", "0 9 * * *", "8 reports");
  accept("every 15 minutes from 9:00 to 17:45 on weekdays", "*/15 9-17 * * 1-5");
  accept("the 13th of every month, if it is a Friday", "0 9 13 * +5");
  accept("0 9 * * mon-fri report", "0 9 * * mon-fri", "report");
  accept("tous les jours à 8h vérifier les sauvegardes", "0 8 * * *", "vérifier les sauvegardes");
  accept("le 1er de chaque mois", "0 9 1 * *");
  accept("du lundi au vendredi à 9 h 30 point d’équipe", "30 9 * * 1-5", "point d’équipe");
  accept("tous les jours ouvres a 9h", "0 9 * * 1-5");
  accept("le deuxième mardi de chaque mois", "0 9 * * 2#2");
  accept("toutes les 2 heures", "0 */2 * * *");
});

test("what a cron expression cannot count, a day that never comes and words without a schedule are refused", () => {
  for (const words of ["every 2 weeks", "every other monday", "toutes les deux semaines", "un lundi sur deux"])
    refuse(words, "uncountable");
  for (const words of ["every 3 days", "every 7 hours", "every 45 minutes", "every 5 months", "every second monday"])
    refuse(words, "uncountable");
  for (const words of ["every day at 9:00 and 14:30", "every 15 minutes from 9:00 to 17:00"]) refuse(words, "several");
  for (const words of ["on 30 february", "0 9 31 2,4 *"]) refuse(words, "never");
  for (const words of ["", "every", "check the backups", "every monday at 25:00", "every day at 9:61", "9:00", "@thot"])
    refuse(words, "unclear");
  for (const words of ["every monday on the 1st", "every hour at 9:00", "every monday from 9:00 to 10:00", "* * * *"])
    refuse(words, "unclear");
});

test("hostile words end soon, as a schedule or a refusal", () => {
  const words = [..."every|monday|1st|the|9:00|,| |and|from|to|le|99|*|h".split("|"), "\u202e"];
  const text = fc.array(fc.constantFrom(...words), { maxLength: FULL ? 400 : 100 }).map((all) => all.join(" "));
  fc.assert(
    fc.property(fc.oneof(text, fc.string({ maxLength: FULL ? 3_000 : 500 })), (hostile) => {
      const parsed = parse(hostile);
      expect("cron" in parsed ? parseCron(parsed.cron) : parsed.problem).toBeDefined();
    }),
    { numRuns: FULL ? 150 : 8 },
  );
});

test("frequent schedules read as people say them", () => {
  for (const [cron, english, french] of [
    ["0 9 * * 1", "every Monday at 9:00", "chaque lundi à 9 h 00"],
    ["30 9 * * 1-5", "Monday to Friday at 9:30", "du lundi au vendredi à 9 h 30"],
    ["0 9 * * 1,3,5", "every Monday, Wednesday and Friday at 9:00", "chaque lundi, mercredi et vendredi à 9 h 00"],
    ["0 9 L * *", "on the last day of every month at 9:00", "le dernier jour de chaque mois à 9 h 00"],
    ["0 9 1 1,7 *", "on the 1st of January and July at 9:00", "le 1er en janvier et juillet à 9 h 00"],
    ["*/15 9-17 * * *", "every 15 minutes from 9:00 to 17:45", "toutes les 15 minutes de 9 h 00 à 17 h 45"],
  ] as const) {
    expect(describeSchedule(cron, "en")).toBe(english);
    expect(describeSchedule(cron, "fr").replace(/\s/g, " ")).toBe(french);
  }
});
