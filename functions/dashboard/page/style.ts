import { FRAME } from "./style/frame.ts";
import { PARTS } from "./style/parts.ts";

/** The page's style sheet. */
export const STYLE = FRAME + PARTS;
