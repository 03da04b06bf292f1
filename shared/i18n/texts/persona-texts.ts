/** Persona and strengths of each agent of the default team, which the Concierge reads when it assigns work. */
export type PersonaTexts = Record<
  "Concierge" | "Imhotep" | "Thot" | "Basquiat" | "R2D2" | "Shuri" | "Piccolo" | "CFO" | "Maintainer" | "Hermes",
  string
>;
