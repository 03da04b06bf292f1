import type { SimulatedEntity } from "./message-payload.ts";

/**
 * Telegram detects these entities in plain text, also in messages of bots. The patterns approximate its rules and
 * rather match too much than too little.
 */
const DETECTORS: [type: string, pattern: RegExp][] = [
  ["url", /\b(?:https?|tg|ton|ftp):\/\/[^\s\u2000-\u200b\u2060]+/giu],
  ["email", /[\p{L}\p{N}._%+-]+@[\p{L}\p{N}-]+(?:\.[\p{L}\p{N}-]+)+/gu],
  ["url", /(?<![\p{L}\p{N}@])[\p{L}\p{N}-]+(?:\.[\p{L}\p{N}-]+)*\.(?:\p{L}{2,}|xn--[a-z0-9]+)(?![\p{L}\p{N}])/giu],
  ["url", /(?<![\p{N}.])\d{1,3}(?:\.\d{1,3}){3}(?![\p{N}.])/gu],
  ["mention", /(?<![\p{L}\p{N}_@])@[A-Za-z0-9_]{2,32}/gu],
  ["hashtag", /(?<![\p{L}\p{N}_#])#[\p{L}\p{N}_\u200c·]+/gu],
  ["cashtag", /(?<![\p{L}\p{N}_$])\$[A-Z0-9]{1,8}(?![\p{L}\p{N}])/gu],
  ["bot_command", /(?<![\p{L}\p{N}_/<>])\/[A-Za-z0-9_]{1,64}/gu],
];

/** Returns the sent entities and those detected in the text. Like Telegram, it detects none inside links and code. */
export function addDetectedEntities(text: string, sent: readonly SimulatedEntity[]): SimulatedEntity[] {
  const all = [...sent];
  const exclusive = sent.filter(({ type }) => type === "text_link" || type === "code" || type === "pre");
  for (const [type, pattern] of DETECTORS) {
    for (const match of text.matchAll(pattern)) {
      const detected = { type, offset: match.index, length: match[0].length };
      const occupied = [...exclusive, ...all.filter((other) => !sent.includes(other))];
      if (!occupied.some((other) => isOverlapping(detected, other))) all.push(detected);
    }
  }
  return all;
}

function isOverlapping(a: { offset: number; length: number }, b: { offset: number; length: number }): boolean {
  return a.offset < b.offset + b.length && b.offset < a.offset + a.length;
}
