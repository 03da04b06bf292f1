import type { OutageTexts } from "./outage-texts.ts";

export const outageTextsFr: OutageTexts = {
  away: "⚠️ Plane ne répond plus depuis {since}. Groundcrew continue d’essayer\u00a0: les changements dans Plane et le travail des agents attendent son retour.",
  back: "✅ Plane répond de nouveau. Il n’a pas répondu pendant {duration}, de {since} à {until}.",
};
