import { fillText, getLanguage } from "../../../functions/dashboard/page/script/language.js";
import { TEXTS } from "./console-texts.js";

/** @import { TextValues } from "../../../functions/dashboard/page/script/page-types.ts" */

/** @param {keyof typeof TEXTS["en"]} name @param {TextValues} [values] */
export function translate(name, values) {
  return fillText(TEXTS[getLanguage()][name], values);
}
