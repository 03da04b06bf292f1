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
  wish: string;
}

/** The texts of the demo console. */
export const CONSOLE_TEXTS: Record<"en" | "fr", ConsoleTexts> = {
  en: {
    title: "Demo",
    hint: "a demo with simulated Plane, Telegram and OpenClaw servers and scripted agents: inject failures here",
    add: "Add task",
    task: "New task",
    project: "Project",
    for: "For",
    nobody: "nobody",
    fate: "Webhooks of your next change",
    arrive: "arrive",
    drop: "are lost",
    double: "arrive twice",
    delay: "arrive 20 s late",
    stop_telegram: "Stop Telegram for 15 s",
    stop_plane: "Stop Plane for 15 s",
    kill: "kill -9 Groundcrew",
    killed: "Killed. It restarts in 3 s.",
    move: "Move",
    to: "to",
    go: "Move",
    tally: "Completed in Plane: {completed}, notified in the chat: {told}",
    missing: "not sent yet: {keys}",
    doubled: "sent twice: {keys}",
    none: "nothing lost, nothing doubled",
    marked: "{n} marked as a possible repeat",
    restarts: "restarts: {n}",
    drag: "Drag a card to another state, or choose it here.",
    wish: "Write a wish in the chat: /plane new add dark mode to the website",
  },
  fr: {
    title: "Démonstration",
    hint: "serveurs Plane, Telegram et OpenClaw simulés et agents scriptés\u00a0: provoquez des pannes ici",
    add: "Ajouter",
    task: "Nouvelle tâche",
    project: "Projet",
    for: "Pour",
    nobody: "personne",
    fate: "Les webhooks de votre prochain changement",
    arrive: "arrivent",
    drop: "sont perdus",
    double: "arrivent deux fois",
    delay: "arrivent avec 20 s de retard",
    stop_telegram: "Arrêter Telegram 15 s",
    stop_plane: "Arrêter Plane 15 s",
    kill: "kill -9 Groundcrew",
    killed: "Processus arrêté. Il redémarre dans 3 s.",
    move: "Déplacer",
    to: "vers",
    go: "Déplacer",
    tally: "Terminées dans Plane\u00a0: {completed}, notifiées dans la discussion\u00a0: {told}",
    missing: "pas encore envoyées\u00a0: {keys}",
    doubled: "envoyées deux fois\u00a0: {keys}",
    none: "rien de perdu, aucun doublon",
    marked: "doublons possibles signalés\u00a0: {n}",
    restarts: "redémarrages\u00a0: {n}",
    drag: "Faites glisser une carte vers un autre état, ou choisissez-la ici.",
    wish: "Écrivez un souhait dans la discussion\u00a0: /plane new ajouter un mode sombre au site web",
  },
};
