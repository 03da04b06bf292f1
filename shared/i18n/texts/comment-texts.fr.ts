import type { CommentTexts } from "./comment-texts.ts";

export const commentTextsFr: CommentTexts = {
  locale: "fr",
  headings: { progress: "Avancement", error: "Erreur", question: "Question" },
  colon: "\u00a0: ",
  percent: "{n}\u00a0%",
  statuses: {
    todo: "Remise à faire",
    in_progress: "Commencée",
    blocked: "Bloquée",
    done: "Terminée",
    cancelled: "Annulée",
  },
  review:
    "<strong>Terminée, en attente de relecture</strong>\u00a0: confiance de {confidence}, inférieure à {threshold}",
  commit: "Commit\u00a0: {commit}",
  tests: "Tests\u00a0: {tests}",
  criteria: "Critères d’acceptation\u00a0:",
  deliverable: "Livrable\u00a0: {file} ({size})",
  question: "<strong>Question</strong>",
  answer: "<strong>Réponse</strong> ({by})\u00a0:",
  approved: "<strong>Approuvée</strong> par {by}",
  sentBack: "<strong>Renvoyée</strong> par {by}",
  failed: "<strong>Bloquée</strong>\u00a0: {reason}",
  expired:
    "<strong>{agent}</strong> avait réservé cette tâche ({from} – {to}), puis n’a montré aucune activité pendant {minutes} minutes. La réservation a expiré et la tâche est de nouveau à faire.",
  stopped:
    "Arrêtée par <strong>{by}</strong>\u00a0: {agent} ne travaille plus sur cette tâche. Elle pourra reprendre après un commentaire, un changement d’état ou une nouvelle attribution.",
  remark: "<strong>{by}</strong> a écrit\u00a0:",
  blockedByTask: {
    cancelled:
      "Bloquée par une dépendance\u00a0: cette tâche dépend de {blocker}, qui a été annulée. Elle sera de nouveau à faire dès que cette dernière sera rouverte ou que la dépendance sera supprimée. Si vous la débloquez vous-même, Groundcrew n’y touchera pas.",
    blocked:
      "Bloquée par une dépendance\u00a0: cette tâche dépend de {blocker}, elle-même bloquée. Elle sera de nouveau à faire dès que cette dernière sera débloquée ou que la dépendance sera supprimée. Si vous la débloquez vous-même, Groundcrew n’y touchera pas.",
  },
  unblocked: "N’est plus bloquée par {blockers}.",
  dependencyRemoved:
    "{by} a supprimé la dépendance envers {blockers}\u00a0: cette tâche ne l’attend plus. Plane affiche encore la relation, car son API ne sait pas supprimer les relations\u00a0; vous pouvez la supprimer ici.",
  blockedBy: "Bloquée par\u00a0: {keys}",
  doneTask: "{task} (terminée)",
  ticket: {
    heading: "Réalisée dans une session Claude Code",
    branch: "Branche\u00a0: {branch}",
    diff: "Fichiers modifiés\u00a0: {files}, lignes ajoutées\u00a0: {insertions}, lignes supprimées\u00a0: {deletions}",
    time: "Temps écoulé depuis l’approbation\u00a0: {time}",
    cost: "Coût\u00a0: {cost}",
    commits: "Commits\u00a0:",
  },
  deletedTask: "une tâche supprimée",
};
