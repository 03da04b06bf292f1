import { findElement, findElements, findTarget } from "./dom.js";

/** Makes Tab stop at one task of a list only; arrow keys reach the others. @param {HTMLElement} root @param {HTMLElement} [wanted] */
export function setNodeTabStop(root, wanted) {
  const buttons = findElements(root, ".node > button");
  const focused = buttons.find((button) => button === document.activeElement);
  const stop = wanted ?? focused ?? buttons.find((button) => button.tabIndex === 0) ?? buttons[0];
  for (const button of buttons) button.tabIndex = button === stop ? 0 : -1;
}

/** Moves the focus: up and down in a step, right and left to the nearest task that waits for this one or it waits for. @param {KeyboardEvent} event */
export function moveInGraph(event) {
  const node = findTarget(event, ".node");
  if (!node || !(event.currentTarget instanceof HTMLElement)) return;
  const nodes = findElements(event.currentTarget, ".node");
  const layer = Number(node.dataset["layer"]);
  const top = node.offsetTop;
  /** @param {HTMLElement[]} list */
  const findNearest = (list) => list.toSorted((a, b) => Math.abs(a.offsetTop - top) - Math.abs(b.offsetTop - top))[0];
  /** Linked tasks first; without one, the nearest of the next step. @param {"before" | "after"} side @param {number} step */
  const findBeside = (side, step) => {
    const linked = (node.dataset[side] ?? "").split(" ");
    return (
      findNearest(nodes.filter((one) => linked.includes(one.dataset["key"] ?? ""))) ??
      findNearest(nodes.filter((one) => Number(one.dataset["layer"]) === layer + step))
    );
  };
  /** @type {Record<string, () => HTMLElement | undefined>} */
  const targets = {
    ArrowUp: () => nodes.filter((one) => one.dataset["layer"] === node.dataset["layer"] && one.offsetTop < top).at(-1),
    ArrowDown: () => nodes.find((one) => one.dataset["layer"] === node.dataset["layer"] && one.offsetTop > top),
    ArrowRight: () => findBeside("after", 1),
    ArrowLeft: () => findBeside("before", -1),
    Home: () => nodes[0],
    End: () => nodes.at(-1),
  };
  focusNode(event, event.currentTarget, targets[event.key]);
}

/** @param {KeyboardEvent} event @param {HTMLElement} root @param {(() => HTMLElement | undefined) | undefined} find */
function focusNode(event, root, find) {
  if (!find) return;
  event.preventDefault();
  const target = find();
  if (!target) return;
  const button = findElement(target, "button");
  setNodeTabStop(root, button);
  button.focus();
  button.scrollIntoView({ block: "nearest", inline: "nearest" });
}

/** Moves the focus in the list of tasks without dependencies. @param {KeyboardEvent} event */
export function moveInList(event) {
  const node = findTarget(event, ".node");
  if (!node || !(event.currentTarget instanceof HTMLElement)) return;
  const nodes = findElements(event.currentTarget, ".node");
  const index = nodes.indexOf(node);
  const steps = {
    ArrowUp: index - 1,
    ArrowLeft: index - 1,
    ArrowRight: index + 1,
    ArrowDown: index + 1,
    Home: 0,
    End: -1,
  };
  if (!(event.key in steps)) return;
  const wanted = steps[/** @type {keyof typeof steps} */ (event.key)];
  focusNode(event, event.currentTarget, () => (event.key === "End" ? nodes.at(-1) : nodes[wanted]));
}
