// The panel of an unfinished run asks for itself again whenever the server says that something
// changed. Without events it asks every second, and without scripts the page loads itself again.

const LOOK_MS = 300; // at most one look in this time

class RunPanel extends HTMLElement {
  connectedCallback() {
    this.pageTitle ??= document.title;
    document.addEventListener("visibilitychange", this);
    this.listen();
  }

  disconnectedCallback() {
    document.removeEventListener("visibilitychange", this);
    this.hangUp();
  }

  // a browser keeps few connections to one server: pages that nobody sees give theirs back
  handleEvent() {
    if (document.hidden) this.hangUp();
    else this.listen();
  }

  listen() {
    if (this.source || document.hidden) return;
    const known = this.known === undefined ? "" : `?last_event_id=${this.known}`;
    this.source = new EventSource(this.dataset.events + known);
    this.source.addEventListener("progress", (event) => this.hear(event));
    this.source.addEventListener("end", (event) => { this.hangUp(); this.hear(event); });
  }

  hangUp() {
    this.source?.close();
    this.source = undefined;
  }

  hear(event) {
    this.known = event.lastEventId;
    if ("titled" in this.dataset) this.entitle(JSON.parse(event.data));
    if (event.type === "end") this.look();
    else this.waits ??= setTimeout(() => this.look(), LOOK_MS);
  }

  look() {
    clearTimeout(this.waits);
    this.waits = undefined;
    this.dispatchEvent(new CustomEvent("told"));
  }

  // the tab says how far it is
  entitle({ progress }) {
    const { done, total } = progress ?? {};
    document.title = total > 1 ? `${Math.floor(100 * done / total)} % · ${this.pageTitle}` : this.pageTitle;
  }
}

customElements.define("vibes-run", RunPanel);
