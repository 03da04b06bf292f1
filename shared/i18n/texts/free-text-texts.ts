/** Replies to what people write without a command. `{agent}` is the Concierge. */
export interface FreeTextTexts {
  /** The text was sent to the Concierge. */
  sent: string;
  /** The text was sent as the answer to `{question}`. */
  answered: string;
  /** The text was sent as what to change of the plan `{plan}`. */
  planSentBack: string;
  /** A picture or file came with the text. */
  onlyText: string;
  /** A message has no text. */
  noText: string;
  forwarded: string;
  /** `{entry}` is an entry of the settings file. */
  noConcierge: string;
  deafConcierge: string;
  /** A word of approval that is a reply to nothing, while plans or reviews wait. */
  approveWhere: string;
  /** Asks what a text is for; the buttons follow. */
  chooseMeaning: string;
  isAnswer: string;
  isPlanChange: string;
  isNew: string;
  /** Button of an unknown command: its whole text goes to the Concierge. */
  sendAll: string;
}
