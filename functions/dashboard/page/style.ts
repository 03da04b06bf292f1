import { FRAME_STYLE } from "./style/frame.ts";
import { PARTS_STYLE } from "./style/parts.ts";

/** The page's style sheet. */
export const PAGE_STYLE = FRAME_STYLE + PARTS_STYLE;
