import type { CanaryTexts } from "./canary-texts.ts";

export const canaryTextsFr: CanaryTexts = {
  silent:
    "⚠️ Aucun webhook reçu de Plane\u00a0: une modification de test n’a produit aucun webhook en une minute. Groundcrew détecte toujours les changements par interrogation périodique. Lancez npm run doctor pour en trouver la cause.",
  back: "✅ Les webhooks de Plane fonctionnent de nouveau ({n} s).",
  itemName: "Contrôle des webhooks par Groundcrew (ne pas supprimer)",
  itemDescription:
    "<p>Groundcrew modifie le commentaire ci-dessous toutes les heures et vérifie que Plane envoie un webhook. Aucune notification n’est envoyée et aucun agent ne travaille sur cette tâche.</p>",
  comment:
    "<p>Groundcrew modifie ce commentaire toutes les heures pour vérifier que les webhooks arrivent. <code>{nonce}</code></p>",
};
