import type { WakeTexts } from "./wake-texts.ts";

export const wakeTextsFr: WakeTexts = {
  silent:
    "⚠️ {agent} n’a pas réagi à trois réveils. En attente\u00a0: {tasks}. Vérifiez que l’agent fonctionne\u00a0; Groundcrew le réveillera à l’arrivée d’un nouveau travail ou dès son prochain appel.",
  idle: "⚠️ {agent} répond aux réveils mais ne termine aucune de ses tâches. En attente\u00a0: {tasks}. Vérifiez les tâches ou confiez-les à un autre agent.",
  request: "une demande",
};
