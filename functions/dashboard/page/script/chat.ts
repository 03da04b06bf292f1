/** The chat as the people in it see it: entities become elements, text stays text. */
export const CHAT = `
function drawMessages(messages) {
  const root = at("messages");
  root.setAttribute("aria-busy", "false");
  const all = [...messages].sort((a, b) => a.at - b.at);
  if (all.length === 0) {
    root.replaceChildren(h("p", { class: "empty" }, t("empty.chat")));
    return;
  }
  if (!root.querySelector("ol")) root.replaceChildren(h("ol", {}));
  const below = root.scrollHeight - root.scrollTop - root.clientHeight < 80;
  list(root.querySelector("ol"), all, (message) => message.id, drawMessage);
  if (below) root.scrollTop = root.scrollHeight;
}

function drawMessage(message) {
  return h("li", { class: "message" },
    h("div", { class: "text", dir: "auto" }, rich(message.text, message.entities ?? [])),
    h("div", { class: "meta" },
      h("span", {}, t("chat.of", { chat: message.chat })),
      h("time", { datetime: new Date(message.at).toISOString() }, when(message.at)),
      message.notices > 1 && h("span", {}, t("chat.notices", { n: message.notices })),
      message.edits > 0 && h("span", {}, t("chat.edited", { at: when(message.editedAt) }))));
}

/** A text cut at every border of an entity, each piece in the elements that hold there. */
function rich(text, entities) {
  const borders = [...new Set([0, text.length, ...entities.flatMap(({ offset, length }) => [offset, offset + length])])].filter((one) => one >= 0 && one <= text.length).sort((a, b) => a - b);
  return borders.slice(1).map((end, i) => {
    const start = borders[i];
    const here = entities.filter(({ offset, length }) => offset <= start && offset + length >= end);
    return here.reduce((inner, entity) => wrapped(inner, entity), document.createTextNode(text.slice(start, end)));
  });
}

function wrapped(inner, entity) {
  if (entity.type === "bold") return h("strong", {}, inner);
  if (entity.type === "code") return h("code", {}, inner);
  if (entity.type === "text_link") return away(entity.url, {}, inner) ?? inner;
  return inner;
}

function showMessage(id) {
  view("chat");
  const el = [...document.querySelectorAll(".message")].find((one) => one.dataset.key === id);
  if (!el) return;
  el.scrollIntoView({ block: "nearest" });
  el.classList.remove("found");
  requestAnimationFrame(() => requestAnimationFrame(() => el.classList.add("found")));
}
`;
