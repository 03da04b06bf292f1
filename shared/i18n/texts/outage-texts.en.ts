import type { OutageTexts } from "./outage-texts.ts";

export const outageTextsEn: OutageTexts = {
  away: "⚠️ Plane has not answered since {since}. Groundcrew keeps trying: changes in Plane and the work of agents wait until it is back.",
  back: "✅ Plane is back. It did not answer for {duration}, from {since} to {until}.",
};
