// Small words for the document. Nothing here, nor anywhere on the page, makes markup from text.

const SVG = "http://www.w3.org/2000/svg";
const ADDRESS = /https?:\/\/[^\s<>"'`]+/g;
const KINDS = ["B", "kB", "MB", "GB"];

export const $ = (id) => document.getElementById(id);

export function make(tag, className = "", ...children) {
  const element = document.createElement(tag);
  if (className) element.className = className;
  element.append(...children);
  return element;
}

export function icon(name) {
  const svg = document.createElementNS(SVG, "svg");
  const use = document.createElementNS(SVG, "use");
  use.setAttribute("href", `#i-${name}`);
  svg.setAttribute("aria-hidden", "true");
  svg.append(use);
  return svg;
}

// A button that is only a picture; its name is read, and shown by hovering.
export function iconButton(name, label, act) {
  const button = make("button", "icon", icon(name));
  button.type = "button";
  button.title = label;
  button.setAttribute("aria-label", label);
  button.addEventListener("click", act);
  return button;
}

// Ready to write, except where that would push a keyboard onto the screen.
export function ready() {
  if (matchMedia("(hover: hover)").matches) $("text").focus();
}

export function link(address, text) {
  const element = make("a", "", text);
  element.href = address;
  element.target = "_blank";
  element.rel = "noopener noreferrer nofollow";
  return element;
}

// The address without the punctuation of the sentence around it.
export const trimmed = (address) => address.replace(/[.,;:!?)\]}'"*_]+$/, "");

// The text, with its web addresses as links.
export function linked(text) {
  const nodes = [];
  let from = 0;
  for (const match of text.matchAll(ADDRESS)) {
    const address = trimmed(match[0]);
    nodes.push(text.slice(from, match.index), link(address, address));
    from = match.index + address.length;
  }
  nodes.push(text.slice(from));
  return nodes;
}

export function sized(bytes) {
  const power = Math.min(Math.floor(Math.log(Math.max(bytes, 1)) / Math.log(1000)), KINDS.length - 1);
  const number = bytes / 1000 ** power;
  return `${number.toLocaleString([], { maximumFractionDigits: number < 10 ? 1 : 0 })} ${KINDS[power]}`;
}

const sameDay = (one, other) => one.toDateString() === other.toDateString();

// A moment as briefly as it can be told apart: a time today, else a date.
export function moment(when, clock = true) {
  const date = new Date(when);
  const time = { hour: "numeric", minute: "2-digit" };
  if (sameDay(date, new Date())) return date.toLocaleTimeString([], time);
  return date.toLocaleString([], { day: "numeric", month: "short", ...(clock ? time : {}) });
}

// Up, Down, Home and End move the focus through what `items` finds; whether the key was one.
export function roam(event, items) {
  const all = [...items()];
  const here = all.indexOf(document.activeElement);
  const to = { ArrowDown: here + 1, ArrowUp: here - 1, Home: 0, End: all.length - 1 }[event.key];
  if (to === undefined || !all[to]) return false;
  event.preventDefault();
  all[to].focus();
  return true;
}
