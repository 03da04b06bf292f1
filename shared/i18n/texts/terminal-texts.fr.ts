import type { TerminalTexts } from "./terminal-texts.ts";

export const terminalTextsFr: TerminalTexts = {
  "terminal.title": "Terminal de {key}",
  "terminal.screen": "Écran de {key}",
  "terminal.connecting": "Connexion…",
  "terminal.waiting": "En attente de la session",
  "terminal.live": "En direct",
  "terminal.ended": "Terminée. Dernier écran, {time}",
  "terminal.ended.none": "Terminée. Aucun écran n’a été conservé.",
  "terminal.away": "L’exécuteur n’est pas connecté. Dernier écran, {time}",
  "terminal.lost": "Connexion perdue. Nouvel essai…",
  "terminal.signed_out": "Connectez-vous sur la page pour voir ce terminal.",
  "terminal.unknown": "Il n’y a pas de ticket {key}.",
  "terminal.take": "Prendre la main",
  "terminal.give": "Rendre la main",
  "terminal.typing": "Vous saisissez dans la session. F6 ou «\u00a0Rendre la main\u00a0» y met fin.",
  "terminal.here": "Saisissez ici",
  "terminal.sending": "Envoi…",
  "terminal.not_sent": "Non envoyé. {problem}",
};
