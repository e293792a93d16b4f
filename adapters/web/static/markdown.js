// An agent's Markdown as elements, while it is being written.
//
// Two fences, each enough by itself: the elements are made one by one from a list of tags, their
// text as text nodes and their addresses checked; and every finished block goes through DOMPurify.

import { icon, link, linked, make, trimmed } from "./dom.js";
import * as smd from "./vendor/smd.min.js";

const DEEPEST = 32; // elements in each other; a browser's layout recurses
const TAGS = {
  [smd.PARAGRAPH]: "p",
  [smd.LINE_BREAK]: "br",
  [smd.RULE]: "hr",
  [smd.BLOCKQUOTE]: "blockquote",
  // The page's own headings are h1 and h2.
  [smd.HEADING_1]: "h3",
  [smd.HEADING_2]: "h4",
  [smd.HEADING_3]: "h5",
  [smd.HEADING_4]: "h6",
  [smd.HEADING_5]: "h6",
  [smd.HEADING_6]: "h6",
  [smd.ITALIC_AST]: "em",
  [smd.ITALIC_UND]: "em",
  [smd.STRONG_AST]: "strong",
  [smd.STRONG_UND]: "strong",
  [smd.STRIKE]: "s",
  [smd.CODE_INLINE]: "code",
  [smd.LINK]: "a",
  [smd.RAW_URL]: "a",
  [smd.IMAGE]: "a",
  [smd.LIST_UNORDERED]: "ul",
  [smd.LIST_ORDERED]: "ol",
  [smd.LIST_ITEM]: "li",
  [smd.EQUATION_BLOCK]: "p",
  [smd.EQUATION_INLINE]: "span",
};
const DIRECTED = new Set(["p", "li", "ul", "ol", "blockquote", "h3", "h4", "h5", "h6"]);
const ALLOWED = {
  ALLOWED_TAGS: [
    ...new Set(Object.values(TAGS)), "#text", "div", "pre", "input", "table", "thead", "tbody",
    "tr", "th", "td",
  ],
  ALLOWED_ATTR: [
    "class", "dir", "href", "rel", "target", "start", "type", "checked", "disabled", "tabindex",
    "role",
  ],
  ALLOW_DATA_ATTR: false,
  IN_PLACE: true,
};

// The address if it is one that may be followed, or else "".
export function safe(address) {
  try {
    const url = new URL(address.trim());
    return ["http:", "https:", "mailto:"].includes(url.protocol) ? url.href : "";
  } catch {
    return "";
  }
}

// Writes into `root`, only ever appending; end() once, when there is no more.
export class Writer {
  constructor(root) {
    this.root = root;
    this.nodes = [root];
    this.kinds = [];
    this.broken = false;
    this.source = "";
    this.done = null; // the last finished block
    const act = (name) => (_, ...given) => this[name](...given);
    this.parser = smd.parser({
      data: null,
      add_token: act("open"),
      end_token: act("close"),
      add_text: act("text"),
      set_attr: act("mark"),
    });
  }

  get node() {
    return this.nodes.at(-1);
  }

  write(text) {
    this.source += text;
    this.attempt(() => smd.parser_write(this.parser, text));
    if (!this.broken) this.finish(this.root.lastElementChild);
  }

  end() {
    this.attempt(() => smd.parser_end(this.parser));
    if (this.broken) return;
    while (this.kinds.length) this.close();
    this.finish(null);
  }

  // Only the last block is written to; doing the others as they end spreads the work over frames.
  finish(last) {
    for (;;) {
      const block = this.done ? this.done.nextElementSibling : this.root.firstElementChild;
      if (!block || block === last) return;
      addresses(block);
      if (!purified(block)) continue;
      if (block.className === "code") copyable(block);
      for (const code of block.querySelectorAll(".code")) copyable(code);
      this.done = block;
    }
  }

  // Words are worth more than their looks: what the parser chokes on is shown as it is.
  attempt(act) {
    if (!this.broken) {
      try {
        return act();
      } catch (error) {
        console.info("This text is shown without its Markdown.", error);
        this.broken = true;
      }
    }
    this.root.replaceChildren(make("p", "plain", this.source));
  }

  open(kind) {
    this.kinds.push(kind);
    this.nodes.push(this.nodes.length > DEEPEST ? this.node : this.made(kind));
    if (kind === smd.EQUATION_INLINE || kind === smd.EQUATION_BLOCK) {
      const { pending } = this.parser;
      this.text(pending === "\\" ? "\\(" : pending);
    }
  }

  made(kind) {
    if (kind === smd.CODE_BLOCK || kind === smd.CODE_FENCE) return codeIn(this.node);
    if (kind === smd.TABLE) return tableIn(this.node);
    if (kind === smd.TABLE_ROW) return rowIn(this.node);
    if (kind === smd.TABLE_CELL) return cellIn(this.node);
    if (kind === smd.CHECKBOX) return checkboxIn(this.node);
    const tag = TAGS[kind];
    const element = this.node.appendChild(make(tag ?? "span"));
    if (DIRECTED.has(tag)) element.dir = "auto";
    return element;
  }

