import type { CycleTexts } from "./cycle-texts.ts";

export const cycleTextsFr: CycleTexts = {
  current: "Cycles en cours",
  left: { one: "{n} tâche restante", other: "{n} tâches restantes" },
  allClosed: "toutes les tâches sont fermées",
  starts: "commence le {date}",
  ends: "se termine le {date}",
  ended: "terminé le {date}",
  noDates: "sans dates",
  noneCurrent: "Aucun cycle n’est en cours.",
  upcoming: "À venir",
  none: "Plane ne contient aucun cycle.",
  forecast: "prévision\u00a0: {date}",
  onTime: "dans les temps",
  late: { one: "{n} jour de retard", other: "{n} jours de retard" },
  pace: "au rythme de {n} tâches par jour",
  noForecast: "données insuffisantes pour une prévision",
  stale: "Plane n’a pas répondu\u00a0: ce sont des données enregistrées.",
};
