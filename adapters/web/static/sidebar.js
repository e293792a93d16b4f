// The conversations beside this one: a list on a wide screen, a drawer on a narrow one.

import { titleOf, unread } from "./book.js";
import { $, iconButton, make, moment, roam } from "./dom.js";

const narrow = matchMedia("(max-width: 52rem)");

export class Sidebar {
  // `shell` does what is pressed: open(key), rename(key, name), remove(key).
  constructor(book, shell) {
    Object.assign(this, { book, shell });
    this.list = $("list");
    this.editing = "";
    this.list.addEventListener("keydown", (event) => {
      if (!this.editing) roam(event, () => this.list.querySelectorAll(".entry"));
    });
    $("menu").addEventListener("click", () => this.drawer(true));
    $("veil").addEventListener("click", () => this.drawer(false));
    $("side-close").addEventListener("click", () => this.drawer(false));
    narrow.addEventListener("change", () => this.drawer(false));
    this.drawer(false);
  }

  get opened() {
    return document.body.classList.contains("drawn");
  }

  // Behind an open drawer nothing can be reached, nor in a closed one.
  drawer(open) {
    const was = this.opened;
    document.body.classList.toggle("drawn", open);
    $("side").inert = narrow.matches && !open;
    $("room").inert = open;
    $("menu").setAttribute("aria-expanded", String(open));
    if (open) (this.list.querySelector("[aria-current]") ?? $("new")).focus();
    else if (was) $("menu").focus();
  }

  show(current) {
    this.current = current;
    if (this.editing) return;
    const focused = document.activeElement?.closest?.("#list li")?.dataset.key;
    const records = this.book.all();
    this.list.replaceChildren(...records.map((record) => this.row(record, record.key === current)));
    $("none").hidden = records.length > 0;
    if (focused) this.list.querySelector(`[data-key="${focused}"] .entry`)?.focus();
  }

  row(record, current) {
    const { key } = record;
    const title = titleOf(record);
    const entry = make("button", "entry", make("bdi", "title", title));
    entry.type = "button";
    entry.append(make("span", "when", record.ended ? "ended" : moment(record.last, false)));
    entry.addEventListener("click", () => this.shell.open(key));
    if (current) entry.setAttribute("aria-current", "true");
    else if (unread(record)) entry.append(make("span", "unread", make("span", "hidden", "unread")));
    const item = make("li", record.ended ? "ended" : "", entry);
    item.dataset.key = key;
    const tools = make("div", "tools");
    if (!record.ended) tools.append(iconButton("pen", `Rename ${title}`, () => this.edit(item, record)));
    tools.append(iconButton("bin", `Delete ${title}`, () => this.shell.remove(key)));
    item.append(tools);
    return item;
  }

  edit(item, record) {
    this.editing = record.key;
    const field = make("input", "rename");
    field.value = titleOf(record);
    field.maxLength = 200;
    field.dir = "auto";
    field.setAttribute("aria-label", "Name of the conversation");
    const end = (keep) => this.edited(record, keep ? field.value.trim() : "");
    field.addEventListener("keydown", (event) => {
      event.stopPropagation();
      if (event.key === "Enter" && !event.isComposing) end(true);
      else if (event.key === "Escape") end(false);
    });
    field.addEventListener("blur", () => end(true));
    item.replaceChildren(field);
    field.select();
  }

  edited(record, name) {
    if (this.editing !== record.key) return;
    this.editing = "";
    if (name && name !== titleOf(record)) this.shell.rename(record.key, name);
    this.show(this.current);
    this.list.querySelector(`[data-key="${record.key}"] .entry`)?.focus();
  }
}