  close() {
    const kind = this.kinds.pop();
    const element = this.nodes.pop();
    if (kind === smd.LINK || kind === smd.IMAGE) unlinked(element, kind);
    else if (kind === smd.RAW_URL) bare(element);
    else if (kind === smd.EQUATION_INLINE || kind === smd.EQUATION_BLOCK) this.closeEquation(element);
  }

  // Mathematics stays as it was written, with the signs around it that the parser took.
  closeEquation(element) {
    const { pending } = this.parser;
    if (pending.startsWith("$")) element.append(element.tagName === "P" ? "$$" : "$");
    else if (pending.startsWith("\\")) element.append(element.tagName === "P" ? "\\]" : "\\)");
  }

  text(text) {
    this.node.append(text);
  }

  mark(name, value) {
    const element = this.node;
    if (name === smd.LANG) label(element, value);
    else if (name === smd.START && element.tagName === "OL") element.start = Number(value) || 1;
    else if (name === smd.CHECKED) element.checked = true;
    else if (name === smd.HREF || name === smd.SRC) follow(element, value);
  }
}

// Whether the block may stay, with nothing in it that may not.
function purified(block) {
  try {
    globalThis.DOMPurify.sanitize(block, ALLOWED);
    return true;
  } catch (error) {
    console.info("A part of this text may not be shown.", error);
    block.remove();
    return false;
  }
}

function follow(element, value) {
  if (element.tagName !== "A") return;
  const address = safe(value);
  element.className = address ? "" : "dead";
  if (!address) return;
  const { href, target, rel } = link(address, "");
  Object.assign(element, { href, target, rel });
}

// Not every bracket is a link. A picture is only ever a link, so that nobody learns who looks.
function unlinked(element, kind) {
  if (element.tagName !== "A") return;
  if (element.href) {
    if (!element.textContent) element.append(kind === smd.IMAGE ? "picture" : element.href);
  } else if (element.classList.contains("dead")) {
    element.replaceWith(...element.childNodes);
  } else {
    element.replaceWith(kind === smd.IMAGE ? "![" : "[", ...element.childNodes, "]");
  }
}

function bare(element) {
  if (element.tagName !== "A") return;
  const written = element.textContent;
  const address = trimmed(written);
  follow(element, address);
  element.textContent = address;
  element.after(written.slice(address.length));
  if (!element.href) element.replaceWith(...element.childNodes);
}

// The addresses that the parser did not see, after a bracket for instance.
function addresses(root) {
  const walker = document.createTreeWalker(root, NodeFilter.SHOW_TEXT);
  const texts = [];
  while (walker.nextNode()) texts.push(walker.currentNode);
  for (const text of texts) {
    if (!text.data.includes("://") || text.parentElement.closest("a, code")) continue;
    text.replaceWith(...linked(text.data));
  }
}

function codeIn(parent) {
  const code = make("code");
  const pre = make("pre", "", code);
  pre.tabIndex = 0;
  pre.dir = "ltr";
  parent.append(make("div", "code", make("div", "bar", make("span", "language")), pre));
  return code;
}

function label(element, language) {
  const name = language.trim().split(/\s/)[0].slice(0, 20);
  element.closest(".code")?.querySelector(".language").append(name);
}

function copyable(code) {
  const button = make("button", "copy", icon("copy"), make("span", "", "Copy"));
  button.type = "button";
  button.addEventListener("click", () => copy(button, code.querySelector("code").textContent));
  code.firstElementChild.append(button);
}

async function copy(button, text) {
  const words = button.lastElementChild;
  try {
    await navigator.clipboard.writeText(text.replace(/\n$/, ""));
    words.textContent = "Copied";
  } catch {
    // Not allowed, or not on a secure page.
    words.textContent = "Select it to copy";
  }
  setTimeout(() => (words.textContent = "Copy"), 2000);
}

function tableIn(parent) {
  const table = make("table");
  const frame = make("div", "table", table);
  frame.tabIndex = 0;
  frame.setAttribute("role", "group");
  parent.append(frame);
  return table;
}

function rowIn(table) {
  const part = table.tHead ? (table.tBodies?.[0] ?? table.createTBody()) : table.createTHead?.();
  return (part ?? table).appendChild(make("tr"));
}

function cellIn(row) {
  const cell = make(row.parentElement?.tagName === "THEAD" ? "th" : "td");
  cell.dir = "auto";
  return row.appendChild(cell);
}

function checkboxIn(parent) {
  const box = parent.appendChild(make("input"));
  box.type = "checkbox";
  box.disabled = true;
  return box;
}
