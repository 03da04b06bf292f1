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
  return h("li", { class: message.by ? "message mine" : "message" },
    h("div", { class: "text", dir: "auto" }, rich(message.text, message.entities ?? [])),
    (message.buttons ?? []).map((row) => h("div", { class: "row" }, row.map(({ text, data }) =>
      h("button", { type: "button", class: "go", onclick: (event) => press(event.currentTarget, message.id, data) }, text)))),
    h("div", { class: "meta" },
      message.by ? written("span", message.by, 60) : h("span", {}, t("chat.of", { chat: message.chat })),
      h("time", { datetime: new Date(message.at).toISOString() }, when(message.at)),
      message.notices > 1 && h("span", {}, t("chat.notices", { n: message.notices })),
      message.edits > 0 && h("span", {}, t("chat.edited", { at: when(message.editedAt) }))));
}

const send = (path, body) => ask(path, { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify({ ...body, language: lang }) });

/** Says to Groundcrew what is written under the chat; the answer comes as a message. */
async function sayIt(event) {
  event.preventDefault();
  const text = at("say-text").value.trim();
  if (!text) return;
  const button = at("say").querySelector("button");
  button.disabled = true;
  at("say-problem").textContent = "";
  try {
    await send("/api/chat", { text });
    at("say-text").value = "";
    at("messages").scrollTop = at("messages").scrollHeight;
  } catch (thrown) {
    at("say-problem").textContent = thrown.message;
  }
  button.disabled = false;
  at("say-text").focus();
}

async function press(button, message, data) {
  button.disabled = true;
  at("say-problem").textContent = "";
  try {
    await send("/api/chat/press", { message, data });
  } catch (thrown) {
    at("say-problem").textContent = thrown.message;
    refresh();
  }
  setTimeout(() => { button.disabled = false; }, 2_000);
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
