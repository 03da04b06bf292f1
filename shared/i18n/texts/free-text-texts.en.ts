import type { FreeTextTexts } from "./free-text-texts.ts";

export const freeTextTextsEn: FreeTextTexts = {
  sent: "Sent to {agent}.",
  answered: "Sent to {agent} as the answer to “{question}”.",
  planSentBack: "Sent to {agent} as a change of the plan “{plan}”.",
  onlyText: "Only the text is read, not the attachment.",
  noText: "Only text is read. Write what you need as a message.",
  forwarded:
    "Forwarded messages are not read, because somebody else wrote them. Copy the text into a message of your own.",
  noConcierge:
    "Nobody reads free text: no agent has the role “concierge”. Add one to “agents” in the settings file (groundcrew.json), then restart Groundcrew:\n{entry}\nOr use a command: /plane help",
  deafConcierge:
    '{agent} cannot be woken, so your text was not sent: its “wake” setting is none. Set "wake": "openclaw" for {agent} under “agents” in the settings file (groundcrew.json), then restart Groundcrew. Or use a command: /plane help',
  approveWhere: "To approve, press the button under the plan or the review, or reply to that message.",
  chooseMeaning: "What is this message?",
  isAnswer: "Answer: {question}",
  isPlanChange: "Change of the plan: {plan}",
  isNew: "A new message to {agent}",
  sendAll: "Send all of it to {agent}",
};
