interface ConsoleTexts {
  title: string;
  hint: string;
  add: string;
  task: string;
  project: string;
  for: string;
  nobody: string;
  fate: string;
  arrive: string;
  drop: string;
  double: string;
  delay: string;
  stop_telegram: string;
  stop_plane: string;
  kill: string;
  killed: string;
  move: string;
  to: string;
  go: string;
  tally: string;
  missing: string;
  doubled: string;
  none: string;
  marked: string;
  restarts: string;
  drag: string;
}

/** Everything the console says. */
export const CONSOLE_TEXTS: Record<"en" | "fr", ConsoleTexts> = {
  en: {
    title: "Try it",
    hint: "a demo with a Plane, a Telegram and a team of its own",
    add: "Add task",
    task: "New task",
    project: "Project",
    for: "For",
    nobody: "nobody",
    fate: "Webhooks of your next change",
    arrive: "arrive",
    drop: "are lost",
    double: "come twice",
    delay: "come 20 s late",
    stop_telegram: "Stop Telegram for 15 s",
    stop_plane: "Stop Plane for 15 s",
    kill: "kill -9 Groundcrew",
    killed: "Killed. It is started again in 3 s.",
    move: "Move",
    to: "to",
    go: "Move",
    tally: "Completed in Plane {completed}, told in the chat {told}",
    missing: "on the way: {keys}",
    doubled: "doubled: {keys}",
    none: "nothing lost, nothing doubled",
    marked: "{n} marked as a possible repeat",
    restarts: "started again {n}×",
    drag: "Drag a card to another state, or choose it here.",
  },
  fr: {
    title: "Essayez",
    hint: "une démonstration avec son propre Plane, son Telegram et son équipe",
    add: "Ajouter",
    task: "Nouvelle tâche",
    project: "Projet",
    for: "Pour",
    nobody: "personne",
    fate: "Les webhooks de votre prochain changement",
    arrive: "arrivent",
    drop: "se perdent",
    double: "viennent deux fois",
    delay: "viennent 20 s trop tard",
    stop_telegram: "Arrêter Telegram 15 s",
    stop_plane: "Arrêter Plane 15 s",
    kill: "kill -9 Groundcrew",
    killed: "Tué. Il redémarre dans 3 s.",
    move: "Déplacer",
    to: "vers",
    go: "Déplacer",
    tally: "Terminées dans Plane {completed}, annoncées {told}",
    missing: "en route : {keys}",
    doubled: "en double : {keys}",
    none: "rien de perdu, rien en double",
    marked: "{n} marqué comme répétition possible",
    restarts: "redémarré {n}×",
    drag: "Faites glisser une carte vers un autre état, ou choisissez-la ici.",
  },
};
