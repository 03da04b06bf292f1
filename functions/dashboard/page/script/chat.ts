/** The chat as the people in it see it: entities become elements, text stays text. */
export const CHAT_SCRIPT = `
function drawMessages(messages) {
  const root = at("messages");
  root.setAttribute("aria-busy", "false");
  hushed(root);
  const all = [...messages].sort((a, b) => a.at - b.at);
  if (all.length === 0) {
    root.replaceChildren(h("p", { class: "empty" }, t("empty.chat")));
    return;
  }
  if (!root.querySelector("ol")) root.replaceChildren(h("ol", {}));
  const scroller = chatScroller();
  const below = scroller.scrollHeight - scroller.scrollTop - scroller.clientHeight < 80;
  list(root.querySelector("ol"), all, (message) => message.id, drawMessage);
  drawReply();
  if (below && root.checkVisibility()) showLatest();
}

/** The chat itself, or on a narrow screen the page. */
function chatScroller() {
  return at("views").checkVisibility() ? document.scrollingElement : at("messages");
}

function showLatest() {
  const scroller = chatScroller();
  scroller.scrollTop = scroller.scrollHeight;
}

/** Whoever listens hears what comes, not all that was there before, and not all of it again in another language. */
function hushed(root) {
  if (root.dataset.lang === lang) return;
  root.dataset.lang = lang;
  root.setAttribute("aria-live", "off");
  setTimeout(() => root.setAttribute("aria-live", "polite"), 1_000);
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
      message.edits > 0 && h("span", {}, t("chat.edited", { at: when(message.editedAt) })),
      message.reply && h("button", { type: "button", class: "reply", onclick: () => replyWith(message) }, t("chat.reply"))));
}

const send = (path, body) => ask(path, { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify({ ...body, language: lang }) });

/** The message that what is written next answers, as a reply does in Telegram. */
let replyTo;

function replyWith(message) {
  replyTo = message;
  drawReply();
  at("say-text").focus();
}

function drawReply() {
  at("say-to").hidden = !replyTo;
  list(at("say-to"), replyTo ? [replyTo] : [], ({ id }) => id, ({ text }) =>
    h("button", { type: "button", class: "chip", title: t("chat.reply.not"), onclick: () => replyWith(undefined) }, t("chat.replies", { text: text.split("\\n", 1)[0].slice(0, 60).toWellFormed() }), h("span", { "aria-hidden": "true" }, " ✕")));
}

/** Says to Groundcrew what is written under the chat; the answer comes as a message. */
async function sayIt(event) {
  event.preventDefault();
  const text = at("say-text").value.trim();
  if (!text) return;
  const button = at("say").querySelector(":scope > button");
  button.disabled = true;
  at("say-problem").textContent = "";
  try {
    await send("/api/chat", { text, message: replyTo?.id });
    at("say-text").value = "";
    replyWith(undefined);
    showLatest();
  } catch (thrown) {
    at("say-problem").textContent = thrown.code === "conflict" ? t("chat.gone") : thrown.message;
  }
  button.disabled = false;
  at("say-text").focus();
}

async function press(button, message, data) {
  // What is disabled loses the focus.
  if (button.getAttribute("aria-disabled") === "true") return;
  button.setAttribute("aria-disabled", "true");
  at("say-problem").textContent = "";
  try {
    await send("/api/chat/press", { message, data });
  } catch (thrown) {
    at("say-problem").textContent = thrown.code === "conflict" ? t("chat.gone") : thrown.message;
    refresh();
  }
  setTimeout(() => button.setAttribute("aria-disabled", "false"), 2_000);
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
  if (!el) return focusOn(at("chat"));
  focusOn(reachable(el));
  el.scrollIntoView({ block: "nearest" });
  el.classList.remove("found");
  requestAnimationFrame(() => requestAnimationFrame(() => el.classList.add("found")));
}
`;
