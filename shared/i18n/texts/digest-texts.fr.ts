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
  forecast: "Prévisions d’après l’historique de chaque agent",
  open: { one: "{n} tâche ouverte", other: "{n} tâches ouvertes" },
  estimate: "environ {what}",
  fromFinished: { one: "d’après {n} tâche terminée", other: "d’après {n} tâches terminées" },
  tooLittleData: "données insuffisantes pour une estimation",
  tooLittleDataFor: {
    one: "données insuffisantes pour {n} tâche",
    other: "données insuffisantes pour {n} tâches",
  },
  cost: "Coût en {month}",
  ofBudget: "{cost} sur {budget} ({percent})",
};
