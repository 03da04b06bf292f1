import { omitUndefined } from "../../shared/omit-undefined.ts";

/** A sample task with its owner; `after` is the id of the task that blocks it. */
export interface SampleTask {
  id: string;
  title: string;
  /** HTML. */
  description: string;
  owner: "first worker" | "second worker" | "human";
  after?: string;
}

const OWNERS = { hello: "first worker", report: "second worker", look: "human" } as const;

const TEXTS = {
  en: {
    hello: {
      title: "Introduce the team",
      text: "Write a comment that says in five lines who is in this workspace and what each is good at. It shows how a task is taken, worked on and finished.",
    },
    report: {
      title: "Write a page on how we work",
      text: "From the introduction, write half a page on how tasks go through the board here, and attach it as a Markdown file. This task waits until the introduction is done.",
    },
    look: {
      title: "Look at what the team did",
      text: "Read the comment and the page, answer with a comment, and move this task to Done. After that these three can be deleted: they do not come back.",
    },
  },
  fr: {
    hello: {
      title: "Présenter l'équipe",
      text: "Écrire un commentaire qui dit en cinq lignes qui est dans cet espace de travail et ce que chacun sait faire. On y voit comment une tâche est prise, travaillée et terminée.",
    },
    report: {
      title: "Écrire une page sur notre façon de travailler",
      text: "À partir de la présentation, écrire une demi-page sur le chemin des tâches sur ce tableau, et la joindre en fichier Markdown. Cette tâche attend que la présentation soit terminée.",
    },
    look: {
      title: "Regarder ce que l'équipe a fait",
      text: "Lire le commentaire et la page, répondre par un commentaire, puis passer cette tâche à Done. Ensuite ces trois tâches peuvent être supprimées : elles ne reviennent pas.",
    },
  },
} as const;

/** Three sample tasks, the second blocked by the first; in French for `fr`, otherwise in English. */
export function getSampleTasks(language: string): SampleTask[] {
  const texts = TEXTS[language === "fr" ? "fr" : "en"];
  return (["hello", "report", "look"] as const).map((id) => ({
    id,
    title: texts[id].title,
    description: `<p>${texts[id].text}</p>`,
    owner: OWNERS[id],
    ...omitUndefined({ after: id === "report" ? "hello" : undefined }),
  }));
}
