// Puts the page together: what is typed and pressed, and the chat it goes to.

import { Chat } from "./chat.js";
import { $, ready } from "./view.js";

const { agent, title } = document.body.dataset;
const chat = new Chat(agent, giveBack);

function resized() {
  const text = $("text");
  text.style.height = "auto";
  text.style.height = `${text.scrollHeight}px`;
  $("send").disabled = !text.value.trim();
  chat.memory.set("draft", text.value || null);
}

// Texts that could not be sent, to be sent again.
function giveBack(texts) {
  $("text").value = [...texts, $("text").value].filter(Boolean).join("\n");
  resized();
}

function submit() {
  const text = $("text").value.trim();
  if (!text) return;
  $("text").value = "";
  resized();
  if (text.toLowerCase() === "/stop") chat.stop();
  else chat.send(text);
}

function prepare() {
  const name = agent.replace(/[-_]+/g, " ");
  $("agent").textContent = name;
  const initial = [...(title || name)][0]?.toUpperCase() ?? "";
  document.documentElement.style.setProperty("--initial", JSON.stringify(initial));
  $("text").value = chat.memory.get("draft") ?? "";
  resized();
  ready();
}

$("composer").addEventListener("submit", (event) => {
  event.preventDefault();
  submit();
});
$("text").addEventListener("input", resized);
$("text").addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
  event.preventDefault();
  submit();
});
$("stop").addEventListener("click", () => {
  chat.stop();
  ready();
});
$("earlier").addEventListener("click", () => chat.earlier());
$("reset").addEventListener("click", () => $("confirm").showModal());
$("keep").addEventListener("click", () => $("confirm").close());
$("restart").addEventListener("click", () => {
  $("confirm").close();
  chat.reset();
});
$("confirm").addEventListener("click", (event) => {
  if (event.target === $("confirm")) $("confirm").close();
});
for (const button of document.querySelectorAll(".prompts button")) {
  button.addEventListener("click", () => {
    chat.send(button.textContent);
    ready();
  });
}
addEventListener("storage", ({ key }) => {
  if (key === `${chat.memory.prefix}token`) chat.tokenChanged();
});
addEventListener("online", () => chat.patience.end());
document.addEventListener("visibilitychange", () => chat.rest());

prepare();
chat.start();
