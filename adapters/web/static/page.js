// Puts the page together: the conversation in sight, those beside it, and what is pressed.

import { Book, News, titleOf, unread } from "./book.js";
import { Chat } from "./chat.js";
import { Composer } from "./composer.js";
import { $, ready, sized } from "./dom.js";
import { embedded, listen, tell } from "./embed.js";
import { Scroller } from "./scroll.js";
import { Search } from "./search.js";
import { Sidebar } from "./sidebar.js";
import { newId, request } from "./wire.js";

const { agent, title, fileBytes } = document.body.dataset;

class Page {
  constructor() {
    this.agent = agent;
    this.limit = Number(fileBytes) || 0;
    this.chats = new Map();
    this.ready = ready;
    this.book = new Book(agent, () => this.look());
    this.scroller = new Scroller($("scroller"), $("scroller").firstElementChild, $("latest"));
    this.composer = new Composer(this);
    this.sidebar = new Sidebar(this.book, this);
    this.search = new Search(this.book, (key, number) => this.reveal(key, number));
    this.news = new News(this.book, (key) => Boolean(this.chats.get(key)?.feed));
  }

  // The conversation, which lives from the moment it is first shown until the page is left.
  at(key) {
    let chat = this.chats.get(key);
    if (!chat) {
      chat = new Chat(key, this.book, this);
      this.chats.set(key, chat);
      chat.start();
    }
    return chat;
  }

  open(key) {
    const left = this.chat;
    this.chat = null;
    const chat = this.at(key);
    this.chat = chat;
    this.book.show(key);
    $("place").replaceChildren(chat.element);
    this.composer.show(chat);
    left?.rest();
    chat.rest();
    chat.changed();
    this.stick(chat);
    if (this.sidebar.opened) this.sidebar.drawer(false);
    ready();
  }

  fresh() {
    this.open(this.chat.empty && !this.chat.ended ? this.chat.key : newId());
  }

  async reveal(key, number) {
    if (key !== this.chat.key) this.open(key);
    const item = await this.at(key).past.find(number);
    if (!item || this.chat.key !== key) return;
    for (const other of document.querySelectorAll(".found")) other.classList.remove("found");
    item.classList.add("found");
    item.tabIndex = -1;
    item.focus({ preventScroll: true });
    this.scroller.to(item);
  }

  // Somebody else is signed in, or nobody any more: what was in sight is put away.
  async identify(token) {
    const { account } = this.book;
    if (account && token && account.is(token)) {
      account.token = token;
      return this.news.ask();
    }
    if (!account && !token) return;
    for (const chat of this.chats.values()) chat.close();
    this.chats.clear();
    this.search.clear();
    this.sidebar.editing = "";
    $("confirm").close();
    $("announcer").textContent = "";
    const book = new Book(agent, () => this.look(), token);
    for (const part of [this, this.sidebar, this.search, this.news]) part.book = book;
    this.open(newId());
    const failed = await book.fill().catch((error) => error);
    if (this.book !== book) return;
    if (failed) this.chat.say(failed.message);
    const idle = this.chat.empty && !this.chat.busy && !$("text").value;
    if (idle) this.open(book.current());
  }

  submit() {
    const taken = this.composer.take();
    if (!taken) return;
    if (taken.text.toLowerCase() === "/stop") return this.chat.stop();
    if (this.chat.ended) this.open(newId());
    this.chat.send(taken.text, taken.files.length ? { files: taken.files } : {});
    this.composer.look();
  }

  stop() {
    this.chat.stop();
    ready();
  }

  async rename(key, name) {
    try {
      await this.at(key).rename(name);
    } catch {
      this.chat.say("The name could not be kept: the server cannot be reached right now.");
    }
  }

  remove(key) {
    const record = this.book.get(key);
    $("doomed").textContent = titleOf(record);
    this.doomed = record;
    $("confirm").showModal();
  }

  async removed() {
    const { key, session, ended } = this.doomed;
    $("confirm").close();
    try {
      let { token } = this.doomed;
      if (!token && session && !ended) ({ token } = await this.book.enter(this.doomed));
      if (token) await request("DELETE", "/api/session", { token });
    } catch (error) {
      const gone = [401, 404].includes(error.status);
      if (!gone) return this.chat.say("It could not be deleted right now.");
    }
    this.drop(key);
  }

  drop(key) {
    this.chats.get(key)?.close();
    this.chats.delete(key);
    this.book.remove(key);
    if (this.chat.key === key) this.open(this.book.current());
  }

  // Another window changed the book.
  bookChanged() {
    for (const chat of [...this.chats.values()]) {
      if (this.book.get(chat.key)) chat.tokenChanged();
      else if (chat.token) this.drop(chat.key);
    }
    this.look();
  }

