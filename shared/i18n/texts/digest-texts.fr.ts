import type { DigestTexts } from "./digest-texts.ts";

export const digestTextsFr: DigestTexts = {
  title: "Résumé quotidien",
  done: "Terminées hier",
  nothing: "aucune",
  projects: "Projets terminés",
  blocked: "Bloquées",
  since: "depuis {when}",
  sinceBefore: "depuis avant le {when}",
  waitsFor: "dépend de {keys}",
  due: "Échéance aujourd’hui",
  overdue: "En retard",
  reviews: "En attente de votre relecture",
  confidence: "confiance\u00a0: {percent}",
  plans: "Plans à approuver",
  questions: "Questions en attente de votre réponse",
  forecast: "Prévisions d’après l’historique et les estimations",
  open: { one: "{n} tâche ouverte", other: "{n} tâches ouvertes" },
  estimate: "environ {what}",
  fromFinished: { one: "d’après {n} tâche terminée", other: "d’après {n} tâches terminées" },
  fromEstimates: { one: "{n} estimation prévue", other: "{n} estimations prévues" },
  tooLittleData: "données insuffisantes pour une estimation",
  tooLittleDataFor: {
    one: "données insuffisantes pour {n} tâche",
    other: "données insuffisantes pour {n} tâches",
  },
  cost: "Coût en {month}",
  ofBudget: "{spent} dépensés + {open} estimés pour les tâches ouvertes, sur {budget} ({percent}){missing}",
  budgetNotice:
    "{threshold} du budget de {month} atteints\u00a0: {spent} dépensés + {open} estimés pour les tâches ouvertes, sur {budget} ({percent}){missing}.",
  forecastLabel: "Prévision pour les tâches ouvertes",
  budgetLabel: "Budget de {month}",
  withoutEstimate: {
    one: "coût de {n} tâche ouverte inconnu",
    other: "coût de {n} tâches ouvertes inconnu",
  },
};
