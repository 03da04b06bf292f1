import { findElements, findTarget, getElement } from "../../../functions/dashboard/page/script/dom.js";

/** Media type of a dragged card's data. */
const DRAG_TYPE = "text/x-groundcrew";

/** @param {HTMLElement} [column] */
function markDropTarget(column) {
  for (const marked of findElements(document, ".column.over")) if (marked !== column) marked.classList.remove("over");
  column?.classList.add("over");
}

/**
 * Lets people drag a card to another column of the board.
 * @param {(item: string, column: string | undefined) => void} move
 */
export function enableDragging(move) {
  const columns = getElement("columns");
  columns.addEventListener("dragstart", (event) => {
    const id = findTarget(event, ".card")?.dataset["key"];
    if (id) event.dataTransfer?.setData(DRAG_TYPE, id);
  });
  columns.addEventListener("dragover", (event) => {
    const column = findTarget(event, ".column");
    markDropTarget(column);
    if (column) event.preventDefault();
  });
  columns.addEventListener("dragend", () => markDropTarget());
  columns.addEventListener("dragleave", () => markDropTarget());
  columns.addEventListener("drop", (event) => {
    const column = findTarget(event, ".column");
    const item = event.dataTransfer?.getData(DRAG_TYPE);
    markDropTarget();
    if (!column || !item) return;
    event.preventDefault();
    move(item, column.dataset["column"]);
  });
}