  // What the conversations ask of the page

  shown(chat) {
    return chat === this.chat && !document.hidden;
  }

  stick(chat) {
    if (chat === this.chat) this.scroller.toEnd(false);
  }

  above(change) {
    this.scroller.above(change);
  }

  giveBack(chat, texts) {
    const draft = [...texts, chat.memory.get("draft")].filter(Boolean).join("\n");
    chat.memory.set("draft", draft);
    if (chat === this.chat) this.composer.show(chat);
  }

  announce(chat, message) {
    if (chat !== this.chat) return;
    const files = (message.attachments ?? []).map((file) => file.name);
    const asked = message.question?.options.join(", ") ?? "";
    $("announcer").textContent = [message.sender, message.text, ...files, asked]
      .filter(Boolean).join(". ");
  }

  changed(chat) {
    if (chat === this.chat) this.look();
  }

  // Looks, once for all that changes at the same time.
  look() {
    if (this.looking) return;
    this.looking = true;
    queueMicrotask(() => {
      this.looking = false;
      if (this.chat) this.draw();
    });
  }

  draw() {
    const { chat } = this;
    const record = chat.record;
    $("title").textContent = titleOf(record);
    $("welcome").hidden = !chat.empty;
    $("alert").textContent = chat.alert;
    $("alert").hidden = !chat.alert;
    const offline = !navigator.onLine && "You are offline. What you write is sent when you are back.";
    $("status").textContent = offline || chat.trouble;
    this.composer.look();
    const shelf = JSON.stringify([chat.key, this.book.all()]);
    if (shelf !== this.shelf) this.sidebar.show(chat.key);
    this.shelf = shelf;
    const news = this.book.all().some((one) => one.key !== chat.key && unread(one));
    document.title = `${news ? "• " : ""}${title}`;
    $("menu").classList.toggle("news", news);
  }
}

function prepare() {
  const name = agent.replace(/[-_]+/g, " ");
  $("agent").textContent = name;
  const initial = [...(title || name)][0]?.toUpperCase() ?? "";
  document.documentElement.style.setProperty("--initial", JSON.stringify(initial));
  const limit = page.limit ? `, at most ${sized(page.limit)} each` : "";
  $("attach").title = `Attach files${limit}`;
  $("drop-limit").textContent = limit.slice(2);
  if (/mac|iphone|ipad/i.test(navigator.platform)) $("find").querySelector("kbd").textContent = "⌘ K";
  const chosen = document.documentElement.dataset.theme;
  for (const radio of document.querySelectorAll("[name=theme]")) {
    radio.checked = radio.value === chosen;
    radio.addEventListener("change", () => paint(radio.value));
  }
}

function paint(theme) {
  document.documentElement.dataset.theme = theme;
  try {
    localStorage.setItem("chat/theme", theme);
  } catch {
    // Forbidden: until the page is left.
  }
}

function pressed(event) {
  if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "k") {
    event.preventDefault();
    page.search.show();
  } else if (event.key === "Escape" && !document.querySelector("dialog[open]")) {
    if (page.sidebar.opened) page.sidebar.drawer(false);
    else if (page.chat.answering) page.stop();
    else tell("close");
  }
}

const page = new Page();
prepare();
page.open(page.book.current());
page.news.ask();
listen({ identify: (token) => page.identify(token), shown: ready });

$("leave").hidden = !embedded;
$("leave").addEventListener("click", () => tell("close"));
$("new").addEventListener("click", () => page.fresh());
$("again").addEventListener("click", () => page.fresh());
$("find").addEventListener("click", () => page.search.show());
$("keep").addEventListener("click", () => $("confirm").close());
$("delete").addEventListener("click", () => page.removed());
$("confirm").addEventListener("click", (event) => {
  if (event.target === $("confirm")) $("confirm").close();
});
for (const button of document.querySelectorAll(".prompts button")) {
  button.addEventListener("click", () => {
    page.chat.send(button.textContent);
    ready();
  });
}
addEventListener("keydown", pressed);
addEventListener("storage", ({ key }) => {
  if (key === `${page.book.prefix}book`) page.bookChanged();
});
addEventListener("online", () => {
  for (const chat of page.chats.values()) chat.patience.end();
  page.look();
});
addEventListener("offline", () => page.look());
document.addEventListener("visibilitychange", () => {
  for (const chat of page.chats.values()) chat.rest();
  page.chat.changed();
  page.news.ask();
});
// Where a keyboard on the screen covers the page instead of shrinking it.
visualViewport?.addEventListener("resize", () => {
  const covered = visualViewport.scale === 1 && innerHeight - visualViewport.height > 80;
  document.body.style.height = covered ? `${visualViewport.height}px` : "";
});
