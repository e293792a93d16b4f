// Keeps the newest message in sight, but only for somebody who is looking at it.

const NEAR = 64; // pixels from the bottom that still count as being there

export class Scroller {
  constructor(element, content, latest) {
    this.element = element;
    this.latest = latest;
    this.stuck = true;
    this.gliding = false;
    this.before = 0;
    element.addEventListener("scroll", () => this.scrolled(), { passive: true });
    element.addEventListener("scrollend", () => {
      this.gliding = false;
      this.scrolled();
    });
    // A finger or a wheel takes over at once.
    for (const kind of ["wheel", "touchmove"]) {
      element.addEventListener(kind, () => (this.gliding = false), { passive: true });
    }
    latest.addEventListener("click", () => this.toEnd(true));
    new ResizeObserver(() => this.changed()).observe(content);
    new ResizeObserver(() => this.changed()).observe(element);
  }

  scrolled() {
    const { scrollTop, scrollHeight, clientHeight } = this.element;
    const near = this.gliding || scrollHeight - scrollTop - clientHeight < NEAR;
    // What grew below is no reason to let go; only somebody who scrolls up is.
    if (near || scrollTop < this.before) this.stuck = near;
    this.before = scrollTop;
    document.body.classList.toggle("scrolled", scrollTop > 4);
    this.latest.hidden = this.stuck;
  }

  changed() {
    // Somebody may have scrolled up, and the event is not here yet.
    if (this.stuck && !this.gliding && this.element.scrollTop < this.before) this.stuck = false;
    if (this.stuck) this.toEnd(false);
    else this.scrolled();
  }

  toEnd(smooth) {
    this.stuck = true;
    this.gliding = smooth && !matchMedia("(prefers-reduced-motion: reduce)").matches;
    this.element.scrollTo({
      top: this.element.scrollHeight,
      behavior: this.gliding ? "smooth" : "instant",
    });
    this.before = this.element.scrollTop;
  }

  to(item) {
    this.stuck = false;
    this.gliding = false;
    item.scrollIntoView({ block: "center", behavior: "instant" });
    this.scrolled();
  }

  // Put something above what is being read without moving it.
  above(change) {
    const fromEnd = this.element.scrollHeight - this.element.scrollTop;
    change();
    this.element.scrollTop = this.element.scrollHeight - fromEnd;
  }
}
