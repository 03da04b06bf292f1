import type { KeptCycle, KeptProject } from "../../../shared/observe/kept.ts";
import { sets } from "../../../shared/observe/keys.ts";
import { all } from "../../../shared/store/walk.ts";
import { isBlocked } from "../../../shared/task/diff.ts";
import { data } from "../../../shared/telegram/data.ts";
import { join, plain, type RichText } from "../../../shared/telegram/text.ts";
import type { Task } from "../../../shared/work/find.ts";
import { isInReview } from "../../../shared/work/there.ts";
import type { Command, Heard, Outcome } from "../handler.ts";
import { counted, filled, number } from "../locales/say.ts";
import { paged } from "../pages.ts";
import { unquoted } from "../words.ts";
import { ageOf, openTasks, progressOf } from "./known.ts";
import { barOf, headOf, section, taskLines } from "./lines.ts";
import { projectMatch, unclear, usage } from "./one.ts";

/** One project: how far it is, and its open tasks by what they wait for (NOTIF-06). */
export const project: Command = {
  name: "project",
  also: ["projet", "projects", "projets"],
  async run(heard, args) {
    if (args === "") return usage(heard, "project");
    const [match, all] = await projectMatch(heard, unquoted(args));
    if (match.kind === "one") return shown(heard, match.one);
    const optionOf = ({ identifier, name }: KeptProject) => ({
      ...{ label: `${identifier} ${name}`, command: "project" as const, args: identifier },
    });
    const names = all.map(({ identifier, name }) => `${name} (${identifier})`);
    return unclear(heard, "project", unquoted(args), match, optionOf, names);
  },
};

async function shown(heard: Heard, one: KeptProject): Promise<Outcome> {
  const { texts } = heard.look;
  const { answers } = texts;
  const open = await openTasks(heard, [one]);
  const of = async (is: (task: Task) => boolean) => taskLines(heard, open.filter(is));
  const isReview = ({ item }: Task) => isInReview(item);
  const isStuck = (task: Task) => isBlocked(task.item) && !isReview(task);
  const isNow = (task: Task) => task.item.snapshot.word === "in_progress" && !isReview(task) && !isStuck(task);
  const isNext = (task: Task) => !isReview(task) && !isStuck(task) && !isNow(task);
  const kept = await all<KeptCycle>(heard.deps, sets.cycles(one.id));
  const cycles = kept.map(({ value }) => value).filter(({ phase }) => phase === "current");
  return paged(heard, [
    join([headOf("📁", ""), barOf(heard, one, await progressOf(heard, one))]),
    plain(open.length === 0 ? answers.nothing.open : counted(texts, answers.open, open.length)),
    ...section(
      "🏃",
      answers.heads.cycles,
      cycles.map((cycle) => cycleLine(heard, cycle)),
    ),
    ...section("🔵", answers.heads.atWork, await of(isNow)),
    ...section("🙋", answers.heads.waiting, await of(isReview)),
    ...section("⛔", answers.heads.blocked, await of(isStuck)),
    ...section("⬜", answers.heads.todo, await of(isNext)),
    plain(""),
    await ageOf(heard),
  ]);
}

function cycleLine({ look: { texts } }: Heard, { name, done, total }: KeptCycle): RichText {
  const counts = { done: number(texts.locale, done), total: number(texts.locale, total) };
  return join([data(name), texts.colon, filled(texts.progress, counts)]);
}
