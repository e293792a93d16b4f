// Where the visitor writes, and drops files.

import { $ } from "./dom.js";

export class Composer {
  // `shell` has `chat` (the one in sight), submit() and stop().
  constructor(shell) {
    this.shell = shell;
    this.text = $("text");
    $("composer").addEventListener("submit", (event) => {
      event.preventDefault();
      shell.submit();
    });
    this.text.addEventListener("input", () => this.changed());
    this.text.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
      event.preventDefault();
      shell.submit();
    });
    $("stop").addEventListener("click", () => shell.stop());
    this.files();
    // Until now nobody would have heard.
    this.text.disabled = false;
  }

  files() {
    $("attach").addEventListener("click", () => $("files").click());
    $("files").addEventListener("change", () => {
      this.add($("files").files);
      $("files").value = "";
    });
    this.text.addEventListener("paste", (event) => {
      const { files } = event.clipboardData;
      if (!files.length) return;
      event.preventDefault();
      this.add(files);
    });
    this.drops();
  }

  drops() {
    const bears = (event) => event.dataTransfer?.types.includes("Files");
    const over = (on) => document.body.classList.toggle("dropping", on);
    addEventListener("dragover", (event) => {
      if (!bears(event)) return;
      event.preventDefault();
      over(true);
    });
    addEventListener("dragleave", (event) => !event.relatedTarget && over(false));
    addEventListener("drop", (event) => {
      over(false);
      if (!bears(event)) return;
      event.preventDefault();
      this.add(event.dataTransfer.files);
    });
  }

  add(files) {
    this.shell.chat.tray.add(files);
    if (matchMedia("(hover: hover)").matches) this.text.focus();
  }

  // What is written belongs to its conversation, and is there again when that is.
  changed() {
    this.shell.chat.memory.set("draft", this.text.value || null);
    this.fit();
    this.shell.look();
  }

  fit() {
    this.text.style.height = "auto";
    this.text.style.height = `${this.text.scrollHeight}px`;
  }

  show(chat) {
    this.text.value = chat.memory.get("draft") ?? "";
    $("tray").replaceChildren(chat.tray.element);
    this.fit();
  }

  // What was written, once it may be sent; null while it may not.
  take() {
    const text = this.text.value.trim();
    const { tray } = this.shell.chat;
    if (tray.busy || (!text && !tray.ready.length)) return null;
    this.text.value = "";
    this.changed();
    return { text, files: tray.take() };
  }

  // Which buttons there are: stopping takes the place of sending when there is nothing to send.
  look() {
    const { chat } = this.shell;
    const something = Boolean(this.text.value.trim()) || chat.tray.ready.length > 0;
    $("send").disabled = !something || chat.tray.busy;
    $("send").hidden = chat.answering && !something;
    $("stop").hidden = !chat.answering;
    $("stop").disabled = Boolean(chat.stopping);
  }
}
