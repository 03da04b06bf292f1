import { isBlocked } from "../../../shared/task/diff.ts";
import { data } from "../../../shared/telegram/data.ts";
import { join, plain, type RichText } from "../../../shared/telegram/text.ts";
import { liveClaims } from "../../../shared/work/claims.ts";
import type { Task } from "../../../shared/work/find.ts";
import { isInReview } from "../../../shared/work/there.ts";
import { questionsWaiting } from "../digest/waiting.ts";
import type { Command, Heard } from "../handler.ts";
import { paged } from "../pages.ts";
import { ageOf, openTasks, progressOf, projectsOf } from "./known.ts";
import { barOf, headOf, nameOf, section, sinceText, taskLines } from "./lines.ts";

/** Projects with their progress, who works on what since when, what is blocked, what waits for people (NOTIF-06). */
export const status: Command = {
  name: "status",
  also: ["statut", "etat", "état"],
  async run(heard) {
    const { answers } = heard.look.texts;
    const projects = await projectsOf(heard);
    const open = await openTasks(heard, projects);
    const claims = await liveClaims(
      heard.deps,
      open.map(({ id }) => id),
    );
    const isAtWork = ({ item }: Task, i: number) =>
      !isBlocked(item) && !isInReview(item) && (claims[i] !== undefined || item.snapshot.word === "in_progress");
    const bars = await Promise.all(projects.map(async (one) => barOf(heard, one, await progressOf(heard, one))));
    const lines = async (some: readonly Task[]) => taskLines(heard, some);
    const atWork = await lines(open.filter(isAtWork));
    return paged(heard, [
      headOf("📊", answers.heads.status),
      ...(bars.length > 0 ? bars : [plain(answers.nothing.projects)]),
      ...section("🔵", answers.heads.atWork, atWork.length > 0 ? atWork : [plain(answers.nothing.work)]),
      ...section(
        "⛔",
        answers.heads.blocked,
        await lines(open.filter(({ item }) => isBlocked(item) && !isInReview(item))),
      ),
      ...section("🙋", answers.heads.waiting, [
        ...(await questionLines(heard)),
        ...(await lines(open.filter(({ item }) => isInReview(item)))),
      ]),
      plain(""),
      await ageOf(heard),
    ]);
  },
};

/** `❓ ONB-12 Write the welcome mail (Imhotep, since 08:00): Formal or friendly?` */
async function questionLines(heard: Heard): Promise<RichText[]> {
  const now = await heard.deps.store.now();
  const questions = await questionsWaiting(heard.deps);
  return questions.map(({ task, agent, text, at }) => {
    const who = join([data(agent, 80), sinceText(heard, at, now)], ", ");
    return join(["❓ ", nameOf(heard, task), " (", who, ")", heard.look.texts.colon, data(text)]);
  });
}
