import type { PlanTexts } from "./plan-texts.ts";

export const planTextsFr: PlanTexts = {
  wishOf: "Demandé par {by}",
  after: "après {keys}",
  total: "Total",
  tasks: { one: "{n} tâche", other: "{n} tâches" },
  withoutEstimate: { one: "coût inconnu pour {n} tâche", other: "coût inconnu pour {n} tâches" },
  budget: "Budget du mois\u00a0: {spent} dépensés + {open} estimés pour les tâches ouvertes, sur {budget}",
  approve: "✅ Approuver",
  change: "✏️ Modifier",
  cancel: "✖️ Annuler",
  hint: {
    decide: "Rien n’est créé avant votre approbation. Répondez à ce message en indiquant ce qu’il faut modifier.",
    reason: "Répondez à ce message en indiquant ce qu’il faut modifier.",
  },
  verdicts: {
    approved: "Approuvé par {by}",
    sent_back: "Renvoyé par {by}",
    cancelled: "Annulé par {by}",
  },
  replaced: "Le plan a changé entre-temps. Un message plus récent montre le plan actuel.",
  closed: "Aucune approbation n’est plus nécessaire.",
  reasonToast: "Répondez en indiquant ce qu’il faut modifier.",
};
