import { fillText, getLanguage } from "../../../functions/dashboard/page/script/language.js";
import { CONSOLE_TEXTS } from "../texts.ts";

/** @import { TextValues } from "../../../functions/dashboard/page/script/page-types.ts" */

/** @param {keyof typeof CONSOLE_TEXTS["en"]} name @param {TextValues} [values] */
export function translate(name, values) {
  return fillText(CONSOLE_TEXTS[getLanguage()][name], values);
}
