import type { LiveTexts } from "./live-texts.ts";
import { planTextsFr } from "./plan-texts.fr.ts";
import { ticketTextsFr } from "./ticket-texts.fr.ts";

export const liveTextsFr: LiveTexts = {
  hint: {
    press: "Choisissez un bouton ou répondez à ce message avec votre propre réponse.",
    reply: "Répondez à ce message.",
    review: "Approuvez la tâche ou répondez à ce message en indiquant ce qui manque.",
    reason: "Répondez à ce message en indiquant le motif, ou appuyez de nouveau pour renvoyer la tâche sans motif.",
  },
  message: "Message",
  askedAgain: "Question (rappel)",
  urgent: "urgente",
  answered: "Répondu par {by}",
  notNeeded: "La tâche est fermée\u00a0: aucune réponse n’est nécessaire.",
  confidence: "Confiance ({agent})\u00a0: {percent}",
  approve: "✅ Approuver",
  sendBack: "↩️ Renvoyer",
  withoutReason: "↩️ Renvoyer sans motif",
  approved: "Approuvée par {by}",
  sentBack: "Renvoyée par {by}",
  reviewClosed: "Aucune relecture n’est nécessaire\u00a0: la tâche est {word}.",
  changed: "Modifié depuis l’envoi de ce message\u00a0: {fields}. Relisez la tâche avant de l’approuver.",
  title: "titre",
  text: "description",
  toast: {
    answered: "Votre réponse\u00a0: {text}",
    already: "{by} a déjà répondu\u00a0: {text}",
    over: "Cette demande est close.",
    approved: "{key} a été approuvée.",
    sentBack: "{key} a été renvoyée.",
    reason: "Répondez en indiquant le motif, ou appuyez de nouveau.",
    changed: "{key} a été modifiée. Relisez-la.",
  },
  plan: planTextsFr,
  ticket: ticketTextsFr,
  since: "depuis {when}",
  unattended: "aucun agent actif",
  inReview: "à relire",
};
