import { removeInvisible } from "../../shared/clean-text.ts";
import type { RichText } from "../../shared/telegram/rich-text.ts";

/**
 * Removes control, direction and other invisible characters from a message for the page, and moves its entities with the
 * text. The word joiners that keep Telegram from detecting links are removed too: the page detects none by itself.
 */
export function cleanRichText({ text, entities }: RichText): RichText {
  const borders = [...new Set([0, text.length, ...entities.flatMap(({ offset, length }) => [offset, offset + length])])]
    .filter((border) => border >= 0 && border <= text.length)
    .sort((a, b) => a - b);
  // Cleaned piece by piece, so that each border is known in the cleaned text.
  const cleanBorders = new Map<number, number>([[0, 0]]);
  let cleaned = "";
  let start = 0;
  for (const end of borders) {
    cleaned += removeInvisible(text.slice(start, end));
    cleanBorders.set(end, cleaned.length);
    start = end;
  }
  const movedEntities = entities.flatMap((entity) => {
    const offset = cleanBorders.get(entity.offset);
    const end = cleanBorders.get(entity.offset + entity.length);
    return offset === undefined || end === undefined || end <= offset
      ? []
      : [{ ...entity, offset, length: end - offset }];
  });
  return { text: cleaned, entities: movedEntities };
}
