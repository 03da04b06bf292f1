import type { Settings } from "../../shared/config.ts";
import type { Body } from "../../shared/task/events.ts";
import { data } from "../../shared/telegram/data.ts";
import { join, link, plain, type RichText } from "../../shared/telegram/text.ts";
import { STATUS_EMOJI } from "./emoji.ts";
import { counted, day, duration, moment, number, textsOf } from "./locales/say.ts";
import type { Texts } from "./locales/texts.ts";

/** The part of the settings that decides how messages look. */
export interface LookSettings extends Pick<Settings, "locale" | "publicUrl"> {
  plane?: { url: string };
}

/** How messages look: in which language, and which origins links may lead to. */
export interface Look {
  texts: Texts;
  origins: readonly string[];
}

/** The look the settings ask for: links lead to Plane and to our own page, nowhere else. */
export function lookOf({ locale, plane, publicUrl }: LookSettings): Look {
  const origins = [plane?.url, publicUrl].flatMap((url) => (url === undefined ? [] : new URL(url).origin));
  return { texts: textsOf(locale), origins };
}

/** So many names, blockers and the like are listed. */
const LISTED = 5;
/** Names are short; a longer one is not one. */
const NAME_LIMIT = 80;

/** What a single notice tells under its head, one line each (NOTIF-04); a line with nothing to tell is left out. */
export function details({ event, facts }: Body, { texts, origins }: Look): RichText[] {
  const { locale, fields, priorities } = texts;
  const { item, project, cycle, comment, actor } = facts;
  const lines: RichText[] = [];
  const add = (label: string, ...value: (RichText | string)[]) => {
    lines.push(join([plain(label + texts.colon), ...value]));
  };
  const date = (at: string | null) => (at === null ? texts.never : day(locale, at));

  lines.push(...saidOf(event, texts));
  if (event.kind === "renamed") add(fields.before, data(event.from));
  if (event.kind === "due") add(fields.due, `${date(event.from)} → ${date(event.to)}`);
  if (event.kind === "priority") add(fields.priority, `${priorities[event.from]} → ${priorities[event.to]}`);
  if (comment) add(fields.comment, data(comment.text, 300));
  if (event.kind !== "project_created" && event.kind !== "project_completed") {
    add(fields.project, link(projectName(project), project.url, origins));
  }
  if (item) {
    add(fields.status, `${STATUS_EMOJI[item.word]} ${texts.words[item.word]}`);
    if (event.kind !== "priority" && item.priority !== "none") add(fields.priority, priorities[item.priority]);
    const inHead = "agent" in event && event.agent === item.agent;
    if (item.agent !== undefined && !inHead) add(fields.agent, data(item.agent, NAME_LIMIT));
    if (item.assignees.length > 0) add(fields.assignees, listed(texts, item.assignees, named));
    if (event.kind !== "due" && item.due !== null && item.word !== "done") add(fields.due, date(item.due));
    if (item.timeSpentMs !== undefined) add(fields.timeSpent, duration(locale, item.timeSpentMs));
    if (item.blockers.length > 0) {
      add(
        fields.blockers,
        listed(texts, item.blockers, ({ key, title }) => join([data(key), data(title, 60)], " ")),
      );
    }
  }
  if (cycle) {
    if (cycle.start !== null || cycle.end !== null) add(fields.dates, `${date(cycle.start)} – ${date(cycle.end)}`);
    lines.push(plain(progress(texts, cycle)));
  }
  if (actor) add(fields.by, named(actor.name));
  return lines;
}

/** What agents ask or tell, and why work stopped: the words are theirs, so they are shown and nothing more. */
function saidOf(event: Body["event"], { colon, fields, locale, losses, stuck, reminder }: Texts): RichText[] {
  const line = (label: string, ...value: (RichText | string)[]) => join([plain(label + colon), ...value]);
  switch (event.kind) {
    case "asked": {
      const choices = event.choices.map((choice) => data(choice, 100));
      return [
        join([data(event.text, 2_000), ...(event.reminder > 0 ? [` ${reminder}`] : [])]),
        ...(choices.length > 0 ? [line(fields.choices, join(choices, " · "))] : []),
      ];
    }
    case "answered":
      return [line(fields.answer, data(event.text, 1_000)), line(fields.by, named(event.by))];
    case "critical":
    case "failed":
      return [data(event.text, 300)];
    case "claim_lost":
      return [
        plain(losses[event.why]),
        line(fields.heldSince, `${moment(locale, "UTC", Date.parse(event.since), 0)} UTC`),
      ];
    case "review":
      return [
        ...(event.text === "" ? [] : [data(event.text, 300)]),
        line(fields.confidence, number(locale, event.confidence)),
      ];
    case "sent_back":
      return [
        ...(event.reason === null ? [] : [line(fields.reason, data(event.reason, 300))]),
        ...(event.by === null ? [] : [line(fields.by, named(event.by))]),
      ];
    case "stuck":
      return [line(fields.waitsFor, data(event.blocker, 40), ` ${stuck[event.why]}`)];
    case "circle":
      return [
        join(
          event.path.map((key) => data(key, 40)),
          " → ",
        ),
      ];
    default:
      return [];
  }
}

/** `Onboarding (ONB)` */
export function projectName({ name, identifier }: { name: string; identifier: string }): RichText {
  return join([data(name), " (", data(identifier, 20), ")"]);
}

const named = (name: string) => data(name, NAME_LIMIT);

function listed<T>(texts: Texts, all: readonly T[], show: (one: T) => RichText): RichText {
  const rest = all.length - LISTED;
  return join([...all.slice(0, LISTED).map(show), ...(rest > 0 ? [counted(texts, texts.more, rest)] : [])], ", ");
}

function progress({ locale, progress }: Texts, { done, total }: { done: number; total: number }): string {
  return progress.replace("{done}", number(locale, done)).replace("{total}", number(locale, total));
}
