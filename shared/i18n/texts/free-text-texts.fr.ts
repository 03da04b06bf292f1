import type { FreeTextTexts } from "./free-text-texts.ts";

export const freeTextTextsFr: FreeTextTexts = {
  sent: "Transmis à {agent}.",
  answered: "Transmis à {agent} comme réponse à «\u00a0{question}\u00a0».",
  planSentBack: "Transmis à {agent} comme modification du plan «\u00a0{plan}\u00a0».",
  onlyText: "Seul le texte est lu, pas la pièce jointe.",
  noText: "Seul le texte est lu. Écrivez votre demande dans un message.",
  forwarded:
    "Les messages transférés ne sont pas lus, car une autre personne les a écrits. Copiez le texte dans un message de votre part.",
  noConcierge:
    "Personne ne lit le texte libre\u00a0: aucun agent n’a le rôle «\u00a0concierge\u00a0». Ajoutez-en un à «\u00a0agents\u00a0» dans le fichier de configuration (groundcrew.json), puis redémarrez Groundcrew\u00a0:\n{entry}\nOu utilisez une commande\u00a0: /plane help",
  deafConcierge:
    '{agent} ne peut pas être réveillé\u00a0: votre texte n’a pas été transmis, car son paramètre «\u00a0wake\u00a0» vaut none. Indiquez "wake": "openclaw" pour {agent} sous «\u00a0agents\u00a0» dans le fichier de configuration (groundcrew.json), puis redémarrez Groundcrew. Ou utilisez une commande\u00a0: /plane help',
  approveWhere: "Pour approuver, appuyez sur le bouton sous le plan ou la relecture, ou répondez à ce message.",
  chooseMeaning: "À quoi correspond ce message\u00a0?",
  isAnswer: "Réponse\u00a0: {question}",
  isPlanChange: "Modification du plan\u00a0: {plan}",
  isNew: "Un nouveau message à {agent}",
  sendAll: "Tout transmettre à {agent}",
};
