import type { SampleTaskTexts } from "./sample-task-texts.ts";

export const sampleTaskTextsFr: SampleTaskTexts = {
  hello: {
    title: "Présenter l’équipe",
    text: "Écrire un commentaire de cinq lignes qui présente les membres de cet espace de travail et les points forts de chacun. Cette tâche montre comment une tâche est prise en charge, réalisée et terminée.",
  },
  report: {
    title: "Écrire une page sur notre façon de travailler",
    text: "À partir de la présentation, écrire une demi-page sur le parcours des tâches dans ce tableau et la joindre au format Markdown. Cette tâche est bloquée tant que la présentation n’est pas terminée.",
  },
  look: {
    title: "Relire le travail de l’équipe",
    text: "Lire le commentaire et la page, répondre par un commentaire, puis passer cette tâche à l’état «\u00a0Done\u00a0». Vous pouvez ensuite supprimer ces trois tâches\u00a0: elles ne seront pas recréées.",
  },
};
