import type { Body, EventKind } from "../../shared/task/events.ts";
import { data } from "../../shared/telegram/data.ts";
import {
  bold,
  cut,
  join,
  link,
  MESSAGE_LIMIT,
  plain,
  type RichText,
  takesEntities,
} from "../../shared/telegram/text.ts";
import { type Group, LINES, type Told } from "./burst.ts";
import { details, type Look, projectName } from "./details.ts";
import { EVENT_EMOJI } from "./emoji.ts";
import { counted } from "./locales/say.ts";

/**
 * What one message says: one notice in full, a few as lines, more than ten (or too long ones) as counts.
 * `repeat`: an earlier sending may have arrived; the message says so.
 */
export function message(told: Told, look: Look, repeat = false): RichText {
  const mark = repeat ? `\n${look.texts.repeat}` : "";
  const limit = MESSAGE_LIMIT - mark.length;
  return join([content(told, look, limit), plain(mark)]);
}

function content({ count, notices, groups }: Told, look: Look, limit: number): RichText {
  const [first] = notices;
  if (count === 1 && first) return cut(join([head(first, look), ...details(first, look)], "\n"), limit);
  if (count <= LINES) {
    const lines = join(
      notices.map((notice) => line(notice, look)),
      "\n",
    );
    if (lines.text.length <= limit) return lines;
  }
  return summary(groups, look, limit);
}

/** `✅ Completed: ONB-12 Write the welcome mail` */
function head({ event, facts }: Body, { texts, origins }: Look, titleLimit = 256): RichText {
  return join([
    `${EVENT_EMOJI[event.kind]} `,
    bold(texts.events[event.kind]),
    ...("agent" in event ? whose(event, texts) : []),
    texts.colon,
    subject(facts, origins, titleLimit),
  ]);
}

/** The agent it is about, in the head, where nothing the agent writes can stand: `from Thot` for its own words. */
function whose({ kind, agent }: { kind: EventKind; agent: string }, texts: Look["texts"]): (RichText | string)[] {
  const name = data(agent, 40);
  return kind === "asked" || kind === "critical" ? [` ${texts.from} `, name] : [" (", name, ")"];
}

function subject({ item, cycle, project }: Body["facts"], origins: readonly string[], limit: number): RichText {
  if (item) {
    const parts = [data(item.key), data(item.title, limit)].filter(({ text }) => text !== "");
    return link(join(parts, " "), item.url, origins);
  }
  return cycle ? data(cycle.name, limit) : link(projectName(project), project.url, origins);
}

/** A head with what a blocked task waits for, or the agent. */
function line(notice: Body, look: Look): RichText {
  const { event, facts } = notice;
  const { item } = facts;
  const blockers = event.kind === "blocked" ? (item?.blockers ?? []).slice(0, 3).map(({ key }) => key) : [];
  const agents = item?.agent === undefined || "agent" in event ? [] : [item.agent];
  const extra = [...agents, ...blockers].join(", ");
  const shown = head(notice, look, 120);
  return extra === "" ? shown : join([shown, " (", data(extra, 120), ")"]);
}

/** One line per group, as many as fit, with links as long as Telegram takes them, then how many notices were left out. */
function summary(groups: readonly Group[], look: Look, limit: number): RichText {
  const { texts } = look;
  const rest = (from: number) => groups.slice(from).reduce((sum, group) => sum + group.count, 0);
  const last = (from: number) => counted(texts, texts.rest, rest(from));
  const lines: RichText[] = [];
  let length = 0;
  for (const [index, group] of groups.entries()) {
    const linked = groupLine(group, look);
    const next = takesEntities([...lines, linked]) ? linked : groupLine(group, { ...look, origins: [] });
    const room = index === groups.length - 1 ? 0 : last(index + 1).length + 1;
    if (length + next.text.length + room > limit) return cut(join([...lines, last(index)], "\n"), limit);
    lines.push(next);
    length += next.text.length + 1;
  }
  return join(lines, "\n");
}

/** `✅ 200 tasks completed in Onboarding (ONB): ONB-1, ONB-2, … and 198 more` */
function groupLine({ kind, project, count, named }: Group, { texts, origins }: Look): RichText {
  const ofProjects = kind === "project_created" || kind === "project_completed";
  const names = join(
    named.map(({ name, url }) => link(data(name, 60), url, origins)),
    ", ",
  );
  const rest = count - named.length;
  return join([
    `${EVENT_EMOJI[kind]} ${counted(texts, texts.counted[kind], count)}`,
    ...(ofProjects ? [] : [texts.inProject, projectName(project)]),
    texts.colon,
    names,
    ...(rest > 0 ? [named.length > 0 ? ", " : "", counted(texts, texts.more, rest)] : []),
  ]);
}
