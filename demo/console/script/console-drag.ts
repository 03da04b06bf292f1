/** Media type of a dragged card's data. */
const DRAG_TYPE = "text/x-groundcrew";

function findAround({ target }: Event, selector: string): HTMLElement | undefined {
  const found = target instanceof Element ? target.closest(selector) : undefined;
  return found instanceof HTMLElement ? found : undefined;
}

function markDropTarget(column?: HTMLElement): void {
  for (const marked of document.querySelectorAll(".column.over"))
    if (marked !== column) marked.classList.remove("over");
  column?.classList.add("over");
}

/** Lets people drag a card to another column of the board. Returns what ends it. */
export function enableDragging(move: (item: string, column: string) => void): () => void {
  const ending = new AbortController();
  const on = <Name extends keyof DocumentEventMap>(name: Name, handle: (event: DocumentEventMap[Name]) => void) =>
    document.addEventListener(name, handle, { signal: ending.signal });
  // A card becomes draggable when it is touched, because the board draws its cards without knowing of the demo.
  on("pointerdown", (event) => findAround(event, "#columns .card")?.setAttribute("draggable", "true"));
  on("dragstart", (event) => {
    const id = findAround(event, "#columns .card")?.dataset["key"];
    if (id) event.dataTransfer?.setData(DRAG_TYPE, id);
  });
  on("dragover", (event) => {
    const column = findAround(event, "#columns .column");
    markDropTarget(column);
    if (column) event.preventDefault();
  });
  on("dragend", () => markDropTarget());
  on("drop", (event) => {
    const column = findAround(event, "#columns .column")?.dataset["column"];
    const item = event.dataTransfer?.getData(DRAG_TYPE);
    markDropTarget();
    if (column === undefined || !item) return;
    event.preventDefault();
    move(item, column);
  });
  return () => ending.abort();
}
