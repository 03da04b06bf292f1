import type { ConsoleTexts } from "./texts.ts";

export const consoleTextsFr: ConsoleTexts = {
  title: "Démonstration",
  hint: "serveurs Plane, Telegram et OpenClaw simulés et agents scriptés\u00a0: provoquez des pannes ici",
  over: "L’histoire est terminée\u00a0: la suite vous appartient. Ajoutez une tâche, exprimez un souhait ou provoquez une panne.",
  watch: "À observer\u00a0:",
  add: "Ajouter",
  add_title: "Ajouter une tâche",
  add_does:
    "Crée une tâche dans Plane au nom d’Ada, là où les agents commencent. Une tâche attribuée à un agent le réveille.",
  add_watch:
    "la carte apparaît aussitôt dans «\u00a0À faire\u00a0»\u00a0; l’activité indique qui a été réveillé, et l’agent commence.",
  task: "Nouvelle tâche",
  project: "Projet",
  for: "Pour",
  nobody: "personne",
  ticket: "Ajouter un ticket",
  ticket_title: "Lancer Claude Code",
  ticket_does:
    "Crée dans Plane, au nom d’Ada, une tâche avec l’étiquette claude. Elle devient un ticket, qui attend une approbation.",
  ticket_watch:
    "l’onglet Tickets l’affiche\u00a0; approuvez-le, répondez à la session et approuvez son résultat, sinon la démo le fait après 20 s\u00a0; Plane contient alors un seul commentaire.",
  fate: "Les webhooks de votre prochain changement",
  fate_title: "Perdre des webhooks",
  fate_does:
    "Détermine ce que deviennent les messages de Plane sur votre prochaine tâche ou votre prochain déplacement.",
  arrive: "arrivent",
  arrive_watch:
    "chaque changement apparaît en moins d’une seconde\u00a0; les détails techniques de l’activité indiquent un webhook.",
  drop: "sont perdus",
  drop_watch:
    "le changement apparaît tout de même, à la prochaine interrogation, en 15 s au plus\u00a0; les détails techniques l’indiquent.",
  double: "arrivent deux fois",
  double_watch: "l’activité et les messages ne montrent le changement qu’une fois.",
  delay: "arrivent avec 20 s de retard",
  delay_watch:
    "une interrogation trouve d’abord le changement, et le webhook tardif ne provoque pas de second message.",
  stop_telegram: "Arrêter Telegram 15 s",
  stop_telegram_title: "Telegram en panne",
  stop_telegram_does: "Le Telegram simulé refuse les connexions pendant 15 s.",
  stop_telegram_watch:
    "son point en haut devient rouge et des messages attendent\u00a0; ensuite ils arrivent tous, chacun une fois.",
  telegram_stopped: "Telegram est arrêté pendant 15 s. Terminez une tâche\u00a0: son message arrive ensuite.",
  stop_plane: "Arrêter Plane 15 s",
  stop_plane_title: "Plane en panne",
  stop_plane_does: "Le Plane simulé refuse les connexions pendant 15 s, et Groundcrew l’interroge.",
  stop_plane_watch:
    "son point en haut devient rouge en quelques secondes, même quand aucun agent ne travaille\u00a0; ensuite il redevient vert et les agents reprennent où ils en étaient.",
  plane_stopped: "Plane est arrêté pendant 15 s. Les agents répètent leurs appels jusqu’à son retour.",
  kill_title: "Tuer Groundcrew",
  kill: "kill -9 Groundcrew",
  kill_does: "Met fin au processus sans prévenir. Il redémarre après 3 s.",
  kill_watch:
    "la page se reconnecte, les agents continuent, et le compteur ci-dessus n’indique toujours ni perte ni doublon.",
  killed: "Processus arrêté. Il redémarre dans 3 s.",
  move: "Déplacer",
  move_title: "Déplacer une tâche",
  move_does: "Change l’état de la tâche dans Plane au nom d’Ada. Vous pouvez aussi faire glisser une carte.",
  move_watch:
    "une tâche que vous terminez est annoncée dans les messages, et les tâches qui l’attendaient sont débloquées.",
  to: "vers",
  todo: "À faire",
  in_progress: "En cours",
  blocked: "Bloquée",
  done: "Terminée",
  go: "Déplacer",
  tally: "Terminées dans Plane\u00a0: {completed}, notifiées dans la discussion\u00a0: {told}",
  missing: "pas encore envoyées\u00a0: {keys}",
  doubled: "envoyées deux fois\u00a0: {keys}",
  none: "rien de perdu, aucun doublon",
  marked: "doublons possibles signalés\u00a0: {n}",
  restarts: "redémarrages\u00a0: {n}",
  wish_title: "Exprimer un souhait",
  wish: "Écrivez dans la discussion\u00a0: /plane new ajouter un mode sombre au site web",
  wish_does: "Le Concierge transforme votre phrase en un plan avec des tâches pour les agents.",
  wish_watch:
    "approuvez le plan dans «\u00a0À traiter\u00a0» ou les messages, sinon la démo le fait après 20 s\u00a0; sa barre se remplit au-dessus du tableau, et un résumé le termine.",
};
