/** The board: a column per state, a card per task. Arrows go from card to card; Enter shows a card's trail. */
export const BOARD_SCRIPT = `
const PRIORITY_MARKS = { urgent: "!!", high: "!", medium: "", low: "", none: "" };
let cards = new Map();

function drawBoard(board) {
  const root = at("columns");
  const focusedCard = document.activeElement?.closest?.(".card")?.dataset.key;
  cards = new Map(board.columns.flatMap((column) => column.cards.map((card) => [card.id, card])));
  root.setAttribute("aria-busy", "false");
  if (board.projects.length === 0) {
    root.replaceChildren(h("p", { class: "empty" }, t("empty.board")));
    return;
  }
  if (!root.querySelector(".column")) root.replaceChildren(...board.columns.map(({ name }) => columnFrame(name)));
  for (const column of board.columns) {
    const frame = root.querySelector('[data-column="' + column.name + '"]');
    frame.querySelector("h3 span").textContent = t("column." + column.name);
    frame.querySelector("h3 b").textContent = column.total;
    // Plane moves a task's time without anything that is shown: that is no news.
    const rows = column.cards.length > 0 ? column.cards.map((card) => ({ ...card, at: undefined })) : [{ id: "none" }];
    list(frame.querySelector("ul"), rows, (card) => card.id, (card) => (card.id === "none" ? nothing() : drawCard(card)));
  }
  root.querySelector(".beyond")?.remove();
  if (board.beyond > 0) root.append(h("p", { class: "beyond" }, t("beyond", { n: board.beyond })));
  const all = [...root.querySelectorAll(".card > button")];
  const stop = all.find((one) => one.closest(".card").dataset.key === focusedCard) ?? all[0];
  stopAt(stop);
  if (focusedCard && document.activeElement === document.body) stop?.focus({ preventScroll: true });
  markChosen();
}

function columnFrame(name) {
  return h("div", { class: "column", "data-column": name }, h("h3", { id: "column-" + name }, h("i", {}), h("span", {}), h("b", {})), h("ul", { "aria-labelledby": "column-" + name }));
}

function nothing() {
  return h("li", { class: "none" }, t("empty.column"));
}

function drawCard(card) {
  const done = card.column === "done";
  const late = !done && card.due && card.due < today();
  const who = card.agent ?? card.assignees.join(", ");
  const blockers = card.blockers.map(({ key }) => key).join(", ");
  const shown = h("button", { type: "button", onclick: () => choose({ id: card.id, key: card.key }), title: t("card.trail", { key: card.key }) },
    h("span", { class: "line" },
      h("span", { class: "key" }, card.key),
      card.priority !== "none" && h("span", { class: "priority", "data-is": card.priority }, PRIORITY_MARKS[card.priority], " ", t("priority." + card.priority)),
      card.word === "cancelled" && h("span", { class: "due" }, t("word.cancelled")),
      done && who && h("span", { class: "who", "data-agent": card.agent ? "yes" : "no" }, who.slice(0, 80)),
      !done && card.due && h("span", { class: "due", "data-late": late ? "yes" : "no" }, t(late ? "card.overdue" : "card.due", { day: day(card.due) }))),
    written("span", card.title, 200),
    !done && (who || blockers || card.held || card.review) && h("span", { class: "line" },
      who && h("span", { class: "who", "data-agent": card.agent ? "yes" : "no", title: card.agent ? t("card.agent", { who }) : undefined }, who.slice(0, 80)),
      card.held && h("span", { class: "held", title: t("card.held.title", { since: when(card.held.since) }) }, t("card.held", { who: card.held.by, until: clock(card.held.until) })),
      card.review && h("span", { class: "waits" }, t("card.review")),
      blockers && h("span", { class: "waits" }, t("card.blockers", { keys: blockers }))));
  const out = away(card.url, { class: "out", "aria-label": t("card.open", { key: card.key }), title: t("card.open", { key: card.key }) }, "↗");
  return h("li", { class: "card", "data-state": card.column }, shown, out);
}

function markChosen() {
  for (const el of document.querySelectorAll(".card")) {
    const is = el.dataset.key === chosen?.id;
    el.classList.toggle("chosen", is);
    el.querySelector("button")?.setAttribute("aria-pressed", String(is));
  }
}

/** Tab leads to one card and to its link, arrows to the others. */
function stopAt(stop) {
  for (const el of at("columns").querySelectorAll(".card > *")) el.tabIndex = el.parentElement === stop?.parentElement ? 0 : -1;
}

/** Arrows: up and down in a column, left and right to the next one that has a card. */
at("columns").addEventListener("keydown", (event) => {
  const card = event.target.closest(".card");
  const step = { ArrowUp: [0, -1], ArrowDown: [0, 1], ArrowLeft: [-1, 0], ArrowRight: [1, 0] }[event.key];
  if (!card || !step) return;
  event.preventDefault();
  const columns = [...at("columns").querySelectorAll(".column")].map((one) => [...one.querySelectorAll(".card")]);
  let x = columns.findIndex((one) => one.includes(card));
  let y = columns[x].indexOf(card) + step[1];
  do x += step[0];
  while (step[0] && columns[x] && columns[x].length === 0);
  if (!columns[x]) return;
  y = Math.max(0, Math.min(y, columns[x].length - 1));
  const next = columns[x][y].querySelector("button");
  stopAt(next);
  next.focus();
  next.scrollIntoView({ block: "nearest", inline: "nearest" });
});
`;
